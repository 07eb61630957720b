"""Retention: taking the texts and headers of old records out of the ledger, and the holds that keep some of them in.

A pruning deletes every record before a day except those under a hold and those that say how others are to be read
(rotations, holds, prunings, erasures). Their leaf hashes, the tree and the checkpoints stay, so every receipt still proves what
it proved. Holds and prunings are records of the log; a pruning names the ranges it took out, and the database lets
nothing else be deleted. Keys of sessions of which no text is left are deleted too, so that a copy of the file made
before is as unreadable. PCI DSS 4.0, 10.5.1 asks for twelve months of audit trail: nothing younger goes by default.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from compliance.database import Connection
from compliance.errors import ComplianceError
from compliance.instant import instant
from compliance.record import Header, Json
from compliance.schema import EVENT_KINDS
from compliance.store import Snapshot

if TYPE_CHECKING:
    from compliance.ledger import Entry, Ledger

PRUNE, HOLD, RELEASED = "prune", "hold", "hold_released"
KEPT_KINDS = frozenset((*EVENT_KINDS, "erasure"))
"""Records that are never pruned: without them the others could not be read or explained."""
MINIMUM_MONTHS = 12
DELETED_AT_ONCE = 5000
"""How many pruned records are deleted in one transaction."""
MAX_RANGES = 50_000
"""The most ranges one pruning records; the rest is left for the next."""
_REASON = re.compile(r"[\w .,:;/#()-]{1,120}")


@dataclass(frozen=True, slots=True)
class Hold:
    """What may not be pruned: a session, a turn, or the records of a period [since, until), all in UTC. `number` is the
    record that set it."""

    number: int
    reason: str
    session: str
    turn: str
    since: str | None
    until: str | None

    @property
    def place(self) -> str:
        """What is held, in words."""
        if self.session or self.turn:
            return f"session {self.session}" if self.session else f"turn {self.turn}"
        return f"{self.since or 'the beginning'} to {self.until or 'now'}"

    def covers(self, header: Mapping[str, str]) -> bool:
        """Whether a record with this header is under the hold."""
        if self.session or self.turn:
            return (header["session"] if self.session else header["turn"]) == (self.session or self.turn)
        return (self.since or "") <= header["time_utc"] < (self.until or "~")


@dataclass(frozen=True, slots=True)
class PrunedRange:
    """Records [first, stop) that a pruning took out, written between two moments, both included."""

    first: int
    stop: int
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Pruning:
    """What a pruning did: its record (None: nothing was old enough), how many records went, and for each hold how many
    it kept."""

    entry: Entry | None
    count: int
    kept: Mapping[int, int]


# ---- holds ----------------------------------------------------------------------------------------------------------


def add_hold(
    ledger: Ledger,
    *,
    reason: str,
    session: str = "",
    turn: str = "",
    since: str | None = None,
    until: str | None = None,
    role: str = "officer",
) -> Hold:
    """Records a hold on a session, a turn or a period (days or times, as in an export). `reason` is a reference such as
    a case number; it stays in clear for ever. Raises ComplianceError where not exactly one of the three is given or it
    is not in the ledger."""
    period = since is not None or until is not None
    if [bool(session), bool(turn), period].count(True) != 1:
        raise ComplianceError("a hold is on one session, one turn or one period")
    if not _REASON.fullmatch(reason):
        raise ComplianceError("the reason of a hold is a short reference, such as a case number, without personal data")
    if not period and not ledger.find(session=session or None, turn=turn or None, last=1):
        raise ComplianceError(f"there is no record of this {'session' if session else 'turn'}")
    start, stop = instant(since, last=False), instant(until, last=True)
    if start and stop and start >= stop:
        raise ComplianceError("the period of a hold ends before it begins")
    facts = {"reason": reason, "hold_session": session, "hold_turn": turn, "since": start, "until": stop}
    entry = ledger.append(Header.now(HOLD, branch=ledger.branch, role=role, facts=facts), {})
    return Hold(entry.index, reason, session, turn, start, stop)


def release_hold(ledger: Ledger, number: int, *, role: str = "officer") -> Entry:
    """Records that a hold no longer holds; raises ComplianceError where there is none of this number."""

    def release(view: Snapshot) -> Header:
        if number not in {each.number for each in holds(view)}:
            raise ComplianceError(f"there is no hold {number}")
        return Header.now(RELEASED, branch=ledger.branch, role=role, facts={"hold": number})

    return ledger.record_alone(release)


def holds(view: Snapshot) -> list[Hold]:
    """The holds in force, oldest first."""
    found: dict[int, Hold] = {}
    for index, header in _events(view):
        facts = header.facts
        if header.kind == HOLD:
            place = (str(facts.get("hold_session")), str(facts.get("hold_turn")))
            found[index] = Hold(index, str(facts.get("reason")), *place, _text(facts.get("since")), _text(facts.get("until")))
        elif header.kind == RELEASED and isinstance(released := facts.get("hold"), int):
            found.pop(released, None)
    return list(found.values())


# ---- pruning --------------------------------------------------------------------------------------------------------


def prune(ledger: Ledger, before: str, *, months: int = MINIMUM_MONTHS, role: str = "officer", now: datetime | None = None) -> Pruning:
    """Takes out the records before a day (or time), the oldest first, up to the first that is not older; records under
    a hold stay. `months` is how long records must be kept at least. Raises ComplianceError for a day younger than
    that."""
    limit = instant(before, last=False)
    assert limit is not None
    youngest = _months_before(now or datetime.now(UTC), months)
    if limit > youngest:
        raise ComplianceError(f"records are kept for {months} months: prune before {youngest[:10]} at the latest")
    plan = _Plan(limit)

    def record(view: Snapshot) -> Header:
        plan.read(view)
        if not plan.ranges:
            raise _NothingToPruneError
        ranges: Json = [[each.first, each.stop, each.since, each.until] for each in plan.ranges]
        kept: Json = [[number, count] for number, count in sorted(plan.kept.items())]
        facts: dict[str, Json] = {"before": limit, "count": plan.count, "ranges": ranges, "kept_by_hold": kept}
        return Header.now(PRUNE, branch=ledger.branch, role=role, facts=facts)

    def mark(db: Connection, index: int) -> None:
        db.executemany("INSERT INTO pruned VALUES (?, ?, ?)", [(each.first, each.stop, index) for each in plan.ranges])

    try:
        entry = ledger.record_alone(record, mark)
    except _NothingToPruneError:
        return Pruning(None, 0, plan.kept)
    delete_pruned(ledger)
    _discard_keys(ledger, plan.sessions)
    return Pruning(entry, plan.count, plan.kept)


def delete_pruned(ledger: Ledger) -> None:
    """Deletes the records that a recorded pruning covers, some at a time; goes on where it was cut off."""
    with ledger.snapshot() as view:
        sql = "SELECT first, stop FROM pruned WHERE EXISTS (SELECT 1 FROM entry WHERE idx >= first AND idx < stop)"
        left = view.query(sql)
    for first, stop in left:
        for start in range(first, stop, DELETED_AT_ONCE):
            with ledger.transaction("the pruned records are not deleted yet") as db:
                db.execute("DELETE FROM entry WHERE idx >= ? AND idx < ?", (start, min(start + DELETED_AT_ONCE, stop)))
    if left:
        ledger.empty_log()


def _discard_keys(ledger: Ledger, sessions: Iterable[str]) -> None:
    """Deletes the keys of those of the sessions of which no record is left, while nobody can record one."""
    with ledger.transaction("the keys of pruned sessions are not deleted yet") as db:
        sql = "SELECT 1 FROM entry WHERE session = ? LIMIT 1"
        ledger.keys.discard([each for each in sessions if db.execute(sql, (each,)).fetchone() is None])


class _NothingToPruneError(Exception):
    """Nothing is old enough, or all of it is under a hold."""


class _Plan:
    """Which records before a moment go."""

    def __init__(self, limit: str) -> None:
        self.limit = limit
        self.ranges: list[PrunedRange] = []
        self.kept: dict[int, int] = {}
        self.sessions: set[str] = set()
        self.count = 0

    def read(self, view: Snapshot) -> None:
        """Chooses from the ledger as it stands."""
        active = holds(view)
        for index, *values in view.query_rows(
            "SELECT idx, json_extract(header, '$.kind'), session, turn, json_extract(header, '$.time_utc') FROM entry ORDER BY idx"
        ):
            header = dict(zip(("kind", "session", "turn", "time_utc"), values, strict=True))
            if header["time_utc"] >= self.limit:
                break
            holding = [each for each in active if each.covers(header)]
            for each in holding:
                self.kept[each.number] = self.kept.get(each.number, 0) + 1
            if holding or header["kind"] in KEPT_KINDS:
                continue
            if not self._take(index, header["time_utc"]):
                break
            if header["session"]:
                self.sessions.add(header["session"])

    def _take(self, index: int, time: str) -> bool:
        last = self.ranges[-1] if self.ranges else None
        if last is not None and last.stop == index:
            self.ranges[-1] = PrunedRange(last.first, index + 1, min(last.since, time), max(last.until, time))
        elif len(self.ranges) < MAX_RANGES:
            self.ranges.append(PrunedRange(index, index + 1, time, time))
        else:
            return False
        self.count += 1
        return True


def pruned_ranges(view: Snapshot) -> list[PrunedRange]:
    """Every range that was pruned, as the recorded prunings name them, in order."""
    found = []
    for _, header in _events(view):
        if header.kind == PRUNE:
            ranges: Any = header.facts.get("ranges")
            found += [PrunedRange(*each) for each in ranges]
    return sorted(found, key=lambda each: each.first)


def _events(view: Snapshot) -> Sequence[tuple[int, Header]]:
    return [(index, Header.decode(header)) for index, header, _ in view.events()]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _months_before(moment: datetime, months: int) -> str:
    count = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(count, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day).isoformat(timespec="milliseconds").replace("+00:00", "Z")
