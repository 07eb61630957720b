"""The mean of several runs of the tagger: `python -m factory.names.mean RUN… [--out models/names]`.

Runs that differ in nothing but the names their templates were filled with, or in how many, disagree by some points. What they are trained
for is convex and nearly the same, so that the mean of their weights is trained for it as well, and leaves out some of what each learnt by
accident. A run that is named twice counts twice.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compliance.redaction.field import Field
from compliance.redaction.tagger import MODEL
from factory.names.lexicon import ROOT


def mean(fields: Sequence[Field]) -> Field:
    """A field with the mean weight of each feature and move; what a run does not know counts as zero there."""
    weights: dict[str, Counter[str]] = {}
    moves: Counter[tuple[str, str]] = Counter()
    for field in fields:
        known, between = field.parts()
        for feature, by_label in known.items():
            weights.setdefault(feature, Counter()).update({label: weight / len(fields) for label, weight in by_label.items()})
        moves.update({pair: weight / len(fields) for pair, weight in between.items()})
    return Field.of(fields[0].labels, weights, moves)


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders that factory.names.train wrote to, each with its own --seed")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "names")
    given = parser.parse_args()
    mean([Field.load(run / MODEL) for run in given.runs]).save(given.out / MODEL)
    print(f"{given.out / MODEL}: {(given.out / MODEL).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
