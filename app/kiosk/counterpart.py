"""The same place of a policy in another language: what a customer is told, as the bank itself says it in the teller's language.

The bank's policies say the same in every language, section by section and statement by statement (`tellerbox knowledge check`
holds their figures together). Where the headings of two texts and the statements of a section are as many, the n-th statement
stands for the n-th; where they are not, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from app.kiosk.policy_text import Block, blocks
from knowledge.sentences import sentence_spans

Span = tuple[int, int]
COLONS = {"zh": "：", "fr": "\u00a0: "}
"""How a colon is set, as the box sets it (knowledge.passages)."""


def counterpart(text: str, language: str, span: Span, other: str, other_language: str) -> Span | None:
    """The span of `other` that says what `span` of `text` says, both in characters; None where the two texts are not alike."""
    here, there = _sections(text, language), _sections(other, other_language)
    if len(here) != len(there):
        return None
    for own, theirs in zip(here, there, strict=True):
        touched = [at for at, (start, end) in enumerate(own) if start < span[1] and span[0] < end]
        if touched:
            return (theirs[touched[0]][0], theirs[touched[-1]][1]) if len(own) == len(theirs) else None
    return None


def spoken(text: str, span: Span, language: str = "en") -> str:
    """A span as one reads it aloud: a row of a table as `first cell: second cell`, without marks of Markdown."""
    colon, gap = COLONS.get(language, ": "), "" if language == "zh" else " "
    parts: list[str] = []
    for block in blocks(text):
        cells = ["".join(_words(text, block, cell, span)).strip() for cell in range(len(block.cells))]
        if any(cells):
            parts.append(colon.join(cell for cell in cells if cell))
    return gap.join(parts)


def _words(text: str, block: Block, cell: int, span: Span) -> Iterator[str]:
    last = None
    for piece in block.cells[cell]:
        start, end = max(piece.start, span[0]), min(piece.end, span[1])
        if start < end:
            yield " " + text[start:end] if last is not None and "\n" in text[last:start] else text[start:end]
            last = end


@lru_cache(maxsize=32)
def _sections(text: str, language: str) -> list[list[Span]]:
    """The statements of each section: a row of a table is one, a paragraph or an item of a list one a sentence. A heading is the first
    of its section."""
    sections: list[list[Span]] = [[]]
    for block in blocks(text):
        start, end = _extent(block)
        if block.kind == "heading":
            sections.append([(start, end)])
        elif block.kind == "row":
            sections[-1].append((start, end))
        else:
            sections[-1] += [(start + a, start + b) for a, b in sentence_spans(text[start:end], language)]
    return sections


def _extent(block: Block) -> Span:
    pieces = [piece for cell in block.cells for piece in cell]
    return pieces[0].start, pieces[-1].end
