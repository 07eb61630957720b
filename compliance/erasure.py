"""Erasure: destroying the keys of a session, so that none of its texts can be read again, and recording that.

The ledger still verifies. The keys are marked first, then the erasure is recorded, then they are deleted: wherever that
is cut off, opening the ledger finishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compliance.errors import ComplianceError
from compliance.record import Header

if TYPE_CHECKING:
    from compliance.ledger import Entry, Ledger

ERASURE = "erasure"


def erase(ledger: Ledger, session: str) -> Entry:
    """Erases a session; returns the record of it. Raises ComplianceError where the session is unknown or the erasure
    could not be finished (it is finished on the next call, or when the ledger is next opened)."""
    if not session or not ledger.find(session=session, last=1):
        raise ComplianceError("there is no record of this session")
    return _finish(ledger, session, ledger.keys.doom(session))


def finish_erasures(ledger: Ledger) -> None:
    """Finishes the erasures that were cut off."""
    for session, key_ids in ledger.keys.doomed().items():
        _finish(ledger, session, key_ids)


def _finish(ledger: Ledger, session: str, key_ids: Sequence[bytes]) -> Entry:
    named = [each.hex() for each in key_ids]
    header = Header.now(ERASURE, session=session, branch=ledger.branch, role="officer", facts={"keys": named})
    entry = _recorded(ledger, session, named) or ledger.append(header, {})
    ledger.keys.destroy(session)
    return entry


def _recorded(ledger: Ledger, session: str, named: list[str]) -> Entry | None:
    """The erasure of these keys, where it was recorded and then cut off."""
    if not named:
        return None
    erasures = [each for each in ledger.find(session=session) if each.header.kind == ERASURE]
    return next((each for each in erasures if set(named) <= set(_listed(each.header))), None)


def _listed(header: Header) -> list[str]:
    keys = header.facts.get("keys")
    return [str(each) for each in keys] if isinstance(keys, list) else []
