"""Browse the ledger: pages of headers, newest first, that fit a filter; bodies stay sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.errors import ComplianceError
from compliance.instant import instant
from compliance.ledger import Ledger
from compliance.store import Snapshot
from compliance.verify import parse_int

AT_ONCE = 500
MOST_LOOKED_AT = 20_000
"""Records that one page looks at: a filter that nothing fits must not read a ledger of millions while somebody waits."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What headers must be like; empty: anything. `since` and `until` are days or ISO 8601 times in UTC, `until` a day included."""

    kind: str = ""
    turn: str = ""
    session: str = ""
    channel: str = ""
    role: str = ""
    outcome: str = ""
    language: str = ""
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        instant(self.since or None, last=False)
        instant(self.until or None, last=True)

    def fits(self, header: dict[str, Any]) -> bool:
        """Whether a header is one that is looked for."""
        if any(wanted and header.get(name) != wanted for name, wanted in self._named()):
            return False
        facts = header.get("facts") if isinstance(header.get("facts"), dict) else {}
        assert isinstance(facts, dict)
        if self.outcome and self.outcome not in (facts.get("outcome"), facts.get("result"), facts.get("change")):
            return False
        language = facts.get("language")
        answered_in = language.get("answer_in") if isinstance(language, dict) else language
        if self.language and answered_in != self.language:
            return False
        start, stop = instant(self.since or None, last=False), instant(self.until or None, last=True)
        moment = str(header.get("time_utc", ""))
        return (start is None or moment >= start) and (stop is None or moment < stop)

    def _named(self) -> Iterator[tuple[str, str]]:
        for name in ("kind", "turn", "session", "channel", "role"):
            yield name, getattr(self, name)


@dataclass(frozen=True, slots=True)
class Page:
    """Headers by record number, newest first; `before` is where the next page begins, None at the ledger's beginning."""

    size: int
    records: tuple[tuple[int, dict[str, Any]], ...]
    before: int | None


def page(ledger: Ledger, wanted: Filter, *, before: int | None = None, limit: int = 50) -> Page:
    """The newest records that fit, older than record `before`. May hold fewer than `limit` and still have a next page. Raises
    ComplianceError where the ledger cannot be read."""
    with ledger.snapshot() as view:
        stop = view.size if before is None else min(before, view.size)
        lowest = max(0, stop - MOST_LOOKED_AT)
        found: list[tuple[int, dict[str, Any]]] = []
        at = stop
        for index, header in _backwards(view, lowest, stop):
            at = index
            if wanted.fits(header):
                found.append((index, header))
                if len(found) == limit:
                    break
        else:
            at = lowest
        return Page(view.size, tuple(found), at if at > 0 else None)


def _backwards(view: Snapshot, lowest: int, stop: int) -> Iterator[tuple[int, dict[str, Any]]]:
    while stop > lowest:
        start = max(lowest, stop - AT_ONCE)
        for index, header, _ in reversed(list(view.entries(start, stop))):
            try:
                yield index, json.loads(header, parse_int=parse_int)
            except ValueError:
                raise ComplianceError(f"the ledger is damaged: the header of record {index} cannot be read") from None
        stop = start
