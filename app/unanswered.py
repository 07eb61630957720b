"""Unanswered questions grouped by meaning, whatever their language, so that a steward sees which policy is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compliance.browse import Filter, page
from compliance.ledger import Ledger
from knowledge.embedder import Embedder

ALIKE = 0.45
"""Cosine from which two questions belong together: of pairs about different policies in tests/gold fewer than 1% reach 0.36, of
pairs about the same policy a third reach 0.45."""
MOST_QUESTIONS = 1_000
MOST_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A redacted question that the policies did not answer; `nearest` is the policy that search put first, if any."""

    turn: str
    time_utc: str
    language: str
    question: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that ask alike, the most typical first; `nearest` is the policy that most of them came near to."""

    questions: tuple[Unanswered, ...]
    languages: tuple[tuple[str, int], ...]
    nearest: str | None


def unanswered(ledger: Ledger, since: str = "", until: str = "") -> list[Unanswered]:
    """The last questions of a period that ended in an abstention, newest first, without those whose session was erased."""
    wanted = Filter(kind="turn_closed", outcome="abstained", since=since, until=until)
    found: list[Unanswered] = []
    before: int | None = None
    start: int | None = None
    while len(found) < MOST_QUESTIONS:
        looked = page(ledger, wanted, before=before, limit=200)
        start = looked.size if start is None else start
        for index, header in looked.records:
            _, body = ledger.read(index)
            if body is not None and len(found) < MOST_QUESTIONS:
                found.append(_unanswered(header, str(body.get("question", ""))))
        before = looked.before
        if before is None or start - before > MOST_LOOKED_AT:
            break
    return found


def _unanswered(header: dict[str, Any], question: str) -> Unanswered:
    facts = header.get("facts") or {}
    retrieved = facts.get("retrieved") or []
    handoff = facts.get("handoff") or {}
    nearest = retrieved[0].get("policy") if retrieved else None
    return Unanswered(header["turn"], header["time_utc"], str(handoff.get("language") or ""), question, nearest)


def grouped(questions: Sequence[Unanswered], embedder: Embedder) -> list[Group]:
    """The questions in groups, the largest first. Each goes to the group whose mean it is nearest to; a second pass lets those
    move that came before their group was there."""
    if not questions:
        return []
    vectors = embedder.encode([each.question for each in questions])
    means: list[npt.NDArray[np.float32]] = []
    belongs = np.full(len(questions), -1)
    for _ in range(2):
        for row, vector in enumerate(vectors):
            best = int(np.argmax(np.stack(means) @ vector)) if means else -1
            if best < 0 or float(means[best] @ vector) < ALIKE:
                means.append(vector)
                best = len(means) - 1
            belongs[row] = best
            means[best] = _unit(vectors[belongs == best].mean(axis=0))
    members = [np.flatnonzero(belongs == group) for group in range(len(means))]
    groups = [_group(questions, vectors, rows, mean) for rows, mean in zip(members, means, strict=True) if rows.size]
    return sorted(groups, key=lambda group: -len(group.questions))


def _group(
    questions: Sequence[Unanswered], vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.intp], mean: npt.NDArray[np.float32]
) -> Group:
    ordered = rows[np.argsort(-(vectors[rows] @ mean), kind="stable")]
    members = tuple(questions[int(row)] for row in ordered)
    near = Counter(each.nearest for each in members if each.nearest)
    return Group(members, tuple(Counter(each.language for each in members).most_common()), near.most_common(1)[0][0] if near else None)


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
