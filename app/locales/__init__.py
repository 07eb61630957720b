"""Every sentence the box says by itself, in each served language, from one TOML file a language.

A file holds top-level keys and one-level tables; `[guard] fraud = "…"` is the key `guard.fraud`. A sentence may
hold `{placeholders}`; the same key has the same placeholders in every language (tests/app/test_locales.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

LANGUAGES: tuple[str, ...] = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
DEFAULT = "en"
DISCLOSURE_VERSION = "2026-11-4"
"""Named in every record; raised when the disclosure changes in any language (tests/app/test_locales.py holds its texts)."""
RIGHT_TO_LEFT: frozenset[str] = frozenset({"ar"})


@lru_cache(maxsize=len(LANGUAGES))
def sentences(language: str) -> Mapping[str, str]:
    """All keys and sentences of one served language, read once. Raises KeyError for any other language."""
    if language not in LANGUAGES:
        raise KeyError(language)
    raw = resources.files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    flat: dict[str, str] = {}
    for name, value in tomllib.loads(raw).items():
        if isinstance(value, dict):
            flat.update((f"{name}.{inner}", str(sentence)) for inner, sentence in value.items())
        else:
            flat[name] = str(value)
    return MappingProxyType(flat)


def text(key: str, language: str, **values: str) -> str:
    """The sentence of a key, its placeholders filled from `values`.

    A language that is not served gets English: a person is told something rather than nothing.
    Raises KeyError when the key, or a value for a placeholder, is missing.
    """
    sentence = sentences(language if language in LANGUAGES else DEFAULT)[key]
    return sentence.format_map(values) if "{" in sentence else sentence


def keys() -> frozenset[str]:
    """Every key there is (those of English; the tests hold the other languages to the same set)."""
    return frozenset(sentences(DEFAULT))
