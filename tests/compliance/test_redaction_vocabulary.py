"""What the tagger keeps of words holds nobody's name, and gives the features that training saw."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import load_settings
from compliance.redaction.features import case_of, columns
from compliance.redaction.gazetteer import NAMING
from compliance.redaction.identifiers import find
from compliance.redaction.tagger import NameTagger, masks
from compliance.redaction.tokens import fold, pieces, tokens
from compliance.redaction.vocabulary import Vocabulary

FRAGMENTS = (
    "Ana", "García", "Straße", "rosa", "Rosa", "ROSA", "Zvorlina", "zvorlina", "4111", "12", "²", "<PERSON_1>", "<iban>", "\n", " ", ",", "-",
    "银", "行", "王", "小明", "أحمد", "وأحمد", "للبنك", "على", "\u0301", "ʼ", "İstanbul", "card", "CARD", "tarjeta", "La Paz", "street", "__",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join),
    st.text(max_size=60),
)


@cache
def tagger() -> NameTagger:
    return NameTagger.load(load_settings().models / "names")


def vocabulary() -> Vocabulary:
    found = tagger()
    return Vocabulary(found._field, found.gazetteer, found.clusters)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_the_numbers_of_a_text_are_those_of_the_features_as_training_writes_them(text: str) -> None:
    field, known, found = tagger()._field, vocabulary(), list(find(text)) if text.isascii() else []
    words = tokens(text, masks(found))
    if not words:
        return
    classes = tagger().gazetteer.classes(words)
    seen = columns(words, classes, tagger().clusters.of(words))
    written, spans = pieces(text, masks(found))
    for _ in range(2):  # as it is worked out, and as it is kept
        kept = [known[piece] for piece in written]
        numbers = known.numbers(kept, classes, case_of(word.case for word in kept), spans)
        assert numbers.tolist() == [[field.numbers[column][value] for value in values] for column, values in enumerate(seen)]
        assert [(word.text, word.folded) for word in kept] == [(word.text, word.folded) for word in words]
    assert np.array_equal(field.scores_of(numbers), field.scores(seen))


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_the_classes_of_a_text_are_those_of_its_words_and_phrases(text: str) -> None:
    gazetteer, known = tagger().gazetteer, vocabulary()
    words = tokens(text)
    phrases = gazetteer.phrases([word.folded for word in words])
    kept = [known[piece] for piece in pieces(text)[0]]
    classes = [phrases[at] + word.alone if at in phrases else word.classes for at, word in enumerate(kept)]
    assert classes == gazetteer.classes(words)


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_only_ordinary_words_of_the_shipped_lists_are_kept(text: str) -> None:
    known = vocabulary()
    for piece in pieces(text)[0]:
        known[piece]
    for piece in known:
        if len(piece) == 1:
            assert not piece.isdecimal()
        elif not piece.startswith("<"):
            classes = tagger().gazetteer.alone(fold(piece))
            assert piece.isalpha()
            assert "M" in classes or fold(piece) in tagger().clusters
            assert NAMING.isdisjoint(classes) or ("M" in classes and piece == piece.lower())


@pytest.mark.parametrize(
    "message",
    [
        "I am Zvorlina Quethab, card 4111 1111 1111 1111",
        "soy Nuria García Ochoa",
        "mi chiamo Rosa Bianchi",
        "我叫王小明",
        "أنا وجدان البلوشي",
        "PIN 4821",
    ],
)
def test_nobody_who_wrote_is_kept(message: str) -> None:
    known = vocabulary()
    for _ in range(3):
        for piece in pieces(message)[0]:
            known[piece]
    for word in message.replace(",", "").split():
        if word[0].isupper() or word.isdigit() or word in ("وجدان", "البلوشي", "我叫王小明"):
            assert word not in known or word in ("PIN", "I")


def test_what_is_kept_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.redaction.vocabulary.MOST_KEPT", 3)
    known = vocabulary()
    for piece in "the card is in the street of a bank".split():
        known[piece]
    assert len(known) == 3
