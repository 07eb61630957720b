"""What is found in messages as people type them, on the half of the gold messages whose names nobody who made the finder has read.

Its strong identifiers were read once, after their first score (339 of 359 whole) was written down, and what was missing was mended: for
them it is a regression test from then on. For names it still says how the tagger does on what it has not seen.
"""

from __future__ import annotations

from functools import cache

import pytest

from app.settings import load_settings
from compliance.redaction.engine import Redactor
from compliance.redaction.identifiers import RULES, digits_together, find
from compliance.redaction.normalise import normalise
from compliance.redaction.tagger import NameTagger
from factory.names.evaluate import GOLD, PUBLIC, gold, masked_concepts, masked_ordinary, masked_questions, questions, score_gold
from factory.names.lexicon import LANGUAGES
from factory.names.scores import Score, read_gold, read_marked

GOAL = {"recall": 0.90, "precision": 0.85}
MOST_TOUCHED = 0.026
"""Of clean messages, many of them made of words that are also names; the goal is 0.02, measured are 5 of 196."""
MOST_MASKED = {"fr": 1, "zh": 1, "ar": 8}
"""Policy questions of train and dev (some 600 a language) in which an ordinary word is masked, as measured; the goal is none. Towns that
are named in them are no ordinary words (`NAMED`)."""
MOST_SAYINGS = {"es": 3, "de": 8, "pt": 3, "it": 1, "zh": 2, "ar": 16}
"""Likewise of the 472 sayings of concepts put aside."""


@cache
def redactor() -> Redactor:
    return Redactor(PUBLIC, NameTagger.load(load_settings().models / "names"))


@cache
def unread_half(language: str) -> Score:
    return score_gold(redactor(), language, "test")


@pytest.mark.parametrize("language", LANGUAGES)
def test_strong_identifiers_are_masked_whole(language: str) -> None:
    strong = unread_half(language).strong
    assert strong.marked >= 25
    assert strong.whole / strong.marked >= 0.99


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_found_and_little_else(language: str) -> None:
    names = unread_half(language).names
    assert names.marked >= 50
    assert names.recall >= GOAL["recall"]
    assert names.precision >= GOAL["precision"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_policy_question_loses_a_word_that_search_needs(language: str) -> None:
    asked = questions(language)
    assert len(asked) >= 200
    assert len(masked_questions(redactor(), language)) <= MOST_MASKED.get(language, 0)
    assert len(masked_concepts(redactor(), language)) <= MOST_SAYINGS.get(language, 0)


def test_a_town_in_a_question_is_no_ordinary_word() -> None:
    assert masked_ordinary(redactor(), "what do you take off my interest if i live in Lisbon") == []
    assert masked_ordinary(redactor(), "what do you take off my interest if i live in Leeds") == ["Leeds"]


def test_clean_messages_are_left_alone() -> None:
    halves = [unread_half(language) for language in LANGUAGES]
    clean = sum(half.clean for half in halves)
    assert clean >= 150
    assert sum(half.touched for half in halves) <= MOST_TOUCHED * clean


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_gold_messages_are_as_many_and_as_marked_as_the_readme_says(language: str) -> None:
    rows = read_gold(GOLD / f"{language}.txt")
    assert len(rows) >= 100
    assert sum(not row.spans for row in rows) >= 30
    assert len({row.text for row in rows}) == len(rows)
    assert len(gold(language, "dev")) + len(gold(language, "test")) == len(rows)


def test_a_mark_gives_its_place_in_the_text() -> None:
    row = read_marked(r"I am [[PERSON:Ada Obi]]\nof [[LOCATION:Leeds]]")
    assert row.text == "I am Ada Obi\nof Leeds"
    assert [row.text[start:end] for _, start, end in row.spans] == ["Ada Obi", "Leeds"]
    with pytest.raises(ValueError, match="not closed"):
        read_marked("I am [[PERSON:Ada")


@pytest.mark.parametrize(
    "text",
    ["He perdido la tarjeta, soy Ana García, IBAN ES91 2100 0418 4502 0005 1332", "Ana García IBAN ES91 2100 0418 4502 0005 1332, gracias"],
)
def test_the_label_of_a_number_is_no_part_of_the_name_before_it(text: str) -> None:
    assert [text[found.start : found.end] for found in redactor().find(text)] == ["Ana García", "ES91 2100 0418 4502 0005 1332"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_that_are_tried_together_find_what_each_finds_alone(language: str) -> None:
    alone = {rule.name for rule in RULES}
    for row in read_gold(GOLD / f"{language}.txt"):
        text = normalise(row.text).text
        together = [match for match in find(text) if match.rule in alone]
        apart = [match for rule in RULES if rule.digits <= digits_together(text) for match in rule.find(text)]
        assert together == apart, "the message is not shown: half of them are read by nobody"
