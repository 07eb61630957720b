"""Normalise: digits of every script, width, invisible and control characters, with a map back to the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Invisible characters with which an identifier is broken up unseen: zero-width, soft hyphen, bidi controls, tags.
_DROPPED_CATEGORIES = frozenset({"Cf", "Cs", "Co", "Cn"})
_KEPT_CONTROLS = frozenset("\n\t")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`offsets[i]` is where `text[i]` stood in the original; one more at the end for the original's length."""

    text: str
    offsets: Sequence[int]


def normalise(text: str) -> Normalised:
    """The text as a machine should read it; each kept character keeps its place through `offsets`."""
    if text.isascii() and not _CONTROL.search(text):
        return Normalised(text, range(len(text) + 1))
    plain = text.translate(_PLAIN)
    if len(plain) == len(text):  # nothing was dropped, so every character stands where it stood
        return Normalised(plain, range(len(text) + 1))
    return Normalised(plain, (*(place for place, char in enumerate(text) if _PLAIN[ord(char)]), len(text)))


class _Plain(dict[int, str]):
    """What each character becomes, one or none; worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        plain = self[code] = _plain(chr(code))
        return plain


_PLAIN = _Plain()


def _plain(char: str) -> str:
    if char.isascii():
        return "" if (ord(char) < 32 and char not in _KEPT_CONTROLS) or char == "\x7f" else char
    category = unicodedata.category(char)
    if category in _DROPPED_CATEGORIES or category == "Cc":
        return ""
    if category == "Zs":
        return " "  # no-break, thin and ideographic spaces part words like any other
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if "\uff01" <= char <= "\uff5e" and (char.isalnum() or char in "＠．－＿＋／：％"):
        return chr(ord(char) - 0xFEE0)
    return char
