"""The API: health, readiness, metrics, policies and turns."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from app.answer import answer_json
from app.appliance import Appliance
from app.errors import SAFE_ERRORS, Busy, TellerboxError
from app.feedback import REASONS
from app.language import SERVED
from app.web import metrics
from compliance.explain import explain

router = APIRouter()


class Question(BaseModel):
    """The body of a turn."""

    question: Annotated[str, Field(examples=["How much does an international transfer cost?"], max_length=200_000)]
    language: Annotated[str | None, Field(examples=["es"])] = None
    session: Annotated[str | None, Field(description="the session of an earlier answer, for a follow-up")] = None
    as_of: date | None = None


def _box(request: Request) -> Appliance:
    box: Appliance = request.app.state.box
    return box


@router.get("/healthz", response_class=PlainTextResponse, tags=["operations"])
def healthz() -> str:
    """The process is alive."""
    return "ok"


@router.get("/readyz", tags=["operations"])
def readyz(request: Request) -> JSONResponse:
    """The box can answer: policies indexed, model loaded, ledger open."""
    try:
        if why := _box(request).readiness():
            return JSONResponse({"ready": False, "why": why}, status_code=503)
    except SAFE_ERRORS as error:
        return JSONResponse({"ready": False, "why": str(error)}, status_code=503)
    return JSONResponse({"ready": True})


@router.get("/metrics", response_class=PlainTextResponse, tags=["operations"])
def read_metrics() -> PlainTextResponse:
    """Prometheus metrics; names begin with `tellerbox_`."""
    return PlainTextResponse(metrics.exposition(), media_type="text/plain; version=0.0.4")


@router.post("/api/v1/turns", tags=["turns"], responses={429: {"description": "too many people ask at once; see Retry-After"}})
def take_turn(request: Request, body: Question) -> dict[str, Any]:
    """One question and its answer, as `tellerbox ask --json` prints it, with its session for a follow-up."""
    if body.language is not None and body.language not in SERVED:
        raise HTTPException(422, f"language must be one of {', '.join(SERVED)}")
    box = _box(request)
    session = box.sessions.get(body.session) if body.session else box.start_session(channel="api")
    if session is None:
        raise HTTPException(410, "the session has ended")
    try:
        answer = box.ask(body.question, session=session, language=body.language, as_of=body.as_of)
    except Busy:
        metrics.turned_away()
        raise
    except SAFE_ERRORS as error:
        metrics.failed()
        raise TellerboxError(str(error)) from None
    metrics.answered(answer, "api")
    return answer_json(answer) | {"session": session.id, "turn": answer.turn, "disclosure": answer.disclosure}


class Feedback(BaseModel):
    """What a person thought of an answer of their session; the session is what shows that it was theirs."""

    session: Annotated[str, Field(max_length=128)]
    useful: bool
    reasons: Annotated[list[str], Field(max_length=len(REASONS), description=f"any of {', '.join(REASONS)}")] = []
    comment: Annotated[str, Field(max_length=200_000)] = ""


@router.post("/api/v1/turns/{turn}/feedback", status_code=201, tags=["turns"])
def give_feedback(request: Request, turn: str, body: Feedback) -> dict[str, int]:
    """Record what a person thought of an answer; the comment is redacted. Gives the number of the record."""
    box = _box(request)
    session = box.sessions.get(body.session)
    if session is None:
        raise HTTPException(410, "the session has ended")
    entry = box.feedback(session, turn, useful=body.useful, reasons=body.reasons, comment=body.comment)
    return {"record": entry.index}


@router.get("/api/v1/turns/{turn}/explanation", tags=["turns"])
def explain_turn(request: Request, turn: str, session: str, language: str | None = None) -> dict[str, str]:
    """Why a turn of this session was answered as it was, in words, in the turn's language unless another is asked for."""
    box = _box(request)
    if box.sessions.get(session) is None:
        raise HTTPException(410, "the session has ended")
    records = [box.ledger.read(entry.index) for entry in box.ledger.find(turn=turn) if entry.header.session == session]
    if not records:
        raise HTTPException(404, "there is no such answer in this session")
    return {"turn": turn, "explanation": explain(records, language=language if language in SERVED else None)}


@router.delete("/api/v1/sessions/{session}", status_code=204, tags=["turns"])
def end_session(request: Request, session: str) -> None:
    """Wipe a session now."""
    _box(request).sessions.end(session)


@router.get("/api/v1/policies", tags=["policies"])
def list_policies(request: Request, language: str | None = None) -> list[dict[str, Any]]:
    """The policies customers may read."""
    return [
        {
            "id": policy.id, "language": policy.language, "version": policy.version, "title": policy.title,
            "effective_from": policy.effective_from, "effective_to": policy.effective_to,
            "jurisdiction": list(policy.jurisdiction) or ["EU"], "sha256": policy.sha256,
        }
        for policy in _box(request).index.policies
        if language in (None, policy.language) and policy.readable_by("customer")
    ]  # fmt: skip
