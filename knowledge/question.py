"""Question: its words and what they weigh, which kinds of figures it wants, and how much of it a text holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.asking import QUESTION_WORDS, asked, offered
from knowledge.embedder import Embedder
from knowledge.passages import Statement
from knowledge.spelling import Spelling
from knowledge.terms import terms, words

EARLIER = 0.3
"""The weight of a word that was asked before, beside one of the follow-up."""

SHORT, SHORT_SLOPE, CHARACTERS_A_WORD = 7.0, 1.5, 2


@dataclass(frozen=True, slots=True)
class Left:
    """What headings leave open of a question."""

    weights: dict[str, float]
    total: float

    def share_in(self, bag: frozenset[str]) -> float:
        """The share (0-1) that a bag of terms holds; 1 where nothing is left."""
        return sum(weight for term, weight in self.weights.items() if term in bag) / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """`weights` by term, `total` their sum, `unknown` the share (0-1) of it that no policy holds, `prefixed` the terms as BM25 knows them.

    `wants` the kinds of figures asked for, `subject` the terms that say what it is about, `short` (0-1) how short it is.
    """

    weights: dict[str, float]
    total: float
    unknown: float
    prefixed: tuple[str, ...]
    wants: frozenset[str]
    subject: frozenset[str]
    short: float

    def coverage(self, bag: frozenset[str]) -> float:
        """The share (0-1) of the question's weight that a bag of terms holds."""
        return sum(weight for term, weight in self.weights.items() if term in bag) / self.total

    def left_by(self, head: frozenset[str]) -> Left:
        """What the headings leave open of the question."""
        weights = {term: weight for term, weight in self.weights.items() if term not in head and term in self.subject}
        return Left(weights, sum(weights.values()))

    def figures(self, statement: Statement, language: str) -> tuple[float, float]:
        """Whether a statement holds a figure of a kind that is asked for, and whether it holds none of those."""
        if not self.wants:
            return (0.0, 0.0)
        has = self.wants & offered(statement.text, language)
        # A figure of the rarer kinds says more than yet another amount.
        return (len(has) / len(self.wants) if has else 0.0, float(not has))


def read_question(query: str, before: str, language: str, spelling: Spelling | None, embedder: Embedder, idf: dict[str, float]) -> Question:
    """The question's terms with their weight, mistyped words put right, one term a key; those of what was asked `before` weigh less."""

    def weighed_words(text: str) -> Iterable[tuple[str, float]]:
        fixed = [(spelling.nearest(word) or word) if spelling else word for word in words(text)]
        return zip(fixed, map(float, embedder.weights(fixed)), strict=True)

    now, asking = list(weighed_words(query)), QUESTION_WORDS.get(language, frozenset())
    earlier = list(weighed_words(before)) if before else []
    weights: dict[str, float] = {}
    for word, weight in [*now, *((word, EARLIER * weight) for word, weight in earlier)]:
        for term in terms(word, language):
            weights[term] = max(weights.get(term, 0.0), weight)
    open_words = [word for word, _ in (*now, *earlier) if word not in asking]
    subject = frozenset(term for word in open_words for term in terms(word, language) if term not in asking)
    known = {term: idf.get(f"{language}:{term}") for term in weights}
    rarest = max((value for value in known.values() if value), default=5.0)
    weighed = {term: weight * (known[term] or rarest) for term, weight in weights.items()}
    total = sum(weighed.values()) or 1.0
    missing = sum(value for term, value in weighed.items() if known[term] is None)
    wants = asked(query, language) or (asked(before, language) if before else frozenset())
    prefixed = tuple(f"{language}:{term}" for term in weights)
    return Question(weighed, total, missing / total, prefixed, wants, subject, shortness(f"{before} {query}", language))


def shortness(query: str, language: str) -> float:
    """How short (0-1) a question is, with what was asked before it: a half at `SHORT` words. Who asks in a few words asks about the
    usual case."""
    size = len(query) / CHARACTERS_A_WORD if language == "zh" else len(words(query))
    return 1 / (1 + math.exp(min((size - SHORT) / SHORT_SLOPE, 30.0)))
