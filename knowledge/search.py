"""Search: the passages and statements that answer a question, with scores a person can read.

Dense (FAISS) and lexical (BM25) each propose passages; every statement of them is then judged by a small linear model
over readable features, and whether the best of them answer at all by `knowledge/answerability.py`. The weights, and the
data they were fitted on, are in `knowledge/ranking.json` (`python -m factory.ranking`).
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.answerability import Answerability, Judged, answer_features
from knowledge.concepts import Concepts
from knowledge.currencies import NO_MONEY
from knowledge.embedder import Pieces, Vectors
from knowledge.index import Index
from knowledge.keywords import Keywords
from knowledge.likeness import AskedPieces
from knowledge.nearest import Allowed, nearest
from knowledge.passages import Passage, Statement
from knowledge.places import Places, anywhere, places
from knowledge.policy import Policy
from knowledge.question import EARLIER, Question, read_question
from knowledge.reading import PassageRead, places_of, read_passage
from knowledge.spelling import Spelling
from knowledge.terms import words
from knowledge.translations import OWN, Together, Translations

RANKING_FILE = Path(__file__).with_name("ranking.json")
PASSAGES_EACH = 16
NAMED_POLICIES = 3
ABOUT_NOW, ASKED_NOW = 0.5, 0.65
"""The share of a follow-up in what passages and what statements are compared with; the rest is what was asked before."""

STATEMENT_FEATURES = (
    "dense", "passage_dense", "title_dense", "passage_bm25", "coverage", "head_coverage", "passage_coverage",
    "rank", "kind_match", "kind_miss", "row", "length", "alone_dense", "residual", "many_figures", "example", "early", "focus",
    "keyword_dense", "likeness", "likeness_left", "unsaid", "concept", "head_concept",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Which policies may answer: `role` customer or teller, the day, the country, and policies left out by id."""

    language: str
    role: str = "customer"
    as_of: date | None = None
    jurisdiction: str | None = None
    exclude: frozenset[str] = frozenset()
    """Ids, or `language:id` for a policy in one language."""

    def languages_without(self, policy: str) -> frozenset[str]:
        """The languages in which alone a policy is left out."""
        return frozenset(language for language, _, name in (each.partition(":") for each in self.exclude) if name == policy)


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
    limits: tuple[str, ...] = ()
    """The places and the money that the question names (`knowledge.places.Places.limits`): what holds for others alone was left out."""

    @property
    def best(self) -> float:
        """The score (0-1) of the statement that stands first; 0 where there is none."""
        return self.candidates[0].score if self.candidates else 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """The weights of the statement model by feature, and the model of answerability with its thresholds.

    What is asked in a few words is judged otherwise: `short` is added to the weights as far as a question is short.
    """

    statement: tuple[float, ...]
    short: tuple[float, ...]
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
            tuple(float(raw["statement"]["short"][name]) for name in STATEMENT_FEATURES),
            float(raw["statement"]["bias"]),
            Answerability.from_json(raw["answer"]),
            hashlib.sha256(data).hexdigest(),
        )

    def below(self, language: str) -> float:
        """Questions in `language` less answerable than this are not answered."""
        return self.answer.below(language)

    def sure(self, language: str) -> float:
        """Questions in `language` less answerable than this are answered with a word of caution."""
        return self.answer.sure(language)


class Search:
    """Finds evidence in one index. Safe to use from several threads."""

    def __init__(self, index: Index, ranking: Ranking | None = None) -> None:
        self.index = index
        self.ranking = ranking or Ranking.load()
        self._lock = threading.Lock()
        self._eligible: dict[Scope, tuple[Allowed, Allowed]] = {}
        self._reads: dict[int, PassageRead] = {}
        self._places: dict[int, tuple[Places, ...]] = {}
        self._keywords = Keywords(index)
        self._translations = Translations(index)
        self._concepts = Concepts(index)
        self._spelling: dict[str, Spelling | None] = {}

    def _spelling_of(self, language: str) -> Spelling | None:
        """The words of a language's policies, read at its first question: one answer needs one language."""
        with self._lock:
            if language not in self._spelling:
                bodies = [policy.text[policy.body_start :] for policy in self.index.policies if policy.language == language]
                self._spelling[language] = Spelling(words(" ".join(bodies))) if bodies and language != "zh" else None
            return self._spelling[language]

    # -- which passages may answer ---------------------------------------------------------------------------------

    def eligible(self, scope: Scope) -> tuple[Allowed, Allowed]:
        """Passages, and phrases of `Keywords`: in force, for this role and country, in the best language there is of each policy."""
        with self._lock:
            allowed = self._eligible.get(scope)
            if allowed is None:
                mask = self._make_mask(scope)
                allowed = Allowed(mask), self._keywords.eligible(mask)
                if len(self._eligible) > 256:
                    self._eligible.clear()
                self._eligible[scope] = allowed
        return allowed

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

    def find(self, query: str, scope: Scope, most: int = 12) -> Found:
        """The best statements for a question; empty when nothing may answer at all.

        Of a query of several lines the last is the question; those before it are what was asked before, and tell what it is about
        more than what it asks. What holds for other places, or other money, than it names is not found.
        """
        before, _, asking = query.strip().rpartition("\n")
        where = places(asking, scope.language)
        if before and not where.any:
            earlier = places(before, scope.language)
            where = earlier if where.money == NO_MONEY else replace(earlier, money=where.money)
        found = replace(self._find(before, asking, where, scope, most), limits=where.limits)
        # Most policies name no country: "a transfer to Chile" is one "abroad" to them.
        if not where.named:
            return found
        about, general = (anywhere(text, scope.language, scope.jurisdiction) for text in (before, asking))
        if (about, general) == (before, asking):
            return found
        other = self._find(about, general, where, scope, most)
        if other.best <= found.best:
            return found
        # Whether there is an answer at all, both readings must say: "a parcel to Canada" is nearly "abroad" to a policy about transfers.
        return replace(other, limits=where.limits, answerable=math.sqrt(found.answerable * other.answerable))

    def _find(self, before: str, asking: str, where: Places, scope: Scope, most: int) -> Found:
        allowed, phrases = self.eligible(scope)
        if not allowed.any or not asking:
            return Found((), 0.0, (), scope.language)
        about, vector = self._vectors(before, asking)
        spelling = self._spelling_of(scope.language)
        question = read_question(asking, before, scope.language, spelling, self.index.embedder, self.index.lexical.idf)
        bm25 = np.where(allowed.mask, self.index.lexical.scores(question.prefixed), 0.0)
        dense = nearest(self.index.dense, about, min(4 * PASSAGES_EACH, len(allowed.mask)), allowed)
        chosen = self._propose(dense, bm25, self._keywords.passages(about, phrases, NAMED_POLICIES))
        named = self._keywords.nearness(about, {int(self._keywords.policy[number]) for number in chosen})
        pieces = AskedPieces.of(self.index.embedder, asking, before, EARLIER)
        candidates = self._judge(chosen, dense, bm25, named, about, vector, question, pieces, where, scope)
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

    @staticmethod
    def _propose(dense: dict[int, float], bm25: npt.NDArray[Any], named: list[int]) -> list[int]:
        most = np.argpartition(-bm25, PASSAGES_EACH)[:PASSAGES_EACH] if len(bm25) > PASSAGES_EACH else np.arange(len(bm25))
        lexical = [int(number) for number in most[np.lexsort((most, -bm25[most]))] if bm25[number] > 0]
        return list(dict.fromkeys([*list(dense)[:PASSAGES_EACH], *lexical, *named]))

    def _judge(
        self, chosen: list[int], dense: dict[int, float], bm25: npt.NDArray[Any], named: dict[int, tuple[float, float]],
        about: Vectors, vector: Vectors, question: Question, pieces: AskedPieces, where: Places, scope: Scope,
    ) -> list[Candidate]:  # fmt: skip
        top_bm25 = max((float(bm25[number]) for number in chosen), default=0.0) or 1.0
        order = sorted(chosen, key=lambda number: -dense.get(number, 0.0) - float(bm25[number]) / top_bm25)
        together = [self._translations.of(number, scope.languages_without(self.index.passages[number].policy.id)) for number in order]
        likeness = self._likeness(order, together, pieces)
        asked = self._concepts.asked(about)
        done, limited = 0, where.any or where.money != NO_MONEY
        judged: list[tuple[Passage, Statement, tuple[float, ...]]] = []
        for rank, number in enumerate(order):
            passage = self.index.passages[number]
            others = together[rank].others
            sims, alone = (together[rank].statements @ vector).tolist()
            passage_dense = dense.get(number, max(sims))
            if others is not None:
                passage_dense = OWN * passage_dense + (1 - OWN) * float(others @ about)
            title_dense, keyword_dense = named[int(self._keywords.policy[number])]
            read = self._read(number)
            bags, facts = read.bags, read.facts
            head = question.coverage(read.head)
            whole = question.coverage(read.head.union(*bags))
            left = question.left_by(read.head)
            known = read.head.union(question.weights)
            head_concept, *concept = (self._concepts.of(number) @ asked).tolist()
            lexical, lead, language = float(bm25[number]) / top_bm25, 1.0 / (1 + rank), passage.policy.language
            for place, statement in enumerate(passage.statements):
                said = likeness[done]
                done += 1
                if limited and self._places_of(number)[place].elsewhere(where, scope.jurisdiction):
                    continue
                features = (
                    sims[place], passage_dense, title_dense, lexical, question.coverage(bags[place]), head, whole, lead,
                    *question.figures(statement, language), facts[place].row, facts[place].length, alone[place],
                    left.share_in(bags[place]), facts[place].many_figures, facts[place].example, 1.0 / (1 + place),
                    len(bags[place] & known) / len(bags[place]) if bags[place] else 0.0, keyword_dense, *said,
                    concept[place], head_concept,
                )  # fmt: skip
                judged.append((passage, statement, features))
        if not judged:
            return []
        weights = np.array(self.ranking.statement) + question.short * np.array(self.ranking.short)
        sums = np.array([features for _, _, features in judged]) @ weights + self.ranking.statement_bias
        candidates = [
            Candidate(passage, statement, _sigmoid(value), features)
            for (passage, statement, features), value in zip(judged, sums.tolist(), strict=True)
        ]
        candidates.sort(key=lambda candidate: -candidate.score)
        return candidates

    def _likeness(self, order: list[int], together: Sequence[Together], pieces: AskedPieces) -> list[tuple[float, ...]]:
        """`likeness`, `likeness_left` and `unsaid` of every statement of the passages, in their order."""
        wordings: list[tuple[Pieces, ...]] = []
        for number, each in zip(order, together, strict=True):
            wordings += [self._read(number).pieces, *each.wordings]
        if not wordings:
            return []
        texts = [text for wording in wordings for text in wording]
        counts = np.array([len(text) for text in texts], np.int64)
        nearest = pieces.nearest(self.index.embedder, np.concatenate(texts), counts)
        sizes = [len(wording) - 1 for wording in wordings]
        head = np.zeros(len(counts), np.bool_)
        head[np.cumsum([0, *(size + 1 for size in sizes[:-1])])] = True
        said, heads = nearest[~head], np.repeat(nearest[head], sizes, axis=0)
        columns = np.stack([pieces.said(said), pieces.said_of_rest(said, heads), pieces.unsaid(said, heads)], axis=1)
        found: list[tuple[float, ...]] = []
        done = 0
        for each in together:
            versions, size = 1 + len(each.wordings), each.statements.shape[1]
            block = columns[done : done + versions * size].reshape(versions, size, columns.shape[1])
            done += versions * size
            mean = OWN * block[0] + (1 - OWN) * block[1:].mean(axis=0) if versions > 1 else block[0]
            found += [tuple(row) for row in mean.tolist()]
        return found

    def _places_of(self, number: int) -> tuple[Places, ...]:
        known = self._places.get(number)
        if known is None:
            known = self._places[number] = places_of(self.index.passages[number])
        return known

    def _read(self, number: int) -> PassageRead:
        read = self._reads.get(number)
        if read is None:
            read = self._reads[number] = read_passage(self.index.passages[number], self.index.embedder)
        return read


def best_language(have: set[str], wanted: str) -> str:
    """The language to answer from: the wanted one, else English, else the first there is."""
    return wanted if wanted in have else "en" if "en" in have else min(have)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
