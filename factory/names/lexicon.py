"""Lexicon: lists of names, streets, towns and organisations per language, ours (`lexicon/<lang>.toml`) and those of Faker (MIT).

A name is put aside for good by its own hash: `held_out` names are in no training sentence and not in the gazetteer while we measure;
`unlisted` names are in training sentences but not in the gazetteer, so that the tagger learns to live without a list.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
NAMED = ("given", "surnames", "cities")
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


def gazetteer_lists(parts: frozenset[str]) -> Iterable[tuple[str, Iterable[str]]]:
    """`(class, phrases)` of every language for the gazetteer, with the names of these parts only."""
    from compliance.redaction.rule import compact
    from compliance.redaction.tokens import fold

    public = tomllib.loads((HERE / "lexicon" / "public.toml").read_text("utf-8"))
    never = {fold(word) for word in public["never_names"]}
    yield "public", public["public"]
    yield "common", [*public["never_names"], *_words("nouns.de.txt"), *_words("ordinary.txt"), *ordinary_arabic(), *_spoken("ar")]
    for language in (*LANGUAGES, "other"):
        words = lexicon(language)
        for name, letter in (("given", "given"), ("surnames", "surname"), ("cities", "city")):
            yield letter, [value for value in words[name] if part(value) in parts and fold(value) not in never]
        yield "given_char", words["given_chars"]
        yield "kunya", [value.split()[0] for value in words["kunya"]]
        yield "country", words["countries"]
        yield "title", words["titles"]
        yield "common", words["common_words"]
        if language in LANGUAGES:  # of the others' short words ("os", "u", "alle") most mean something in a language we serve
            yield "street", {word for street in words["streets"] for word in _street_words(street) if compact(word) and fold(word) not in never}
        yield "brand", [value for value in words["organisations"] if "{" not in value and part(value) in parts]
        yield "organisation", {*words["forms"], *(word for each in words["organisations"] for word in _form_words(each))}


def _words(name: str) -> list[str]:
    """A list of ordinary words: German nouns, which are written like names, and names that are more often written small than with a capital,
    both counted in the business documents and encyclopedic passages of the data folder."""
    return (HERE / "lexicon" / name).read_text("utf-8").split()


def ordinary_arabic() -> list[str]:
    """Words of the Arabic policies and training questions, of ArBanking77, of Tatoeba's sentences that name nobody and of business documents:
    those that no list calls a name, and those of the others that were picked by hand as ordinary all the same."""
    return _words("ordinary.ar.txt")


def _spoken(language: str) -> set[str]:
    """The words of a language's templates that are in none of its lists: in a script without capitals little else tells an ordinary word."""
    from compliance.redaction.tokens import fold

    lists = ("given", "surnames", "cities", "kunya", "titles", "forms", "persons_foreign", "streets", "organisations")
    listed = {fold(word) for name in lists for value in lexicon(language)[name] for word in value.split()}
    lines = (HERE / "templates" / f"{language}.txt").read_text("utf-8").splitlines()
    words = {word for line in lines if part(line) != "held_out" for word in _WORD.findall(_SLOT.sub(" ", line))}
    return {word for word in words if fold(word) not in listed}


_SLOT = re.compile(r"\{[A-Z]+\}|\\n")
_WORD = re.compile(r"[^\W\d_]{3,}")
_STREET_ENDS = ("路", "街", "道", "巷", "弄", "号", "號", "栋", "棟", "单元", "室", "楼", "樓", "村", "苑", "小区", "大厦", "花园")
_STREET_STEMS = ("straße", "strasse", "str", "weg", "platz", "allee", "gasse", "ring", "ufer", "damm", "chaussee")


def _street_words(street: str) -> Iterable[str]:
    """The word of a street's name that says it is one: its first in most languages, its end in German and Chinese."""
    if any("\u4e00" <= char <= "\u9fff" for char in street):
        return [end for end in _STREET_ENDS if end in street]
    words = [bare for word in street.split() if "{" not in word and (bare := word.strip(".,")) and not bare[0].isdigit()]
    if not words:
        return []
    stems = [word for word in words if word.casefold() in _STREET_STEMS]
    return [words[0], *stems]


_FORMS = frozenset(
    "s.l. s.a. s.l.u. gmbh ag kg ohg e.v. ltd limited llc inc plc corp co sarl sas sa sasu srl spa snc s.r.l. s.p.a. lda ltda unipessoal group grupo gruppe groupe gruppo "
    "university universidad universität université universidade università school colegio schule école escola scuola hospital hotel hôtel restaurante restaurant ristorante "
    "talleres panadería boulangerie bäckerei clínica clinic klinik clinique farmacia pharmacie apotheke association asociación verein associação associazione fundación "
    "company store shop supermarket transportes construcciones transports construções autohaus garage garaje café bar 公司 有限公司 集团 银行 学校 大学 医院 超市 餐厅 酒店 中学 小学 شركة مؤسسة مدرسة جامعة مستشفى مطعم متجر".split()
)


def _form_words(organisation: str) -> Iterable[str]:
    if any("\u4e00" <= char <= "\u9fff" for char in organisation):
        return [form for form in _FORMS if form in organisation]
    return [word for word in organisation.replace(",", " ").split() if word.casefold() in _FORMS]
