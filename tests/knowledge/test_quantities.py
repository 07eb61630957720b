"""Figures across notations."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.quantities import parse_number, quantities, quantity_keys


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1.5%"), ("es", "1,5 %"), ("fr", "1,5 %"), ("ar", "١٫٥٪"), ("zh", "百分之一点五"), ("de", "1,5 Prozent"),
        ("pt", "1,5 por cento"), ("zh", "１.５％"), ("ar", "1.5 في المائة"), ("it", "1,5 per cento"),
    ],
)  # fmt: skip
def test_one_percentage_in_many_notations(language: str, text: str) -> None:
    assert quantity_keys(text, language) == {("percent", "1.5", "")}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "€1,500.50"), ("es", "1.500,50 €"), ("fr", "1 500,50 €"), ("fr", "1\u202f500,50 €"), ("de", "1.500,50 EUR"),
        ("zh", "1,500.50 欧元"), ("ar", "1,500.50 يورو"), ("it", "1.500,50 euro"), ("en", "EUR 1,500.50"),
    ],
)  # fmt: skip
def test_one_amount_in_many_notations(language: str, text: str) -> None:
    assert quantity_keys(text, language) == {("money", "1500.5", "EUR")}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1 March 2026"), ("en", "March 1, 2026"), ("es", "1 de marzo de 2026"), ("fr", "1er mars 2026"),
        ("de", "1. März 2026"), ("pt", "1 de março de 2026"), ("it", "1 marzo 2026"), ("zh", "2026年3月1日"),
        ("ar", "1 مارس 2026"), ("en", "2026-03-01"), ("es", "01/03/2026"),
    ],
)  # fmt: skip
def test_one_day_in_many_notations(language: str, text: str) -> None:
    assert quantity_keys(text, language) == {("date", "2026-03-01", "")}


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "fifteen days"), ("es", "quince días"), ("fr", "quinze jours"), ("de", "fünfzehn Tage"), ("it", "quindici giorni"),
     ("zh", "十五天"), ("ar", "خمسة عشر يوما"), ("pt", "quinze dias")],
)  # fmt: skip
def test_a_figure_cannot_hide_in_words(language: str, words: str) -> None:
    assert ("number", "15", "") in quantity_keys(words, language)


@pytest.mark.parametrize("text", ["网点营业时间：16:00-18:30", "Saturday:16:00-18:30"])
def test_a_colon_before_a_time_is_no_part_of_it(text: str) -> None:
    assert {value for kind, value, _ in quantity_keys(text, "zh") if kind == "time"} == {"16:00", "18:30"}
    assert not quantity_keys("10:16:00", "zh") & {("time", "16:00", "")}


def test_time_phone_and_range() -> None:
    keys = quantity_keys("Call +34 910 555 010 before 17:00; loans of €1,000 to €40,000.", "en")
    assert ("time", "17:00", "") in keys
    assert {("money", "1000", "EUR"), ("money", "40000", "EUR")} <= keys
    assert ("number", "34910555010", "") not in keys


def test_the_same_digits_mean_different_things() -> None:
    assert parse_number("1.500", "es") == Decimal(1500)
    assert parse_number("1.500", "en") == Decimal("1.500")
    assert parse_number("1,500", "en") == Decimal(1500)


def test_an_article_is_not_a_figure() -> None:
    assert quantity_keys("una cuenta y un titular", "es") == frozenset()


@given(st.text(max_size=200), st.sampled_from(["en", "es", "zh", "ar", "fr"]))
def test_never_fails_and_offsets_lie_inside(text: str, language: str) -> None:
    for quantity in quantities(text, language):
        assert 0 <= quantity.start < quantity.end <= len(text)


@given(st.integers(0, 10**9), st.sampled_from(["en", "es", "fr", "de", "zh", "ar"]))
def test_thousands_are_read_back(number: int, language: str) -> None:
    mark = {"en": ",", "zh": ",", "ar": ",", "es": ".", "de": ".", "fr": "\u202f"}[language]
    written = f"{number:,}".replace(",", mark)
    assert parse_number(written, language) == number
