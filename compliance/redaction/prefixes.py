"""Prefixes: which ASCII characters a match of a pattern may have at each of its first places, read off the pattern itself.

The same is done inside other matchers (Hyperscan's "literal and class prefixes"): a rule need not be tried where the next few characters
cannot be those of any match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _compiler, _constants, _parser  # type: ignore[attr-defined] # no public way to take a pattern apart
from typing import Any

ASCII = 128
EVERY = (1 << ASCII) - 1
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_ONE = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY)
_NONE = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)


def prefix(pattern: re.Pattern[str], size: int) -> list[int]:
    """For each of the first `size` places of a match the characters that may stand there, as bits by their code; what stands behind a
    short match may be anything."""
    allowed = [0] * size
    for place in _walk(_parser.parse(pattern.pattern, pattern.flags), {0}, allowed):
        for behind in range(place, size):
            allowed[behind] = EVERY
    return allowed


def _walk(parsed: Any, places: set[int], allowed: list[int]) -> set[int]:
    """Marks what may stand from each of `places` on, and gives the places behind it."""
    for item in parsed:
        operation, argument = item
        if operation in _NONE:
            continue
        if operation in _ONE:
            characters = _characters(_parser.SubPattern(parsed.state, [item]))
            for place in places:
                allowed[place] |= characters
            places = {place + 1 for place in places}
        elif operation is _constants.SUBPATTERN and not (argument[1] or argument[2]):
            places = _walk(argument[-1], places, allowed)
        elif operation is _constants.BRANCH:
            places = set().union(*(_walk(branch, places, allowed) for branch in argument[1]))
        elif operation in _REPEATS:
            places = _repeated(argument, places, allowed)
        else:
            places = _anything(places, allowed)
        places = {place for place in places if place < len(allowed)}
    return places


def _repeated(argument: Any, places: set[int], allowed: list[int]) -> set[int]:
    fewest, most, body = argument
    out = set(places) if fewest == 0 else set()
    for time in range(1, min(most, fewest + len(allowed)) + 1):
        places = {place for place in _walk(body, places, allowed) if place < len(allowed)}
        if time >= fewest:
            out |= places
        if not places:
            break
    return out


def _anything(places: Iterable[int], allowed: list[int]) -> set[int]:
    """Something that is not looked into, of any length."""
    behind = set(range(min(places, default=len(allowed)), len(allowed)))
    for place in behind:
        allowed[place] = EVERY
    return behind


def _characters(one: Any) -> int:
    matches = _compiler.compile(one, one.state.flags).match
    return sum(1 << code for code in range(ASCII) if matches(chr(code)))
