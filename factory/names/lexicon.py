"""Lexicon: lists of names, streets, towns and organisations per language, ours (`lexicon/<lang>.toml`) and those of Faker (MIT).

A name is put aside for good by its own hash: `held_out` names are in no training sentence and not in the gazetteer while we measure;
`unlisted` names are in training sentences but not in the gazetteer, so that the tagger learns to live without a list.
"""

from __future__ import annotations

import hashlib
import importlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
NAMED = ("given", "surnames", "cities")
SPLIT = (*NAMED, "foreign_given", "foreign_surnames")
"""The lists that are split by name; the others are closed classes."""

# Faker's locales whose names people bear who come to a branch where the language is spoken.
_LOCALES: Mapping[str, tuple[str, ...]] = {
    "en": ("en_US", "en_GB", "en_IN", "en_NZ", "ga_IE", "en_NG", "en_KE"),
    "es": ("es_ES", "es_MX", "es_AR", "es_CO", "es_CL"),
    "fr": ("fr_FR", "fr_BE", "fr_CH", "fr_CA"),
    "de": ("de_DE", "de_AT", "de_CH"),
    "pt": ("pt_PT", "pt_BR"),
    "it": ("it_IT",),
    "zh": ("zh_CN", "zh_TW"),
    "ar": ("ar_AA", "ar_SA", "ar_PS", "ar_DZ"),
    "other": (
        "pl_PL", "ro_RO", "tr_TR", "nl_NL", "nl_BE", "sv_SE", "da_DK", "no_NO", "fi_FI", "cs_CZ", "sk_SK", "hu_HU", "hr_HR", "sl_SI", "et_EE", "lt_LT",
        "lv_LV", "id_ID", "en_PK", "vi_VN", "tl_PH", "yo_NG", "zu_ZA", "az_AZ", "is_IS", "fr_DZ", "ha_NG", "ig_NG", "sw", "uz_UZ", "mt_MT",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The lists of one language; `lists[name]` is sorted and without duplicates."""

    language: str
    lists: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self.lists.get(name, ())


def part(value: str) -> str:
    """Where a name or a template belongs, for good: "held_out" (1 in 10), "unlisted" (2 in 10) or "listed"."""
    bucket = hashlib.sha256(value.casefold().encode()).digest()[0] * 10 // 256
    return "held_out" if bucket == 0 else "unlisted" if bucket <= 2 else "listed"


@cache
def lexicon(language: str) -> Lexicon:
    """The lists of a language, or of "other" (Faker's alone)."""
    path = HERE / "lexicon" / f"{language}.toml"
    lists = {name: set(values) for name, values in tomllib.loads(path.read_text("utf-8")).items()} if path.is_file() else {}
    for locale in _LOCALES[language]:
        for name, values in _faker(locale).items():
            lists.setdefault(name, set()).update(value for value in values if name == "cities" or value.casefold() not in _no_people())
    return Lexicon(language, {name: tuple(sorted(values)) for name, values in lists.items()})


@cache
def pieces(name: str) -> Mapping[str, tuple[str, ...]]:
    """Lists of pieces that addresses and firms of a language are composed of (`lexicon/pieces.<name>.toml`)."""
    read = tomllib.loads((HERE / "lexicon" / f"pieces.{name}.toml").read_text("utf-8"))
    return {key: tuple(values) for key, values in read.items()}


@cache
def _no_people() -> frozenset[str]:
    """Countries and public words, folded by case: where Faker alone has someone called "Italia" or "Visa", the list is better without."""
    read = [tomllib.loads((HERE / "lexicon" / f"{name}.toml").read_text("utf-8")) for name in ("public", *LANGUAGES)]
    return frozenset(word.casefold() for lists in read for name in ("public", "countries") for word in lists.get(name, ()))


_PROVIDED = (
    ("person", "given", ("first_names", "first_names_male", "first_names_female", "first_names_unisex")),
    ("person", "surnames", ("last_names", "last_names_male", "last_names_female")),
    ("address", "cities", ("cities", "city_names", "towns", "villages")),
)


def _faker(locale: str) -> dict[str, set[str]]:
    """The lists of one Faker locale that we use; a locale without one of them lacks it."""
    found: dict[str, set[str]] = {}
    for provider, name, attributes in _PROVIDED:
        try:
            module = importlib.import_module(f"faker.providers.{provider}.{locale}")
        except ModuleNotFoundError:
            continue
        values = (value for attribute in attributes for value in _strings(module.Provider.__dict__.get(attribute, ())))
        found[name] = {value.strip() for value in values if 1 < len(value.strip()) < 30 or locale.startswith("zh")}
    return found


def _strings(values: object) -> Iterable[str]:
    if not isinstance(values, (tuple, list, dict)):
        return
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from (each for each in value if isinstance(each, str))
