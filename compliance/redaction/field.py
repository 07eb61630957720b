"""Field: the probabilities of a linear-chain conditional random field (Lafferty, McCallum & Pereira 2001), in numpy.

CRFsuite trains it (`factory/names`). It is run here because to look up all features of a text at once, as numbers, takes less time than
to hand each over as a string.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from compliance.errors import ComplianceError
from compliance.redaction.features import AFTER, BEFORE, COLUMNS, EDGE, SEPARATOR, TEMPLATES

Numbers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]

OUTSIDE = "O"
_BITS = 19
_MASK = (1 << _BITS) - 1
"""A value of a column is a number below 2^19, a feature its template and up to three of these in 63 bits."""
_EDGE_NUMBER = 1
_FIRST_NUMBER = 2
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Spreads packed features over 64 bits (Knuth, The Art of Computer Programming 3, 6.4)."""
_HASH_BITS = 19
_HASH_SHIFT = np.uint64(64 - _HASH_BITS)
_RESCALED = 8
"""Steps after which a chain of products is brought back to a sum of one, long before it could leave the range of a double."""


class _Numbers(dict[str, int]):
    """Values with their numbers; any other has the number 0, and is not kept."""

    def __missing__(self, value: str) -> int:
        return 0


class Field:
    """Weights of features and of transitions between labels. Immutable, so any number of threads may ask it."""

    def __init__(
        self, labels: Sequence[str], values: Sequence[Sequence[str]], features: Numbers, weights: npt.NDArray[np.float32], moves: Weights
    ) -> None:
        """`values[column]` numbers the values from 2 on; `features` are packed, one row of `weights` (features, labels) each; `moves` is
        (labels, labels), from and to."""
        self.labels = tuple(labels)
        self._values = tuple(tuple(each) for each in values)
        self._moves = moves
        self.numbers = tuple(_Numbers((value, number) for number, value in enumerate(each, _FIRST_NUMBER)) for each in self._values)
        self._features, self._weights = features, weights
        # A feature of one value lies at the number of the value, so that nothing is looked up; a value without one has a row of zeros.
        sizes = [len(self._values[TEMPLATES[number][0][0]]) + _FIRST_NUMBER for number in _ALONE]
        *firsts, self._none = np.cumsum([0, *sizes]).tolist()
        self._alone_first = np.array(firsts, np.int64)[:, None]
        templates = features >> 3 * _BITS
        joined = np.isin(templates, _JOINED)
        self._rows = np.zeros((self._none + 1 + int(joined.sum()), len(self.labels)))
        for number, first in zip(_ALONE, firsts, strict=True):
            mine = np.flatnonzero(templates == number)
            self._rows[first + (features[mine] >> 2 * _BITS & _MASK)] = weights[mine]
        # One of several values is looked up by its hash; where two have the same one, the second lies in a dictionary.
        self._rows[self._none + 1 :] = weights[joined]
        self._keys = np.concatenate([[-1], features[joined]])  # of the rows from `_none` on
        places, numbers = _hashed(self._keys[1:]), np.arange(1, len(self._keys))
        self._places = np.zeros(1 << _HASH_BITS, np.int32)
        self._places[places] = numbers
        second = numbers[self._places[places] != numbers]
        self._second = dict(zip(self._keys[second].tolist(), second.tolist(), strict=True))
        self._crowded = np.zeros(len(self._keys), np.int32)
        self._crowded[self._places[places[second - 1]]] = -1
        both = np.zeros((2 * len(self.labels), 2 * len(self.labels)))
        step = np.exp(moves)
        both[: len(self.labels), : len(self.labels)] = step
        both[len(self.labels) :, len(self.labels) :] = step.T
        self._both, self._step = both, step

    # -- the file ------------------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, labels: Sequence[str], weights: Mapping[str, Mapping[str, float]], moves: Mapping[tuple[str, str], float]) -> Field:
        """From features as `written` writes them, each with its weight by label."""
        values: list[dict[str, int]] = [{} for _ in COLUMNS]
        packed: list[int] = []
        kept: list[Mapping[str, float]] = []
        for feature, by_label in sorted(weights.items()):
            name, _, rest = feature.partition(SEPARATOR)
            template = int(name)
            numbers = [
                _EDGE_NUMBER if value == EDGE else values[column].setdefault(value, len(values[column]) + _FIRST_NUMBER)
                for (column, _), value in zip(TEMPLATES[template], rest.split(SEPARATOR), strict=True)
            ]
            packed.append(_pack(template, numbers))
            kept.append(by_label)
        order = np.argsort(np.array(packed, np.int64))
        table = np.array([[kept[at].get(label, 0.0) for label in labels] for at in order], np.float32).reshape(-1, len(labels))
        between = np.array([[moves.get((one, other), 0.0) for other in labels] for one in labels])
        return cls(labels, [list(each) for each in values], np.array(packed, np.int64)[order], table, between)

    @classmethod
    def load(cls, path: Path) -> Field:
        """The file that `save` wrote; raises ComplianceError where it cannot be read."""
        try:
            with np.load(path, allow_pickle=False) as file:
                labels, *values = bytes(file["values"]).decode().split(EDGE)
                columns = [each.split(SEPARATOR) if each else [] for each in values]
                weights = np.zeros(tuple(file["shape"]), np.float32)
                weights[file["at"], file["label"]] = file["weight"]
                return cls(labels.split(SEPARATOR), columns, np.cumsum(file["steps"]), weights, file["moves"])
        except (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile) as error:
            raise ComplianceError(f"the tagger of names cannot be read: {path} ({type(error).__name__})") from None

    def save(self, path: Path) -> None:
        """Writes what `load` reads; equal fields give equal bytes."""
        order = np.argsort(self._features)
        weights = self._weights[order]
        at, label = np.nonzero(weights)
        texts = EDGE.join(SEPARATOR.join(each) for each in (self.labels, *self._values))
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                values=np.frombuffer(texts.encode(), np.uint8), steps=np.diff(self._features[order], prepend=0),
                shape=np.array(weights.shape), at=at.astype(np.int32), label=label.astype(np.uint8), weight=weights[at, label],
                moves=self._moves,
            )  # fmt: skip

    def parts(self) -> tuple[dict[str, dict[str, float]], dict[tuple[str, str], float]]:
        """The weights and moves that `of` makes this field of; zeros are left out."""
        mask, weights = (1 << _BITS) - 1, {}
        for key, row in zip(self._features.tolist(), self._weights.tolist(), strict=True):
            template = key >> 3 * _BITS
            numbers = [key >> shift * _BITS & mask for shift in (2, 1, 0)][: len(TEMPLATES[template])]
            values = (
                EDGE if number == _EDGE_NUMBER else self._values[column][number - _FIRST_NUMBER]
                for (column, _), number in zip(TEMPLATES[template], numbers, strict=True)
            )
            weights[SEPARATOR.join((str(template), *values))] = {label: x for label, x in zip(self.labels, row, strict=True) if x}
        moves = {
            (one, other): float(self._moves[row, column])
            for row, one in enumerate(self.labels)
            for column, other in enumerate(self.labels)
            if self._moves[row, column]
        }
        return weights, moves

    @property
    def moves(self) -> Weights:
        """The weight of each label after each other: (labels, labels), from and to."""
        return self._moves

    # -- the probabilities ---------------------------------------------------------------------------------------------

    def scores(self, columns: Sequence[Sequence[str]]) -> Weights:
        """What the features of each token say for each label: (tokens, labels)."""
        size = len(columns[0])
        known = chain.from_iterable(map(each.__getitem__, values) for each, values in zip(self.numbers, columns, strict=True))
        return self.scores_of(np.fromiter(known, np.int64, len(COLUMNS) * size).reshape(len(COLUMNS), size))

    def scores_of(self, numbers: Numbers) -> Weights:
        """The same from the number of each value, (columns, tokens), as `numbers` has them."""
        size = numbers.shape[1]
        padded = np.full((size + BEFORE + AFTER, len(COLUMNS)), _EDGE_NUMBER, np.int64)
        padded[BEFORE : BEFORE + size] = numbers.T
        values = padded.ravel().take(_PLACES[:, :size] if size <= _MOST_PLACES else _places(size))
        rows = np.empty((len(TEMPLATES), size), np.int64)
        np.add(values[: len(_ALONE)], self._alone_first, out=rows[: len(_ALONE)])
        first, second, third = values[len(_ALONE) :].reshape(3, -1, size)  # each (templates, tokens)
        first <<= 2 * _BITS
        second <<= _BITS
        third &= _HAS_THIRD
        first |= second
        first |= third
        first |= _JOINED_BITS
        keys = first.ravel()
        found = self._places.take(_hashed(keys))
        other = self._keys.take(found) != keys
        found[other] = self._crowded.take(found[other])
        for at in np.flatnonzero(found < 0).tolist():
            found[at] = self._second.get(int(keys[at]), 0)
        np.add(found.reshape(-1, size), self._none, out=rows[len(_ALONE) :])
        # as a product, because to sum so many rows of nine takes twice the time
        return cast(Weights, (_ONES @ self._rows.take(rows, axis=0).reshape(len(TEMPLATES), -1)).reshape(size, -1))

    def probabilities(self, scores: Weights) -> Weights:
        """The marginal probability of each label at each token: (tokens, labels), rows of sum 1."""
        size, count = scores.shape
        each = np.exp(scores - scores.max(axis=1, keepdims=True))
        pairs = np.hstack([each, each[::-1]])
        steps = np.empty((size, 2 * count))
        now = steps[0] = pairs[0]
        for at, (after, pair) in enumerate(zip(steps[1:], pairs[1:], strict=True), 1):  # forwards in the first half, backwards behind it
            now.dot(self._both, after)
            np.multiply(after, pair, after)
            if at % _RESCALED == 0:
                after[:count] /= after[:count].sum()
                after[count:] /= after[count:].sum()
            now = after
        forwards, backwards = steps[:, :count], np.ones((size, count))
        backwards[:-1] = steps[::-1, count:][1:] @ self._step.T
        both = forwards * backwards
        return cast(Weights, both / both.sum(axis=1, keepdims=True))


def written(columns: Sequence[Sequence[str]]) -> list[list[str]]:
    """The features of each token as the strings that CRFsuite is trained with."""
    size = len(columns[0])
    padded = [[EDGE] * BEFORE + list(each) + [EDGE] * AFTER for each in columns]
    out: list[list[str]] = []
    for at in range(BEFORE, BEFORE + size):
        found = []
        for number, template in enumerate(TEMPLATES):
            values = [padded[column][at + offset] for column, offset in template]
            if all(values):
                found.append(SEPARATOR.join((str(number), *values)))
        out.append(found)
    return out


def _pack(template: int, numbers: Sequence[int]) -> int:
    first, second, third = (*numbers, 0, 0)[:3]
    return template << 3 * _BITS | first << 2 * _BITS | second << _BITS | third


_ALONE = tuple(number for number, template in enumerate(TEMPLATES) if len(template) == 1)
_JOINED = tuple(number for number, template in enumerate(TEMPLATES) if len(template) > 1)
"""Templates of one value, whose features lie in a table by the number of the value; and of several, which are looked up."""
_ALONE_COLUMNS = np.array([[TEMPLATES[number][0][0]] for number in _ALONE], np.int64)
_ALONE_OFFSETS = np.array([[TEMPLATES[number][0][1]] for number in _ALONE], np.int64) + BEFORE


def _hashed(keys: Numbers) -> Numbers:
    return (keys.view(np.uint64) * _MULTIPLIER >> _HASH_SHIFT).view(np.int64)


def _part(place: int, of: int) -> list[list[int]]:
    return [[TEMPLATES[number][place if place < len(TEMPLATES[number]) else 0][of]] for number in _JOINED]


_COLUMNS = np.array([_part(place, 0) for place in range(3)], np.int64).reshape(-1, 1)
_OFFSETS = np.array([_part(place, 1) for place in range(3)], np.int64).reshape(-1, 1) + BEFORE
_JOINED_BITS = np.array(_JOINED, np.int64)[:, None] << 3 * _BITS
_HAS_THIRD = np.array([-1 if len(TEMPLATES[number]) > 2 else 0 for number in _JOINED], np.int64)[:, None]
_ONES = np.ones(len(TEMPLATES))
_MOST_PLACES = 512


def _places(size: int) -> Numbers:
    """Where the values of the templates stand, with the columns of all tokens in a row: those of `_ALONE`, then the parts of `_JOINED`."""
    begins = np.vstack([_ALONE_OFFSETS * len(COLUMNS) + _ALONE_COLUMNS, _OFFSETS * len(COLUMNS) + _COLUMNS])
    return cast(Numbers, begins + np.arange(size) * len(COLUMNS))


_PLACES = _places(_MOST_PLACES)
