"""The mean of several runs of the tagger: `python -m factory.names.mean RUN… [--chinese RUN --share 0.6] [--out models/names]`.

Runs that differ in nothing but the names their templates were filled with, or in how many, disagree by some points. What they are trained
for is convex and nearly the same, so that the mean of their weights is trained for it as well, and leaves out some of what each learnt by
accident. A run that is named twice counts twice.

A run that was trained for one script, with little of the others, would take names from these: of one for Chinese (`--chinese`) only those
weights count, by its share, whose feature tells of a Chinese character.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compliance.redaction.features import COLUMNS, SEPARATOR, TEMPLATES, glued
from compliance.redaction.field import Field
from compliance.redaction.tagger import MODEL
from compliance.redaction.tokens import is_han
from factory.names.lexicon import ROOT

_SHAPED = frozenset(map(COLUMNS.index, ("shape", "glued_after", "glued_before")))
_CHINESE = frozenset(("h", glued("h")))


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


def is_chinese(feature: str) -> bool:
    """Whether a feature tells of a Chinese character."""
    number, *values = feature.split(SEPARATOR)
    for (column, _), value in zip(TEMPLATES[int(number)], values, strict=True):
        if (column in _SHAPED and value in _CHINESE) or is_han(value):
            return True
    return False


def with_chinese(field: Field, other: Field, share: float) -> Field:
    """A field with the weights of another, by its `share` of 1, in the features that tell of a Chinese character."""
    ours, moves = field.parts()
    theirs, _ = other.parts()
    weights: dict[str, dict[str, float]] = {}
    for feature in {**ours, **theirs}:
        mine = ours.get(feature, {})
        if is_chinese(feature):
            its = theirs.get(feature, {})
            mine = {label: (1 - share) * mine.get(label, 0.0) + share * its.get(label, 0.0) for label in {**mine, **its}}
        if mine:
            weights[feature] = dict(mine)
    return Field.of(field.labels, weights, moves)


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders that factory.names.train wrote to, each with its own --seed")
    parser.add_argument("--chinese", type=Path, help="a run that counts in Chinese alone")
    parser.add_argument("--share", type=float, default=0.5, help="of that run there")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "names")
    given = parser.parse_args()
    field = mean([Field.load(run / MODEL) for run in given.runs])
    if given.chinese:
        field = with_chinese(field, Field.load(given.chinese / MODEL), given.share)
    field.save(given.out / MODEL)
    print(f"{given.out / MODEL}: {(given.out / MODEL).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
