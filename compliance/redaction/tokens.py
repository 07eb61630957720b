"""Tokens: words of alphabetic scripts, single Chinese characters, runs of digits and marks, each with its place in the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from compliance.redaction.simplified import SIMPLIFIED

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_MARK = "\u0300-\u036f\u064b-\u065f\u0670\u0640"
_TOKEN = re.compile(rf"<[A-Z][A-Z_]*_\d+>|[{_HAN}]|[^\W\d_{_HAN}](?:[^\W\d_{_HAN}]|[{_MARK}])*|\d+|\n|[^\w\s]|_+")
_MARKS = re.compile(rf"[{_MARK}]")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_ARABIC_VARIANTS = str.maketrans("أإآٱىةؤئ", "اااايهوي")
_KEPT = frozenset({"على", "وعلى", "فعلى", "متى", "ومتى", "منى"})
"""Words whose last letter tells them from others: "on" from Ali, "when" from Matty, Mona from "of me"."""
_JOINED_FIRST, JOINED = "وف", "وفبلك"
_FOR_THE, _THE = "لل", "ال"


class Token(NamedTuple):
    """`text` stands at `[start, end)`; `folded` is its lower-case form without accents or Arabic vowel signs, in simplified characters."""

    text: str
    folded: str
    start: int
    end: int


def tokens(text: str, masks: Iterable[tuple[int, int, str]] = ()) -> list[Token]:
    """The tokens of a normalised text, in order; a line break is one, other space is none, a pseudonym is one.

    `masks` are stretches already understood, `(start, end, type)` in order without overlaps: each is one token, "<iban>".
    """
    return [
        Token(piece, fold(piece), start, end) if mask is None else Token("<", mask, start, end)
        for piece, mask, (start, end) in ((each, mask_of(each), span) for each, span in zip(*pieces(text, masks), strict=True))
    ]


def pieces(text: str, masks: Iterable[tuple[int, int, str]] = ()) -> tuple[list[str], list[tuple[int, int]]]:
    """The tokens of a text as they are written, each with its place: what `tokens` begins with. A mask is "<iban>", as no token is."""
    written: list[str] = []
    spans: list[tuple[int, int]] = []
    place = 0
    for start, end, kind in masks:
        found = list(_TOKEN.finditer(text, place, start))
        written += [match[0] for match in found] + [f"<{kind.lower()}>"]
        spans += [match.span() for match in found] + [(start, end)]
        place = end
    found = list(_TOKEN.finditer(text, place))
    return written + [match[0] for match in found], spans + [match.span() for match in found]


def mask_of(piece: str) -> str | None:
    """What a mask among `pieces` is folded, which is what it is there; None for a token."""
    return piece if len(piece) > 1 and piece[0] == "<" and not piece[1].isupper() else None


def fold(word: str) -> str:
    """Lower case, accents off, Arabic spelling variants made one, and traditional characters simplified."""
    if word.isascii():
        return word.lower()
    if len(word) == 1 and "\u3400" <= word <= "\u9fff":
        return SIMPLIFIED.get(word, word)
    if _ARABIC.search(word):
        plain = _MARKS.sub("", word)
        return plain if plain in _KEPT else plain.translate(_ARABIC_VARIANTS)
    return "".join(map(_bare, word.casefold()))


SHORTEST_JOINED = 4


def unjoined(folded: str) -> list[str]:
    """What a folded Arabic word may be without what is joined to it ("and", "for", "in", "like"), longest first; none of another word's."""
    if len(folded) < SHORTEST_JOINED or folded[0] not in JOINED:
        return []
    if folded.startswith(_FOR_THE):
        return [_THE + folded[2:], folded[1:]]
    if folded[0] in _JOINED_FIRST and folded[1] in JOINED and len(folded) > SHORTEST_JOINED:
        return [folded[1:], *unjoined(folded[1:])]
    return [folded[1:]]


@cache
def _bare(char: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFD", char) if not unicodedata.combining(part))


def is_han(token: str) -> bool:
    """Whether a token is one Chinese character."""
    return len(token) == 1 and ("\u3400" <= token <= "\u9fff" or "\uf900" <= token <= "\ufaff")


def is_arabic(token: str) -> bool:
    """Whether a token is written in Arabic letters."""
    return bool(_ARABIC.match(token))
