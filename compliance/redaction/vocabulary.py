"""Vocabulary: what the tagger knows of a word whatever stands around it: its classes, its cluster, and the numbers of its features.

It is worked out once for ordinary words of the shipped lists and anew for every other word each time. The raw text of a message may
exist nowhere but in the vault of its session, and what is kept here outlives every session: so nothing is kept of a word that no list
has as an ordinary one, of a name that is no ordinary word as well, or of a number, and nothing of where a word stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from struct import pack
from typing import NamedTuple

import numpy as np

from compliance.redaction.clusters import Clusters
from compliance.redaction.features import (
    ALONE,
    CASE,
    CLASS,
    CLUSTER,
    COLUMNS,
    GLUED_AFTER,
    GLUED_BEFORE,
    SHAPE,
    UNLISTED,
    WORD,
    case_of_word,
    columns_alone,
    glued,
    shape_of,
)  # fmt: skip
from compliance.redaction.field import Field, Numbers
from compliance.redaction.gazetteer import NAMING, Gazetteer
from compliance.redaction.tokens import fold, mask_of

_AFFIXES = ALONE[2:]
_WHATEVER = [WORD, CLUSTER, *_AFFIXES, SHAPE, GLUED_AFTER, GLUED_BEFORE]
"""The columns of `Known.numbers` in their order; behind them are two for a word with another right after or before it."""
_AFFIXED = f"{len(_AFFIXES)}q"
_NO_AFFIXES, _NOTHING = bytes(8 * len(_AFFIXES)), bytes(8 * 5)
MOST_KEPT = 1 << 16
"""Words kept at most: a spelling with other accents is another word here."""


class Known(NamedTuple):
    """What is known of a word: `classes` are its letters as a phrase of its own or, behind a "p", without what is joined to it; `case` is
    that of `features.case_of_word`; `numbers` are int64, and empty until a text with it is tagged if it is not kept."""

    text: str
    folded: str
    shape: str
    alone: str
    classes: str
    cluster: str
    case: str
    numbers: bytes


class Vocabulary(dict[str, Known]):
    """What is known of each piece of a text (`tokens.pieces`); threads may share it."""

    def __init__(self, field: Field, gazetteer: Gazetteer, clusters: Clusters) -> None:
        super().__init__()
        self._lookups = [each.get for each in field.numbers]
        shapes = {shape for column in (SHAPE, GLUED_AFTER, GLUED_BEFORE) for each in field.numbers[column] for shape in (each, each[:-1])}
        self._shapes = {shape: self._of_shape(shape) for shape in shapes}
        self._gazetteer = gazetteer
        self._clusters = clusters

    def __missing__(self, piece: str) -> Known:
        if piece.isdecimal():  # most words that are not kept
            alone = self._gazetteer.alone(piece)
            return Known(piece, piece, shape_of(piece), alone, alone, self._clusters.of_word(piece), case_of_word(piece), b"")
        mask = mask_of(piece)
        known = self._known("<", mask) if mask else self._known(piece, fold(piece))
        if mask or self._ordinary(known):
            known = self[piece] = known._replace(numbers=self._packed(known))
        return known

    def _of_shape(self, shape: str) -> bytes:
        of, beside = self._lookups, glued(shape)
        columns = ((SHAPE, shape), (GLUED_AFTER, shape), (GLUED_BEFORE, shape), (GLUED_AFTER, beside), (GLUED_BEFORE, beside))
        return pack(f"{len(columns)}q", *(of[column](value, 0) for column, value in columns))

    def _known(self, text: str, folded: str) -> Known:
        alone = self._gazetteer.alone(folded)
        classes, cluster = alone or self._gazetteer.joined(folded), self._clusters.of_word(folded)
        return Known(text, folded, shape_of(text), alone, classes, cluster, case_of_word(text), b"")

    def _packed(self, word: Known) -> bytes:
        of = self._lookups
        own = columns_alone(word.folded, word.shape)[2:]
        affixes = _NO_AFFIXES
        if own[0]:
            affixes = pack(_AFFIXED, *[of[column](value, 0) for column, value in zip(_AFFIXES, own, strict=True)])
        return pack("2q", of[WORD](word.folded, 0), of[CLUSTER](word.cluster, 0)) + affixes + self._shapes.get(word.shape, _NOTHING)

    def _ordinary(self, known: Known) -> bool:
        """Whether a word may be kept: one that the shipped lists have as an ordinary word, in small letters, with a capital or in
        capitals; where they have it as a name too, in small letters alone. A single character is a letter, a mark, or a word of Chinese."""
        text = known.text
        if len(self) >= MOST_KEPT or text.isdecimal():
            return False
        if len(text) == 1:
            return True
        named = not NAMING.isdisjoint(known.classes)
        if not ("M" in known.alone or (known.cluster and not named and known.folded in self._clusters)) or not text.isalpha():
            return False
        return text == text.lower() or (not named and (text.istitle() or text.isupper()))

    def numbers(self, words: Sequence[Known], classes: Sequence[str], case: str, spans: Sequence[tuple[int, int]]) -> Numbers:
        """The numbers of the columns of a text, (columns, tokens), as `Field.scores_of` takes them: those of `features.columns`."""
        size = len(words)
        own = np.frombuffer(b"".join([word.numbers or self._packed(word) for word in words]), np.int64).reshape(size, -1).T
        out = np.empty((len(COLUMNS), size), np.int64)
        out[_WHATEVER] = own[:-2]
        out[CASE] = self._lookups[CASE](case, 0)
        of_class = self._lookups[CLASS]
        out[CLASS] = [of_class(letters or UNLISTED, 0) for letters in classes]
        places = np.fromiter(chain.from_iterable(spans), np.int64, 2 * size)
        beside = np.flatnonzero(places[1:-1:2] == places[2::2])
        out[GLUED_AFTER, beside] = own[-2, beside]
        out[GLUED_BEFORE, beside + 1] = own[-1, beside + 1]
        return out
