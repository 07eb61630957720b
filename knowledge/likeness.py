"""Likeness: how much of a question a text says, word by word and by meaning rather than by spelling.

Each piece of the question is compared with the piece of the text that is nearest to it, and weighs what it moves a sentence's vector
(late interaction: Khattab & Zaharia 2020, here over the table of the embedder). A mean of words forgets that one word of the
question is not answered to; this does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Embedder, Pieces, Vectors


@dataclass(frozen=True, slots=True)
class AskedPieces:
    """The pieces of a question: `directions` `(n, dim)` of length 1, `weights` `(n,)` that sum to 1."""

    directions: Vectors
    weights: Vectors

    @classmethod
    def of(cls, embedder: Embedder, asking: str, before: str = "", earlier: float = 0.0) -> AskedPieces:
        """Of a question, and what was asked before it at `earlier` of its weight."""
        now, old = embedder.pieces([asking, before])
        vectors = embedder.piece_vectors(np.concatenate([now, old]))
        norms = np.linalg.norm(vectors, axis=1)
        weights = norms * np.where(np.arange(len(norms)) < len(now), 1.0, earlier)
        return cls(vectors / np.maximum(norms, 1e-9)[:, None], (weights / max(float(weights.sum()), 1e-9)).astype(np.float32))

    def nearest(self, embedder: Embedder, pieces: Pieces, counts: npt.NDArray[np.int64]) -> Vectors:
        """`(texts, n)` cosine (0-1) of each piece of the question with the nearest piece of each text; 0 for a text without pieces.

        The texts' `pieces` stand one text after another, `counts` `(texts,)` of them in each.
        """
        found = np.zeros((len(counts), len(self.weights)), np.float32)
        filled = counts > 0
        if not filled.any() or not len(self.weights):
            return found
        # The same piece stands in many statements: each is compared once. Marking them is quicker than sorting them.
        place = np.full(int(pieces.max()) + 1, -1, np.int32)
        place[pieces] = 0
        known = np.flatnonzero(place == 0)
        place[known] = np.arange(len(known))
        vectors = embedder.piece_vectors(known.astype(np.int32))
        cosines = (vectors @ self.directions.T) / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-9)[:, None]
        starts = (np.cumsum(counts) - counts)[filled]
        found[filled] = np.maximum.reduceat(cosines[place[pieces]], starts, axis=0)
        return np.clip(found, 0.0, 1.0, out=found)

    def said(self, nearest: Vectors) -> npt.NDArray[np.float32]:
        """`(texts,)` the share (0-1) of the question that each text says."""
        return np.asarray((nearest * self.weights).sum(axis=1), np.float32)

    def said_of_rest(self, nearest: Vectors, heads: Vectors) -> npt.NDArray[np.float32]:
        """`(texts,)` the share (0-1) that each text says of what the heading above it, `heads` `(texts, n)`, leaves open."""
        left = self.weights * (1.0 - heads)
        return np.asarray((nearest * left).sum(axis=1) / np.maximum(left.sum(axis=1), 1e-6), np.float32)

    def unsaid(self, nearest: Vectors, heads: Vectors) -> npt.NDArray[np.float32]:
        """`(texts,)` how much (0-1) counts what neither a text nor the heading above it says: the largest, over the question's pieces, of
        its part of the weightiest one's weight, as far as nothing like it is there. A question about another thing than the text has one.
        """
        weights = self.weights / max(float(self.weights.max(initial=0.0)), 1e-9)
        return np.asarray(((1.0 - np.maximum(nearest, heads)) * weights).max(axis=1, initial=0.0), np.float32)
