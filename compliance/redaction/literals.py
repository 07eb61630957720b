"""Literals: pieces of text without which a pattern cannot match, so that most patterns need not be tried on most texts.

A pattern that begins with "pin|geheimzahl|رقم سري" can be skipped where none of these stands in the text, and looking for a piece
costs some fifty nanoseconds; where one does stand, the pattern need be tried only there. The same is done inside other matchers
(Navarro & Raffinot 2002, ch. 5.5: necessary factors).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from re import _constants, _parser  # type: ignore[attr-defined] # no public way to take a pattern apart
from typing import Any

SHORTEST = 2
RARE = "@:"
"""ASCII characters that are worth looking for alone."""
UNBOUNDED = 1 << 32
MOST_STARTS = 24
"""A piece is no help if a match may begin at more places before it."""
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_ZERO_WIDTH = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)

Offsets = Mapping[str, tuple[int, int]]
"""Lower-case pieces, each with the least and the most characters between the beginning of a match and the piece."""


@cache
def parsed(pattern: re.Pattern[str]) -> Any:
    """The pattern taken apart."""
    return _parser.parse(pattern.pattern, pattern.flags)


def needed(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """Lower-case pieces of which every match of the pattern holds at least one; None where there are none worth looking for."""
    found = _of(parsed(pattern), 2 * UNBOUNDED)
    return frozenset(found) if found is not None else None


def beginnings(pattern: re.Pattern[str]) -> Offsets | None:
    """Pieces of which every match holds one near its beginning, and where; None where there are none worth looking for."""
    return _of(parsed(pattern), MOST_STARTS)


def begins_with_digit(pattern: re.Pattern[str]) -> bool:
    """Whether every match begins with a decimal digit."""
    return _digit_first(parsed(pattern))


def follows_no_digit(pattern: re.Pattern[str]) -> bool:
    """Whether the pattern says itself that no decimal digit stands before a match."""
    for operation, argument in parsed(pattern):
        if operation is not _constants.ASSERT_NOT or argument[0] > 0:
            return False
        (kind, members), *more = argument[1]
        if kind is _constants.IN and not more and any(map(_is_digits, members)):
            return True
    return False


def fewest_digits(pattern: re.Pattern[str]) -> tuple[int, int]:
    """How many decimal digits every match holds at least, and how many characters at most."""
    items = parsed(pattern)
    return _fewest(items), min(int(items.getwidth()[1]), UNBOUNDED)


def _of(items: Any, most: int) -> Offsets | None:
    best: Offsets | None = None
    run, run_at = "", (0, 0)
    last_run, last_run_at = "", (0, 0)
    least_before = most_before = 0

    def offer(pieces: Offsets | None) -> None:
        nonlocal best
        if not pieces or not all(map(_worth, pieces)) or any(last - first > most for first, last in pieces.values()):
            return
        if best is None or min(map(len, pieces)) > min(map(len, best)):
            best = pieces

    def moved(pieces: Offsets | None) -> Offsets | None:
        """Pieces of the next item as pieces of all: with the letters right before it they are longer and rarer."""
        out: dict[str, tuple[int, int]] = {}
        for piece, (first, last) in (pieces or {}).items():
            if last_run and last == 0:
                out[last_run + piece] = last_run_at
            else:
                out[piece] = first + least_before, min(last + most_before, UNBOUNDED)
        return out

    for item in items:
        operation, argument = item
        if operation is _constants.LITERAL:
            if not run:
                run_at = (least_before, most_before)
            run += chr(argument).lower()
            least_before, most_before = least_before + 1, most_before + 1
            continue
        if operation in _ZERO_WIDTH:
            continue
        offer({run: run_at})
        last_run, last_run_at, run = run, run_at, ""
        if operation is _constants.SUBPATTERN:
            offer(moved(_of(argument[-1], most)))
        elif operation is _constants.BRANCH:
            offer(moved(_any_of([_of(branch, most) for branch in argument[1]])))
        elif operation in _REPEATS and argument[0] > 0:
            offer(moved(_of(argument[2], most)))
        least, longest = _parser.SubPattern(items.state, [item]).getwidth()
        least_before, most_before = least_before + int(least), min(most_before + int(longest), UNBOUNDED)
    offer({run: run_at})
    return best


def _any_of(branches: Iterable[Offsets | None]) -> Offsets | None:
    out: dict[str, tuple[int, int]] = {}
    for pieces in branches:
        if pieces is None:
            return None
        for piece, (first, last) in pieces.items():
            before = out.get(piece, (first, last))
            out[piece] = (min(first, before[0]), max(last, before[1]))
    return out


def _worth(piece: str) -> bool:
    return len(piece) >= SHORTEST or (len(piece) == 1 and (not piece.isascii() or piece in RARE))


def _digit_first(items: Any) -> bool:
    for operation, argument in items:
        if operation in _ZERO_WIDTH:
            continue
        if operation is _constants.LITERAL:
            return chr(argument).isdecimal()
        if operation is _constants.IN:
            return all(map(_is_digit, argument))
        if operation is _constants.SUBPATTERN:
            return _digit_first(argument[-1])
        if operation is _constants.BRANCH:
            return all(map(_digit_first, argument[1]))
        return operation in _REPEATS and argument[0] > 0 and _digit_first(argument[2])
    return False


def _is_digit(member: tuple[Any, Any]) -> bool:
    kind, value = member
    if kind is _constants.RANGE:
        return "0" <= chr(value[0]) <= chr(value[1]) <= "9"
    return (kind is _constants.LITERAL and chr(value).isdecimal()) or _is_digits(member)


def _is_digits(member: tuple[Any, Any]) -> bool:
    kind, value = member
    return (kind is _constants.CATEGORY and value is _constants.CATEGORY_DIGIT) or (kind is _constants.RANGE and value == (48, 57))


def _fewest(items: Any) -> int:
    fewest = 0
    for operation, argument in items:
        if operation is _constants.LITERAL:
            fewest += chr(argument).isdecimal()
        elif operation is _constants.IN:
            fewest += all(map(_is_digit, argument))
        elif operation is _constants.SUBPATTERN:
            fewest += _fewest(argument[-1])
        elif operation is _constants.BRANCH:
            fewest += min(map(_fewest, argument[1]))
        elif operation in _REPEATS:
            fewest += argument[0] * _fewest(argument[2])
    return fewest
