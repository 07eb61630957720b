"""What was said in a session, for the teller who takes over: read from the ledger, redacted, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.handoffs import Said
from compliance.fields import CLOSED, HANDOFF, OPENED
from compliance.ledger import Entry, Ledger
from compliance.record import Header, Json

MOST_RECORDS = 200
"""The last so many records of a session are read: a conversation at a counter has a few dozen."""


def transcript(ledger: Ledger, session: str) -> list[Said]:
    """Everything said in a session, oldest first, with pseudonyms in place of identifiers."""
    found = ledger.find(session=session, last=MOST_RECORDS)
    closed = {entry.header.turn for entry in found if entry.header.kind == CLOSED}
    return [said for entry in found for said in _said(ledger, entry, closed)]


def replies(ledger: Ledger, session: str, after: int = -1) -> list[Said]:
    """What tellers and customer wrote to each other since record `after`, oldest first."""
    found = (entry for entry in ledger.find(session=session, last=MOST_RECORDS) if entry.index > after)
    return [said for entry in found if entry.header.kind == HANDOFF for said in _said(ledger, entry, set())]


def _said(ledger: Ledger, entry: Entry, closed: set[str]) -> Iterator[Said]:
    header = entry.header
    is_message = header.kind == HANDOFF and dict(header.facts).get("change") in ("message", "reply")
    if not is_message and header.kind != CLOSED and (header.kind != OPENED or header.turn in closed):
        return
    _, body = ledger.read(entry.index)
    if is_message:
        yield Said(entry.index, header.time_utc, "teller" if header.role == "teller" else "customer", _text(body, "text"))
        return
    yield Said(entry.index, header.time_utc, "customer", _text(body, "question"))
    if header.kind == CLOSED:
        yield Said(entry.index, header.time_utc, "box", _answer(header, body))


def _text(body: Mapping[str, Json] | None, name: str) -> str | None:
    return None if body is None else str(body.get(name, ""))


def _answer(header: Header, body: Mapping[str, Json] | None) -> str | None:
    if body is None:
        return None
    answer = body.get("answer")
    return " ".join(map(str, answer)) if isinstance(answer, (list, tuple)) else str(answer or "")
