"""Translations: a statement is as near to a question as its wordings in all languages are.

A bank's policy stands in several languages, section by section and statement by statement alike. What one wording misses another says:
the embedder knows a customer's word in one language and not in the next, and chance differs from wording to wording. So a statement is
compared with a question together with its translations. What is shown and cited stays the statement alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.embedder import Pieces, Vectors, unit
from knowledge.index import Index
from knowledge.policy import Policy
from knowledge.reading import headings

OWN = 0.3
"""The part of a statement itself in what is compared; its translations share the rest."""

KEPT = 4096
"""Passages whose means are kept at most: the vectors of a large collection stay on disk, and all their means would fill the memory."""

Document = tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Section:
    """The statements `first` to `last` (excluded) of the index, in one language."""

    language: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Together:
    """A passage with its translations.

    `statements` is `(2, n, dim)` float32 of length 1, under their headings and alone; `others` `(dim,)` the mean of the translations of its
    statements under their headings, None where there are none; `wordings` the pieces of each translation, of its heading and then of each
    statement.
    """

    statements: Vectors
    others: Vectors | None = None
    wordings: tuple[tuple[Pieces, ...], ...] = ()


class Translations:
    """Which statements of an index say the same in other languages. Safe to use from several threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._peers = _peers(index)
        self._together: dict[int, Together] = {}
        self._pieces: dict[tuple[bool, int], Pieces] = {}

    def of(self, passage: int, left_out: frozenset[str] = frozenset()) -> Together:
        """Of one passage of the index; `left_out` are languages whose version of the policy is not to be used."""
        peers = self._peers.get(passage, ())
        if left_out:
            return self._read(passage, [peer for peer in peers if peer.language not in left_out])
        known = self._together.get(passage)
        if known is None:
            known = self._read(passage, peers)
            if peers:
                if len(self._together) >= KEPT:
                    self._together.clear()
                    self._pieces.clear()
                self._together[passage] = known
        return known

    def _read(self, passage: int, peers: Sequence[Section]) -> Together:
        own = self._index.vectors_of(passage)
        if not peers:
            return Together(own)
        others = unit(np.mean([self._index.statement_vectors[:, peer.first : peer.last].astype(np.float32) for peer in peers], axis=0))
        return Together(unit(OWN * own + (1 - OWN) * others), unit(others[0].mean(axis=0)), tuple(self._wording(peer) for peer in peers))

    def _wording(self, section: Section) -> tuple[Pieces, ...]:
        numbers = range(section.first, section.last)
        return self._cut(section.first, heading=True), *(self._cut(number, heading=False) for number in numbers)

    def _cut(self, statement: int, heading: bool) -> Pieces:
        """The pieces of a statement, or of the headings above it; eight passages ask for the same ones."""
        known = self._pieces.get((heading, statement))
        if known is None:
            number = int(np.searchsorted(self._index.first_statement, statement, side="right")) - 1
            passage = self._index.passages[number]
            said = passage.statements[statement - int(self._index.first_statement[number])].text
            (known,) = self._index.embedder.pieces([headings(passage) if heading else said])
            self._pieces[heading, statement] = known
        return known


def _peers(index: Index) -> dict[int, tuple[Section, ...]]:
    """By number of the passage, the same statements in other languages: of policies with as many sections, in sections with as many
    statements."""
    languages: dict[Document, set[str]] = defaultdict(set)
    for policy in index.policies:
        languages[_document(policy)].add(policy.language)
    sections: dict[Document, dict[str, list[Section]]] = defaultdict(lambda: defaultdict(list))
    places: dict[int, tuple[Document, int, int]] = {}
    before = None
    for number, passage in enumerate(index.passages):
        document, language = _document(passage.policy), passage.policy.language
        if len(languages[document]) < 2:
            continue
        first, last = (int(place) for place in index.first_statement[number : number + 2])
        known = sections[document][language]
        if before == (passage.policy.key, passage.heading):
            known[-1] = Section(language, known[-1].first, last)
        else:
            known.append(Section(language, first, last))
        before = passage.policy.key, passage.heading
        places[number] = document, len(known) - 1, first - known[-1].first
    found: dict[int, tuple[Section, ...]] = {}
    for number, (document, place, offset) in places.items():
        mine = sections[document][index.passages[number].policy.language]
        count = int(index.first_statement[number + 1] - index.first_statement[number])
        peers = []
        for language, theirs in sections[document].items():
            if language == index.passages[number].policy.language or len(theirs) != len(mine):
                continue
            section = theirs[place]
            if section.last - section.first == mine[place].last - mine[place].first:
                peers.append(Section(language, section.first + offset, section.first + offset + count))
        if peers:
            found[number] = tuple(peers)
    return found


def _document(policy: Policy) -> Document:
    """What two policies that are translations of each other have alike."""
    return policy.id, policy.version, policy.audience, policy.jurisdiction
