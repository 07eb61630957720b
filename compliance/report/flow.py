"""Set a paragraph in any of the eight languages, with parts of it marked: line breaking, right-to-left, Chinese.

The PDF library shapes and orders the letters of a line; where a line ends, and which part of it is marked, is decided
here. Chinese may break between any two characters except before closing punctuation (GB/T 15834); other scripts break
at spaces. In a right-to-left paragraph lines begin at the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from compliance.report.paper import INK, MARK, Color, Paper

RIGHT_TO_LEFT = frozenset({"ar"})
_FAMILY = {"ar": "arabic", "zh": "chinese"}
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_UNIT = re.compile(rf"[{_WIDE}]|[^\s{_WIDE}]+|\s+")
_NEVER_FIRST = frozenset("、。，．：；？！）》」』】〉〕”’…·%),.:;!?")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text; `marked` gives it a background."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class _Unit:
    text: str
    marked: bool


def flow(
    paper: Paper,
    runs: Sequence[Run],
    language: str,
    *,
    x: float,
    width: float,
    size: float,
    color: Color,
    style: str = "",
) -> None:
    """Sets a paragraph between x and x + width (mm) from the paper's y on, over as many pages as it takes."""
    backwards = language in RIGHT_TO_LEFT
    family = _FAMILY.get(language, "sans")
    height = size * 0.56
    paper.font("" if family == "chinese" else style, size, color, family)
    paper.set_text_shaping(True, direction="rtl" if backwards else "ltr")
    lines = list(_lines(paper, runs, width))
    paper.set_text_shaping(True)
    for line in lines:
        paper.room(height)  # may set the head of a new page, which reads from left to right
        paper.set_text_shaping(True, direction="rtl" if backwards else "ltr")
        _draw(paper, line, x, width, height, color, backwards=backwards)
        paper.set_text_shaping(True)
        paper.set_y(paper.get_y() + height)
    paper.set_x(paper.l_margin)


def _units(paper: Paper, runs: Sequence[Run]) -> Iterator[_Unit]:
    """What a line may not break inside of."""
    for run in runs:
        held = ""
        for found in _UNIT.finditer(paper.drawable(run.text)):
            text = found[0]
            if held and (held.isspace() or not (text.isspace() or text[0] in _NEVER_FIRST)):
                yield _Unit(held, run.marked)
                held = ""
            held += text
        if held:
            yield _Unit(held, run.marked)


def _lines(paper: Paper, runs: Sequence[Run], width: float) -> Iterator[list[_Unit]]:
    line: list[_Unit] = []
    used = 0.0
    for unit in _broken(paper, runs, width):
        wide = paper.get_string_width(unit.text)
        if line and used + paper.get_string_width(unit.text.rstrip()) > width:
            yield line
            line, used = [], 0.0
        line.append(unit)
        used += wide
    if line:
        yield line


def _broken(paper: Paper, runs: Sequence[Run], width: float) -> Iterator[_Unit]:
    """Units no wider than a line: one that is (a long number, an address) is cut wherever it must be."""
    for unit in _units(paper, runs):
        text = unit.text
        while paper.get_string_width(text.rstrip()) > width and len(text) > 1:
            most = next(n for n in range(len(text) - 1, 0, -1) if n == 1 or paper.get_string_width(text[:n]) <= width)
            yield _Unit(text[:most], unit.marked)
            text = text[most:]
        yield _Unit(text, unit.marked)


def _draw(paper: Paper, line: Sequence[_Unit], x: float, width: float, height: float, color: Color, *, backwards: bool) -> None:
    at, top = x + width if backwards else x, paper.get_y()
    segments = [(marked, "".join(unit.text for unit in units)) for marked, units in groupby(line, lambda unit: unit.marked)]
    segments[-1] = (segments[-1][0], segments[-1][1].rstrip())
    for marked, text in segments:
        wide = paper.get_string_width(text)
        at -= wide if backwards else 0
        paper.set_text_color(*(INK if marked else color))
        if marked:
            paper.box(at, top + height * 0.06, wide, height * 0.9, MARK)
        paper.set_xy(at, top)
        paper.cell(wide, height, text)
        at += 0 if backwards else wide
    paper.set_y(top)
