"""Evaluate: run questions with known answers through the box and report how often it was right, per language."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.answer import Answer, Sentence, joined
from app.appliance import Appliance
from app.errors import TellerboxError
from app.questions import Row
from knowledge.quantities import quantity_keys

CAUTION = "unsure"
"""The key of the sentence in which the box says that it is not sure."""
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Tally:
    """Counts of one group of rows."""

    rows: int = 0
    counts: dict[str, list[int]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    def add(self, name: str, good: bool) -> None:
        right, total = self.counts.setdefault(name, [0, 0])
        self.counts[name] = [right + good, total + 1]

    def report(self) -> dict[str, Any]:
        out: dict[str, Any] = {"rows": self.rows}
        out |= {name: round(right / total, 4) for name, (right, total) in self.counts.items() if total}
        out["latency_ms"] = {f"p{share}": percentile(self.latencies, share) for share in (50, 95, 99)}
        out["first_sentence_ms"] = {f"p{share}": percentile(self.first, share) for share in (50, 95)}
        return out


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that `share` % of the values do not exceed; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, max(0, -(-share * len(ordered) // 100) - 1))], 1)


def evaluate(box: Appliance, rows: Sequence[Row], progress: Progress | None = None) -> dict[str, Any]:
    """Answer every row and report: overall, per language and per category, with every answer beside its row."""
    overall, languages, categories = Tally(), dict[str, Tally](), dict[str, Tally]()
    answers: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        reply = ask(box, row)
        marks = judge(row, reply)
        tallies = [overall, languages.setdefault(row.language or "unknown", Tally())]
        if row.category:
            tallies.append(categories.setdefault(row.category, Tally()))
        for tally in tallies:
            tally.rows += 1
            for name, good in marks.items():
                tally.add(name, good)
            if reply is not None:
                tally.latencies.append(reply.timings_ms["total"])
                tally.first.append(reply.timings_ms.get("first_sentence", reply.timings_ms["total"]))
        answers.append(_beside(row, reply, marks))
        if progress:
            progress(number, len(rows))
    return {
        "overall": overall.report(),
        "languages": {code: tally.report() for code, tally in sorted(languages.items())},
        "categories": {name: tally.report() for name, tally in sorted(categories.items())},
        "answers": answers,
    }


def ask(box: Appliance, row: Row) -> Answer | None:
    """The answer to a row in a session of its own, after what was asked before it; None where the box failed."""
    session = box.start_session(row.role, "evaluate")
    options: dict[str, Any] = {"exclude": row.exclude, "as_of": row.as_of, "jurisdiction": row.jurisdiction}
    try:
        for earlier in row.history:
            box.ask(earlier, session=session, **options)
        return box.ask(row.question, session=session, **options)
    except TellerboxError:
        return None
    finally:
        box.sessions.end(session.id)


def judge(row: Row, reply: Answer | None) -> dict[str, bool]:
    """Which measures a row counts for, and whether the reply was right by each.

    `wrong_number` is true when the answer holds a figure that its evidence does not: it must never be.
    """
    if reply is None:
        return {"outcome_accuracy": False}
    marks: dict[str, bool] = {}
    expected = row.expected
    if expected is not None:
        # A row that only says "not answerable" is content with any outcome but an answer.
        right = reply.outcome != "answered" if row.outcome is None and not row.answerable else reply.outcome == expected
        marks["outcome_accuracy"] = right
    cautioned = any(sentence.key == CAUTION for sentence in reply.sentences)
    if expected == "answered":
        marks["caution"] = reply.outcome == "answered" and cautioned
        marks["false_abstention"] = reply.outcome == "abstained"
        if row.must_contain or row.must_quote:
            said = contains_all(reply.sentences, reply.language, row) and quotes_one(reply.sentences, row)
            marks["answer_accuracy"] = reply.outcome == "answered" and said
        if row.policy:
            cited = {item.policy for sentence in reply.sentences for item in sentence.evidence}
            marks["citation_hit"] = row.policy in cited
    if expected == "abstained":
        marks["false_answer"] = reply.outcome == "answered"
        marks["sure_false_answer"] = reply.outcome == "answered" and not cautioned
    marks["wrong_number"] = _wrong_number(reply)
    if row.language:
        marks["language_match"] = reply.language == row.language
    return marks


def contains_all(sentences: Sequence[Sentence], spoken_to: str, row: Row) -> bool:
    """Whether sentences, to who speaks that language, hold all that a row wants, and nothing that it does not want."""
    language = row.language or spoken_to
    spoken = {item.language for sentence in sentences for item in sentence.evidence} | {spoken_to}
    text = joined(sentences, spoken_to)
    held = fold(text)
    figures = frozenset().union(*(quantity_keys(text, code) for code in spoken))
    has = all(_holds(wanted, language, held, figures) for wanted in row.must_contain)
    return has and not any(fold(unwanted) in held for unwanted in row.must_not_contain)


def quotes_one(sentences: Sequence[Sentence], row: Row) -> bool:
    """Whether sentences rest on one of the statements that a row wants; also where it wants none."""
    return not row.must_quote or any(item.quote in row.must_quote for sentence in sentences for item in sentence.evidence)


def _holds(wanted: str, language: str, held: str, figures: frozenset[tuple[str, str, str]]) -> bool:
    keys = quantity_keys(wanted, language)
    return fold(wanted) in held or (bool(keys) and keys <= figures)


def fold(text: str) -> str:
    """Text for comparison: width, case and every kind of white space made alike."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _wrong_number(reply: Answer) -> bool:
    for sentence in reply.sentences:
        if sentence.origin != "model":
            continue
        evidence = frozenset().union(*(quantity_keys(item.quote, item.language) for item in sentence.evidence))
        codes = {reply.language, *(item.language for item in sentence.evidence)}
        if all(quantity_keys(sentence.text, code) - evidence for code in codes):
            return True
    return False


def _beside(row: Row, reply: Answer | None, marks: dict[str, bool]) -> dict[str, Any]:
    return {
        "id": row.id, "question": row.question, "language": row.language, "category": row.category,
        "expected": {"outcome": row.expected, "policy": row.policy, "must_contain": list(row.must_contain)},
        "outcome": reply.outcome if reply else "error",
        "answer": reply.text if reply else "",
        "cited": [item.policy for sentence in reply.sentences for item in sentence.evidence] if reply else [],
        "origins": [sentence.origin for sentence in reply.sentences] if reply else [],
        "marks": marks,
    }  # fmt: skip
