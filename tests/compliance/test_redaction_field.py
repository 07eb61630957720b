"""The field's probabilities are those of the model it was made from, and its file is read as it was written."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from compliance.errors import ComplianceError
from compliance.redaction.features import COLUMNS, SEPARATOR, TEMPLATES, columns
from compliance.redaction.field import Field, written
from compliance.redaction.tokens import tokens

LABELS = ("O", "B-PERSON", "I-PERSON")
TEXT = "Mr Obi and\nAna García, 12 | = rue\u0301 de"


def seen(text: str) -> list[list[str]]:
    words = tokens(text)
    return columns(words, ["G" if word.text[0].isupper() else "" for word in words], ["7" if len(word.text) == 3 else "" for word in words])


def weights(seed: int) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(seed)
    every = sorted({feature for token in written(seen(TEXT)) for feature in token})
    return {feature: {label: float(rng.normal(0, 0.4)) for label in LABELS if rng.random() < 0.6} for feature in every if rng.random() < 0.8}


def field(seed: int) -> Field:
    rng = np.random.default_rng(seed + 100)
    return Field.of(LABELS, weights(seed), {pair: float(rng.normal()) for pair in itertools.product(LABELS, LABELS)})


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_the_sums_of_the_weights_of_the_features_as_written(seed: int) -> None:
    by_hand = [[sum(weights(seed).get(each, {}).get(label, 0.0) for each in token) for label in LABELS] for token in written(seen(TEXT))]
    assert np.allclose(field(seed).scores(seen(TEXT)), by_hand, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_all_paths(seed: int) -> None:
    made, text = field(seed), "Mr Obi and Ana"
    scores = made.scores(seen(text))
    moves = np.array([[made._moves[one, other] for other in range(3)] for one in range(3)])
    sums = np.zeros_like(scores)
    for path in itertools.product(range(3), repeat=len(scores)):
        weight = np.exp(sum(scores[at, label] for at, label in enumerate(path)) + sum(moves[pair] for pair in itertools.pairwise(path)))
        for at, label in enumerate(path):
            sums[at, label] += weight
    assert np.allclose(made.probabilities(scores), sums / sums.sum(axis=1, keepdims=True))


def test_a_long_text_neither_overflows_nor_vanishes() -> None:
    made = field(1)
    of = made.probabilities(made.scores(seen(TEXT * 60)))
    assert np.isfinite(of).all()
    assert np.allclose(of.sum(axis=1), 1)


def test_a_field_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = field(2)
    made.save(tmp_path / "a.npz")
    Field.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert np.allclose(Field.load(tmp_path / "b.npz").scores(seen(TEXT)), made.scores(seen(TEXT)), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"no field", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tagger.npz").write_bytes(content)
    with pytest.raises(ComplianceError, match=r"tagger\.npz"):
        Field.load(tmp_path / "tagger.npz")


def test_no_value_of_a_column_holds_what_parts_them() -> None:
    assert len(seen(TEXT)) == len(COLUMNS)
    assert not any(SEPARATOR in value for column in seen(TEXT + "\x1f\x1e ok") for value in column)
    assert all(1 <= len(template) <= 3 for template in TEMPLATES)
