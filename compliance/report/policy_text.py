"""The text around a piece of evidence: what a reader of the report needs to judge it, with the evidence marked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

CONTEXT = 160
"""At most so many characters of the policy stand before and after the evidence."""

_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:#|\||---))|(?<=\|)\n")
_MARKS = re.compile(r"^[ \t]*(?:#{1,6}|>|[-*+]|\d+\.)[ \t]+|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}", re.MULTILINE)
_CELLS = re.compile(r"\s*\|\s*")


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One version of a policy; `text` is what offsets of evidence count into, `sha256` its hash in records."""

    title: str
    text: str
    sha256: str


PolicyTexts: TypeAlias = Callable[[str, str, str], PolicyText | None]
"""Finds a policy by id, version and language; None where the box no longer has it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of evidence in its surroundings, as plain text: Markdown's marks are gone, white space is single."""

    before: str
    evidence: str
    after: str


def passage(text: str, start: int, end: int) -> Passage | None:
    """The evidence text[start:end] with up to CONTEXT characters of its paragraph on each side; None for offsets that
    are not in the text."""
    if not 0 <= start < end <= len(text):
        return None
    before = _BLOCK.split(text[max(0, start - 4 * CONTEXT) : start])[-1]
    after = _BLOCK.split(text[end : end + 4 * CONTEXT], maxsplit=1)[0]
    return Passage(_tail(_plain(before)), _plain(text[start:end]), _head(_plain(after)))


def _plain(text: str) -> str:
    """Without Markdown's marks; the cells of a table's row are set apart by a dot."""
    return _CELLS.sub(" · ", " ".join(_MARKS.sub(" ", text).split()).strip("| ")).strip()


def _tail(text: str) -> str:
    if len(text) <= CONTEXT:
        return text
    cut = text[-CONTEXT:]
    return "… " + (cut.split(" ", 1)[1] if " " in cut[:40] else cut)


def _head(text: str) -> str:
    if len(text) <= CONTEXT:
        return text
    cut = text[:CONTEXT]
    return (cut.rsplit(" ", 1)[0] if " " in cut[-40:] else cut) + " …"
