"""Nearby: where the digits, the literals and the context words of one text stand, each looked for once however many rules ask."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from compliance.redaction.literals import Offsets, beginnings, begins_with_digit, follows_no_digit, needed

CONTEXT_BEFORE = 56
CONTEXT_AFTER = 24
LEADING = 32
"""Characters from where a word that says what a number is begins to the number right behind it."""
_LINK_WORDS = (
    "number|numbers|num|no|nr|nº|n°|n|numero|número|numéro|nummer|code|c[oó]digo|codice|id|is|es|est|ist|was|of|from|dated|on|the|de|del|du|d|des"
    "|vom|von|dem|zum|am|da|do|di|dal|el|le|la|il|lo|em|a|al|رقم|رقمها|رقمه|هو|هي|بتاريخ|يوم|号|號|号码|號碼|编号|編號|为|為|是"
)
_MARKS = r"[\s:：#=\-/()\"'.«»]*"
_LINKS = re.compile(rf"[^\W\d_\u3400-\u9fff]*{_MARKS}(?:(?:{_LINK_WORDS}){_MARKS}){{0,3}}(?:[A-Z]{{1,5}}[ \-]?)?", re.IGNORECASE)
"""What may stand between such a word and its number: its own ending, "number", "of". "Order a transfer to 4400123456" has none."""
_SENTENCE_END = re.compile(r"[\n?!。？！؟]|\.\s+(?=[A-ZÀ-Þ])")
"""Not a full stop before a small letter or a digit, which ends "no." as well."""
LONGEST_WRITTEN = 40
"""Characters of the longest identifier as people write it."""
ANCHOR_REACH = 10
"""How far before a digit an identifier with letters may begin."""
MOST_BETWEEN = 8
"""Characters between two digits that may still belong to one identifier, its letters included."""
PIECE_BEGINNING = 3
ANYWHERE, ANCHOR, NUMBER = "anywhere", "anchor", "number"
"""Where the match of a pattern may begin: anywhere, at `Nearby.anchors`, or at `Nearby.numbers`."""

_RUN = re.compile("[0-9]+")
_EDGE = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=\b(?i:nie|nif|dni|cif|ssn|nir|cpf|pan)))[0-9A-Za-z]")
"""A letter or digit at the edge of a word, or right after the name of a document."""
_BETWEEN = frozenset(" .,-/:")
_OTHER_CASE = "ıſ"
"""Letters that a pattern takes for i and s whatever their case, and that are others in lower case."""

CODE, SOLID = "[0-9A-Z<-]", "[!-~]"
"""What codes consist of: capitals and digits, or anything but space."""
SHORTEST_CODE, SHORTEST_SOLID = 8, 14
_CODE, _SOLID = re.compile(f"{CODE}{{{SHORTEST_CODE},}}"), re.compile(f"{SOLID}{{{SHORTEST_SOLID},}}")

_LONG_PIECES: dict[str, set[str]] = {}
_SHORT_PIECES: set[str] = set()
_LETTERS: set[str] = set()
"""Every literal that some pattern needs: of three characters or more by how it begins, of two, and of one."""
_BEGINS, _PAIRS = np.zeros(1 << 16, np.bool_), np.zeros(1 << 16, np.bool_)
"""For each value of `_threes` whether some literal begins so, and for each of `_twos` whether one is so."""
_NEEDED: dict[re.Pattern[str], frozenset[str] | None] = {}
_BEGINNINGS: dict[re.Pattern[str], Offsets | None] = {}
_DIGIT_FIRST: set[re.Pattern[str]] = set()
_NUMBER_FIRST: set[re.Pattern[str]] = set()


Codes = npt.NDArray[np.uint32]
_FIRST, _SECOND, _THIRD, _UPPER = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 16], np.uint32)
"""Odd numbers with bits in no order (Knuth, The Art of Computer Programming 3, 6.4)."""


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _twos(codes: Codes) -> Codes:
    """Each two characters of a text in a row as one number of sixteen bits, at the place of the first."""
    return cast(Codes, (codes[:-1] * _FIRST + codes[1:] * _SECOND) >> _UPPER)


def _threes(codes: Codes) -> Codes:
    """The same of three."""
    return cast(Codes, (codes[:-2] * _FIRST + codes[1:-1] * _SECOND + codes[2:] * _THIRD) >> _UPPER)


def pieces(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """The literals of which the pattern needs one (None: it needs none); they are looked for in every text from here on."""
    if pattern not in _NEEDED:
        _NEEDED[pattern], _BEGINNINGS[pattern] = needed(pattern), beginnings(pattern)
        if begins_with_digit(pattern):
            (_NUMBER_FIRST if follows_no_digit(pattern) else _DIGIT_FIRST).add(pattern)
        for piece in {*(_NEEDED[pattern] or ()), *(_BEGINNINGS[pattern] or ())}:
            if len(piece) >= PIECE_BEGINNING:
                _LONG_PIECES.setdefault(piece[:PIECE_BEGINNING], set()).add(piece)
                _BEGINS[_threes(_codes(piece[:PIECE_BEGINNING]))] = True
            elif len(piece) == 1:
                _LETTERS.add(piece)
            else:
                _SHORT_PIECES.add(piece)
                _PAIRS[_twos(_codes(piece))] = True
    return _NEEDED[pattern]


@dataclass(frozen=True, eq=False, slots=True)
class Words:
    """Words that say what a number is, one pattern each: most are ruled out by a literal and never tried.

    `pieces` are the literals one of which any of them needs, None where one needs none; `needing` are the patterns that a literal may be
    enough for, and those that need none are `always` tried.
    """

    patterns: tuple[re.Pattern[str], ...]
    pieces: frozenset[str] | None
    needing: Mapping[str, Sequence[re.Pattern[str]]]
    always: frozenset[re.Pattern[str]]

    @classmethod
    def of(cls, patterns: Iterable[re.Pattern[str]]) -> Words:
        """From patterns; their literals are looked for in every text from here on."""
        kept = tuple(patterns)
        every = [pieces(each) for each in kept]
        needing: dict[str, list[re.Pattern[str]]] = {}
        for pattern, required in zip(kept, every, strict=True):
            for piece in required or ():
                needing.setdefault(piece, []).append(pattern)
        always = frozenset(pattern for pattern, required in zip(kept, every, strict=True) if required is None)
        return cls(kept, None if always else frozenset(needing), needing, always)


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


class Nearby:
    """What stands where in one text; `text` must have ASCII digits only."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lower = text.lower()
        self._same_places = len(self._lower) == len(text) and not any(letter in text for letter in _OTHER_CASE)
        self.runs = [match.span() for match in _RUN.finditer(text)]
        """Runs of digits."""
        self._present: set[str] | None = None
        self._places: dict[str, list[int]] = {}
        self._spans: dict[Words, list[tuple[int, int]]] = {}
        self._longest: tuple[int, int] | None = None
        self._digits: list[int] | None = None
        self._anchors: list[tuple[int, int]] | None = None
        self._numbers: list[int] | None = None

    # -- literals and words --------------------------------------------------------------------------------------------

    @property
    def present(self) -> set[str]:
        """The literals of all patterns that stand in the text."""
        if self._present is None:
            lower = self._lower
            codes = _codes(lower)
            for at in np.flatnonzero(_BEGINS.take(_threes(codes))).tolist():
                for piece in _LONG_PIECES.get(lower[at : at + PIECE_BEGINNING], ()):
                    if lower.startswith(piece, at):
                        self._places.setdefault(piece, []).append(at)
            for at in np.flatnonzero(_PAIRS.take(_twos(codes))).tolist():
                if (piece := lower[at : at + 2]) in _SHORT_PIECES:
                    self._places.setdefault(piece, []).append(at)
            self._present = set(self._places)
            self._present.update([piece for piece in _LETTERS if piece in lower])
        return self._present

    def may_match(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text holds a piece that the pattern cannot match without; True where there is no such piece."""
        required = pieces(pattern)
        return required is None or not required.isdisjoint(self.present)

    def may_have(self, context: Words) -> bool:
        """Whether a word of `context` may stand in the text: False is sure."""
        return context.pieces is None or not context.pieces.isdisjoint(self.present)

    def spans(self, context: Words) -> list[tuple[int, int]]:
        """Where the words of `context` stand, in order."""
        found = self._spans.get(context)
        if found is None:
            tried = set(context.always).union(*(context.needing[piece] for piece in self.present & context.needing.keys()))
            found = self._spans[context] = sorted(span for each in tried for span in self._every(each))
        return found

    def has(self, context: Words, start: int, end: int) -> bool:
        """Whether a word of `context` begins from CONTEXT_BEFORE characters before `start` to CONTEXT_AFTER after `end`."""
        spans = self.spans(context)
        place = bisect.bisect_left(spans, (start - CONTEXT_BEFORE, 0))
        return place < len(spans) and spans[place][0] < end + CONTEXT_AFTER

    def has_in_sentence(self, context: Words, start: int, end: int) -> bool:
        """The same, where that word does not stand in another sentence."""
        spans = self.spans(context)
        first, last = max(0, start - CONTEXT_BEFORE), end + CONTEXT_AFTER
        for match in _SENTENCE_END.finditer(self._text, first, start):
            first = match.end()
        if after := _SENTENCE_END.search(self._text, end, last):
            last = after.start()
        place = bisect.bisect_left(spans, (first, 0))
        return place < len(spans) and spans[place][0] < last

    def leads(self, context: Words, start: int) -> bool:
        """Whether a word of `context` stands right before `start`, with LEADING characters at most from its beginning on and nothing but
        what links a word with its number between."""
        spans = self.spans(context)
        near = spans[bisect.bisect_left(spans, (start - LEADING, 0)) : bisect.bisect_left(spans, (start, 0))]
        return any(end <= start and _LINKS.fullmatch(self._text, end, start) for _, end in near)

    def _every(self, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
        starts = self.beginnings(pattern)
        if starts is None:
            yield from (match.span() for match in pattern.finditer(self._text))
            return
        done = 0
        for start in starts:
            if start >= done and (match := pattern.match(self._text, start)):
                yield match.span()
                done = max(match.end(), start + 1)

    def beginnings(self, pattern: re.Pattern[str]) -> Sequence[int] | None:
        """Where alone a match of the pattern may begin, in order; None where that is not known."""
        pieces(pattern)
        if pattern in _NUMBER_FIRST:
            return [start for start, _ in self.runs]
        if pattern in _DIGIT_FIRST:
            return self.digits
        offsets = _BEGINNINGS[pattern]
        if offsets is None or not self._same_places:
            return None
        starts: set[int] = set()
        for piece in self.present.intersection(offsets):
            first, last = offsets[piece]
            for place in self._places_of(piece):
                starts.update(range(max(0, place - last), place - first + 1))
        return sorted(starts)

    def _places_of(self, piece: str) -> list[int]:
        places = self._places.get(piece)
        if places is None:
            places = self._places[piece] = []
            place = self._lower.find(piece)
            while place >= 0:
                places.append(place)
                place = self._lower.find(piece, place + 1)
        return places

    @property
    def longest(self) -> tuple[int, int]:
        """The longest rows of the characters of CODE and of SOLID, where they are long enough for a rule to ask for them."""
        if self._longest is None:
            code = max(map(len, _CODE.findall(self._text)), default=0)
            self._longest = code, max(map(len, _SOLID.findall(self._text)), default=0)
        return self._longest

    # -- digits --------------------------------------------------------------------------------------------------------

    @property
    def digits_together(self) -> int:
        """How many digits stand so close together, at most, that they may be one identifier."""
        most = together = 0
        last = -MOST_BETWEEN - 1
        for start, end in self.runs:
            together = end - start + (together if start - last <= MOST_BETWEEN else 0)
            most = max(most, together)
            last = end
        return most

    @property
    def digits(self) -> list[int]:
        """Where the digits stand."""
        if self._digits is None:
            self._digits = [place for start, end in self.runs for place in range(start, end)]
        return self._digits

    def following(self, place: int, reach: int = LONGEST_WRITTEN) -> int:
        """How many digits stand in so many characters from a place on."""
        digits = self.digits
        return bisect.bisect_left(digits, place + reach) - bisect.bisect_left(digits, place)

    @property
    def anchors(self) -> list[tuple[int, int]]:
        """Where an identifier with digits may begin, at the edge of a word or right after the name of a document, with a digit near; each
        with how many digits follow in as many characters as one has."""
        if self._anchors is None:
            text, places = self._text, []
            lines = "\n" in text
            for (_, before), (start, _) in pairwise([(0, 0), *self.runs]):
                if start == before + 1 and text[before] in _BETWEEN:
                    places.append(start)
                    continue
                from_ = max(before, start - ANCHOR_REACH, text.rfind("\n", before, start) + 1 if lines else 0)
                places += [match.start() for match in _EDGE.finditer(text, from_, start + 1)]
            self._anchors = [(place, self.following(place)) for place in places]
        return self._anchors

    @property
    def numbers(self) -> list[int]:
        """Where a number may begin, its plus or bracket included."""
        if self._numbers is None:
            starts = [start for start, _ in self.runs]
            for mark in "+(":
                if mark in self._text:
                    ends = {end for _, end in self.runs}
                    starts += [place for place, char in enumerate(self._text) if char == mark and place not in ends]
            self._numbers = sorted(starts)
        return self._numbers

    def starts(self, begins: str, digits: int) -> list[int]:
        """Where a match of at least so many digits may begin."""
        if begins == NUMBER:
            return self.numbers
        return [place for place, following in self.anchors if following >= digits]
