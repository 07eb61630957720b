"""Turns: ask, whole or streamed by verified sentence; feedback; why; the session and its end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool

from app import locales
from app.answer import Answer, InQueue, Sentence, answer_json, sentence_json
from app.appliance import Appliance
from app.conversation import Session
from app.errors import SAFE_ERRORS, Busy, TellerboxError
from app.web import metrics
from app.web.api import bodies
from app.web.auth import Anyone, Box, Principal
from app.web.limits import limit_turn, limited
from app.web.sse import EventStream, event, in_threads
from compliance.explain import explain

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1", tags=["turns"], dependencies=[Depends(limited)])
GONE: dict[int | str, dict[str, Any]] = {410: {"model": bodies.Problem, "description": "The session has ended"}}
REFUSED: dict[int | str, dict[str, Any]] = {422: {"model": bodies.Problem, "description": "What was sent cannot be answered"}}


def session_of(box: Appliance, session: str, principal: Principal | None) -> Session:
    """An open session; a teller's only for that teller. Raises 410, the same for one that never was."""
    found = box.sessions.peek(session)
    if found is None or (found.owner and (principal is None or principal.account.id != found.owner)):
        raise HTTPException(410, "the session has ended")
    return box.sessions.get(session) or found


def _session(request: Request, box: Box, body: bodies.Question, principal: Anyone) -> Session:
    """The session of a question, a new one where it names none; counts the turn."""
    if body.session is not None:
        session = session_of(box, body.session, principal)
    elif body.role == "teller" or body.channel == "kiosk":
        if principal is None or "turns" not in principal.scopes:
            raise HTTPException(401 if principal is None else 403, "asking as a teller needs the scope 'turns'")
        session = box.start_session(body.role, body.channel, principal.account.id)
    else:
        session = box.start_session(channel="api")
    limit_turn(request, session.id)
    return session


OfQuestion = Annotated[Session, Depends(_session)]


@router.post("/turns", summary="Ask", response_model=bodies.Answer, responses=GONE | REFUSED)
def take_turn(box: Box, body: bodies.Question, session: OfQuestion) -> dict[str, Any]:
    """One question and its answer, as `tellerbox ask --json` prints it, with its session for a follow-up."""
    try:
        answer = box.ask(body.question, session=session, language=body.language, as_of=body.as_of)
    except Busy:
        metrics.turned_away()
        raise
    except SAFE_ERRORS as error:
        metrics.failed()
        raise TellerboxError(str(error)) from None
    metrics.answered(answer, session.channel)
    return whole_answer(box, answer)


@router.post(
    "/turns/stream", summary="Ask, answered sentence by sentence", response_class=EventStream, response_model=None,
    responses=GONE | {200: {"content": {"text/event-stream": {"example": (
        'event: session\ndata: {"session":"…"}\n\nevent: sentence\ndata: {"text":"…","origin":"quote","evidence":[]}\n\n'
        'event: answer\ndata: {"outcome":"answered"}\n\n'
    )}}}},
)  # fmt: skip
async def stream_turn(box: Box, body: bodies.Question, session: OfQuestion) -> EventStream:
    """Events: `session` at once, `line` with one's place while others ask, `sentence` as each is verified, then one
    `answer` (as `POST /turns` gives it) or one `error`.
    Who closes the connection ends the turn, which is recorded as abandoned."""
    return EventStream(_events(box, body, session))


async def _events(box: Appliance, body: bodies.Question, session: Session) -> AsyncGenerator[str]:
    yield event("session", {"session": session.id})
    async with aclosing(in_threads(_turn(box, body, session))) as items:
        async for item in items:
            if isinstance(item, str):
                yield event("error", {"error": item})
            elif isinstance(item, Answer):
                metrics.answered(item, session.channel)
                yield event("answer", await run_in_threadpool(whole_answer, box, item))
            elif isinstance(item, InQueue):
                yield event("line", {"place": item.place})
            else:
                yield event("sentence", sentence_json(item))


def _turn(box: Appliance, body: bodies.Question, session: Session) -> Generator[Sentence | InQueue | Answer | str]:
    """The turn; what goes wrong as a message, since the answer's status has been sent by then."""
    try:
        yield from box.run(session, body.question, language=body.language, as_of=body.as_of)
    except SAFE_ERRORS as error:
        metrics.failed()
        yield str(error)
    except Exception as error:
        metrics.failed()
        log.error("a turn failed: %s", type(error).__name__)
        yield locales.text("error.fault", body.language or session.language or box.settings.default_language)


def whole_answer(box: Appliance, answer: Answer) -> dict[str, Any]:
    """The answer as the API gives it: with its session, its turn, and its place in the queue of hand-offs."""
    told = answer_json(answer) | {"session": answer.session, "turn": answer.turn, "disclosure": answer.disclosure}
    if answer.handoff is not None:
        held = box.handoffs.of_session(answer.session)
        told["handoff"] = told["handoff"] | {"id": held.id if held and held.is_open else None}
    return told


@router.post("/turns/{turn}/feedback", status_code=201, summary="Give feedback", responses=GONE | REFUSED)
def give_feedback(box: Box, turn: str, body: bodies.Feedback, principal: Anyone) -> bodies.Recorded:
    """Record what a person thought of an answer; the comment is redacted. Gives the number of the record."""
    session = session_of(box, body.session, principal)
    entry = box.feedback(session, turn, useful=body.useful, reasons=body.reasons, comment=body.comment)
    return bodies.Recorded(record=entry.index)


@router.get("/turns/{turn}/explanation", summary="Why this answer", responses=GONE | {404: {"model": bodies.Problem}})
def explain_turn(
    box: Box, turn: str, principal: Anyone,
    session: Annotated[str, Query(max_length=128, description="the session of the turn", examples=["qVd1…"])],
    language: Annotated[str | None, Query(description="of the explanation; left out, the turn's", examples=["es"])] = None,
) -> bodies.Explanation:  # fmt: skip
    """Why a turn of this session was answered as it was, in words, in the turn's language unless another is asked for."""
    session_of(box, session, principal)
    records = [box.ledger.read(entry.index) for entry in box.ledger.find(turn=turn) if entry.header.session == session]
    if not records:
        raise HTTPException(404, "there is no such answer in this session")
    chosen = language if language in locales.LANGUAGES else None
    return bodies.Explanation(turn=turn, explanation=explain(records, language=chosen))


@router.get("/sessions/{session}", summary="How long a session lives")
def read_session(box: Box, session: str, principal: Anyone) -> bodies.SessionState:
    """The seconds until a session is wiped, for a countdown. Looking does not keep it alive."""
    found = box.sessions.peek(session)
    if found is not None and found.owner and (principal is None or principal.account.id != found.owner):
        found = None
    held = box.handoffs.of_session(session)
    left = box.sessions.seconds_left(found) if found else 0.0
    return bodies.SessionState(
        session=session, seconds_left=round(left, 1), language=found.language if found else None, handoff=held.state if held else None
    )


@router.delete("/sessions/{session}", status_code=204, summary="Finish and erase")
def end_session(box: Box, session: str, principal: Anyone) -> None:
    """Wipe a session now; its person no longer waits for anybody. Nothing happens where there is none."""
    found = box.sessions.peek(session)
    if found is None or not found.owner or (principal is not None and principal.account.id == found.owner):
        box.end_session(session)
