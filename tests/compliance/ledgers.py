"""Records and ledgers that several test modules fill alike."""

from __future__ import annotations

from compliance.ledger import Entry, Ledger
from compliance.record import Header


def header(turn: str = "t1", session: str = "s1", *, time: str | None = None, kind: str = "turn_closed") -> Header:
    made = Header.now(kind, turn=turn, session=session, branch="b1", channel="kiosk", role="customer")
    return made if time is None else Header(kind, turn, session, "b1", "kiosk", "customer", time, 1)


def fill(ledger: Ledger, count: int, mark: str = "t", sessions: int = 3) -> list[Entry]:
    """`count` records with texts, spread over some sessions."""
    return [ledger.append(header(f"{mark}{n}", f"s{n % sessions}"), {"question": f"{mark} {n}"}) for n in range(count)]
