"""Answerability: whether the statements that search found hold the answer at all.

Boosted trees over readable features of the best candidates: how near they are, how much of the question they hold, whether
they offer the kind of figure that is asked for, and how far they stand out from the rest. Two thresholds a language, fitted with the
trees (`python -m factory.ranking`, docs/decisions/0011), decide whether the box abstains, quotes with a word of caution, or answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from knowledge.trees import BoostedTrees

_OF_BEST = (
    "dense", "passage_dense", "title_dense", "coverage", "head_coverage", "passage_coverage", "kind_match", "kind_miss",
    "alone_dense", "residual", "focus", "likeness", "likeness_left", "unsaid", "concept", "head_concept",
)  # fmt: skip
_MOST = (
    "dense",
    "passage_dense",
    "coverage",
    "passage_coverage",
    "title_dense",
    "kind_match",
    "alone_dense",
    "residual",
    "likeness",
    "concept",
)
ANSWER_FEATURES = (
    "top", "margin", "second", "third", "unknown", "length", *(f"best_{name}" for name in _OF_BEST), *(f"most_{name}" for name in _MOST),
    "least_kind_miss", "least_unsaid", "stands_out", "ground", "agreement", "best_by_words", "best_by_meaning",
)  # fmt: skip
NEAR = 5
CLOSE = 6
FIELD = 60
LOWEST = -10.0
"""The log-odds of a candidate that is not there."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate as the statement model judged it: its policy, its probability and its features by name."""

    policy: str
    score: float
    features: Mapping[str, float]


def answer_features(candidates: Sequence[Judged], unknown: float, terms: int) -> tuple[float, ...]:
    """One value for each of ANSWER_FEATURES. `candidates` best first, at least one; `unknown` is the share (0-1) of the question's
    weight that no policy holds, `terms` its number of terms.

    `margin` is how far the best is ahead of the best of another policy, `ground` the mean similarity of the nearest 60
    statements, `stands_out` how far the nearest one is above those that follow the first five, `agreement` the share of the
    first six that are of one policy; log-odds for scores.
    """
    best, near = candidates[0].features, [item.features for item in candidates[:NEAR]]
    policy = candidates[0].policy
    other = next((item.score for item in candidates if item.policy != policy), 0.0)
    similar = sorted((item.features["dense"] for item in candidates), reverse=True)[:FIELD]
    rest = similar[NEAR:] or similar[-1:]
    close = candidates[:CLOSE]
    leaders = candidates[: 2 * CLOSE]
    by_words = max(leaders, key=lambda item: item.features["passage_bm25"])
    by_meaning = max(leaders, key=lambda item: item.features["passage_dense"])
    scores = [log_odds(item.score) for item in candidates[:3]] + [LOWEST] * 2
    return (
        scores[0], scores[0] - log_odds(other), scores[1], scores[2], unknown, min(terms, 12) / 12,
        *(best[name] for name in _OF_BEST), *(max(each[name] for each in near) for name in _MOST),
        *(min(each[name] for each in near) for name in ("kind_miss", "unsaid")),
        similar[0] - sum(rest) / len(rest), sum(similar) / len(similar),
        sum(item.policy == policy for item in close) / len(close), float(by_words.policy == policy), float(by_meaning.policy == policy),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answerability:
    """The fitted trees, and the probability below which a question in a language is not answered."""

    trees: BoostedTrees
    threshold: float
    abstain_below: Mapping[str, float]
    sure_from: Mapping[str, float] = field(default_factory=dict)
    """By language: from here on the box answers without a word of caution."""

    def probability(self, features: Sequence[float]) -> float:
        """The probability (0-1) that the policies hold the answer."""
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self.trees.log_odds(features)))))

    def below(self, language: str) -> float:
        """The threshold of a language."""
        return self.abstain_below.get(language, self.threshold)

    def sure(self, language: str) -> float:
        """The probability from which on an answer in a language needs no caution; never less than `below`."""
        return max(self.below(language), self.sure_from.get(language, 0.0))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Answerability:
        """From ranking.json. Raises ValueError when it was fitted to other features."""
        if tuple(raw["features"]) != ANSWER_FEATURES:
            raise ValueError("the model of answerability was fitted to other features: python -m factory.ranking")
        below, sure = ({str(code): float(value) for code, value in raw[name].items()} for name in ("abstain_below", "sure_from"))
        return cls(BoostedTrees.from_json(raw), float(raw["threshold"]), below, sure)

    def to_json(self) -> dict[str, Any]:
        """As it stands in ranking.json."""
        numbers = {"threshold": self.threshold, "abstain_below": dict(self.abstain_below), "sure_from": dict(self.sure_from)}
        return {"features": list(ANSWER_FEATURES), **numbers, **self.trees.to_json()}


def log_odds(probability: float) -> float:
    """Of a probability (0-1), kept finite."""
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(probability / (1 - probability))
