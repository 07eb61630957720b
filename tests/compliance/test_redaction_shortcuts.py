"""Rules that are ruled out early would have found nothing: what is found is what each rule finds by searching the whole text."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.redaction.identifiers import RULES, digits_together, find
from compliance.redaction.literals import beginnings, begins_with_digit, fewest_digits, follows_no_digit
from compliance.redaction.nearby import Nearby, Words
from compliance.redaction.normalise import normalise
from compliance.redaction.payment import find_cards
from compliance.redaction.prefixes import OTHER, characters, prefix, unbroken
from factory.names.evaluate import GOLD
from factory.names.lexicon import LANGUAGES
from factory.names.scores import read_gold
from tests.compliance.test_redaction_checksums import STRONG

CLOSE = re.compile(r"\d(?:\D{0,8}\d)*")
ANCHOR = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=\b(?i:nie|nif|dni|cif|ssn|nir|cpf|pan)))(?=[0-9A-Za-z][^\n]{0,9}?\d|\d)")
NUMBER = re.compile(r"(?<!\d)[\d+(]")
FRAGMENTS = (
    "pin ", "PIN", "cvv: ", "TAN ", "Konto-Nr. ", "account number ", "密码", "رمز سري", "dni", "NIE", "passport ", "geboren am ", "my name is ", "IBAN ",
    "12", "4821", "0", "600 123 456", "+34", "(", ")", " ", "  ", "\n", "-", ".", "/", ":", "X", "AB", "Ab3", "12.03.1985", "1.250,00 €", "ſ", "ı", "İ", "K",
    "BSCHESMM", "ES91 2100", "00:1A:2B:3C:4D:5E", "::1", "P<ESPGARCIA<<ANA", "123-45-6789", "A1B2C3D4E5", "卡号", "هوية ",
)  # fmt: skip


class Plainly(Nearby):
    """A text in which everything is looked for everywhere."""

    @property
    def anchors(self) -> list[tuple[int, int]]:
        digits = [place for place, char in enumerate(self._text) if char.isdecimal()]
        places = [match.start() for match in ANCHOR.finditer(self._text)]
        return [(place, sum(place <= digit < place + 40 for digit in digits)) for place in places]

    @property
    def numbers(self) -> list[int]:
        return [match.start() for match in NUMBER.finditer(self._text)]

    def spans(self, context: Words) -> list[tuple[int, int]]:
        found = (match.span() for each in context.patterns if self.may_match(each) for match in each.finditer(self._text))
        return sorted(found)

    def beginnings(self, pattern: re.Pattern[str]) -> None:
        return None


def check(text: str) -> None:
    digits = max((sum(map(str.isdecimal, group)) for group in CLOSE.findall(text)), default=0)
    assert digits == digits_together(text)
    names = {rule.name for rule in RULES}
    together = [match for match in find(text) if match.rule in names]
    apart = [match for rule in RULES if rule.digits <= digits for match in rule.find(text, Plainly(text))]
    assert together == apart, "the message is not shown: half of them are read by nobody"


@pytest.mark.parametrize("language", LANGUAGES)
def test_gold_messages_hold_for_all_rules_what_they_hold_for_each(language: str) -> None:
    for row in read_gold(GOLD / f"{language}.txt"):
        check(normalise(row.text).text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=16), st.integers(0, 2**32))
def test_any_text_holds_for_all_rules_what_it_holds_for_each(fragments: list[str], seed: int) -> None:
    rng = random.Random(seed)
    made = [*fragments, STRONG[rng.choice(sorted(STRONG))](rng)]
    rng.shuffle(made)
    check(normalise("".join(made)).text)


@settings(deadline=None, max_examples=200)
@given(st.text("0123456789 .-", max_size=60))
def test_cards_and_numbers_are_found_alike_however_they_are_written(text: str) -> None:
    check(text)
    assert list(find_cards(text)) == [match for match in find(text) if match.rule == "card"]


@pytest.mark.parametrize(
    "text", ["pin. pın 4821", "password. paſſword: hunter22x", "İİİ pin 4821", "Kto. \u212ato 12345678, konto", "a\u0307 İ cvv 123"]
)
def test_letters_that_are_others_in_lower_case_change_nothing(text: str) -> None:
    check(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=16).map("".join), st.text("ab1 \n.", max_size=40))
def test_identifiers_begin_where_the_text_is_searched_for_them(fragments: str, letters: str) -> None:
    for text in (normalise(fragments).text, letters):
        assert Nearby(text).anchors == Plainly(text).anchors
        assert Nearby(text).numbers == Plainly(text).numbers


PATTERNS = (
    r"(?:cvv2?|csc|card code)[ :]{0,3}(\d{3,4})", r"[A-Z]{2}\d{2}(?:[ -]?[0-9A-Z]{4}){2,5}", r"(?:\+|00)\d{1,3}(?: ?\d){6,9}", r"\d{2}[./]\d{2}(?:[./]\d{4})?",
    r"(?:a|bc|d+)e?\d", r"x*(?:number|nr\.?)\s?\d+|no \d{2}", r"[A-Z<]{8,12}", r"(?i:tan|pin)-?\d{4}", r"(?:ab){2,3}c?\d(?!\d)", r"(?:\d-)?\d{3,}[A-Z]?",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_what_is_read_off_a_pattern_holds_for_each_of_its_matches(pattern: str, data: st.DataObject) -> None:
    compiled = re.compile(pattern)
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    fewest, width = fewest_digits(compiled)
    assert sum(map(str.isdecimal, text)) >= fewest
    assert len(text) <= width
    assert not begins_with_digit(compiled) or text[0].isdecimal()
    for allowed, char in zip(prefix(compiled, 6), text, strict=False):
        assert allowed & (1 << ord(char) if ord(char) < 128 else OTHER)
    for row in ("[0-9]", "[0-9A-Z<-]"):
        assert max(map(len, re.findall(f"{row}+", text)), default=0) >= unbroken(compiled, characters(row))
    pieces = beginnings(compiled)
    if pieces is not None:
        near = (text.lower().startswith(piece, at) for piece, (first, last) in pieces.items() for at in range(first, last + 1))
        assert any(near)


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("(?i:c(?:vv|id)) ", {"cvv": (0, 0), "cid": (0, 0)}), (r"a?(?:bcd|xyz)", {"bcd": (0, 1), "xyz": (0, 1)}), (r"\d+abc", None),
        ("n[ú]mero", {"número": (0, 0)}),
    ],
)  # fmt: skip
def test_where_a_literal_stands_in_a_match(pattern: str, pieces: dict[str, tuple[int, int]] | None) -> None:
    assert beginnings(re.compile(pattern)) == pieces


def test_a_pattern_that_follows_no_digit_says_so() -> None:
    assert follows_no_digit(re.compile(r"(?<![\d.,])\d{3}"))
    assert follows_no_digit(re.compile(r"(?<!x)(?<![0-9A-Za-z])\d{3}"))
    assert not follows_no_digit(re.compile(r"(?<![.,])\d{3}"))
    assert not follows_no_digit(re.compile(r"(?!\d)\d{3}"))
