"""Rule: how one kind of identifier is proposed by its form, confirmed by its checksum and supported by the words near it."""

from __future__ import annotations

import bisect
import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
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
        self._present: frozenset[str] | None = None
        self._spans: dict[Words, list[tuple[int, int]]] = {}
        self._anchors: list[tuple[int, int]] | None = None
        self._numbers: list[int] | None = None

    @property
    def present(self) -> frozenset[str]:
        """The literals of all patterns that stand in the text."""
        if self._present is None:
            lower = self._lower
            beginnings = {lower[at : at + PIECE_BEGINNING] for at in range(len(lower))}
            long = (piece for begin in beginnings.intersection(_PIECES) for piece in _PIECES[begin])
            self._present = frozenset(piece for piece in chain(long, _SHORT_PIECES) if piece in lower)
        return self._present

    def may_match(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text holds a piece that the pattern cannot match without; True where there is no such piece."""
        pieces = _pieces(pattern)
        return pieces is None or not pieces.isdisjoint(self.present)

    def may_have(self, context: Words) -> bool:
        """Whether a word of `context` may stand in the text: False is sure."""
        return context.pieces is None or not context.pieces.isdisjoint(self.present)

    def spans(self, context: Words) -> list[tuple[int, int]]:
        """Where the words of `context` stand, in order."""
        found = self._spans.get(context)
        if found is None:
            found = []
            if self.may_have(context):
                found = sorted(match.span() for each in context.patterns if self.may_match(each) for match in each.finditer(self._text))
            self._spans[context] = found
        return found

    def has(self, context: Words, start: int, end: int) -> bool:
        """Whether a word of `context` begins from CONTEXT_BEFORE characters before `start` to CONTEXT_AFTER after `end`."""
        spans = self.spans(context)
        place = bisect.bisect_left(spans, (start - CONTEXT_BEFORE, 0))
        return place < len(spans) and spans[place][0] < end + CONTEXT_AFTER

    @property
    def anchors(self) -> list[tuple[int, int]]:
        """Where an identifier with digits may begin, each with how many digits follow in as many characters as one has."""
        if self._anchors is None:
            digits = [match.start() for match in _DIGIT.finditer(self._text)]
            self._anchors = [
                (place, bisect.bisect_left(digits, place + LONGEST_WRITTEN) - bisect.bisect_left(digits, place))
                for place in (match.start() for match in _ANCHOR.finditer(self._text))
            ]
        return self._anchors

    @property
    def numbers(self) -> list[int]:
        """Where a number may begin, its plus or bracket included."""
        if self._numbers is None:
            self._numbers = [match.start() for match in _NUMBER.finditer(self._text)]
        return self._numbers

    def starts(self, begins: str, digits: int) -> list[int]:
        """Where a match of at least so many digits may begin."""
        if begins == NUMBER:
            return self.numbers
        return [place for place, following in self.anchors if following >= digits]


_ANCHOR = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=\b(?i:nie|nif|dni|cif|ssn|nir|cpf|pan)))(?=[0-9A-Za-z][^\n]{0,9}?\d|\d)")
"""A letter or digit at the edge of a word, or right after the name of a document, with a digit near."""
LONGEST_WRITTEN = 40
"""Characters of the longest identifier as people write it."""
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<!\d)[\d+(]")
ANYWHERE, ANCHOR, NUMBER = "anywhere", "anchor", "number"
"""Where the match of a pattern may begin: anywhere, at `Nearby.anchors`, or at `Nearby.numbers`."""
PIECE_BEGINNING = 3
_PIECES: dict[str, set[str]] = {}
_SHORT_PIECES: set[str] = set()
"""Every literal that some pattern needs, by how it begins, so that most are ruled out together; and those shorter than that."""
_NEEDED: dict[re.Pattern[str], frozenset[str] | None] = {}


def _pieces(pattern: re.Pattern[str]) -> frozenset[str] | None:
    try:
        return _NEEDED[pattern]
    except KeyError:
        pieces = _NEEDED[pattern] = needed(pattern)
        for piece in pieces or ():
            if len(piece) < PIECE_BEGINNING:
                _SHORT_PIECES.add(piece)
            else:
                _PIECES.setdefault(piece[:PIECE_BEGINNING], set()).add(piece)
        return pieces


@dataclass(frozen=True, eq=False, slots=True)
class Words:
    """Words that say what a number is, one pattern each: most are ruled out by a literal and never tried.

    `pieces` are the literals one of which any of them needs; None where one needs none.
    """

    patterns: tuple[re.Pattern[str], ...]
    pieces: frozenset[str] | None

    @classmethod
    def of(cls, patterns: Iterable[re.Pattern[str]]) -> Words:
        """From patterns; their literals are looked for in every text from here on."""
        kept = tuple(patterns)
        every = [_pieces(each) for each in kept]
        return cls(kept, None if None in every else frozenset().union(*(each or () for each in every)))


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

    `digits` is how many digits must stand close together for the rule to be worth trying (`identifiers.find`). `begins` says where a match
    of the pattern may begin: trying it there alone is many times cheaper than searching for it.
    """

    name: str
    type: str
    pattern: re.Pattern[str]
    score: float
    check: Check | None = None
    context: Words | None = None
    digits: int = 1
    begins: str = ANYWHERE

    def __post_init__(self) -> None:
        _pieces(self.pattern)  # now, so that no text is read before every literal is known

    @property
    def literals(self) -> tuple[frozenset[str], frozenset[str]]:
        """Of each of these sets one literal stands in every text that the rule finds something in; an empty one asks for nothing."""
        near = self.context.pieces if self.context is not None else None
        return _pieces(self.pattern) or frozenset(), near or frozenset()

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
        place = 0
        while match := self.pattern.search(text, place):
            if found := self._confirmed(match, text, nearby):
                yield found
                place = max(found.end, match.start() + 1)
            else:
                place = _next_start(text, match.start() + 1, match.end())

    def _confirmed(self, match: re.Match[str], text: str, nearby: Nearby) -> Match | None:
        start, end = match.span(match.lastindex or 0)
        supported = self.context is None or nearby.has(self.context, start, end)
        if end > start and supported and (self.check is None or self.check(text[start:end])):
            return Match(self.type, start, end, self.score, self.name)
        return None


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


def words(text: str) -> Words:
    """Context words from one pattern of alternatives, "card|tarjeta|卡", whatever their case."""
    return Words.of(re.compile(each, re.IGNORECASE) for each in _alternatives(text))


def _alternatives(text: str) -> Iterator[str]:
    """The alternatives of a pattern that stand outside brackets."""
    depth = start = 0
    inside = False
    for place, char in enumerate(text):
        if place and text[place - 1] == "\\":
            continue
        inside = char == "[" or (inside and char != "]")
        depth += 0 if inside else (char == "(") - (char == ")")
        if char == "|" and depth == 0 and not inside:
            yield text[start:place]
            start = place + 1
    yield text[start:]
