"""Likeness: how much of a question a text says, word by word and by meaning rather than by spelling.

Each piece of the question is compared with the piece of the text that is nearest to it, and weighs what it moves a sentence's vector
(late interaction: Khattab & Zaharia 2020, here over the table of the embedder). A mean of words forgets that one word of the
question is not answered to; this does not.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def nearest(self, embedder: Embedder, texts: Sequence[Pieces]) -> Vectors:
        """`(texts, n)` cosine (0-1) of each piece of the question with the nearest piece of each text; 0 for a text without pieces."""
        found = np.zeros((len(texts), len(self.weights)), np.float32)
        filled = [place for place, text in enumerate(texts) if len(text)]
        if not filled or not len(self.weights):
            return found
        known, places = np.unique(np.concatenate([texts[place] for place in filled]), return_inverse=True)
        vectors = embedder.piece_vectors(known)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        starts = np.cumsum([0, *(len(texts[place]) for place in filled[:-1])])
        found[filled] = np.maximum.reduceat((vectors @ self.directions.T)[places], starts, axis=0)
        return np.clip(found, 0.0, 1.0)

    def said(self, nearest: Vectors) -> npt.NDArray[np.float32]:
        """`(texts,)` the share (0-1) of the question that each text says."""
        return np.asarray(nearest @ self.weights, np.float32)

    def said_of_rest(self, nearest: Vectors, heads: Vectors) -> npt.NDArray[np.float32]:
        """`(texts,)` the share (0-1) that each text says of what the heading above it, `heads` `(texts, n)`, leaves open."""
        left = self.weights * (1.0 - heads)
        return np.asarray((nearest * left).sum(axis=1) / np.maximum(left.sum(axis=1), 1e-6), np.float32)
