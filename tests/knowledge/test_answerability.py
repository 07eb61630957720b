"""Answerability: trees are evaluated as they were grown, broken ones are refused, and what search found is told apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.ranking import grow, trees_of
from knowledge.answerability import ANSWER_FEATURES, Answerability, Judged, answer_features
from knowledge.search import RANKING_FILE, STATEMENT_FEATURES
from knowledge.trees import LEAF, BoostedTrees, Tree

SPLIT = Tree((0, LEAF, LEAF), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, -1.0, 2.0))


def judged(policy: str, score: float, **features: float) -> Judged:
    return Judged(policy, score, dict.fromkeys(STATEMENT_FEATURES, 0.0) | features)


def test_a_value_at_the_threshold_goes_left() -> None:
    trees = BoostedTrees(0.25, (SPLIT, SPLIT))
    assert trees.log_odds([0.5]) == 0.25 - 2
    assert trees.log_odds([0.500001]) == 0.25 + 4


def test_the_box_evaluates_the_trees_as_the_library_that_grew_them() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 6))
    answerable = features[:, 0] + features[:, 1] * features[:, 2] > 0
    model = grow(features, answerable)
    trees = BoostedTrees.from_json(json.loads(json.dumps(trees_of(model).to_json())))
    ours = [trees.log_odds(row) for row in features]
    assert np.allclose(ours, model.decision_function(features), atol=2e-3)


@pytest.mark.parametrize("nodes", [[[0, 0.5, 0, 1], [1.0]], [[0, 0.5, 1, 2], [1.0]], [[1.0, 2.0]], [[0, 0.5, 1, 2], [0, 0.1, 0, 2], [1.0]]])
def test_trees_that_point_outside_or_back_are_refused(nodes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="broken"):
        BoostedTrees.from_json({"bias": 0, "trees": [nodes]})


def test_a_model_for_other_features_is_refused() -> None:
    raw: dict[str, Any] = json.loads(RANKING_FILE.read_text("utf-8"))["answer"]
    with pytest.raises(ValueError, match="other features"):
        Answerability.from_json(raw | {"features": raw["features"][1:]})


def test_features_say_what_stands_out() -> None:
    found = [judged("a", 0.8, dense=0.9, kind_miss=1.0), judged("b", 0.5, dense=0.4), judged("a", 0.4, dense=0.3, kind_match=1.0)]
    of = dict(zip(ANSWER_FEATURES, answer_features(found, 0.2, 24), strict=True))
    assert of["margin"] == pytest.approx(of["top"] - of["second"])
    assert (of["unknown"], of["length"], of["best_dense"], of["most_kind_match"], of["least_kind_miss"]) == (0.2, 1.0, 0.9, 1.0, 0.0)
    assert of["agreement"] == pytest.approx(2 / 3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.floats(0, 1), st.integers(0, 40))
def test_any_number_of_candidates_gives_a_probability(scores: list[float], unknown: float, terms: int) -> None:
    found = [judged(f"p{place % 7}", score, dense=score) for place, score in enumerate(sorted(scores, reverse=True))]
    features = answer_features(found, unknown, terms)
    assert len(features) == len(ANSWER_FEATURES)
    assert 0 < Answerability.from_json(json.loads(RANKING_FILE.read_text("utf-8"))["answer"]).probability(features) < 1
