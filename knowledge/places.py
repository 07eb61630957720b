"""Places: for which countries a text holds, as far as it says so: "in the euro area", "outside the EU", "a cheque from abroad".

A price for one place is the wrong answer to who asks about another, however alike the words are. Countries are known by their CLDR names
(through Babel); other names, nationalities and what people call zones stand in `place_names.tsv`. Which countries belong together is law:
see `ZONES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from knowledge.currencies import NO_MONEY, Money, begins_currency, is_currency, money
from knowledge.terms import fold

NAMES_FILE = Path(__file__).with_name("place_names.tsv")
"""Lines `language<TAB>code<TAB>forms`: an ISO 3166 code, a zone, HOME, ABROAD, OTHERS, or `-` for what looks like a place and is none.
Forms are folded and stand between semicolons; a word that ends with `*` may end otherwise; Arabic ones have no article."""

_EURO = frozenset("AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split())
_EU = _EURO | frozenset("CZ DK HU PL RO SE".split())
_EEA = _EU | frozenset("IS LI NO".split())
_OF_FRANCE = frozenset("GF GP MF MQ RE YT".split())
_OF_BRITAIN = frozenset("GG GI IM JE".split())
_SMALL = frozenset("AD MC SM VA".split())
_SEPA = _EEA | _OF_FRANCE | _OF_BRITAIN | _SMALL | frozenset("AL AX BL CH GB MD ME MK PM RS".split())
ZONES: Mapping[str, frozenset[str]] = {
    "euro": _EURO | _OF_FRANCE | _SMALL | frozenset("AX BL ME PM XK".split()),
    "eu": _EU | _OF_FRANCE | {"AX"},
    "eea": _EEA | _OF_FRANCE | {"AX"},
    "sepa": _SEPA,
    "europe": _SEPA - _OF_FRANCE - {"BL", "PM"} | frozenset("BA BY FO UA XK".split()),
}
"""ISO 3166 codes by zone, with the territories that belong to it; "euro" is where people pay in euros. As of November 2026: Bulgaria has
paid in euros since January (decided by the Council on 8 July 2025); SEPA as in the European Payments Council's list of its geographical
scope (EPC409-09), with Albania, Moldova, Montenegro, North Macedonia and Serbia."""

_BOTH_SIDES = frozenset("AM AZ CY GE KZ RU TR".split())
"""Who asks about Europe, or about what lies outside it, may mean these or not."""

HOME, ABROAD, OTHERS, NO_PLACE = "home", "abroad", "others", "-"
_RELATIVE = (HOME, ABROAD, OTHERS)

ELSEWHERE: Mapping[str, str] = {
    "en": "abroad", "es": "el extranjero", "fr": "l'étranger", "de": "Ausland", "pt": "o estrangeiro", "it": "l'estero", "zh": "国外",
    "ar": "الخارج",
}  # fmt: skip
"""How a language says "abroad": what policies call the countries that they do not name."""


@dataclass(frozen=True, slots=True)
class _Negations:
    """What makes of a place all that lies outside it: `outside` right before it, `between` the two of them; or "I do not live in" it."""

    outside: frozenset[str]
    between: frozenset[str]
    live: frozenset[str]
    negation: frozenset[str]


def _negations(outside: str, between: str, live: str, negation: str) -> _Negations:
    return _Negations(*(frozenset(words.split()) for words in (outside, between, live, negation)))


_NOT_IN: Mapping[str, _Negations] = {
    "en": _negations("outside non beyond", "of the a country countries from in within", "live living reside resident based", "not t no"),
    "es": _negations(
        "fuera", "de la el los las del un pais paises en", "vivo vive viven vivimos resido reside residen residente", "no tampoco"
    ),
    "fr": _negations("hors dehors", "de du la le l les d un pays des dans en au", "habite vis vit reside resident", "n ne pas"),
    "de": _negations("ausserhalb", "der des die von dem den eines landes in im", "wohne wohnt lebe lebt wohnen leben", "nicht"),
    "pt": _negations("fora", "da do de das dos o a um pais paises na no em", "moro mora vivo vive resido reside residente", "nao"),
    "it": _negations(
        "fuori extra",
        "dall dalla dallo dai dagli dal di della dello dell l la lo un paese in nell nella",
        "vivo vive abito risiedo residente",
        "non",
    ),
    "ar": _negations("خارج وخارج برا بره", "نطاق بلدان دول حدود عن من في", "اعيش اسكن اقيم مقيم مقيما مقيمه", "لا لست لم ليس غير"),
}  # fmt: skip
_NON_COMPOUND = "nicht"
"""German: "Nicht-EU-Land", which is not "nicht in der EU"."""
_CHINESE_OUTSIDE = re.compile(r"(?:国家)?(?:以外|之外|外)")
_CHINESE_OUTSIDE_HELD = re.compile(r"(?:以外|之外)$")
_CHINESE_NOT_IN = re.compile(r"(?:不|没有?|未)(?:居住|住|生活)?在$")
_CHINESE_GOES_ON = re.compile(r"际|中央|经济|經濟|法律|标准|支付|议会|議會")
"""After a zone or "abroad" in Chinese: the name of something else (the European Central Bank), or another word (international)."""

_INTERNATIONAL_TRANSFER = re.compile(
    r"(?<!\w)(?:international (?:money )?(?:transfer|payment)|transferencias? internaciona|virements? internationa|auslandsuberweisung"
    r"|auslandszahlung|bonific[oi] internazional)|国际汇款|国际转账"
    r"|(?:تحويل|تحويلات|حواله|حوالات) (?:ال)?دولي"
)
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0640\u064b-\u0655\u0670])*")
_FORM_WORD = re.compile(r"[^\W_]+\*?")
_IN_BRACKETS = re.compile(r"\s*[(（].*")
_HAMZA = str.maketrans(dict.fromkeys(range(0x653, 0x656)))
_ARABIC_PREFIXES = ("ال", "لل", "بال", "كال", "ل", "ب", "ك")
_SHORTEST = 3
_ABROAD_WORD = "الخارج"
"""With its article it is "abroad"; without, "outside" of what follows."""
_NO_COUNTRIES = frozenset(("EU", "EZ", "UN", "ZZ", "XA", "XB"))


@dataclass(frozen=True, slots=True)
class Places:
    """`named` ISO 3166 codes; `home` and `abroad`: the country of the branch, all others; `others`: that these are "other countries".

    `sepa` and `international` tell of the two kinds of transfer that a text is about, `money` of the currencies that it speaks of,
    `mentioned` what was named, as code or "outside" and code.
    """

    named: frozenset[str] = frozenset()
    home: bool = False
    abroad: bool = False
    others: bool = False
    sepa: bool = False
    international: bool = False
    money: Money = NO_MONEY
    mentioned: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[str, ...]:
        """The places and the money, in words: "US", "outside eu", "abroad", "euros", "other money"."""
        return (*self.mentioned, *["euros"] * self.money.euros, *["other money"] * self.foreign_money)

    @property
    def any(self) -> bool:
        """Whether a place is named at all."""
        return bool(self.named) or self.home or self.abroad

    def countries(self, home: str | None) -> frozenset[str]:
        """The codes, for a branch in that country; all there are where home or abroad is said and the branch's country is not known."""
        if home is None and (self.home or self.abroad):
            return everywhere()
        # "Domestic cheque in Germany": home is where the text says.
        own = frozenset({home} if home and self.home and not self.named else ())
        return self.named | own | (everywhere() - {home} if home and self.abroad else frozenset())

    @property
    def foreign_money(self) -> bool:
        """Whether money other than euros is spoken of."""
        return self.money.other or self.money.foreign

    def _in_other_money(self, asked: Places) -> bool:
        if asked.foreign_money:
            euros_alone = (self.money.in_euros and not self.foreign_money) or (self.sepa and not self.international)
            return euros_alone and not asked.money.euros
        return asked.money.euros and self.money.other and not self.money.euros

    def elsewhere(self, asked: Places, home: str | None) -> bool:
        """Whether a statement about these places and this money holds for none that a question asks about.

        A transfer in euros within SEPA is no international one (Regulation (EU) 2021/1230), one in another currency no SEPA transfer
        (Regulation (EU) 260/2012).
        """
        if self._in_other_money(asked):
            return True
        if not asked.any:
            return False
        theirs = asked.countries(home)
        if home and len(theirs) > 1:
            # "From Spain to Morocco", asked in Spain: what holds in Spain is not the matter.
            theirs -= {home}
        if self.international and not asked.foreign_money and theirs <= ZONES["sepa"]:
            return True
        return self.any and self.countries(home).isdisjoint(theirs)


@dataclass(frozen=True, slots=True)
class Mention:
    """`text[start:end]` names `countries`; `code` is an ISO code, a zone, HOME, ABROAD or OTHERS."""

    start: int
    end: int
    code: str
    countries: frozenset[str]
    outside: bool
    first: int
    last: int
    """Of the words of the text, or of the characters in Chinese."""
    again: bool = False
    """Of what was named right before: "outside the Single Euro Payments Area (SEPA)"."""


def places(text: str, language: str) -> Places:
    """The places that a text names, all together."""
    found = [mention for mention in mentions(text, language) if not mention.again]
    codes = {mention.code for mention in found}
    folded = _folded(text)
    return Places(
        frozenset().union(*_together([mention for mention in found if mention.code not in _RELATIVE])),
        HOME in codes,
        bool(codes & {ABROAD, OTHERS}),
        OTHERS in codes,
        any(mention.code == "sepa" and not mention.outside for mention in found),
        bool(_INTERNATIONAL_TRANSFER.search(folded)),
        money(text, folded),
        tuple(dict.fromkeys(f"outside {mention.code}" if mention.outside else mention.code for mention in found)),
    )


def country_of(text: str, language: str) -> str:
    """What a language calls the first country that a text names, by a name, a town or a region; empty for none."""
    code = next((mention.code for mention in mentions(text, language) if len(mention.code) == 2 and mention.code in everywhere()), "")
    return _cldr(_spoken(language)).get(code, "")


def anywhere(text: str, language: str, home: str | None) -> str:
    """The text with each foreign country that it names called "abroad", as policies call it that do not name it."""
    for mention in reversed(mentions(text, language)):
        if mention.code not in _RELATIVE and mention.code not in ZONES and mention.code != home and not mention.outside:
            text = text[: mention.start] + ELSEWHERE[_spoken(language)] + text[mention.end :]
    return text


def _together(found: Sequence[Mention]) -> Iterator[frozenset[str]]:
    """The countries of each mention; of two that limit each other ("a country of the EEA outside the euro area"), what both say."""
    place = 0
    while place < len(found):
        one, other = found[place], found[place + 1] if place + 1 < len(found) else None
        if other is not None and one.outside != other.outside and other.first - one.last <= 1:
            yield one.countries & other.countries
            place += 1
        else:
            yield one.countries
        place += 1


def mentions(text: str, language: str) -> list[Mention]:
    """Each place that a text names, in order, the longest name first; `text` may be of any kind."""
    words = _words(text, language)
    names, place = _names(_spoken(language)), 0
    found: list[Mention] = []
    while place < len(words):
        phrase, code = next((item for item in names.at(words[place].forms) if _matches(item[0], words, place)), ((), NO_PLACE))
        last = place + len(phrase)
        if language == "zh" and len(code) > 2 and _CHINESE_GOES_ON.match(text, words[last - 1].end):
            last = place
        elif code != NO_PLACE and not _of_money(text, words, place, last, language):
            first, last, outside = (place, last, False) if code in _RELATIVE else _outside(text, words, place, last, language)
            again = bool(found) and found[-1].code == code and first - found[-1].last <= 1
            found.append(Mention(words[first].start, words[last - 1].end, code, _countries(code, outside), outside, first, last, again))
        place = max(last, place + 1)
    return found


@lru_cache(maxsize=1)
def everywhere() -> frozenset[str]:
    """The codes of all countries that CLDR names."""
    return frozenset(_cldr("en"))


def _countries(code: str, outside: bool) -> frozenset[str]:
    if code in _RELATIVE:
        return frozenset()
    countries = ZONES.get(code, frozenset({code}))
    doubtful = _BOTH_SIDES if code == "europe" else frozenset()
    return everywhere() - (countries - doubtful) if outside else countries | doubtful


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    forms: tuple[str, ...]
    """The word folded; for Arabic also without the particles that are written together with it."""


def _words(text: str, language: str) -> list[_Word]:
    if language == "zh":
        return [_Word(place, place + 1, (_folded(char),)) for place, char in enumerate(text)]
    return [_Word(found.start(), found.end(), _forms(_folded(found.group()), language)) for found in _WORD.finditer(text)]


def _forms(word: str, language: str) -> tuple[str, ...]:
    if language != "ar":
        return (word,)
    bare = [word, word[1:]] if word[:1] in ("و", "ف") else [word]
    stems = [each[len(prefix) :] for each in bare for prefix in _ARABIC_PREFIXES if each.startswith(prefix)]
    return (word, *dict.fromkeys(each for each in (*bare[1:], *stems) if len(each) >= _SHORTEST))


def _folded(text: str) -> str:
    return fold(text).translate(_HAMZA)


def _outside(text: str, words: Sequence[_Word], first: int, last: int, language: str) -> tuple[int, int, bool]:
    """From which word to which a place reaches with the words that make of it what lies outside, and whether there are any."""
    if language == "zh":
        after = _CHINESE_OUTSIDE.match(text, words[last - 1].end)
        held = _CHINESE_OUTSIDE_HELD.search(text, words[first].start, words[last - 1].end)
        negated = _CHINESE_NOT_IN.search(text, max(words[first].start - 6, 0), words[first].start)
        return first, last + len(after.group()) if after else last, bool(after or held or negated)
    said = _NOT_IN[_spoken(language)]
    begin = first
    while begin and words[begin - 1].forms[0] in said.between:
        begin -= 1
    before = [word.forms[0] for word in words[max(begin - 4, 0) : begin]]
    if before and (before[-1] in said.outside or (language == "de" and before[-1] == _NON_COMPOUND and begin == first)):
        return begin - 1, last, True
    if before and before[-1] in said.negation:
        # "Je n'habite pas dans l'UE": the negation stands after the verb.
        return first, last, len(before) > 1 and before[-2] in said.live
    return first, last, bool(before) and before[-1] in said.live and any(word in said.negation for word in before[-3:-1])


def _of_money(text: str, words: Sequence[_Word], first: int, last: int, language: str) -> bool:
    """Whether a place says whose money is meant: "Swiss francs" are no place."""
    if language == "zh":
        return begins_currency(text, words[last - 1].end)
    beside = [*words[max(first - 1, 0) : first], *words[last : last + 1]]
    return any(is_currency(form) for word in beside for form in word.forms)


def _matches(phrase: Sequence[str], words: Sequence[_Word], place: int) -> bool:
    if place + len(phrase) > len(words):
        return False
    pairs = zip(phrase, words[place : place + len(phrase)], strict=True)
    return all(word.forms[0].startswith(part[:-1]) if part.endswith("*") else part in word.forms for part, word in pairs)


_Phrases = list[tuple[tuple[str, ...], str]]


@dataclass(frozen=True, slots=True)
class _Names:
    """Phrases by their first word, those whose first word may end otherwise by its first character; longest first, each with its code."""

    whole: Mapping[str, _Phrases]
    begun: Mapping[str, _Phrases]

    def at(self, forms: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
        """The phrases that may begin with one of these forms of a word."""
        for form in forms:
            yield from self.whole.get(form, ())
        yield from self.begun.get(forms[0][:1], ())


@lru_cache(maxsize=16)
def _names(language: str) -> _Names:
    known: dict[tuple[str, ...], str] = {}
    for code, name in _cldr(language).items():
        known |= dict.fromkeys(_phrases(_IN_BRACKETS.sub("", name), language), code)
    lines = [line.split("\t") for line in NAMES_FILE.read_text("utf-8").splitlines()]
    for _, code, forms in sorted((line for line in lines if line[0] == language), key=lambda line: line[1] == NO_PLACE):
        known |= {phrase: code for form in forms.split(";") for phrase in _phrases(form, language)}
    ordered = sorted(((phrase, code) for phrase, code in known.items() if phrase), key=lambda item: (-len(item[0]), item))
    begun = [item for item in ordered if item[0][0].endswith("*")]
    whole = [item for item in ordered if not item[0][0].endswith("*")]
    return _Names(_by(whole, lambda word: word), _by(begun, lambda word: word[0]))


def _by(phrases: _Phrases, key: Callable[[str], str]) -> dict[str, _Phrases]:
    found: dict[str, _Phrases] = {}
    for phrase, code in phrases:
        found.setdefault(key(phrase[0]), []).append((phrase, code))
    return found


def _spoken(language: str) -> str:
    """The language whose names of places are known: itself, or English."""
    return language if language in ELSEWHERE else "en"


@lru_cache(maxsize=16)
def _cldr(language: str) -> Mapping[str, str]:
    from babel import Locale

    names = Locale(language).territories.items()
    return {code: name for code, name in names if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES}


def _phrases(form: str, language: str) -> list[tuple[str, ...]]:
    """A name as the words, or characters, that are looked for; an Arabic one with its articles and without."""
    folded = _folded(form)
    if language == "zh":
        return [tuple(folded)]
    found = tuple(_FORM_WORD.findall(folded))
    if language != "ar":
        return [found]
    bare = tuple(word[2:] if word.startswith("ال") and word != _ABROAD_WORD and len(word) >= 2 + _SHORTEST else word for word in found)
    return list(dict.fromkeys([found, bare]))
