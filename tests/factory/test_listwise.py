"""The linear model that chooses within a list: what it learns, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from factory.listwise import Choice, as_probability, fit_choices

WEIGHTS = np.array([2.0, -1.0, 0.0])


def questions(count: int = 120, size: int = 12, seed: int = 3, shift: float = 0.0) -> list[Choice]:
    """Lists whose right member has the largest weighted sum; `shift` moves every feature of a list by as much as it likes."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        features = rng.normal(size=(size, 3))
        right = np.zeros(size, bool)
        right[int(np.argmax(features @ WEIGHTS + rng.gumbel(size=size) * 0.3))] = True
        out.append(Choice(features + rng.normal(size=(1, 3)) * shift, right))
    return out


def first_right(choices: list[Choice], weights: np.ndarray) -> float:
    return float(np.mean([choice.right[int(np.argmax(choice.features @ weights))] for choice in choices]))


def test_it_finds_what_makes_a_statement_the_right_one() -> None:
    weights = fit_choices(questions())
    assert weights[0] > 0 > weights[1]
    assert abs(weights[2]) < 0.2 * weights[0]
    assert first_right(questions(seed=4), weights) > 0.8


def test_what_a_whole_list_has_in_common_teaches_nothing() -> None:
    """A logistic regression over single statements fails here: easy and hard lists differ more than their members."""
    from sklearn.linear_model import LogisticRegression

    shifted, unseen = questions(shift=8.0), questions(seed=4, shift=8.0)
    weights = fit_choices(shifted)
    alone = LogisticRegression().fit(np.concatenate([c.features for c in shifted]), np.concatenate([c.right for c in shifted])).coef_[0]
    assert first_right(unseen, weights) > 0.8
    assert first_right(unseen, weights) > first_right(unseen, alone) + 0.02


def test_lists_without_a_right_or_a_wrong_one_are_left_out() -> None:
    useless = [
        Choice(np.ones((3, 3)) * 9, np.zeros(3, bool)),
        Choice(np.ones((2, 3)) * -9, np.ones(2, bool)),
        Choice(np.zeros((0, 3)), np.zeros(0, bool)),
    ]
    np.testing.assert_allclose(fit_choices(questions() + useless), fit_choices(questions()))
    with pytest.raises(ValueError, match="no list"):
        fit_choices(useless)


def test_the_score_is_a_probability_of_the_right_order() -> None:
    choices = questions()
    weights = fit_choices(choices)
    scale, bias = as_probability(choices, weights)
    assert scale > 0
    chances = np.concatenate([1 / (1 + np.exp(-(scale * (choice.features @ weights) + bias))) for choice in choices])
    right = np.concatenate([choice.right for choice in choices])
    assert chances[right].mean() > 0.6
    assert chances[~right].mean() < 0.25


def test_a_question_counts_as_much_as_its_weight() -> None:
    """What contradicts the rest decides where it counts more, and nothing where it counts nothing."""
    other = [Choice(-choice.features, choice.right) for choice in questions(seed=9)]
    given = {weight: fit_choices([*questions(), *(Choice(item.features, item.right, weight) for item in other)]) for weight in (0.0, 0.2, 5.0)}
    assert given[0.0] == pytest.approx(fit_choices(questions()), rel=0.05)
    assert given[0.0][0] > given[0.2][0] > 0 > given[5.0][0]
    scales = [as_probability([*questions(), *(Choice(item.features, item.right, weight) for item in other)], WEIGHTS)[0] for weight in (0.0, 1.0)]
    assert scales[0] > 2 * abs(scales[1])
