"""Likeness: what share of a question a text says, word by word, whatever the spelling or language."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.teacher import teacher_folder
from knowledge.embedder import TransformerEmbedder, load_embedder
from knowledge.likeness import AskedPieces
from tests.conftest import PROJECT

EMBEDDER = load_embedder(PROJECT / "models" / "embedder")


def nearest_of(asked: AskedPieces, *texts: str) -> npt.NDArray[np.float32]:
    pieces = EMBEDDER.pieces(texts)
    return asked.nearest(EMBEDDER, np.concatenate(pieces), np.array([len(each) for each in pieces]))


def said(question: str, *texts: str) -> list[float]:
    asked = AskedPieces.of(EMBEDDER, question)
    return [float(value) for value in asked.said(nearest_of(asked, *texts))]


def test_a_text_says_all_of_itself_and_nothing_where_there_is_nothing() -> None:
    whole, nothing = said("annual fee of the credit card", "annual fee of the credit card", "")
    assert whole == pytest.approx(1.0, abs=1e-4)
    assert nothing == 0.0
    assert said("", "annual fee") == [0.0]


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("what does a lost card cost", "Replacement of a stolen card | €10", "The branches open at 08:30."),
        ("¿cuánto cuesta una transferencia?", "A transfer costs €3.", "The account is closed within 5 days."),
        ("转账要多少钱", "A transfer costs €3.", "The account is closed within 5 days."),
        ("رسوم التحويل", "A transfer fee of €3.", "The branch closes at noon."),
    ],
)
def test_other_words_and_other_languages_count_by_meaning(question: str, right: str, wrong: str) -> None:
    first, second = said(question, right, wrong)
    assert first > second


def test_what_the_heading_says_is_not_asked_of_the_statement() -> None:
    asked = AskedPieces.of(EMBEDDER, "credit card limit")
    nearest = nearest_of(asked, "Highest amount", "Credit card")
    bare, headed = np.zeros_like(nearest), np.repeat(nearest_of(asked, "The Credit Card"), 2, axis=0)
    repeats = [asked.said_of_rest(nearest, heads)[1] - asked.said_of_rest(nearest, heads)[0] for heads in (bare, headed)]
    assert repeats[1] < repeats[0], "a statement that only repeats its heading must gain less from it"


def test_a_thing_that_nothing_says_counts_whole() -> None:
    asked = AskedPieces.of(EMBEDDER, "airport lounge with the credit card")
    texts = "The fee of the credit card", "The lounge at the airport is open to holders of the credit card"
    nearest = nearest_of(asked, *texts)
    heads = np.zeros_like(nearest)
    missing, there = asked.unsaid(nearest, heads)
    assert missing > 2 * there
    assert asked.unsaid(nearest, np.ones_like(nearest)).tolist() == pytest.approx([0.0, 0.0], abs=1e-6), "the heading says it"
    empty = AskedPieces.of(EMBEDDER, "")
    assert empty.unsaid(nearest_of(empty, *texts), np.zeros((2, 0), np.float32)).tolist() == [0.0, 0.0]


def test_what_was_asked_before_weighs_less() -> None:
    now, before = "limit", "credit card"
    alone, joined = AskedPieces.of(EMBEDDER, now), AskedPieces.of(EMBEDDER, now, before, earlier=0.3)
    count = len(EMBEDDER.pieces([now])[0])
    norms = np.linalg.norm(EMBEDDER.piece_vectors(np.concatenate(EMBEDDER.pieces([now, before]))), axis=1)
    assert len(joined.weights) > len(alone.weights)
    assert float(joined.weights.sum()) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(joined.weights[count:] / joined.weights[:1], 0.3 * norms[count:] / norms[:1], rtol=1e-4)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6), st.text(max_size=60))
def test_texts_are_judged_one_by_one_however_they_come(texts: list[str], question: str) -> None:
    together = said(question, *texts)
    assert together == pytest.approx([said(question, text)[0] for text in texts], abs=1e-5)
    assert all(0.0 <= value <= 1.0 + 1e-5 for value in together)


def test_a_bank_s_own_transformer_gives_pieces_too() -> None:
    embedder = TransformerEmbedder(teacher_folder())
    asked = AskedPieces.of(embedder, "annual fee of the card")
    pieces = embedder.pieces(["The card fee is €10 a year.", "The branch opens at nine.", ""])
    first, second, nothing = asked.said(asked.nearest(embedder, np.concatenate(pieces), np.array([len(each) for each in pieces])))
    assert first > second > nothing == 0.0
