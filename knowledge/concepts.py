"""Concepts: what a question and a statement are about, of the things that people ask a bank.

A concept is the mean of all that customers, tellers and policies say of it, in eight languages (`factory/embedder_concepts.py`). Two texts
that have no word alike, and are not very near each other, may still both be nearest to "night safe" and far from "cash withdrawal":
their profiles over all the concepts agree.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors, unit
from knowledge.index import Index
from knowledge.reading import headings

SHARPNESS = 16.0
"""By which a cosine is multiplied before the softmax: chosen on the gold train and dev questions, where 12 to 25 do alike."""

KEPT = 4096
"""Passages whose profiles are kept at most: those of a large collection would fill the memory."""


def profiles(concepts: Vectors, vectors: Vectors) -> Vectors:
    """`(texts, k)` float32: the square roots of how likely each text is about each of the `(k, dim)` concepts.

    The product of two rows (0-1) is the Bhattacharyya coefficient of the two texts' concepts (Bhattacharyya 1943): 1 where they agree.
    """
    if not len(concepts):
        return np.zeros((len(vectors), 0), np.float32)
    half = (vectors @ concepts.T) * (SHARPNESS / 2)
    return unit(np.exp(half - half.max(axis=1, keepdims=True)))


class Concepts:
    """The profiles of an index's passages. Safe to use from several threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[int, npt.NDArray[np.float16]] = {}

    def of(self, passage: int) -> Vectors:
        """`(1 + statements, k)`: of the headings above a passage, then of each statement alone."""
        known = self._known.get(passage)
        if known is None:
            embedder = self._index.embedder
            head = embedder.encode([headings(self._index.passages[passage])])
            known = profiles(embedder.concepts, np.concatenate([head, self._index.vectors_of(passage)[1]])).astype(np.float16)
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[passage] = known
        return known.astype(np.float32)

    def asked(self, vector: Vectors) -> Vectors:
        """`(k,)` of a question with this vector."""
        profile: Vectors = profiles(self._index.embedder.concepts, vector[None])[0]
        return profile
