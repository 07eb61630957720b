"""Hand-offs: a customer asks for a person and reads the replies; a teller sees who waits, takes over, replies, ends it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool

from app.appliance import Appliance
from app.conversation import Session
from app.errors import TellerboxError
from app.handoff_talk import replies, transcript
from app.handoffs import Said, Waiting
from app.web.api import bodies
from app.web.auth import Box, Principal, Scope
from app.web.limits import limit_turn, limited
from app.web.sse import KEEP_ALIVE_SECONDS, EventStream, event

router = APIRouter(prefix="/api/v1", tags=["hand-offs"], dependencies=[Depends(limited)])
Teller = Annotated[Principal, Depends(Scope("handoffs"))]
LOOK_SECONDS = 0.5
"""How often a stream looks whether anything changed; looking reads one number in memory."""
LOOK_AT_FILE_SECONDS = 5.0
"""And how often it reads the queue all the same, since another process may have changed it."""

GONE: dict[int | str, dict[str, Any]] = {410: {"model": bodies.Problem, "description": "The session has ended and nobody waits"}}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": bodies.Problem}}
CONFLICT: dict[int | str, dict[str, Any]] = MISSING | {409: {"model": bodies.Problem, "description": "With another teller, or ended"}}
After = Annotated[int, Query(ge=-1, description="only what was said after this number", examples=[1044])]


# -- the customer ---------------------------------------------------------------------------------------------------------


@router.post("/sessions/{session}/handoff", status_code=201, summary="Ask for a person", responses=GONE)
def ask_for_person(box: Box, session: str, request: Request) -> bodies.OwnHandoff:
    """Puts the person of a session in the queue; who waits already stays in their place."""
    found = box.sessions.peek(session)
    if found is None or found.owner:
        raise HTTPException(410, "the session has ended")
    limit_turn(request, session)
    box.ask_for_person(found)
    return _own(box, session, -1)


@router.get("/sessions/{session}/handoff", summary="Read the replies", responses=GONE)
def read_own(box: Box, session: str, after: After = -1) -> bodies.OwnHandoff:
    """The state of the hand-off of a session and what was written since. A screen that asks keeps the session while its person
    waits, at most as long as the box is set to. Works after a restart too, when the session is gone and the person waits."""
    return _own(box, session, after)


@router.get(
    "/sessions/{session}/handoff/events", summary="Stream the replies", response_class=EventStream, response_model=None,
    responses=GONE | {200: {"content": {"text/event-stream": {"example": (
        'event: state\ndata: {"state":"taken","position":null,"waiting_seconds":95,"teller":"Marta","messages":[]}\n\n'
        'event: message\nid: 1044\ndata: {"number":1044,"time_utc":"…","who":"teller","text":"…"}\n\n'
    )}}}},
)  # fmt: skip
async def stream_own(box: Box, request: Request, session: str, after: After = -1) -> EventStream:
    """Events: `state` when it changes, `message` for each thing written. Ends when the hand-off does. After a cut, the browser's
    Last-Event-ID (or `after`) goes on where it was."""
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else after
    first = await run_in_threadpool(_own, box, session, start)
    return EventStream(_own_events(box, session, start, first))


@router.post("/sessions/{session}/handoff/messages", status_code=201, summary="Write to the teller", responses=GONE)
def write_to_teller(box: Box, request: Request, session: str, body: bodies.Message) -> bodies.SaidBody:
    """What the customer writes while they wait or are helped; redacted before it is stored."""
    limit_turn(request, session)
    _open_handoff(box, session)
    found = box.sessions.get(session)
    return _said(box.handoffs.say(session, body.text, found.vault if found else None), found)


@router.delete("/sessions/{session}/handoff", status_code=204, summary="Stop waiting")
def stop_waiting(box: Box, session: str) -> None:
    """The customer no longer waits; nothing happens where nobody did."""
    box.handoffs.leave(session)


def _open_handoff(box: Appliance, session: str) -> Waiting:
    held = box.handoffs.of_session(session)
    if held is None or not held.is_open:
        raise HTTPException(410, "nobody waits in this session")
    return held


def _own(box: Appliance, session: str, after: int) -> bodies.OwnHandoff:
    held = box.handoffs.of_session(session)
    if held is None:
        raise HTTPException(410, "nobody waits in this session")
    waited = time.time() - held.created
    keep = held.is_open and waited < box.settings.handoff_minutes * 60
    found = box.sessions.get(session) if keep else box.sessions.peek(session)
    return bodies.OwnHandoff(
        state=held.state,
        position=box.handoffs.position(held),
        waiting_seconds=round((held.ended or time.time()) - held.created),
        teller=_name(box, held.teller),
        messages=[_said(each, found) for each in replies(box.ledger, session, after)],
    )


def _said(said: Said, session: Session | None) -> bodies.SaidBody:
    """Pseudonyms are put back for the customer alone, while their session lives."""
    text = session.vault.restore(said.text) if session is not None and said.text else said.text
    return bodies.SaidBody(number=said.number, time_utc=said.time_utc, who=said.who, text=text)


async def _own_events(box: Appliance, session: str, after: int, own: bodies.OwnHandoff) -> AsyncGenerator[str]:
    shown: object = None
    async for _ in _changes(lambda: box.handoffs.version):
        own = await run_in_threadpool(_own, box, session, after)
        state = (own.state, own.position, own.teller)
        if state != shown:
            shown = state
            yield event("state", own.model_dump() | {"messages": []})
        for message in own.messages:
            after = message.number
            yield event("message", message.model_dump(), message.number)
        if own.state in ("resolved", "left"):
            return
        yield ": \n\n"


# -- the teller -----------------------------------------------------------------------------------------------------------


@router.get("/handoffs", summary="Who waits")
def list_handoffs(box: Box, teller: Teller) -> list[bodies.QueuedHandoff]:
    """Those who wait, urgent ones first, then by waiting time; then those taken over; then those that ended within a week."""
    return [_queued(box, each, teller) for each in box.handoffs.everyone()]


@router.get(
    "/handoffs/events", summary="Stream the queue", response_class=EventStream, response_model=None,
    responses={200: {"content": {"text/event-stream": {"example": 'event: queue\ndata: [{"id":"9f3c2a1b5d6e7f80"}]\n\n'}}}},
)  # fmt: skip
async def stream_queue(box: Box, teller: Teller) -> EventStream:
    """An event `queue` with what `GET /handoffs` gives, at once and whenever it changes, for a bell at the kiosk."""
    return EventStream(_queue_events(box, teller))


@router.get("/handoffs/{id}", summary="One hand-off with its transcript", responses=MISSING)
def read_handoff(box: Box, teller: Teller, id: str) -> bodies.HandoffWithTalk:
    """A hand-off with everything said in its session, redacted. Reading one's own keeps it from going back to the queue."""
    held = box.handoffs.one(id)
    if held.teller == teller.account.id:
        box.handoffs.still_here(id, teller.account.id)
    said = [_said(each, None) for each in transcript(box.ledger, held.session)]
    return bodies.HandoffWithTalk(**_queued(box, held, teller).model_dump(), transcript=said)


@router.post("/handoffs/{id}/take", summary="Take over", responses=CONFLICT)
def take(box: Box, teller: Teller, id: str) -> bodies.QueuedHandoff:
    """Of two tellers who take the same customer one gets 409."""
    return _queued(box, box.handoffs.take(id, teller.account.id), teller)


@router.post("/handoffs/{id}/replies", status_code=201, summary="Reply", responses=CONFLICT)
def reply(box: Box, teller: Teller, id: str, body: bodies.Message) -> bodies.SaidBody:
    """Writes to the customer, in whose chat it appears; redacted before it is stored, and given back as stored."""
    found = box.sessions.peek(box.handoffs.one(id).session)
    return _said(box.handoffs.reply(id, teller.account.id, body.text, found.vault if found else None), None)


@router.post("/handoffs/{id}/resolve", summary="End it", responses=CONFLICT)
def resolve(box: Box, teller: Teller, id: str, body: bodies.Resolution) -> bodies.QueuedHandoff:
    """The customer was helped, or could not be."""
    return _queued(box, box.handoffs.resolve(id, teller.account.id, body.how), teller)


@router.post("/handoffs/{id}/release", summary="Put back", responses=CONFLICT)
def release(box: Box, teller: Teller, id: str) -> bodies.QueuedHandoff:
    """Back to the queue, at the place of the time the customer came."""
    return _queued(box, box.handoffs.release(id, teller.account.id), teller)


def _queued(box: Appliance, held: Waiting, teller: Principal) -> bodies.QueuedHandoff:
    return bodies.QueuedHandoff(
        id=held.id, state=held.state, reason=held.reason, urgent=held.urgent, language=held.language, topic=held.topic,
        channel=held.channel, created=held.created, waiting_seconds=round((held.ended or time.time()) - held.created),
        teller=_name(box, held.teller), mine=held.teller == teller.account.id,
    )  # fmt: skip


def _name(box: Appliance, account: str | None) -> str | None:
    try:
        return box.staff.accounts.of(account).display if account else None
    except TellerboxError:
        return None


async def _queue_events(box: Appliance, teller: Principal) -> AsyncGenerator[str]:
    shown: object = None
    async for _ in _changes(lambda: box.handoffs.version):
        queue = [each.model_dump() for each in await run_in_threadpool(list_handoffs, box, teller)]
        state = [(each["id"], each["state"], each["urgent"], each["teller"]) for each in queue]
        if state != shown:
            shown = state
            yield event("queue", queue)
        else:
            yield ": \n\n"


async def _changes(version: Callable[[], int]) -> AsyncGenerator[None]:
    """Returns at once, then when the version changes, and every few seconds in any case."""
    while True:
        seen = version()
        yield
        for _ in range(round(min(LOOK_AT_FILE_SECONDS, KEEP_ALIVE_SECONDS) / LOOK_SECONDS)):
            await anyio.sleep(LOOK_SECONDS)
            if version() != seen:
                break
