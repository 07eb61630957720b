"""Literals: pieces of text without which a pattern cannot match, so that most patterns need not be tried on most texts.

A pattern that begins with "pin|geheimzahl|رقم سري" can be skipped where none of these stands in the text, and looking for a piece
costs some fifty nanoseconds. The same is done inside other matchers (Navarro & Raffinot 2002, ch. 5.5: necessary factors).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined] # no public way to take a pattern apart
from typing import Any

SHORTEST = 2
RARE = "@:"
"""ASCII characters that are worth looking for alone."""
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_ZERO_WIDTH = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)


def needed(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """Lower-case pieces of which every match of the pattern holds at least one; None where there are none worth looking for."""
    return _of(_parser.parse(pattern.pattern, pattern.flags))


def _of(items: Iterable[Any]) -> frozenset[str] | None:
    best: frozenset[str] | None = None
    run = ""

    def offer(pieces: frozenset[str] | None) -> None:
        nonlocal best
        if pieces and all(map(_worth, pieces)) and (best is None or min(map(len, pieces)) > min(map(len, best))):
            best = pieces

    for operation, argument in items:
        if operation is _constants.LITERAL:
            run += chr(argument).lower()
            continue
        if operation in _ZERO_WIDTH:
            continue
        offer(frozenset({run}))
        run = ""
        if operation is _constants.SUBPATTERN:
            offer(_of(argument[-1]))
        elif operation is _constants.BRANCH:
            choices = [_of(branch) for branch in argument[1]]
            offer(None if any(each is None for each in choices) else frozenset().union(*(each or () for each in choices)))
        elif operation in _REPEATS and argument[0] > 0:
            offer(_of(argument[2]))
    offer(frozenset({run}))
    return best


def _worth(piece: str) -> bool:
    return len(piece) >= SHORTEST or (len(piece) == 1 and (not piece.isascii() or piece in RARE))
