"""What the bound rules out is in no name: no token has its least probability, in any field and any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import load_settings
from compliance.redaction.bound import Bound
from compliance.redaction.field import Field
from compliance.redaction.tagger import _LEAST, _LEAST_MIXED, NameTagger
from factory.names.evaluate import gold, questions
from factory.names.lexicon import LANGUAGES

LABELS = ("B-PERSON", "O", "I-PERSON", "B-TOWN", "I-TOWN")
OUTSIDE = LABELS.index("O")


def field(moves: np.ndarray) -> Field:
    return Field(LABELS, [[] for _ in range(13)], np.zeros(0, np.int64), np.zeros((0, len(LABELS)), np.float32), moves)


@settings(deadline=None, max_examples=400)
@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0.1, 4), st.floats(-6, 6), st.floats(0.05, 0.95))
def test_no_token_has_the_probability_that_is_ruled_out(seed: int, size: int, spread: float, outside: float, least: float) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, spread, (len(LABELS), len(LABELS)))
    scores = rng.normal(0, spread, (size, len(LABELS)))
    scores[:, OUTSIDE] += outside
    inside = 1 - field(moves).probabilities(scores)[:, OUTSIDE]
    enough = rng.uniform(least / 2, least, size)
    if Bound(LABELS, moves).rules_out(scores, enough.tolist()):
        assert (inside < enough).all()
    assert not Bound(LABELS, moves).rules_out(scores, (inside / 2).tolist())


def test_what_is_so_likely_that_no_number_holds_it_is_not_ruled_out() -> None:
    scores = np.full((40, len(LABELS)), 5000.0)
    scores[:, OUTSIDE] = -5000.0
    assert not Bound(LABELS, np.zeros((5, 5))).rules_out(scores, [0.99] * 40)
    assert Bound(LABELS, np.zeros((5, 5))).rules_out(-scores, [0.01] * 40)


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_texts_that_name_nobody_are_told_by_it_and_no_name_is_lost(language: str) -> None:
    tagger = NameTagger.load(load_settings().models / "names")
    seen: list[tuple[bool, bool]] = []
    told = tagger._bound.rules_out

    def watched(scores: np.ndarray, least: list[float]) -> bool:
        inside = 1 - tagger._field.probabilities(scores)[:, tagger._outside]
        seen.append((told(scores, least), bool((inside < least).all())))
        return seen[-1][0]

    tagger._bound.rules_out = watched  # type: ignore[method-assign, assignment]
    for text in [row.text for row in gold(language, "both")] + [text for _, text in questions(language)[:200]]:
        list(tagger.find(text))
    assert all(nobody for ruled_out, nobody in seen if ruled_out), "the message is not shown: half of them are read by nobody"
    assert 2 * sum(ruled_out for ruled_out, _ in seen) > sum(nobody for _, nobody in seen)
    assert max(*_LEAST.values(), *_LEAST_MIXED.values()) < 1
