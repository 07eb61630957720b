"""Scores: how well a finder masks what a marked text holds; the marks are `[[TYPE:value]]` (tests/gold/redaction).

A marked value counts as found when at least half of its letters and digits are masked, as whole when all of them are, whatever type the
mask bears: a name masked as a town is not leaked. A mask counts as right when at least half of its letters and digits
belong to marked values. Precision is by the mask's type, recall by the mark's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Span = tuple[str, int, int]
Find = Callable[[str], Sequence[Span]]

STRONG = frozenset({"IBAN", "CARD", "EMAIL", "ID", "MRZ", "CRYPTO", "IP", "MAC", "URL", "BIC"})
"""Types that a checksum or a fixed form tells."""
NAMES = frozenset({"PERSON", "ADDRESS", "LOCATION", "ORGANIZATION"})
_MARK = re.compile(r"\[\[([A-Z_]+):(.*?)\]\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with its marked values as (type, start, end)."""

    text: str
    spans: tuple[Span, ...]


def read_marked(line: str) -> Marked:
    """A line of the gold set; literal `\\n` is a line break. Raises ValueError for a mark that is not closed."""
    out: list[str] = []
    spans: list[Span] = []
    done = length = 0
    line = line.replace("\\n", "\n")
    for mark in _MARK.finditer(line):
        before, value = line[done : mark.start()], mark[2]
        length += len(before)
        spans.append((mark[1], length, length + len(value)))
        out += [before, value]
        length += len(value)
        done = mark.end()
    out.append(line[done:])
    text = "".join(out)
    if "[[" in text:
        raise ValueError("a mark is not closed")
    return Marked(text, tuple(spans))


def read_gold(path: Path) -> list[Marked]:
    """Every marked message of a file."""
    return [read_marked(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


@dataclass(slots=True)
class Count:
    """Marked values: all, found, whole; masks: all, right."""

    marked: int = 0
    found: int = 0
    whole: int = 0
    masks: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.marked if self.marked else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.masks if self.masks else 1.0

    @property
    def f2(self) -> float:
        """F with recall counting twice as much as precision (van Rijsbergen 1979)."""
        weighed = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighed if weighed else 0.0


@dataclass(slots=True)
class Score:
    """Counts by type, over all, and over names; how many clean messages there are and were touched."""

    types: dict[str, Count] = field(default_factory=dict)
    total: Count = field(default_factory=Count)
    names: Count = field(default_factory=Count)
    strong: Count = field(default_factory=Count)
    clean: int = 0
    touched: int = 0
    missed: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)


def score(rows: Iterable[Marked], find: Find) -> Score:
    """The score of a finder; `missed` and `wrong` hold (type, value, text) of each fault."""
    result = Score()
    for row in rows:
        masks = [span for span in find(row.text) if span[1] < span[2]]
        marked, masked = _places(row.text, row.spans), _places(row.text, masks)
        result.clean += not row.spans
        result.touched += not row.spans and bool(masks)
        for span in row.spans:
            places = _places(row.text, [span])
            covered = len(places & masked)
            for count in _counts(result, span[0]):
                count.marked += 1
                count.found += covered * 2 >= len(places)
                count.whole += covered == len(places)
            if covered < len(places):
                result.missed.append((span[0], row.text[span[1] : span[2]], row.text))
        for span in masks:
            places = _places(row.text, [span])
            right = len(places & marked) * 2 >= len(places)
            for count in _counts(result, span[0]):
                count.masks += 1
                count.right += right
            if not right:
                result.wrong.append((span[0], row.text[span[1] : span[2]], row.text))
    return result


def _counts(result: Score, kind: str) -> list[Count]:
    counts = [result.total, result.types.setdefault(kind, Count())]
    if kind in NAMES:
        counts.append(result.names)
    if kind in STRONG:
        counts.append(result.strong)
    return counts


def _places(text: str, spans: Iterable[Span]) -> set[int]:
    return {place for _, start, end in spans for place in range(start, end) if text[place].isalnum()}
