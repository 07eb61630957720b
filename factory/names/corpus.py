"""Corpus: sentences with labelled names, filled from templates (`templates/<lang>.txt`), and sentences without any.

A template holds slots; a slot becomes a value of its language, now and then of another's. Texts are then roughened as people
type: without capitals, in capitals, without accents. Templates are split by their own hash, like names (`lexicon.part`).
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compliance.redaction.tokens import fold
from factory.names import arab, chinese
from factory.names.composer import Composer, Pick
from factory.names.firms import firm
from factory.names.lexicon import HERE, LANGUAGES, NAMED, SPLIT, lexicon, part
from factory.names.ordinary import name_part, ordinary
from factory.names.values import Values

SLOT = re.compile(r"\{([A-Z]+)\}")
LABELS = {
    "PERSON": "PERSON", "GIVEN": "PERSON", "SURNAME": "PERSON", "KUNYA": "PERSON", "NICK": "PERSON", "ADDRESS": "ADDRESS", "CITY": "LOCATION", "POSTCODE": "ADDRESS", "ORG": "ORGANIZATION",
}  # fmt: skip
FOREIGN = {"en": 0.36}
FOREIGN_ELSEWHERE = 0.18
"""How often a name is of another language's people: English is what most people write in who share no language."""
FIRMS = {"en": 0.45, "de": 0.03, "zh": 0.03, "ar": 0.03}
FIRMS_ELSEWHERE = 0.06
"""How often an organisation is a coined English name and none of the list."""
LATIN, FOREIGNER = 0.05, {"zh": 0.12, "ar": 0.1}
"""How often a person of Chinese or Arabic is written in Latin letters, as a passport does, or is a foreigner in the script of the language."""
COMPOSED = 0.55
"""How often an address or a firm of Chinese or Arabic is composed of pieces and is none of the list."""
ORDINARY = 0.25
"""How often an Arab's given name is drawn from those that are ordinary words too: a sixth of the list, and far more of the people."""
_COMPOSERS: Mapping[str, Composer] = {"zh": chinese, "ar": arab}


_IN_TOWN = {"en": "in", "es": "en", "fr": "à", "de": "in", "pt": "em", "it": "a", "ar": "في"}
"""What stands before the town where an address is told rather than written."""
_ARABIC = re.compile("[\u0621-\u064a]")
_LAM = re.compile("(?<![\u0621-\u064a])[وف]?ل$")
"""A joined "for": with an article after it, it is written "لل"."""
_TO_PEOPLE = frozenset(
    "حول حوّل حولت حوّلت أحول احول أحوّل نحول تحويل حوالة أرسل ارسل أرسلت ارسلت أرسلوا بعت بعث بعثت ابعت نبعث صيفط صيفطت طرشت أطرش فلوس مصاري دراهم زلط قروش "
    "قال قالت قلت قول قولوا سلم سلمت سلّمت أعطيت عطيت دفعت دفع خلصت شكرا شكرًا توكيل وكالة هدية سلفة رسالة".split()
)
_TO_PLACES = frozenset("ساكن ساكنة ساكنين أسكن نسكن كنسكن مقيم أقيم مسافر مسافرة رايح رايحة رحت سافرت نقلت نقلنا انتقلت انتقلنا وصلت وصلنا بيتي بيتنا شقتي".split())
"""Words after which an Arab may join "for" to a person, or "in" and "to" to a place."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its names as (type, start, end)."""

    text: str
    spans: tuple[tuple[str, int, int], ...]
    language: str


def templates(language: str, held_out: bool) -> list[str]:
    """The templates of a language that are, or are not, put aside for measuring."""
    path = HERE / "templates" / f"{language}.txt"
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()] if path.is_file() else []
    return [line for line in lines if (part(line) == "held_out") == held_out]


class Filler:
    """Fills templates of one language; with `held_out` from the names put aside, else from all others."""

    def __init__(self, language: str, rng: random.Random, *, held_out: bool = False) -> None:
        self.language = language
        self._rng = rng
        self._held_out = held_out
        self._lists: dict[tuple[str, str], Sequence[str]] = {}
        self._values = Values(language, rng)
        self._composer = _COMPOSERS.get(language)
        self._others = tuple(code for code in (*LANGUAGES, "other", "other") if code not in (language, "zh", "ar"))

    def fill(self, template: str) -> Labelled:
        """One sentence; literal `\\n` in a template becomes a line break."""
        out: list[str] = []
        spans: list[tuple[str, int, int]] = []
        length = 0
        pieces = SLOT.split(template.replace("\\n", "\n"))
        as_written = _case_of("".join(pieces[::2]))
        for number, piece in enumerate(pieces):
            text = as_written(self._value(piece)) if number % 2 else piece
            if number % 2 and out and piece in LABELS:
                out[-1] = self._run_together(out[-1], text, LABELS[piece])
                length = sum(map(len, out))
                text = text[1:] if _LAM.search(out[-1]) and text.startswith("ال") else text
            if number % 2 and (label := LABELS.get(piece)) and text:
                spans.append((label, length, length + len(text)))
            out.append(text)
            length += len(text)
        return roughen(Labelled("".join(out), tuple(_joined("".join(out), spans)), self.language), self._rng)

    def _run_together(self, before: str, value: str, label: str) -> str:
        """What stands before a name as it is written with this one: French elides, Arabic joins "and", "for" and "in" to it where they fit."""
        rng = self._rng
        if self.language == "fr" and before.endswith(("de ", "que ")) and value[:1].casefold() in "aeiouhéèêàâîôëyœ" and rng.random() < 0.8:
            return before[:-2] + "'"
        if self.language != "ar" or not before.endswith(" ") or not _ARABIC.match(value) or rng.random() > 0.3:
            return before
        last = before.split()[-1:] or [""]
        if before == "، ":  # after another name, not after a greeting
            return before + "و"
        if last[0] in _TO_PEOPLE and label not in ("LOCATION", "ADDRESS"):
            return before + "ل"
        if last[0] in _TO_PLACES and label in ("LOCATION", "ADDRESS"):
            return before + rng.choice("بل")
        return before

    def _value(self, slot: str) -> str:
        make: Callable[[], str] | None = getattr(self, "_" + slot.lower(), None) or getattr(self._values, slot.lower(), None)
        return make() if make else ""

    # -- names -------------------------------------------------------------------------------------------------------

    def _pick(self, name: str, code: str | None = None) -> str:
        code = code or self.language
        values = self._lists.get((code, name))
        if values is None:
            listed = lexicon(code)[name]
            if name in SPLIT:
                listed = tuple(value for value in listed if (name_part(value) == "held_out") == self._held_out) or listed
            values = self._lists[(code, name)] = listed
        if (code, name) == ("ar", "given") and self._rng.random() < ORDINARY:
            return self._rng.choice(self._ordinary_given(values) or values)
        return self._rng.choice(values) if values else ""

    def _ordinary_given(self, values: Sequence[str]) -> Sequence[str]:
        words = self._lists.get(("ar", "ordinary given"))
        if words is None:
            words = self._lists["ar", "ordinary given"] = [value for value in values if fold(value) in ordinary()]
        return words

    def _people(self) -> str:
        foreign = self._rng.random() < FOREIGN.get(self.language, FOREIGN_ELSEWHERE)
        return self._rng.choice(self._others) if foreign else self.language

    def _given(self) -> str:
        rng, code = self._rng, self._people()
        if self._composer and rng.random() < FOREIGNER[self.language] / 2:
            return self._pick("foreign_given")
        if code == "zh" and rng.random() < 0.5:
            return "".join(self._pick("given_chars", "zh") for _ in range(rng.choice((1, 2, 2))))
        return self._pick("given", code)

    def _surname(self) -> str:
        code = self._people()
        return chinese.surname(self._rng, self._of("zh")) if code == "zh" else self._pick("surnames", code)

    def _kunya(self) -> str:
        return arab.kunya(self._rng, self._of("ar"))

    def _nick(self) -> str:
        return chinese.nickname(self._rng, self._of("zh"))

    def _of(self, code: str) -> Pick:
        return lambda name: self._pick(name, code)

    def _person(self) -> str:
        rng, code = self._rng, self._people()
        if self._composer:
            form = rng.random()
            if form < LATIN:
                return self._pick("persons_latin")
            if form < LATIN + FOREIGNER[self.language]:
                return self._composer.foreigner(rng, self._pick)
        if code in _COMPOSERS:
            return _COMPOSERS[code].person(rng, self._of(code))
        return self._westerner(self._pick("given", code), self._pick("surnames", code), code)

    def _westerner(self, given: str, surname: str, code: str) -> str:
        rng = self._rng
        form = rng.random()
        if code in ("es", "pt"):
            second = self._pick("surnames", code)
            if form < 0.45:
                surname = f"{surname} {'y ' if code == 'es' and form < 0.02 else ''}{second}"
            elif form < 0.55:
                given = f"{given} {self._pick('given', code)}"
            elif form < 0.62 and code == "pt":
                surname = f"{rng.choice(('de', 'da', 'dos'))} {surname}"
        elif form < 0.08:
            given = f"{given} {rng.choice('ABCDEFGHIJKLMNOPRSTVW')}{rng.choice(('.', '.', ''))}"
        elif form < 0.12:
            given = f"{given} {self._pick('given', code)}"
        elif form < 0.17:
            given = f"{given}-{self._pick('given', code)}"
        elif form < 0.22:
            surname = f"{surname}-{self._pick('surnames', code)}"
        elif form < 0.26:
            surname = rng.choice(("van", "von", "de", "di", "del", "da", "Mc", "O'", "El", "Ben")) + " " + surname
            surname = surname.replace("Mc ", "Mc").replace("O' ", "O'")
        if rng.random() < 0.05:
            given = given[0] + "."
        if rng.random() < 0.05:
            surname = surname.upper()
        order = rng.random()
        if order < 0.06:
            return f"{surname}, {given}"
        return f"{surname} {given}" if order < 0.12 else f"{given} {surname}"

    # -- places and organisations --------------------------------------------------------------------------------------

    def _city(self) -> str:
        return self._pick("cities", self._people() if self.language == "en" or self._rng.random() < 0.5 else None)

    def _country(self) -> str:
        return self._pick("countries")

    def _postcode(self) -> str:
        rng = self._rng
        if self.language == "en":
            area = rng.choice(("SW", "NW", "E", "N", "M", "LS", "B", "EH", "G", "BT", "CF", "D"))
            british = f"{area}{rng.randint(1, 20)} {rng.randint(1, 9)}{''.join(rng.choices('ABDEFGHJLNPQRSTUWXYZ', k=2))}"
            return rng.choice((british, f"{rng.randint(1000, 99999):05}"))
        if self.language == "pt":
            return rng.choice((f"{rng.randint(1000, 9999)}-{rng.randint(1, 999):03}", f"{rng.randint(1000, 99999):05}-{rng.randint(1, 999):03}"))
        if self.language == "zh":
            return f"{rng.randint(100000, 859999)}"
        return f"{rng.randint(1000, 99999):05}" if rng.random() < 0.9 else f"{rng.randint(1000, 9999)}"

    def _street(self) -> str:
        rng = self._rng
        if self._composer and rng.random() < COMPOSED:
            return self._composer.street(rng)
        street = self._pick("streets")
        if self.language not in ("zh", "ar") and rng.random() < FOREIGN.get(self.language, FOREIGN_ELSEWHERE):
            code = rng.choice(("other", "other", *self._others))
            street = self._pick("streets", code).replace("{SURNAME}", self._pick("surnames", code)).replace("{GIVEN}", self._pick("given", code))
        elif self.language not in ("zh", "ar") and rng.random() < 0.25:
            # the name inside a street is replaced, so that the list of streets is not learnt by heart
            words = street.split()
            long = [at for at, word in enumerate(words) if word[:1].isupper() and at and "{" not in word and len(word) > 4]
            if long:
                words[rng.choice(long)] = self._pick("surnames") + ("," if words[long[-1]].endswith(",") else "")
                street = " ".join(words)
        number = str(rng.choice((rng.randint(1, 40), rng.randint(1, 300), rng.randint(1, 9999))))
        if rng.random() < 0.12:
            number += rng.choice(("A", "B", " bis", "b", "-" + str(rng.randint(1, 9)), "/" + str(rng.randint(1, 30))))
        return street.replace("{N}", number)

    def _address(self) -> str:
        rng = self._rng
        street = self._street()
        if self.language == "zh":
            return street if rng.random() < 0.4 else chinese.address(rng, self._pick, street)
        form = rng.random()
        if form < 0.45:
            return street
        join = rng.choice((", ", ", ", ", ", "\n", " ", " - ")) if rng.random() < 0.92 else f" {_IN_TOWN.get(self.language, '')} ".replace("  ", " ")
        town = self._pick("cities")
        if self.language == "ar":
            return f"{street}{rng.choice(('، ', ' '))}{town}"
        if form < 0.6:
            return street + join + town
        if self.language == "en":
            return self._abroad(street, join)
        return f"{street}{join}{self._postcode()} {town}"

    def _abroad(self, street: str, join: str) -> str:
        """An address as an English form takes it: a flat, a town of anywhere, a state or a country."""
        rng = self._rng
        if rng.random() < 0.05:
            box = f"{rng.choice(('PSC', 'CMR', 'Unit'))} {rng.randint(100, 9999)}{rng.choice((', ', ' '))}Box {rng.randint(10, 9999)}"
            return f"{box}{join}{rng.choice(('APO', 'FPO', 'DPO'))} {rng.choice(('AE', 'AP', 'AA'))} {rng.randint(9000, 99999):05}"
        if rng.random() < 0.35:
            street = f"{street}{rng.choice((' ', ', ', join))}{rng.choice(('Apt.', 'Apt', 'Suite', 'Flat', 'Unit', 'Ste', '#', 'Floor'))} {rng.randint(1, 999)}"
        if rng.random() < 0.2:
            street = f"{rng.randint(1, 9999)} {street}"
        town, form = self._city(), rng.random()
        if form < 0.25:
            country = self._country()
            return f"{street}{join}{town}{rng.choice((join, ', '))}{country}" + (f" {rng.randint(1000, 99999)}" if rng.random() < 0.5 else "")
        if form < 0.55:
            state = rng.choice("AK AL AR AZ CA CO CT FL GA IL IN KY LA MA MD MI MN MO NC NJ NM NY OH OR PA TN TX UT VA WA WI ON BC QC NSW VIC".split())
            return f"{street}{join}{town}{rng.choice((', ', ' '))}{state} {rng.randint(10000, 99999)}"
        return street + join + (f"{town} {self._postcode()}" if form < 0.85 else f"{self._postcode()} {town}")

    def _org(self) -> str:
        if self._rng.random() < FIRMS.get(self.language, FIRMS_ELSEWHERE):
            return firm(self._rng, lambda: self._pick("surnames", self._people() if self.language not in ("zh", "ar") else "en"))
        if self._composer and self._rng.random() < COMPOSED:
            return self._composer.firm(self._rng, self._pick)
        name = self._pick("organisations")
        name = name.replace("{SURNAME}", self._pick("surnames")).replace("{CITY}", self._pick("cities"))
        return name.replace("{GIVEN}", self._pick("given")).replace("{N}", str(self._rng.randint(1, 40)))

    def _common(self) -> str:
        """An ordinary word that is also a name, as a word; German writes its nouns with a capital."""
        words = self._lists.get((self.language, "common names"))
        if words is None:
            listed = lexicon(self.language)
            names = {fold(value) for name in NAMED for value in listed[name]}
            words = self._lists[self.language, "common names"] = [word for word in listed["common_words"] if fold(word) in names]
        word = self._rng.choice(words)
        return word.capitalize() if self.language == "de" else word.lower()


def _case_of(written: str) -> Callable[[str], str]:
    """How the values of a template are written: in capitals where all else is, and small where no capital is."""
    letters = [char for char in written if char.isalpha() and char.lower() != char.upper()]
    if len(letters) > 5 and all(char.isupper() for char in letters):
        return str.upper
    return str.lower if len(letters) > 5 and all(char.islower() for char in letters) else str


_BETWEEN = re.compile(r"[\s,،，\-–]{0,3}")


def _joined(text: str, spans: Sequence[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
    """A street, a postcode and a town side by side are one address; a postcode alone is none."""
    at = 0
    while at < len(spans):
        run = [spans[at]]
        while at + 1 < len(spans) and _is_place(spans[at]) and _is_place(spans[at + 1]) and _BETWEEN.fullmatch(text[spans[at][2] : spans[at + 1][1]]):
            at += 1
            run.append(spans[at])
        at += 1
        while run[0][0] == "PERSON" and at < len(spans) and spans[at][0] == "PERSON" and text[run[-1][2] : spans[at][1]] == " ":
            run = [("PERSON", run[0][1], spans[at][2])]
            at += 1
        kinds = {kind for kind, _, _ in run}
        if len(run) > 1 and "ADDRESS" in kinds:
            yield "ADDRESS", run[0][1], run[-1][2]
        elif run[0][0] != "ADDRESS" or not re.fullmatch(r"[\dA-Z \-]+", text[run[0][1] : run[0][2]]):
            yield from run


def _is_place(span: tuple[str, int, int]) -> bool:
    return span[0] in ("ADDRESS", "LOCATION")


def roughen(row: Labelled, rng: random.Random) -> Labelled:
    """The text as hurried people type it; every change keeps the number of characters, so that spans stay."""
    text = row.text
    chance = rng.random()
    if chance < 0.17:
        text = _each(text, str.lower)
    elif chance < 0.22:
        text = _each(text, str.upper)
    elif chance < 0.27:
        for _, start, end in row.spans:
            text = text[:start] + _each(text[start:end], str.lower) + text[end:]
    elif chance < 0.30:
        for kind, start, end in row.spans:
            if kind == "PERSON":
                text = text[:start] + _each(text[start:end], str.upper) + text[end:]
    elif chance < 0.34:
        for kind, start, end in row.spans:
            if kind == "LOCATION":  # as envelopes and registers write towns
                text = text[:start] + _each(text[start:end], str.upper) + text[end:]
    if rng.random() < 0.15 and row.language not in ("zh", "ar"):
        text = _each(text, lambda char: unicodedata.normalize("NFD", char)[0])
    return Labelled(text, row.spans, row.language)


def _each(text: str, change: Callable[[str], str]) -> str:
    return "".join(changed if len(changed := change(char)) == 1 else char for char in text)
