"""Prefixes: which ASCII characters a match of a pattern may have at each of its first places, read off the pattern itself.

The same is done inside other matchers (Hyperscan's "literal and class prefixes"): a rule need not be tried where the next few characters
cannot be those of any match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _compiler, _constants, _parser  # type: ignore[attr-defined] # no public way to take a pattern apart
from typing import Any

from compliance.redaction.literals import parsed

ASCII = 128
OTHER = 1 << ASCII
"""Stands for every character beyond ASCII."""
EVERY = OTHER | OTHER - 1
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_ONE = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY)
_NONE = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)


def prefix(pattern: re.Pattern[str], size: int) -> list[int]:
    """For each of the first `size` places of a match the characters that may stand there, as bits by their code, those beyond ASCII as
    OTHER; what stands behind a short match may be anything."""
    allowed = [0] * size
    for place in _walk(parsed(pattern), {0}, allowed):
        for behind in range(place, size):
            allowed[behind] = EVERY
    return allowed


def _walk(items: Any, places: set[int], allowed: list[int]) -> set[int]:
    """Marks what may stand from each of `places` on, and gives the places behind it."""
    for item in items:
        operation, argument = item
        if operation in _NONE:
            continue
        if operation in _ONE:
            standing = _characters(_parser.SubPattern(items.state, [item]))
            for place in places:
                allowed[place] |= standing
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


_WITH_OTHERS = sum(1 << ord(char) for char in "iksIKS")
"""Letters that a pattern which minds no case takes others for: dotless i, the sign of Kelvin and long s."""
_KNOWN: dict[tuple[str, int], int] = {}


def _characters(one: Any) -> int:
    # The same few classes of characters stand in hundreds of patterns, and each takes a compilation.
    key = repr(one.data), int(one.state.flags)
    if key not in _KNOWN:
        matches = _compiler.compile(one, one.state.flags).match
        ascii_ones = sum(1 << code for code in range(ASCII) if matches(chr(code)))
        others = one.state.flags & re.IGNORECASE and ascii_ones & _WITH_OTHERS
        _KNOWN[key] = ascii_ones | (OTHER if others or _may_be_other(*one.data[0]) else 0)
    return _KNOWN[key]


def _may_be_other(operation: Any, argument: Any) -> bool:
    """Whether an item of one character may match one beyond ASCII. No decimal digit is: a normalised text has those of ASCII alone."""
    if operation is _constants.LITERAL:
        return bool(argument >= ASCII)
    if operation is _constants.RANGE:
        return bool(argument[1] >= ASCII)
    if operation is _constants.CATEGORY:
        return argument is not _constants.CATEGORY_DIGIT
    return operation is not _constants.IN or any(_may_be_other(*member) for member in argument)


def characters(one: str) -> int:
    """The ASCII characters that a pattern of one character matches, as bits by their code."""
    return _characters(_parser.parse(one)) & ~OTHER


def unbroken(pattern: re.Pattern[str], among: int) -> int:
    """How many characters of this set, given as bits, stand side by side in every match at least."""
    return _unbroken(parsed(pattern), among)[1]


def _unbroken(items: Any, among: int) -> tuple[int | None, int]:
    """The fewest characters if all are of the set, and the longest row of them that is sure to be there."""
    row = best = 0
    whole = True
    for item in items:
        operation, argument = item
        if operation in _NONE:
            continue
        of_all: int | None = None
        of_some = 0
        fewest = 1
        if operation in _ONE:
            of_all = 1 if not _characters(_parser.SubPattern(items.state, [item])) & ~among else None
        elif operation is _constants.SUBPATTERN and not (argument[1] or argument[2]):
            of_all, of_some = _unbroken(argument[-1], among)
        elif operation is _constants.BRANCH:
            branches = [_unbroken(branch, among) for branch in argument[1]]
            of_all = None if any(each is None for each, _ in branches) else min(each or 0 for each, _ in branches)
            of_some = min(some for _, some in branches)
        elif operation in _REPEATS:
            fewest = argument[0]
            of_all, of_some = _unbroken(argument[2], among)
        if of_all is not None:
            row += fewest * of_all
        else:
            whole, best, row = False, max(best, row, of_some if fewest else 0), 0
    return row if whole else None, max(best, row)
