"""A policy's text as blocks of pieces, each with its place in the text: what is drawn is always a slice of the policy.

Markdown's marks of headings, lists, tables and emphasis are left out; everything else, HTML too, is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "paragraph", "item", "row"]
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
_ITEM = re.compile(r"\s*[-*+][ \t]+")
_NUMBERED = re.compile(r"\s*\d{1,3}[.)][ \t]+")
_RULE = re.compile(r"-{3,}|\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?|\|[ \t]*:?-+:?[ \t]*\|")
_CELL = re.compile(r"(?:\\\||[^|])+")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1|(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=[^\s*])\*(?![\w*])")


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice `[start, end)` of the text, in characters."""

    start: int
    end: int
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A heading (with its level), a paragraph, an item of a list or a row of a table; only a row has more than one cell."""

    kind: Kind
    cells: tuple[tuple[Piece, ...], ...]
    level: int = 0


def blocks(text: str) -> list[Block]:
    """The text without its front matter, in order."""
    found: list[Block] = []
    front = _FRONT_MATTER.match(text)
    joins = False
    for line in _LINE.finditer(text, front.end() if front else 0):
        start, end = _stripped(text, line.start(), line.end())
        if start == end or (text[start] in "|-:" and _RULE.fullmatch(text, start, end)):
            joins = False
            continue
        block = _block(text, start, end)
        if block.kind == "paragraph" and joins:
            before = found.pop()
            block = Block(before.kind, ((*before.cells[0], *block.cells[0]),), before.level)
        found.append(block)
        joins = block.kind in ("paragraph", "item")
    return found


def _block(text: str, start: int, end: int) -> Block:
    if heading := _HEADING.match(text, start, end):
        return Block("heading", (tuple(_pieces(text, heading.end(), end)),), len(heading.group(1)))
    cells = [_stripped(text, *cell.span()) for cell in _CELL.finditer(text, start, end)] if text[start] == "|" else []
    if any(cell[0] < cell[1] for cell in cells):
        return Block("row", tuple(tuple(_pieces(text, *cell)) for cell in cells))
    if item := _ITEM.match(text, start, end):
        return Block("item", (tuple(_pieces(text, item.end(), end)),))
    kind: Kind = "item" if _NUMBERED.match(text, start, end) else "paragraph"
    return Block(kind, (tuple(_pieces(text, start, end)),), int(kind == "item"))


def _pieces(text: str, start: int, end: int) -> Iterator[Piece]:
    at = start
    for found in _STRONG.finditer(text, start, end):
        inner = 2 if found.group(2) is not None else 3
        if at < found.start():
            yield Piece(at, found.start())
        yield Piece(*found.span(inner), strong=inner == 2)
        at = found.end()
    if at < end:
        yield Piece(at, end)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
