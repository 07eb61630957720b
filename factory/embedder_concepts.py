"""What people ask a bank about, as vectors beside an embedder: the mean of all sayings of each concept (`factory/concepts`).

    python -m factory.embedder_concepts --model models/embedder

Writes `concepts.npy` `(concepts, dim)` int8 and renews the checksums. It goes with one embedder: run it after every tuning, then
`python -m factory.ranking`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from factory.concepts import Saying, read_concepts
from factory.embedder import write_checksums
from knowledge.embedder import CONCEPTS, Embedder, load_embedder, unit

PROJECT = Path(__file__).resolve().parent.parent
STEP = 1 / 400
"""Of what is stored: numbers of vectors of length 1 are seldom as large as 127 of them."""


def concept_vectors(embedder: Embedder, sayings: Sequence[Saying]) -> npt.NDArray[np.int8]:
    """`(concepts, dim)` in the order of their names; every saying of a concept counts the same, whatever its language and kind."""
    names = sorted({saying.concept for saying in sayings})
    place = {name: number for number, name in enumerate(names)}
    sums = np.zeros((len(names), embedder.dim), np.float64)
    np.add.at(sums, [place[saying.concept] for saying in sayings], embedder.encode([saying.text for saying in sayings]).astype(np.float64))
    return np.asarray(np.clip(np.rint(unit(sums.astype(np.float32)) / STEP), -127, 127), np.int8)


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=PROJECT / "models" / "embedder")
    arguments = parser.parse_args()
    vectors = concept_vectors(load_embedder(arguments.model), read_concepts())
    part = arguments.model / (CONCEPTS + ".part")
    with part.open("wb") as file:
        np.save(file, vectors)
    os.replace(part, arguments.model / CONCEPTS)
    write_checksums(arguments.model)
    print(f"{len(vectors)} concepts of {vectors.shape[1]} numbers in {arguments.model / CONCEPTS}")


if __name__ == "__main__":
    main()
