"""Arabic words as the tagger sees them: spelling made one, but for the words that a last letter tells apart, and without what is joined to them."""

from __future__ import annotations

import pytest

from compliance.redaction.clusters import Clusters
from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.tokens import fold, tokens, unjoined


@pytest.mark.parametrize(("word", "other"), [("على", "علي"), ("وعلى", "وعلي"), ("متى", "متي"), ("منى", "مني")])
def test_words_that_the_last_letter_tells_apart_stay_apart(word: str, other: str) -> None:
    assert fold(word) == word
    assert fold(other) == other


@pytest.mark.parametrize(("one", "other"), [("مصطفى", "مصطفي"), ("أحمد", "احمد"), ("فاطمة", "فاطمه"), ("مُنَى", "منى"), ("علّي", "علي")])
def test_other_spellings_are_one_word(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("واحمد", ["احمد"]),
        ("للرياض", ["الرياض", "لرياض"]),
        ("وللرياض", ["للرياض", "الرياض", "لرياض"]),
        ("وبكريم", ["بكريم", "كريم"]),
        ("بيت", []),
        ("محمد", []),
        ("leeds", []),
        ("", []),
    ],
)
def test_what_a_word_is_without_what_is_joined_to_it(word: str, bare: list[str]) -> None:
    assert unjoined(word) == bare


def test_lists_and_clusters_know_a_word_with_and_for_and_in_joined_to_it() -> None:
    names = Gazetteer.of([("given", ["كريم", "أحمد"]), ("city", ["الرياض"]), ("common", ["كريم"])])
    words = tokens("كريم وكريم لأحمد للرياض وبالرياض وفاء")
    assert names.classes(words) == ["GM", "pGM", "pG", "pC", "pC", ""]
    assert Clusters({"احمد": "7", "واحمد": "8", "الرياض": "9"}).of(tokens("احمد واحمد لأحمد للرياض")) == ["7", "8", "7", "9"]


def test_on_and_when_are_no_names() -> None:
    names = Gazetteer.of([("given", ["علي", "منى"]), ("common", ["على", "متى", "مني"])])
    assert names.classes(tokens("على علي متى منى مني")) == ["M", "G", "M", "G", "M"]
