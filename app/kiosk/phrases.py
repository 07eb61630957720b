"""Quick phrases: questions that are asked again and again, and replies to customers, in every language, from one TOML file.

The file has tables `[[ask]]` and `[[reply]]`, each with a text a language; the first nine of each have a key. A bank's own file
(`tellerbox kiosk --phrases FILE`) takes the place of the one that ships.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import TellerboxError
from app.locales import DEFAULT, LANGUAGES

SHIPPED = Path(__file__).with_name("phrases.toml")
LONGEST_CHARS = 500
Phrase = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of a bank."""

    asks: tuple[Phrase, ...]
    replies: tuple[Phrase, ...]


def in_language(phrase: Phrase, language: str) -> str:
    """A phrase in a language, in English where it has none."""
    return phrase.get(language, phrase[DEFAULT])


def load_phrases(path: Path = SHIPPED) -> Phrases:
    """Reads a file of phrases. Raises TellerboxError naming what is wrong with it."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TellerboxError(f"the phrases cannot be read from {path} ({error.strerror})") from None
    except ValueError:
        raise TellerboxError(f"{path} is not TOML") from None
    unknown = sorted(set(tables) - {"ask", "reply"})
    if unknown:
        raise TellerboxError(f"{path} has a table that is not known: {unknown[0]}; it may have [[ask]] and [[reply]]")
    return Phrases(_phrases(tables, "ask", path), _phrases(tables, "reply", path))


def _phrases(tables: Mapping[str, Any], name: str, path: Path) -> tuple[Phrase, ...]:
    listed = tables.get(name, [])
    if not isinstance(listed, list):
        raise TellerboxError(f"{path}: write [[{name}]] with two brackets")
    for number, phrase in enumerate(listed, 1):
        where = f"{path}, [[{name}]] number {number}"
        if DEFAULT not in phrase or not set(phrase) <= set(LANGUAGES):
            raise TellerboxError(f"{where} needs a text for {DEFAULT} and may have one for each of {', '.join(LANGUAGES)}")
        if not all(isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_CHARS for text in phrase.values()):
            raise TellerboxError(f"{where}: each text has 1 to {LONGEST_CHARS} characters")
    return tuple(listed)
