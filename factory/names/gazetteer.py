"""Gazetteer: the list of names and words that ships, and the one to train and measure with, which lacks the names put aside."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache

from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.rule import compact
from compliance.redaction.tokens import fold
from factory.names.lexicon import HERE, LANGUAGES, SPLIT, lexicon, part
from factory.names.ordinary import listed_words, name_part, never_names, ordinary, words_in_use

LETTERED = {"given": "given", "surnames": "surname", "cities": "city", "foreign_given": "given", "foreign_surnames": "surname"}
"""The class of each list that is split by name."""

LIKE_COUNTRIES = frozenset({"languages", "parts_of_the_world", "regions"})
"""Kinds of what names nobody that count as countries do: the field may still take one for a family name. The others are public words."""


@cache
def gazetteer(*, release: bool) -> Gazetteer:
    """The list that ships, or the one to train and measure with: without the names put aside and the unlisted ones."""
    parts = frozenset({"listed", "unlisted", "held_out"} if release else {"listed"})
    lists = [(name, list(phrases)) for name, phrases in (*gazetteer_lists(parts), ("common", words_in_use()))]
    listed = {fold(each) for _, phrases in lists for each in phrases}
    # of what is listed already the field has learnt what to make
    for kind, phrases in nobody().items():
        lists.append(("country" if kind in LIKE_COUNTRIES else "public", [each for each in phrases if fold(each) not in listed]))
    # "Next" and "Three" are shops too: a brand that is an ordinary word is told by where it stands alone
    return Gazetteer.of((name, [each for each in phrases if name != "brand" or fold(each) not in ordinary()]) for name, phrases in lists)


def nobody() -> dict[str, list[str]]:
    """What names nobody though it is written like a name, by kind (`lexicon/nobody.toml`)."""
    return tomllib.loads((HERE / "lexicon" / "nobody.toml").read_text("utf-8"))


def gazetteer_lists(parts: frozenset[str]) -> Iterable[tuple[str, Iterable[str]]]:
    """`(class, phrases)` of every language for the gazetteer, with the names of these parts only."""
    never = {fold(word) for word in never_names()}
    yield "public", tomllib.loads((HERE / "lexicon" / "public.toml").read_text("utf-8"))["public"]
    yield "common", listed_words()
    for language in (*LANGUAGES, "other"):
        words = lexicon(language)
        for name in SPLIT:
            yield LETTERED[name], [value for value in words[name] if name_part(value) in parts and fold(value) not in never]
        yield "given_char", words["given_chars"]
        yield "kunya", [value.split()[0] for value in words["kunya"]]
        yield "country", words["countries"]
        yield "title", words["titles"]
        if language in LANGUAGES:  # of the others' short words ("os", "u", "alle") most mean something in a language we serve
            yield "street", {word for street in words["streets"] for word in _street_words(street) if compact(word) and fold(word) not in never}
        yield "brand", [value for value in words["organisations"] if "{" not in value and part(value) in parts]
        yield "organisation", {*words["forms"], *(word for each in words["organisations"] for word in _form_words(each))}


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
    "company store shop supermarket transportes construcciones transports construções autohaus garage garaje café bar 公司 有限公司 集团 银行 学校 大学 医院 超市 餐厅 酒店 中学 小学 馆 店 厂 饭店 酒楼 酒家 商行 工作室 诊所 药房 幼儿园 烧烤 火锅 美容院 美发 便利店 百货 物流 贸易 装饰 事务所 旅行社 شركة مؤسسة مدرسة جامعة مستشفى مطعم متجر".split()
)


def _form_words(organisation: str) -> Iterable[str]:
    if any("\u4e00" <= char <= "\u9fff" for char in organisation):
        return [form for form in _FORMS if form in organisation]
    return [word for word in organisation.replace(",", " ").split() if word.casefold() in _FORMS]
