"""The console's words in eight languages, and moments, days, numbers and durations as people of each language write them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from babel import Locale
from babel.dates import format_datetime, format_skeleton
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from app import locales
from app.locales import DEFAULT, LANGUAGES, RIGHT_TO_LEFT

LABELS = Path(__file__).with_name("labels")
OWN_NAMES: Mapping[str, str] = {code: str(Locale(code).get_display_name(code)).capitalize() for code in LANGUAGES}
"""Each language's name in itself, for whoever cannot read the page that is open."""
_LOCALES: Mapping[str, str] = {"en": "en_GB", "pt": "pt_PT"}
_WEIGHT = re.compile(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*")


@lru_cache(maxsize=len(LANGUAGES))
def labels(language: str) -> Mapping[str, str]:
    """The console's own words in a served language; `[page] ledger = "…"` is the key `page.ledger`. Raises KeyError for another."""
    if language not in LANGUAGES:
        raise KeyError(language)
    flat: dict[str, str] = {}
    for name, value in tomllib.loads((LABELS / f"{language}.toml").read_text("utf-8")).items():
        flat |= {f"{name}.{inner}": text for inner, text in value.items()} if isinstance(value, dict) else {name: value}
    return MappingProxyType(flat)


def preferred(accept: str) -> str:
    """The served language that an Accept-Language header (RFC 9110 §12.5.4) likes best, English where it likes none."""
    wanted: list[tuple[float, str]] = []
    for part in accept.split(",")[:40]:
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().split("-")[0]
        found = _WEIGHT.fullmatch(weight) if weight else None
        quality = float(found[1]) if found else 0.0 if weight else 1.0
        if code in LANGUAGES and quality > 0:
            wanted.append((-quality, code))
    return min(wanted, key=lambda each: each[0])[1] if wanted else DEFAULT


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language says things. Figures are Latin digits everywhere: they stand beside hashes, amounts and ids."""

    language: str

    @property
    def labels(self) -> Mapping[str, str]:
        """The console's own words."""
        return labels(self.language)

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`, as HTML's `dir`."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    @property
    def locale(self) -> str:
        """Babel's name of the locale: English writes the day first, and Portuguese is that of Portugal, as the policies are."""
        return _LOCALES.get(self.language, self.language)

    def named(self, family: str, value: object) -> str:
        """What a value of a record is called; the value itself where it has no name here, as in a record of a later version."""
        return self.labels.get(f"{family}.{value}".replace(" ", "_"), str(value))

    def language_name(self, code: object) -> str:
        """A language by its name; its code where it has none."""
        return str(Locale(self.language).languages.get(str(code), code))

    def feedback_reason(self, reason: object) -> str:
        """A reason of feedback in the words in which it was chosen."""
        return locales.sentences(self.language).get(f"reason.{reason}", str(reason))

    def moment(self, time: str | float) -> str:
        """A moment (a record's, or seconds since 1970), in UTC, to the second."""
        when = datetime.fromtimestamp(time, UTC) if isinstance(time, (int, float)) else datetime.fromisoformat(time)
        return str(format_datetime(when, "medium", locale=self.locale))

    def day(self, text: str) -> str:
        """A day without its year; what is no day stays as it is."""
        try:
            return str(format_skeleton("MMMd", datetime.fromisoformat(text), locale=self.locale))
        except ValueError:
            return text

    def number(self, value: object) -> str:
        """A number; anything else that a record holds in its place as it is."""
        return str(format_decimal(value, locale=self.locale)) if isinstance(value, (int, float)) else str(value)

    def share(self, value: float) -> str:
        """A share between 0 and 1, in whole percents."""
        return str(format_percent(value, locale=self.locale))

    def milliseconds(self, value: float) -> str:
        """A duration given in ms: in seconds from one second on."""
        unit, amount = ("second", round(value / 1000, 1)) if value >= 1000 else ("millisecond", round(value, 1 if value < 10 else 0))
        return str(format_unit(amount, f"duration-{unit}", "short", locale=self.locale))

    def minutes(self, value: float) -> str:
        """A duration given in minutes."""
        return str(format_unit(round(value, 1), "duration-minute", "short", locale=self.locale))
