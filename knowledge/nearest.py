"""Nearest: the vectors of a collection that are nearest to another, exactly in a small one, nearly in a large one (FAISS).

A branch has hundreds of policies, and every vector of them is looked at. From EXACT vectors on they are kept in half the space and in
lists of neighbours, of which only the nearest are looked at: what that misses is measured by `benchmarks/search.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors

EXACT = 50_000
LOOKED_AT = 0.05
"""The share of the lists that a search looks at."""
SAMPLE = 60
"""Vectors a list that the lists are chosen by."""


class Allowed:
    """Which numbers of a collection may be found: `mask` is `(n,)` bool, kept also as FAISS reads it."""

    def __init__(self, mask: npt.NDArray[np.bool_]) -> None:
        import faiss as library

        faiss: Any = library
        self.mask = mask
        self.any = bool(mask.any())
        self._bits = np.packbits(mask, bitorder="little")
        self.selector: Any = faiss.IDSelectorBitmap(self._bits)


def collection(vectors: Vectors) -> Any:
    """A FAISS index of `(n, dim)` float32 rows of length 1, by inner product."""
    import faiss as library

    faiss: Any = library
    count, dim = vectors.shape
    if count < EXACT:
        index = faiss.IndexFlatIP(dim)
    else:
        lists = int(4 * count**0.5)
        index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid = SAMPLE
        index.cp.niter = 10
        index.train(vectors[:: max(1, count // (SAMPLE * lists))])
    for start in range(0, count, 65_536):
        index.add(vectors[start : start + 65_536])
    return index


def nearest(index: Any, vector: Vectors, count: int, allowed: Allowed) -> dict[int, float]:
    """At most `count` numbers that are allowed, with their cosines, the nearest first; `vector` is `(dim,)` float32 of length 1."""
    import faiss as library

    faiss: Any = library
    if isinstance(index, faiss.IndexIVF):
        parameters = faiss.SearchParametersIVF(sel=allowed.selector, nprobe=max(1, int(LOOKED_AT * index.nlist)))
    else:
        parameters = faiss.SearchParameters(sel=allowed.selector)
    scores, ids = index.search(vector[None, :], count, params=parameters)
    return {int(number): float(score) for number, score in zip(ids[0], scores[0], strict=True) if number >= 0}
