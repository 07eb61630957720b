"""Rule: how one kind of identifier is proposed by its form, confirmed by its checksum and supported by the words near it."""

from __future__ import annotations

import bisect
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.redaction.nearby import ANYWHERE, NUMBER, Nearby, Words, pieces

Check = Callable[[str], bool]

# \b does not hold between a digit and a Chinese or Arabic letter, so the edges are spelled out in ASCII.
LEFT = r"(?<![0-9A-Za-z])"
RIGHT = r"(?![0-9A-Za-z])"
GAP = r"[ \t\u00a0\u2000-\u200a\u202f./\-\u2010-\u2015_]?"
"""At most one separator between two characters of an identifier."""


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

    `digits` is how many digits must stand close together for the rule to be worth trying (`identifiers.find`). `about` must stand somewhere
    in the text when given; a word of `unless` right before a match says that it is something else, and so does one of `yields_to` where no
    word of `context` stands in the same sentence: "call me about my order: 4400123" may be a phone, "…a phone? Order 4400123" is none.
    `begins` says where a match may begin: trying it there alone is many times cheaper than searching for it.
    """

    name: str
    type: str
    pattern: re.Pattern[str]
    score: float
    check: Check | None = None
    context: Words | None = None
    digits: int = 1
    begins: str = ANYWHERE
    about: Words | None = None
    unless: Words | None = None
    yields_to: Words | None = None

    def __post_init__(self) -> None:
        pieces(self.pattern)  # now, so that no text is read before every literal is known

    @property
    def literals(self) -> tuple[frozenset[str], frozenset[str]]:
        """Of each of these sets one literal stands in every text that the rule finds something in; an empty one asks for nothing."""
        near = self.context.pieces if self.context is not None else None
        return pieces(self.pattern) or frozenset(), near or frozenset()

    def find(self, text: str, nearby: Nearby | None = None) -> Iterator[Match]:
        """Every confirmed match; a proposal that is not confirmed does not hide one that begins inside it."""
        nearby = nearby or Nearby(text)
        if self.may_match(nearby):
            yield from self.matches(text, nearby, None if self.begins == ANYWHERE else nearby.starts(self.begins, self.digits))

    def may_match(self, nearby: Nearby) -> bool:
        """Whether the text holds the literals that the rule needs: False is sure."""
        if (self.context is not None and not nearby.may_have(self.context)) or not nearby.may_match(self.pattern):
            return False
        return self.digits > 0 or self.context is None or bool(nearby.spans(self.context))  # words without digits are many, contexts few

    def matches(self, text: str, nearby: Nearby, starts: Iterable[int] | None) -> Iterator[Match]:
        """Every confirmed match that begins at one of `starts`, in order, or anywhere."""
        if starts is None:
            yield from self._anywhere(text, nearby)
            return
        place = 0
        for start in starts:
            match = self.pattern.match(text, start) if start >= place else None
            if match and (found := self._confirmed(match, text, nearby)):
                yield found
                place = max(found.end, start + 1)
            elif match and self.begins == NUMBER:
                place = _next_start(text, start + 1, match.end())

    def _anywhere(self, text: str, nearby: Nearby) -> Iterator[Match]:
        starts = nearby.beginnings(self.pattern)
        place = 0
        while match := self.pattern.search(text, place) if starts is None else self._first(text, starts, place):
            if found := self._confirmed(match, text, nearby):
                yield found
                place = max(found.end, match.start() + 1)
            else:
                place = _next_start(text, match.start() + 1, match.end())

    def _first(self, text: str, starts: Sequence[int], place: int) -> re.Match[str] | None:
        """What searching the text from `place` on finds, where a match can only begin at one of `starts`."""
        for start in starts[bisect.bisect_left(starts, place) :]:
            if match := self.pattern.match(text, start):
                return match
        return None

    def _confirmed(self, match: re.Match[str], text: str, nearby: Nearby) -> Match | None:
        start, end = match.span(match.lastindex or 0)
        supported = self.context is None or nearby.has(self.context, start, end)
        if end > start and supported and self._meant(nearby, start, end) and (self.check is None or self.check(text[start:end])):
            return Match(self.type, start, end, self.score, self.name)
        return None

    def _meant(self, nearby: Nearby, start: int, end: int) -> bool:
        if self.about is not None and not nearby.spans(self.about):
            return False
        yields = self.yields_to is not None and nearby.leads(self.yields_to, start)
        if yields and self.context is not None and not nearby.has_in_sentence(self.context, start, end):
            return False
        return self.unless is None or not nearby.leads(self.unless, start)


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
