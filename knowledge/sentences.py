"""Where sentences end, in the eight languages: spans that cover a text without touching it."""

from __future__ import annotations

import re
from functools import lru_cache

Span = tuple[int, int]

_TERMINATOR = re.compile(r"[.!?…]+|[。！？؟۔]+")
_CLOSERS = "\"'”’»›)]）」』】"
_WIDE = frozenset("。！？؟۔")

# Words that end in a full stop without ending a sentence; compared case-folded, without the final stop.
_ABBREVIATIONS = frozenset(
    (
        "mr mrs ms dr prof st no nos vs e.g i.e etc approx art arts sec fig vol cf inc ltd co "
        "sr sra srta ud uds d dña núm num pág p.ej ej ap tel depto c/ admón "
        "m mme mlle mm env ex réf ref al "
        "z.b d.h bzw ca nr abs ggf usw u.a evtl inkl zzgl max min str tel ziff bspw gem vgl o.ä sog mind "
        "exmo exma v.exa pág p.ex nº n.º "
        "sig sigg sig.ra dott dott.ssa avv pag lett es cfr ss s.p.a "
    ).split()
)
_WORDS = {"fr": frozenset({"vol"})}
"""Abbreviations elsewhere that are whole words in a language: a theft in French."""
_ORDINAL_DAY = re.compile(r"(?:^|\s)\d{1,2}$")
_INITIAL = re.compile(r"(?:^|[\s.(])[A-Za-zÀ-ÿ]$")


def sentence_spans(text: str, language: str | None = None) -> list[Span]:
    """Spans `(start, end)` of the sentences of `text`, in order, without surrounding white space.

    Their union holds every character that is not white space. `language` matters for German, where a number
    and a stop are an ordinal ("1. März").
    """
    spans: list[Span] = []
    start = 0
    for match in _TERMINATOR.finditer(text):
        end = _past_closers(text, match.end())
        if end <= start or not _ends_sentence(text, start, match, end, language):
            continue
        spans.append((start, end))
        start = end
    spans.append((start, len(text)))
    return [trimmed for span in spans if (trimmed := _trim(text, span)) is not None]


def _past_closers(text: str, index: int) -> int:
    while index < len(text) and text[index] in _CLOSERS:
        index += 1
    return index


def _ends_sentence(text: str, start: int, match: re.Match[str], end: int, language: str | None) -> bool:
    if match.group()[0] in _WIDE:
        return True
    if end >= len(text):
        return True
    following = text[end]
    if not following.isspace() and not _is_wide_letter(following):
        return False
    if match.group() != ".":
        return True
    before = text[start : match.start()]
    if _is_abbreviation(before, language):
        return False
    rest = text[end:].lstrip()
    if rest and rest[0].islower():
        return False
    return not (language == "de" and _ORDINAL_DAY.search(before))


@lru_cache(maxsize=4096)
def _is_abbreviation_word(word: str) -> bool:
    return word in _ABBREVIATIONS


def _is_abbreviation(before: str, language: str | None) -> bool:
    tail = before[-12:].split()
    word = tail[-1].casefold().lstrip("(\"'«") if tail else ""
    return (_is_abbreviation_word(word) and word not in _WORDS.get(language or "", ())) or bool(_INITIAL.search(before))


def _is_wide_letter(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


def _trim(text: str, span: Span) -> Span | None:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if end > start else None
