"""What is counted over a period: outcomes by language, desk and day, hand-offs, topics, policies, feedback, times.

Memory is bounded by the number of days, languages, desks and policies, never by the number of turns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from compliance.export.turns import ERASED, TurnRow

OUTCOMES = ("answered", "abstained", "handed_off", "refused", "abandoned", "unfinished")
COMPLAINT = "complaint"
_STEP = 1.05
"""Each bucket of a histogram is 5% wider than the one before, so a quantile is at most 5% off."""


class Histogram:
    """How long things took: buckets that grow by 5%, from 0.01 ms."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0

    def add(self, ms: float) -> None:
        """Counts one duration in milliseconds."""
        self._buckets[max(0, math.ceil(math.log(max(ms, 0.01) / 0.01, _STEP)))] += 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """The duration in ms that `share` of all do not exceed, at most 5% too long; None where nothing was counted."""
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return 0.01 * _STEP**bucket
        return None

    def between(self, low: float, high: float) -> int:
        """How many durations fell in the buckets that end in (low, high] ms."""
        return sum(count for bucket, count in self._buckets.items() if low < 0.01 * _STEP**bucket <= high)


@dataclass(slots=True)
class Subject:
    """A policy or a topic: how often search put it first, and how that ended."""

    asked: int = 0
    abstained: int = 0
    rejected: int = 0
    not_useful: int = 0

    @property
    def weakness(self) -> float:
        """The share of its questions that ended in an abstention, a rejected sentence or an answer found not useful."""
        return (self.abstained + self.rejected + self.not_useful) / self.asked if self.asked else 0.0


@dataclass(slots=True)
class Tally:
    """The counts of a period. `desks` are (channel, role); topics are the first part of a policy's id."""

    turns: int = 0
    erased: int = 0
    urgent: int = 0
    complaints: int = 0
    redacted: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    languages: dict[str, Counter[str]] = field(default_factory=dict)
    desks: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    handoffs: Counter[str] = field(default_factory=Counter)
    topics: dict[str, Subject] = field(default_factory=dict)
    policies: dict[str, Subject] = field(default_factory=dict)
    useful: Counter[bool] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first_sentence: Histogram = field(default_factory=Histogram)
    total: Histogram = field(default_factory=Histogram)

    def add(self, row: TurnRow) -> None:
        """Counts one turn."""
        self.turns += 1
        self.erased += row.texts == ERASED
        self.urgent += bool(row.handoff_urgent)
        self.complaints += COMPLAINT in (row.guard, row.handoff_reason)
        self.redacted += row.redactions
        self.sentences.update(model=row.sentences_model, quote=row.sentences_quoted, rejected=row.sentences_rejected)
        self.sentences["fixed"] += row.sentences - row.sentences_model - row.sentences_quoted
        outcome = row.outcome if row.outcome in OUTCOMES else "unfinished"
        self.outcomes[outcome] += 1
        day = (row.closed_utc or row.opened_utc or "")[:10]
        for table, key in ((self.languages, row.language or "?"), (self.days, day)):
            table.setdefault(key, Counter())[outcome] += 1
        self.desks.setdefault((row.channel, row.role), Counter())[outcome] += 1
        if row.handoff_reason:
            self.handoffs[row.handoff_reason] += 1
        self._count_subject(row)
        self._count_feedback(row)
        for histogram, ms in ((self.first_sentence, row.first_sentence_ms), (self.total, row.total_ms)):
            if ms is not None:
                histogram.add(ms)

    def _count_subject(self, row: TurnRow) -> None:
        policy = row.nearest_policy
        if policy is None:
            return
        for table, key in ((self.policies, policy), (self.topics, policy.partition("/")[0])):
            subject = table.setdefault(key, Subject())
            subject.asked += 1
            subject.abstained += row.outcome == "abstained"
            subject.rejected += row.outcome != "abstained" and row.sentences_rejected > 0
            subject.not_useful += row.outcome != "abstained" and row.sentences_rejected == 0 and row.feedback_useful is False

    def _count_feedback(self, row: TurnRow) -> None:
        if row.feedback_useful is not None:
            self.useful[row.feedback_useful] += 1
            self.reasons.update(filter(None, row.feedback_reasons.split("; ")))

    def weakest(self, table: dict[str, Subject], most: int) -> list[tuple[str, Subject]]:
        """The subjects with the most questions that went badly, worst first; none that always went well."""
        weak = [(name, subject) for name, subject in table.items() if subject.weakness > 0]
        return sorted(weak, key=lambda each: (-each[1].weakness * each[1].asked, -each[1].weakness, each[0]))[:most]


def tally(rows: Iterable[TurnRow]) -> Tally:
    """Counts every row."""
    counted = Tally()
    for row in rows:
        counted.add(row)
    return counted
