"""What went on in a period: turns counted from the ledger, and how hand-offs to people went."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from compliance.export.period import Source, find_period
from compliance.export.turns import turn_rows
from compliance.ledger import Ledger
from compliance.report.tally import Histogram, Tally, tally

FRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Activity:
    """`tally` counts turns; `changes` counts the steps of hand-offs; `waits` are the times until a teller took over, in ms."""

    tally: Tally
    changes: Counter[str]
    waits: Histogram


class RecentActivity:
    """The counts of the last days, at most half a minute old: counting reads every record of the period."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[int, tuple[float, Activity]] = {}
        self._lock = threading.Lock()

    def of_days(self, days: int) -> Activity:
        """What went on today and in the days before, `days` in all."""
        with self._lock:
            at, held = self._held.get(days, (0.0, None))
            if held is None or time.monotonic() - at > FRESH_SECONDS:
                held = activity(self._ledger, (datetime.now(UTC) - timedelta(days=days - 1)).date().isoformat())
                self._held[days] = (time.monotonic(), held)
            return held


def activity(ledger: Ledger, since: str) -> Activity:
    """What went on since a day (UTC). Reads headers alone; raises ComplianceError where the ledger cannot be read."""
    changes: Counter[str] = Counter()
    waits = Histogram()
    with ledger.snapshot() as view:
        source = Source(ledger, view, find_period(view, since, None), decrypt=False)
        for record in source.records():
            if b'"kind":"handoff"' not in record.header:
                continue
            facts = json.loads(record.header).get("facts", {})
            changes[str(facts.get("change"))] += 1
            if isinstance(facts.get("waited_seconds"), (int, float)):
                waits.add(facts["waited_seconds"] * 1000)
        return Activity(tally(turn_rows(source)), changes, waits)
