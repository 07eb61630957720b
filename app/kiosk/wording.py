"""The kiosk's words in eight languages; days and waiting times as people of each language write them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from unicodedata import bidirectional

from babel import Locale
from babel.dates import format_date

from app import locales
from app.locales import DEFAULT, LANGUAGES, RIGHT_TO_LEFT

LABELS = Path(__file__).with_name("labels")
OWN_NAMES: Mapping[str, str] = MappingProxyType({code: str(Locale(code).get_display_name(code)).capitalize() for code in LANGUAGES})
"""Each language's name in itself, for whoever cannot read the screen that is open."""
_LOCALES: Mapping[str, str] = {"en": "en_GB", "pt": "pt_PT"}


@lru_cache(maxsize=len(LANGUAGES))
def labels(language: str) -> Mapping[str, str]:
    """The kiosk's words in a served language; `[desk] ask = "…"` is the key `desk.ask`. Raises KeyError for another language."""
    if language not in LANGUAGES:
        raise KeyError(language)
    tables = tomllib.loads((LABELS / f"{language}.toml").read_text("utf-8"))
    return MappingProxyType({f"{name}.{inner}": str(text) for name, table in tables.items() for inner, text in table.items()})


def served(name: str) -> str:
    """The served language of a locale's name such as `pt_BR` or `zh-Hans-CN`; English where it is not served."""
    code = name.replace("-", "_").split("_")[0].lower()
    return code if code in LANGUAGES else DEFAULT


def is_right_to_left(language: str) -> bool:
    """Whether a language is written from right to left."""
    return language in RIGHT_TO_LEFT


def reads_right_to_left(text: str, language: str) -> bool:
    """Whether a text is written from right to left: by its language, else by its first letter (Unicode UAX #9, P2 and P3)."""
    if language:
        return language in RIGHT_TO_LEFT
    return next((kind != "L" for kind in map(bidirectional, text) if kind in ("L", "R", "AL")), False)


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language says things."""

    language: str

    def __call__(self, key: str, **values: str) -> str:
        """The words of a key, its placeholders filled. Raises KeyError for a key or a value that is missing."""
        words = labels(self.language)[key]
        return words.format_map(values) if "{" in words else words

    def shared(self, key: str) -> str:
        """Words that the customer chat uses too (app/locales)."""
        return locales.text(key, self.language)

    def named(self, family: str, value: str) -> str:
        """What a value of the API is called; the value itself where a later server has one without a name here."""
        return labels(self.language).get(f"{family}.{value}", value)

    def language_name(self, code: str) -> str:
        """A language by its name; its code where it has none."""
        return str(Locale(self.language).languages.get(code, code))

    def language_title(self, code: str) -> str:
        """A language's name where it stands alone or first."""
        name = self.language_name(code)
        return name[:1].upper() + name[1:]

    def day(self, day: date) -> str:
        """A day, in full."""
        return str(format_date(day, "long", locale=self._locale))

    def moment(self, moment: datetime) -> str:
        """A moment of the machine's own clock, to the minute."""
        return f"{self.day(moment.date())} · {moment:%H:%M}"

    @property
    def _locale(self) -> str:
        return _LOCALES.get(self.language, self.language)


def duration(seconds: float) -> str:
    """A waiting time as a clock shows it: minutes and seconds, from an hour on with hours."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3_600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
