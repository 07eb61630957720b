"""A linear model that puts the right one of a list first: conditional logit (McFadden 1974), fitted to whole lists.

Each question is one choice among the statements that search proposes for it. A logistic regression over single statements spends its
weights on telling easy questions from hard ones, which no ranking needs; a choice within the list cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float64]
STRENGTH = 1e-3
"""Of the penalty on squared weights, of features as many deviations wide as they vary."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One question: `features` `(n, k)` of what may be chosen, `right` `(n,)` which may be; it counts `weight` times."""

    features: Floats
    right: npt.NDArray[np.bool_]
    weight: float = 1.0


def fit_choices(choices: Sequence[Choice], strength: float = STRENGTH) -> Floats:
    """`(k,)` weights under which the right ones of each list are likeliest; lists without a right or a wrong one teach nothing."""
    taught = [choice for choice in choices if choice.right.any() and not choice.right.all()]
    if not taught:
        raise ValueError("no list with a right and a wrong statement to choose between")
    rows = np.concatenate([choice.features for choice in taught])
    middle, width = rows.mean(axis=0), rows.std(axis=0)
    width[width < 1e-9] = 1.0
    features = torch.from_numpy((rows - middle) / width)
    right = torch.from_numpy(np.concatenate([choice.right for choice in taught]))
    owner = torch.from_numpy(np.repeat(np.arange(len(taught)), [len(choice.right) for choice in taught]))
    counting = torch.tensor([choice.weight for choice in taught], dtype=torch.float64)
    weights = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def total(values: torch.Tensor) -> torch.Tensor:
        top = torch.full((len(taught),), -torch.inf, dtype=torch.float64).scatter_reduce(0, owner, values.detach(), "amax")
        return torch.zeros(len(taught), dtype=torch.float64).scatter_add(0, owner, torch.exp(values - top[owner])).log() + top

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        values = features @ weights
        missed = (counting * (total(values) - total(values.masked_fill(~right, -1e9)))).sum() / counting.sum()
        cost = missed + strength * (weights**2).sum()
        torch.autograd.backward(cost)
        return cost

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return np.asarray(weights.detach().numpy() / width)


def as_probability(choices: Sequence[Choice], weights: Floats) -> tuple[float, float]:
    """(scale, bias) under which the sigmoid of scale · weighted sum + bias is the probability that a statement is right.

    The right ones of a question count together as a third of its wrong ones together.
    """
    from sklearn.linear_model import LogisticRegression

    taught = [choice for choice in choices if choice.right.any() and not choice.right.all()]
    sums = np.concatenate([choice.features @ weights for choice in taught])[:, None]
    right = np.concatenate([choice.right for choice in taught])
    counts = [choice.weight * np.where(choice.right, 1 / choice.right.sum(), 3 / (~choice.right).sum()) for choice in taught]
    model = LogisticRegression(C=1e6, max_iter=1000).fit(sums, right, sample_weight=np.concatenate(counts))
    return float(model.coef_[0, 0]), float(model.intercept_[0])
