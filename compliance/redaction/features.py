"""Features: what the field sees of each token: the word, its shape, classes, affixes and cluster, and those of its neighbours.

Training and the box share TEMPLATES: the one writes them out as strings, the other packs them into numbers (`field.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from compliance.redaction.tokens import Token, is_han

COLUMNS = ("word", "shape", "class", "case", "cluster", "end3", "end2", "begin3", "begin2", "made", "bare", "glued_after", "glued_before")
"""What is known of a token by itself; "" is nothing, and a template with nothing in it gives no feature. In order of `columns`."""
SHAPE, CASE = COLUMNS.index("shape"), COLUMNS.index("case")
_W, _S, _K, _C, _Q, _E3, _E2, _B3, _B2, _MADE, _BARE, _AFTER, _BEFORE = range(len(COLUMNS))

TEMPLATES: tuple[tuple[tuple[int, int], ...], ...] = (
    ((_W, 0),), ((_S, 0),), ((_K, 0),), ((_C, 0),), ((_S, 0), (_K, 0), (_C, 0)), ((_Q, 0),),
    ((_E3, 0),), ((_E2, 0),), ((_B3, 0),), ((_B2, 0),), ((_MADE, 0),), ((_BARE, 0),),
    ((_W, -1),), ((_K, -1),), ((_AFTER, -1),), ((_W, -1), (_W, 0)), ((_K, -1), (_K, 0)), ((_W, -1), (_S, 0), (_K, 0)),
    ((_Q, -1),), ((_Q, -1), (_S, 0), (_K, 0)),
    ((_W, -2),), ((_K, -2),), ((_W, -2), (_W, -1)), ((_W, -2), (_W, -1), (_S, 0)), ((_Q, -2),), ((_Q, -2), (_Q, -1)), ((_W, -3),),
    ((_W, 1),), ((_K, 1),), ((_BEFORE, 1),), ((_W, 0), (_W, 1)), ((_K, 0), (_K, 1)), ((_S, 0), (_S, 1)),
    ((_Q, 1),), ((_Q, 1), (_S, 0), (_K, 0)),
    ((_W, 2),), ((_K, 2),), ((_W, 1), (_W, 2)), ((_Q, 2),),
)  # fmt: skip
"""Columns that make a feature together, each with its place from the token on; no more than three, from three before to two after."""
BEFORE, AFTER = 3, 2
EDGE = "\x1e"
"""Stands for every column of a token before the first and after the last; like SEPARATOR it is in no token."""
SEPARATOR = "\x1f"
UNLISTED = "-"
"""The class of a word that is in no list: that too says something."""


def columns(words: Sequence[Token], known: Sequence[str], clusters: Sequence[str]) -> list[list[str]]:
    """The columns of a text, one list a column, one value a token."""
    case = case_of(words)
    shapes = [shape_of(word.text) for word in words]
    folded = [word.folded for word in words]
    joined = [before.end == after.start for before, after in pairwise(words)]
    long = [len(word) > SHORT and shape[0] not in "hd" for word, shape in zip(folded, shapes, strict=True)]
    caseless = [each and shape == "a" for each, shape in zip(long, shapes, strict=True)]
    return [
        folded,
        shapes,
        [letters or UNLISTED for letters in known],
        [case] * len(words),
        list(clusters),
        [word[-3:] if each else "" for word, each in zip(folded, long, strict=True)],
        [word[-2:] if each else "" for word, each in zip(folded, long, strict=True)],
        [word[:3] if each else "" for word, each in zip(folded, long, strict=True)],
        [word[:2] if each else "" for word, each in zip(folded, caseless, strict=True)],
        [_made(word) if each else "" for word, each in zip(folded, caseless, strict=True)],
        [_bare(word) if each else "" for word, each in zip(folded, caseless, strict=True)],
        [shape + "g" if each else shape for shape, each in zip(shapes, [*joined, False], strict=True)],
        [shape + "g" if each else shape for shape, each in zip(shapes, [False, *joined], strict=True)],
    ]


SHORT = 3
"""A word of so many letters or fewer has no end that is not all of it."""
_ARTICLE = "ال"
_JOINED = "وفبلك"


def _made(folded: str) -> str:
    """What an Arabic word is made of: article and nisba ("al-…i", as of many family names)."""
    return f"{'+' if folded.startswith(_ARTICLE) else '-'}{folded[-1]}{min(len(folded), 8)}"


def _bare(folded: str) -> str:
    """An Arabic word without what is joined to it."""
    if folded.startswith(_ARTICLE):
        return folded[len(_ARTICLE) :]
    return folded[1:] if folded[0] in _JOINED else folded


def shape_of(text: str) -> str:
    """How a token is written: "x" small, "Xx" with a capital, "XX" in capitals, "d4" four digits, "h" Chinese, "a" without case, and a
    mark as it is."""
    first = text[0]
    if is_han(text):
        return "h"
    if first.isdigit():
        return f"d{min(len(text), 6)}"
    if not first.isalpha():
        return text
    if text.islower():
        return "x"
    if text.isupper():
        return "X" if len(text) == 1 else "XX"
    if first.isupper():
        return "Xx"
    return "a" if text.lower() == text.upper() else "xX"


def case_of(words: Sequence[Token]) -> str:
    """Whether a text uses capitals as writers do: "m" mixed, "l" none, "u" nothing else, "-" a script without them."""
    small = large = False
    for word in words:
        text = word.text
        if not text[0].isalpha() or text.lower() == text.upper():
            continue
        if not text.islower():
            large = True
        if not text.isupper():
            small = True
        if small and large:
            return "m"
    return "l" if small else "u" if large else "-"
