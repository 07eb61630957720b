"""Keywords: what people call the subject of a policy, which its own text may never say ("in the red" for an overdraft).

A steward writes them in the front matter (`keywords: "in the red; account below zero"`). They help to find a policy and are
never shown as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors
from knowledge.index import Index
from knowledge.nearest import EXACT, Allowed, collection, nearest

LOOKED_THROUGH = 64
"""Phrases that are looked through for the nearest policies: one policy may have many that are near."""


class Keywords:
    """The title and the keywords of each policy of an index, as vectors."""

    def __init__(self, index: Index) -> None:
        numbers = {policy.key: number for number, policy in enumerate(index.policies)}
        self.policy = np.array([numbers[passage.policy.key] for passage in index.passages], np.int64)
        """The number of each passage's policy."""
        phrases = [(policy.title, *policy.keywords) for policy in index.policies]
        self._starts = np.cumsum([0, *map(len, phrases)])
        self._policy_of = np.repeat(np.arange(len(phrases)), np.diff(self._starts))
        vectors = index.embedder.encode([phrase for each in phrases for phrase in each])
        self._collection = collection(vectors)
        self._vectors = vectors.astype(np.float16) if len(vectors) >= EXACT else vectors
        self._first = np.searchsorted(self.policy, np.arange(len(phrases) + 1))

    def eligible(self, mask: npt.NDArray[np.bool_]) -> Allowed:
        """Titles and keywords of the policies whose passages `mask` allows."""
        policies = np.zeros(len(self._first) - 1, np.bool_)
        policies[self.policy[mask]] = True
        return Allowed(policies[self._policy_of])

    def nearness(self, vector: Vectors, policies: Iterable[int]) -> dict[int, tuple[float, float]]:
        """For each of these policies, the cosine of a question with its title, and with the nearest of its title and keywords."""
        found = {}
        for policy in policies:
            first, last = self._starts[policy : policy + 2]
            similar = self._vectors[first:last].astype(np.float32) @ vector
            found[policy] = float(similar[0]), float(similar.max())
        return found

    def passages(self, vector: Vectors, allowed: Allowed, most: int) -> list[int]:
        """The passages of the `most` policies whose title or keywords are nearest, of those that are allowed."""
        near = nearest(self._collection, vector, min(LOOKED_THROUGH, len(self._policy_of)), allowed)
        policies = list(dict.fromkeys(int(self._policy_of[phrase]) for phrase in near))[:most]
        return [passage for policy in policies for passage in range(self._first[policy], self._first[policy + 1])]
