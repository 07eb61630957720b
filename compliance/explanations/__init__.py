"""The sentences of an explanation for the person who asked, one TOML file a language, the same keys in each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
DEFAULT = "en"


@cache
def sentences(language: str) -> Mapping[str, str]:
    """Every sentence of a language by key; English where the language has none."""
    name = language if language in LANGUAGES else DEFAULT
    raw = resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return MappingProxyType({key: str(value) for key, value in tomllib.loads(raw).items()})
