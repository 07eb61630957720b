"""Keywords: what people call the subject of a policy, which its own text may never say ("in the red" for an overdraft).

A steward writes them in the front matter (`keywords: "in the red; account below zero"`). They help to find a policy and are
never shown as evidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors
from knowledge.index import Index


class Keywords:
    """The title and the keywords of each policy of an index, as vectors."""

    def __init__(self, index: Index) -> None:
        numbers = {policy.key: number for number, policy in enumerate(index.policies)}
        self._policy = np.array([numbers[passage.policy.key] for passage in index.passages], np.int64)
        phrases = [(policy.title, *policy.keywords) for policy in index.policies]
        self._starts = np.cumsum([0, *map(len, phrases[:-1])])
        self._vectors = index.embedder.encode([phrase for each in phrases for phrase in each])
        of_policy: dict[int, list[int]] = {}
        for passage, number in enumerate(self._policy):
            of_policy.setdefault(int(number), []).append(passage)
        self._passages = of_policy

    def nearness(self, vector: Vectors) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Two `(passages,)` float32: the cosine of a question with the title of each passage's policy, and with the nearest of its
        title and keywords."""
        # einsum and not @: a product of this size wakes BLAS's threads, and waits for them where the model keeps the cores busy.
        similar = np.einsum("ij,j->i", self._vectors, vector)
        return similar[self._starts][self._policy], np.maximum.reduceat(similar, self._starts)[self._policy]

    def passages(self, nearness: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], most: int) -> list[list[int]]:
        """The passages of the `most` policies that are nearest, of those that may answer."""
        found: dict[int, None] = {}
        for passage in np.argsort(-np.where(mask, nearness, -1.0), kind="stable"):
            if not mask[passage]:
                break
            found[int(self._policy[passage])] = None
            if len(found) == most:
                break
        return [[passage for passage in self._passages[number] if mask[passage]] for number in found]
