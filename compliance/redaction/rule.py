"""Rule: how one kind of identifier is proposed by its form, confirmed by its checksum and supported by the words near it."""

from __future__ import annotations

import bisect
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from compliance.redaction.literals import needed

Check = Callable[[str], bool]

# \b does not hold between a digit and a Chinese or Arabic letter, so the edges are spelled out in ASCII.
LEFT = r"(?<![0-9A-Za-z])"
RIGHT = r"(?![0-9A-Za-z])"
GAP = r"[ \t\u00a0\u2000-\u200a\u202f./\-\u2010-\u2015_]?"
"""At most one separator between two characters of an identifier."""

CONTEXT_BEFORE = 56
CONTEXT_AFTER = 24


class Nearby:
    """Where the context words of one text stand, each kind looked for once however many numbers ask for it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lower = text.lower()
        self._starts: dict[re.Pattern[str], list[int]] = {}

    def may_match(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text holds a piece that the pattern cannot match without; True where there is no such piece."""
        pieces = _needed(pattern)
        return pieces is None or any(piece in self._lower for piece in pieces)

    def starts(self, context: re.Pattern[str]) -> list[int]:
        """Where the words of `context` begin, in order."""
        found = self._starts.get(context)
        if found is None:
            found = [match.start() for match in context.finditer(self._text)] if self.may_match(context) else []
            self._starts[context] = found
        return found

    def has(self, context: re.Pattern[str], start: int, end: int) -> bool:
        """Whether a word of `context` begins from CONTEXT_BEFORE characters before `start` to CONTEXT_AFTER after `end`."""
        starts = self.starts(context)
        place = bisect.bisect_left(starts, start - CONTEXT_BEFORE)
        return place < len(starts) and starts[place] < end + CONTEXT_AFTER


_needed = cache(needed)


@dataclass(frozen=True, slots=True)
class Match:
    """Something found in a normalised text: `[start, end)` in characters, `score` in (0, 1], `rule` the name of what found it."""

    type: str
    start: int
    end: int
    score: float
    rule: str


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` proposes (its last group that matched is the value), `check` confirms, `context` must stand near when given.

    `digits` is how many digits must stand close together for the rule to be worth trying (`identifiers.find`).
    """

    name: str
    type: str
    pattern: re.Pattern[str]
    score: float
    check: Check | None = None
    context: re.Pattern[str] | None = None
    digits: int = 1

    def find(self, text: str, nearby: Nearby | None = None) -> Iterator[Match]:
        """Every confirmed match; a proposal that is not confirmed does not hide one that begins inside it."""
        nearby = nearby or Nearby(text)
        if (self.context is not None and not nearby.starts(self.context)) or not nearby.may_match(self.pattern):
            return
        place = 0
        while match := self.pattern.search(text, place):
            start, end = match.span(match.lastindex or 0)
            supported = self.context is None or nearby.has(self.context, start, end)
            if end > start and supported and (self.check is None or self.check(text[start:end])):
                yield Match(self.type, start, end, self.score, self.name)
                place = max(end, match.start() + 1)
            else:
                place = _next_start(text, match.start() + 1, match.end())


def _next_start(text: str, place: int, end: int) -> int:
    # Only where a group of characters begins: trying every character of a long run would take quadratic time.
    while place < end and (text[place - 1].isalnum() or not text[place].isalnum()):
        place += 1
    return place


def compact(value: str) -> str:
    """Letters and digits alone, upper case."""
    return "".join(char for char in value.upper() if char.isalnum())


def digits_of(value: str) -> str:
    """The digits alone."""
    return "".join(char for char in value if char.isdigit())


def stdnum(name: str) -> Check:
    """The validity check of a python-stdnum module; any fault of its own (`cn.ric` raises KeyError) counts as not valid."""
    module: Any = None

    def check(value: str) -> bool:
        nonlocal module
        if module is None:
            module = importlib.import_module(f"stdnum.{name}")
        try:
            return bool(module.is_valid(compact(value)))
        except (ValueError, KeyError, IndexError):
            return False

    return check


def luhn(digits: str) -> bool:
    """The mod 10 checksum of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        value += value * (place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def words(text: str) -> re.Pattern[str]:
    """A pattern of context words, whatever their case."""
    return re.compile(text, re.IGNORECASE)
