"""Terms: the words of a text as the lexical search sees them, in each of the eight languages."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

_STEMMERS = {
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "pt": "portuguese",
    "it": "italian",
    "ar": "arabic",
}
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_ARABIC_MARKS = re.compile(r"[\u064b-\u0652\u0670\u0640]")
_ARABIC_FORMS = str.maketrans("أإآىة", "ااايه")


def words(text: str) -> list[str]:
    """Folded words: lower case, without accents; runs of Chinese characters stay whole."""
    return _WORD.findall(fold(text))


def fold(text: str) -> str:
    """Case, accents, width and the spelling variants of Arabic taken away."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(char for char in text if not unicodedata.combining(char) or "\u0600" <= char <= "\u06ff")
    return _ARABIC_MARKS.sub("", text).translate(_ARABIC_FORMS)


def terms(text: str, language: str) -> list[str]:
    """Terms for BM25: stems; Chinese as overlapping pairs of characters (and single ones)."""
    out: list[str] = []
    for word in words(text):
        position = 0
        for run in _HAN.finditer(word):
            out += _stems(word[position : run.start()], language)
            out += _pairs(run.group())
            position = run.end()
        out += _stems(word[position:], language)
    return out


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[index : index + 2] for index in range(len(run) - 1)]


def _stems(word: str, language: str) -> list[str]:
    return [_stem(word, language)] if word else []


@lru_cache(maxsize=65536)
def _stem(word: str, language: str) -> str:
    stemmer = _stemmer(language)
    stem = str(stemmer.stemWord(word)) if stemmer is not None and not word.isdigit() else word
    return stem or word


@lru_cache(maxsize=16)
def _stemmer(language: str) -> Any:
    import snowballstemmer

    name = _STEMMERS.get(language)
    return snowballstemmer.stemmer(name) if name else None
