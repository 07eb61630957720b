"""Features: what the field sees of each token: the word, its shape, classes, affixes and cluster, and those of its neighbours.

Training and the box share TEMPLATES: the one writes them out as strings, the other packs them into numbers (`field.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
ALONE = (_W, _S, _E3, _E2, _B3, _B2, _MADE, _BARE)
"""The columns of `columns_alone`, in its order."""
WORD, CLASS, CLUSTER, GLUED_AFTER, GLUED_BEFORE = _W, _K, _Q, _AFTER, _BEFORE
UNLISTED = "-"
"""The class of a word that is in no list: that too says something."""


def columns(words: Sequence[Token], known: Sequence[str], clusters: Sequence[str]) -> list[list[str]]:
    """The columns of a text, one list a column, one value a token."""
    if not words:
        return [[] for _ in COLUMNS]
    of_word = [list(each) for each in zip(*(columns_alone(word.folded, shape_of(word.text)) for word in words), strict=True)]
    folded, shapes, *affixes = of_word
    joined = [before.end == after.start for before, after in pairwise(words)]
    return [
        folded,
        shapes,
        [letters or UNLISTED for letters in known],
        [case_of(case_of_word(word.text) for word in words)] * len(words),
        list(clusters),
        *affixes,
        [glued(shape) if each else shape for shape, each in zip(shapes, [*joined, False], strict=True)],
        [glued(shape) if each else shape for shape, each in zip(shapes, [False, *joined], strict=True)],
    ]


def columns_alone(folded: str, shape: str) -> tuple[str, ...]:
    """The columns that are a word's own, whatever stands around it: word, shape, ends, beginnings, and of Arabic what it is made of."""
    if len(folded) <= SHORT or shape[0] in "hd":
        return folded, shape, "", "", "", "", "", ""
    if shape != "a":
        return folded, shape, folded[-3:], folded[-2:], folded[:3], "", "", ""
    return folded, shape, folded[-3:], folded[-2:], folded[:3], folded[:2], _made(folded), _bare(folded)


def glued(shape: str) -> str:
    """The shape of a token with another right beside it."""
    return shape + "g"


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


def case_of(written: Iterable[str]) -> str:
    """Whether a text of words so written (`case_of_word`) uses capitals as writers do: "m" mixed, "l" none, "u" nothing else, "-" a script
    without them."""
    cases = set(written)
    if "m" in cases or ("l" in cases and "u" in cases):
        return "m"
    return "l" if "l" in cases else "u" if "u" in cases else "-"


def case_of_word(text: str) -> str:
    """The same of one word."""
    if not text[0].isalpha() or text.lower() == text.upper():
        return "-"
    return "l" if text.islower() else "u" if text.isupper() else "m"
