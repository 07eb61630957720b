"""Search: the passages and statements that answer a question, with scores a person can read.

Dense (FAISS) and lexical (BM25) each propose passages; every statement of them is then judged by a small linear model
over readable features, and whether the best of them answer at all by `knowledge/answerability.py`. The weights, and the
data they were fitted on, are in `knowledge/ranking.json` (`python -m factory.ranking`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.answerability import Answerability, Judged, answer_features
from knowledge.asking import QUESTION_WORDS, asked, offered
from knowledge.embedder import Vectors
from knowledge.index import Index
from knowledge.keywords import Keywords
from knowledge.passages import Passage, Statement
from knowledge.policy import Policy
from knowledge.quantities import quantities
from knowledge.spelling import Spelling
from knowledge.terms import terms, words

RANKING_FILE = Path(__file__).with_name("ranking.json")
PASSAGES_EACH = 16
NAMED_POLICIES = 3
ABOUT_NOW, ASKED_NOW = 0.5, 0.65
"""The share of a follow-up in what passages and what statements are compared with; the rest is what was asked before."""
EARLIER = 0.3
"""The weight of a word that was asked before, beside one of the follow-up."""

STATEMENT_FEATURES = (
    "dense", "passage_dense", "title_dense", "passage_bm25", "coverage", "head_coverage", "passage_coverage",
    "rank", "kind_match", "kind_miss", "row", "length", "alone_dense", "residual", "many_figures", "example", "early", "focus",
    "keyword_dense",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Which policies may answer: `role` customer or teller, the day, the country, and policies left out by id."""

    language: str
    role: str = "customer"
    as_of: date | None = None
    jurisdiction: str | None = None
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A statement that may answer. `score` is the ranking model's probability (0-1) that it holds the answer."""

    passage: Passage
    statement: Statement
    score: float
    features: tuple[float, ...]

    @property
    def policy(self) -> Policy:
        return self.passage.policy

    @property
    def quote(self) -> str:
        return self.policy.text[self.statement.start : self.statement.end]


@dataclass(frozen=True, slots=True)
class Found:
    """`candidates` best first; `answerable` is the probability (0-1) that the policies hold the answer."""

    candidates: tuple[Candidate, ...]
    answerable: float
    features: tuple[float, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The weights of the statement model by feature, and the model of answerability with its thresholds."""

    statement: tuple[float, ...]
    statement_bias: float
    answer: Answerability
    sha256: str = ""
    """Hex sha256 of the file the weights were read from."""

    @classmethod
    def load(cls, path: Path = RANKING_FILE) -> Ranking:
        data = path.read_bytes()
        raw: dict[str, Any] = json.loads(data)
        return cls(
            tuple(float(raw["statement"]["weights"][name]) for name in STATEMENT_FEATURES),
            float(raw["statement"]["bias"]),
            Answerability.from_json(raw["answer"]),
            hashlib.sha256(data).hexdigest(),
        )

    def below(self, language: str) -> float:
        """Questions in `language` less answerable than this are not answered."""
        return self.answer.below(language)


class Search:
    """Finds evidence in one index. Safe to use from several threads."""

    def __init__(self, index: Index, ranking: Ranking | None = None) -> None:
        self.index = index
        self.ranking = ranking or Ranking.load()
        self._lock = threading.Lock()
        self._eligible: dict[Scope, npt.NDArray[np.bool_]] = {}
        self._statement_terms: dict[int, tuple[frozenset[str], ...]] = {}
        self._head_terms: dict[int, frozenset[str]] = {}
        self._keywords = Keywords(index)
        self._spelling: dict[str, Spelling | None] = {}

    def _spelling_of(self, language: str) -> Spelling | None:
        """The words of a language's policies, read at its first question: one answer needs one language."""
        with self._lock:
            if language not in self._spelling:
                bodies = [policy.text[policy.body_start :] for policy in self.index.policies if policy.language == language]
                self._spelling[language] = Spelling(words(" ".join(bodies))) if bodies and language != "zh" else None
            return self._spelling[language]

    # -- which passages may answer ---------------------------------------------------------------------------------

    def eligible(self, scope: Scope) -> npt.NDArray[np.bool_]:
        """`(passages,)` bool: in force, for this role and country, and in the best language there is of each policy."""
        with self._lock:
            mask = self._eligible.get(scope)
            if mask is None:
                mask = self._make_mask(scope)
                if len(self._eligible) > 256:
                    self._eligible.clear()
                self._eligible[scope] = mask
        return mask

    def _make_mask(self, scope: Scope) -> npt.NDArray[np.bool_]:
        day = scope.as_of or date.today()
        allowed = [
            policy
            for policy in self.index.policies
            if policy.in_force(day)
            and policy.readable_by(scope.role)
            and policy.holds_in(scope.jurisdiction)
            and policy.id not in scope.exclude
            and f"{policy.language}:{policy.id}" not in scope.exclude
        ]
        languages: dict[str, set[str]] = {}
        for policy in allowed:
            languages.setdefault(policy.id, set()).add(policy.language)
        chosen = {id_: best_language(have, scope.language) for id_, have in languages.items()}
        keys = {policy.key for policy in allowed if chosen[policy.id] == policy.language}
        return np.array([passage.policy.key in keys for passage in self.index.passages], np.bool_)

    # -- one question ------------------------------------------------------------------------------------------------

    def find(self, query: str, scope: Scope, most: int = 8) -> Found:
        """The best statements for a question; empty when nothing may answer at all.

        Of a query of several lines the last is the question; those before it are what was asked before, and tell what it is about
        more than what it asks.
        """
        mask = self.eligible(scope)
        before, _, asking = query.strip().rpartition("\n")
        if not mask.any() or not asking:
            return Found((), 0.0, (), scope.language)
        about, vector = self._vectors(before, asking)
        question = self._question(asking, scope.language, before)
        bm25 = np.where(mask, self.index.lexical.scores(question.prefixed), 0.0)
        dense = self._dense(about, mask)
        titles, named = self._keywords.nearness(about)
        chosen = self._propose(dense, bm25, self._keywords.passages(named, mask, NAMED_POLICIES))
        candidates = self._judge(chosen, dense, bm25, titles, named, vector, question)
        if not candidates:
            return Found((), 0.0, (), scope.language)
        judged = [Judged(item.policy.id, item.score, dict(zip(STATEMENT_FEATURES, item.features, strict=True))) for item in candidates]
        features = answer_features(judged, question.unknown, len(question.weights))
        return Found(tuple(candidates[:most]), self.ranking.answer.probability(features), features, scope.language)

    def _vectors(self, before: str, asking: str) -> tuple[Vectors, Vectors]:
        """What passages and what statements are compared with; the same where nothing was asked before."""
        if not before:
            vector = self.index.embedder.encode([asking])[0]
            return vector, vector
        earlier, now = self.index.embedder.encode([before, asking])
        mixed = [share * now + (1 - share) * earlier for share in (ABOUT_NOW, ASKED_NOW)]
        about, vector = (each / max(float(np.linalg.norm(each)), 1e-6) for each in mixed)
        return about, vector

    def _dense(self, vector: Vectors, mask: npt.NDArray[np.bool_]) -> dict[int, float]:
        import faiss

        selector = faiss.IDSelectorBatch(np.flatnonzero(mask).astype(np.int64))
        count = int(min(4 * PASSAGES_EACH, mask.sum()))
        parameters: Any = faiss.SearchParameters
        scores, ids = self.index.dense.search(vector[None, :], count, params=parameters(sel=selector))
        return {int(id_): float(score) for id_, score in zip(ids[0], scores[0], strict=True) if id_ >= 0}

    @staticmethod
    def _propose(dense: dict[int, float], bm25: npt.NDArray[Any], named: list[list[int]]) -> list[int]:
        lexical = [int(number) for number in np.argsort(-bm25)[:PASSAGES_EACH] if bm25[number] > 0]
        nearest = [passage for policy in named for passage in policy]
        return list(dict.fromkeys([*list(dense)[:PASSAGES_EACH], *lexical, *nearest]))

    def _judge(
        self, chosen: list[int], dense: dict[int, float], bm25: npt.NDArray[Any], titles: npt.NDArray[Any],
        named: npt.NDArray[Any], vector: Vectors, question: _Question,
    ) -> list[Candidate]:  # fmt: skip
        top_bm25 = max((float(bm25[number]) for number in chosen), default=0.0) or 1.0
        order = sorted(chosen, key=lambda number: -dense.get(number, 0.0) - float(bm25[number]) / top_bm25)
        candidates: list[Candidate] = []
        for rank, number in enumerate(order):
            passage = self.index.passages[number]
            first = int(self.index.first_statement[number])
            sims, alone = self.index.statement_vectors[:, first : first + len(passage.statements)] @ vector
            passage_dense = dense.get(number, float(sims.max()))
            head = question.coverage(self._head(number))
            bags = self._bags(number)
            whole = question.coverage(frozenset().union(*bags) | self._head(number))
            for place, statement in enumerate(passage.statements):
                features = (
                    float(sims[place]), passage_dense, float(titles[number]), float(bm25[number]) / top_bm25,
                    question.coverage(bags[place]), head, whole, 1.0 / (1 + rank),
                    *question.figures(statement, passage.policy.language), float(statement.kind == "row"),
                    min(len(statement.text), 400) / 400,
                    float(alone[place]), question.residual(self._head(number), bags[place]),
                    float(figure_count(statement.text, passage.policy.language) > 3),
                    float(is_example(statement.text)), 1.0 / (1 + place),
                    question.focus(self._head(number), bags[place]), float(named[number]),
                )  # fmt: skip
                score = _sigmoid(float(np.dot(self.ranking.statement, features)) + self.ranking.statement_bias)
                candidates.append(Candidate(passage, statement, score, features))
        candidates.sort(key=lambda candidate: -candidate.score)
        return candidates

    def _bags(self, number: int) -> tuple[frozenset[str], ...]:
        bags = self._statement_terms.get(number)
        if bags is None:
            passage = self.index.passages[number]
            language = passage.policy.language
            bags = tuple(frozenset(terms(statement.text, language)) for statement in passage.statements)
            self._statement_terms[number] = bags
        return bags

    def _head(self, number: int) -> frozenset[str]:
        head = self._head_terms.get(number)
        if head is None:
            passage = self.index.passages[number]
            head = frozenset(terms(f"{passage.policy.title} {passage.heading}", passage.policy.language))
            self._head_terms[number] = head
        return head

    def _question(self, query: str, language: str, before: str = "") -> _Question:
        """The question's terms with their weight, mistyped words put right, one term a key; those of what was asked before weigh less."""
        now, asking = self._weights(query, language), QUESTION_WORDS.get(language, frozenset())
        earlier = self._weights(before, language) if before else []
        weights: dict[str, float] = {}
        for word, weight in [*now, *((word, EARLIER * weight) for word, weight in earlier)]:
            for term in terms(word, language):
                weights[term] = max(weights.get(term, 0.0), weight)
        open_words = [word for word, _ in (*now, *earlier) if word not in asking]
        subject = frozenset(term for word in open_words for term in terms(word, language) if term not in asking)
        idf = self.index.lexical.idf
        known = {term: idf.get(f"{language}:{term}") for term in weights}
        rarest = max((value for value in known.values() if value), default=5.0)
        weighed = {term: weight * (known[term] or rarest) for term, weight in weights.items()}
        total = sum(weighed.values()) or 1.0
        missing = sum(value for term, value in weighed.items() if known[term] is None)
        wants = asked(query, language) or (asked(before, language) if before else frozenset())
        return _Question(weighed, total, missing / total, tuple(f"{language}:{term}" for term in weights), wants, subject)

    def _weights(self, text: str, language: str) -> list[tuple[str, float]]:
        """The words of a text as they were meant, each with its weight."""
        spelling = self._spelling_of(language)
        fixed = [(spelling.nearest(word) or word) if spelling else word for word in words(text)]
        return list(zip(fixed, map(float, self.index.embedder.weights(fixed)), strict=True))


@dataclass(frozen=True, slots=True)
class _Question:
    weights: dict[str, float]
    total: float
    unknown: float
    prefixed: tuple[str, ...]
    wants: frozenset[str]
    subject: frozenset[str]

    def coverage(self, bag: Iterable[str]) -> float:
        """The share (0-1) of the question's weight that a bag of terms holds."""
        bag = bag if isinstance(bag, frozenset) else frozenset(bag)
        return sum(weight for term, weight in self.weights.items() if term in bag) / self.total

    def focus(self, head: frozenset[str], bag: frozenset[str]) -> float:
        """The share (0-1) of a statement's terms that the question or the headings already hold: conditions nobody asked for lower it."""
        return sum(term in self.weights or term in head for term in bag) / len(bag) if bag else 0.0

    def residual(self, head: frozenset[str], bag: frozenset[str]) -> float:
        """The share (0-1) of what the headings leave open of the question that a statement holds."""
        left = {term: weight for term, weight in self.weights.items() if term not in head and term in self.subject}
        total = sum(left.values())
        return sum(weight for term, weight in left.items() if term in bag) / total if total else 1.0

    def figures(self, statement: Statement, language: str) -> tuple[float, float]:
        """Whether a statement holds a figure of a kind that is asked for, and whether it holds none of those."""
        if not self.wants:
            return (0.0, 0.0)
        has = self.wants & offered(statement.text, language)
        # A figure of the rarer kinds says more than yet another amount.
        return (len(has) / len(self.wants) if has else 0.0, float(not has))


@lru_cache(maxsize=65536)
def figure_count(text: str, language: str) -> int:
    """How many figures a statement holds."""
    return len(quantities(text, language))


_EXAMPLE = re.compile(
    r"(?:worked |practical )?example|ejemplo|exemple|(?:rechen|praxis)?beispiel|exemplo|esempio|(?:计算)?(?:示例|举例|例如|例子)|مثال",
    re.IGNORECASE,
)


def is_example(text: str) -> bool:
    """Whether a statement is a worked example: right, but seldom the rule that was asked for."""
    return bool(_EXAMPLE.match(text))


def best_language(have: set[str], wanted: str) -> str:
    """The language to answer from: the wanted one, else English, else the first there is."""
    return wanted if wanted in have else "en" if "en" in have else min(have)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
