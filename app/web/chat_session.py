"""What the chat page asks of the box between turns: why, the receipt, feedback, a teller's replies, staying, finishing.

Each request names its session in the header `X-Tellerbox-Session`; the id is 128 random bits that only the page of that
session was told, and a header that no form or link of another site can set.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field
from segno import QRCode

from app.appliance import Appliance
from app.conversation import Session
from app.feedback import REASONS
from app.language import SERVED
from app.web.api.bodies import OwnHandoff
from app.web.api.handoffs import read_own
from app.web.limits import address_of, limits_of
from compliance.explain import explain
from compliance.report.qr import QUIET_ZONE, symbol

SessionHeader = Annotated[str, Header(alias="X-Tellerbox-Session", max_length=64)]


def _counted(request: Request, named: SessionHeader) -> None:
    """Counts a request of a page. By its session: the tablets of a branch may share one address."""
    limits_of(request).request(f"chat:{named}" if _box(request).sessions.peek(named) else f"address:{address_of(request)}")


router = APIRouter(prefix="/chat", include_in_schema=False, dependencies=[Depends(_counted)])
DETAIL = "   "
"""How `compliance.explain` begins a line that belongs to the line above it."""


def _box(request: Request) -> Appliance:
    box: Appliance = request.app.state.box
    return box


def _session(request: Request, named: SessionHeader) -> Session:
    """The open session of the header, marked as used just now. Raises 410 when it has ended or never was."""
    session = _box(request).sessions.get(named)
    if session is None or session.channel != "web":
        raise HTTPException(410, "the session has ended")
    return session


OpenSession = Annotated[Session, Depends(_session)]


class Opinion(BaseModel):
    """What a person thought of an answer."""

    useful: bool
    reasons: Annotated[list[str], Field(max_length=len(REASONS))] = []
    comment: Annotated[str, Field(max_length=200_000)] = ""


@router.post("/stay")
def stay(request: Request, session: OpenSession) -> dict[str, float]:
    """The person is still there: the idle time begins again. Gives its length in seconds."""
    return {"idle_seconds": _box(request).settings.idle_minutes * 60}


@router.post("/finish", status_code=204)
def finish(request: Request, named: SessionHeader) -> Response:
    """Wipe the session; also when it has ended already, so that a page may always say so."""
    box = _box(request)
    session = box.sessions.peek(named)
    if session is not None and session.channel == "web":
        box.end_session(named)
    return Response(status_code=204)


@router.get("/replies")
def replies(request: Request, named: SessionHeader, after: int = -1) -> OwnHandoff:
    """Where the hand-off of this session stands, and what its teller wrote since record `after`. Raises 410 where nobody waits."""
    return read_own(_box(request), named, after)


@router.get("/turns/{turn}/why")
def why(request: Request, turn: str, session: OpenSession, language: str = "") -> dict[str, list[dict[str, Any]]]:
    """Why a turn of this session was answered as it was, as lines; a detail belongs to the line before it."""
    ledger = _box(request).ledger
    records = [ledger.read(entry.index) for entry in ledger.find(turn=turn) if entry.header.session == session.id]
    if not records:
        raise HTTPException(404, "there is no such answer in this session")
    told = explain(records, language=language if language in SERVED else None)
    return {"lines": [{"text": line.strip(), "detail": line.startswith(DETAIL)} for line in told.splitlines() if line.strip()]}


@router.get("/turns/{turn}/receipt")
def receipt(request: Request, turn: str, session: OpenSession) -> dict[str, str]:
    """The receipt of a turn of this session as text and as a QR code (a data: address of an SVG)."""
    ledger = _box(request).ledger
    entries = [entry for entry in ledger.find(turn=turn) if entry.header.session == session.id and entry.header.kind == "turn_closed"]
    if not entries:
        raise HTTPException(404, "there is no such answer in this session")
    text = ledger.receipt(entries[-1].index)
    return {"text": text, "code": _picture(symbol(text)), "file": f"receipt-{turn}.txt"}


@router.post("/turns/{turn}/feedback", status_code=201)
def give_feedback(request: Request, turn: str, session: OpenSession, body: Opinion) -> dict[str, int]:
    """Record what a person thought of an answer; the comment is redacted. Gives the number of the record."""
    entry = _box(request).feedback(session, turn, useful=body.useful, reasons=body.reasons, comment=body.comment)
    return {"record": entry.index}


def _picture(code: QRCode) -> str:
    # Drawn black on white whatever the page's colours are: readers need the contrast and the quiet zone.
    return str(code.svg_data_uri(border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True))
