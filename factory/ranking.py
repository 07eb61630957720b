"""Fits the two models of the search and their thresholds: `python -m factory.ranking`.

Data: the gold questions (train for the statement model, a logistic regression whose weights can be read; train and dev for
answerability, boosted trees of scikit-learn, and its thresholds; test is not read). A statement is right when it belongs
to the row's policy and holds its figures. Thresholds are chosen on questions about policies that the trees had not seen
(cross-validation by policy), and what is printed of answerability is measured so. Writes knowledge/ranking.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.questions import Row, read_rows
from knowledge.answerability import Answerability
from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.policy import load_policies
from knowledge.quantities import quantity_keys
from knowledge.search import RANKING_FILE, STATEMENT_FEATURES, Candidate, Found, Ranking, Scope, Search, is_example
from knowledge.trees import LEAF, BoostedTrees, Tree

PROJECT = Path(__file__).resolve().parent.parent
SEED = 0
FOLDS = 12
FEWER_WEIGHT = 0.5
FALSE_ANSWER_WEIGHT = 5.0
"""A wrong answer costs a customer more than a missing one: how much more, when a threshold is chosen."""


def find(search: Search, row: Row, country: str = "ES") -> Found:
    """Search as the appliance does for one gold row (follow-ups are joined with their history)."""
    query = "\n".join(filter(None, (" ".join(row.history), row.question)))
    day = row.as_of or date.today()
    scope = Scope(row.language or "en", row.role, day, row.jurisdiction or country, row.exclude)
    return search.find(query, scope, most=400)


def is_right(candidate: Candidate, row: Row) -> bool:
    """Whether a statement of the right policy holds every figure that the answer needs."""
    if candidate.policy.id != row.policy:
        return False
    held = quantity_keys(candidate.statement.text, candidate.policy.language)
    return all(_held(wanted, row.language or "en", held) for wanted in row.must_contain)


def _held(wanted: str, language: str, held: frozenset[tuple[str, str, str]]) -> bool:
    return quantity_keys(wanted, language) <= held


def statement_data(search: Search, rows: Sequence[Row]) -> tuple[list[Sequence[float]], list[int], list[float]]:
    """Features, labels and weights: each question counts the same, however many statements it proposes."""
    features: list[Sequence[float]] = []
    labels: list[int] = []
    weights: list[float] = []
    for row in rows:
        found = find(search, row)
        # A worked example holds the figures too, but the rule itself is the better answer.
        right = [is_right(item, row) and not is_example(item.statement.text) for item in found.candidates]
        if not any(right):
            continue
        for item, good in zip(found.candidates, right, strict=True):
            features.append(item.features)
            labels.append(int(good))
            weights.append(1 / sum(right) if good else 3 / (len(right) - sum(right)))
    return features, labels, weights


def fit(
    features: Sequence[Sequence[float]], labels: Sequence[int], weights: Sequence[float] | None, strength: float
) -> Any:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(np.array(features), np.array(labels), sample_weight=None if weights is None else np.array(weights))
    return model


def fewer(row: Row, policies: Sequence[str], rng: random.Random) -> Row:
    """The same question to a box with fewer policies: the one that answers, and of the others none, a few or most."""
    others = [policy for policy in policies if policy != row.policy]
    kept = round(len(others) ** rng.random()) - 1 + (row.policy is None)
    return replace(row, exclude=row.exclude | (set(others) - set(rng.sample(others, kept))))


def grow(
    features: npt.NDArray[np.float64], answerable: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None = None
) -> Any:
    """Boosted trees of the answerability; few leaves and a share of the features a split, since there are few questions."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=20, l2_regularization=5.0, max_features=0.3, random_state=SEED
    )
    return model.fit(features, answerable, sample_weight=weights)


def trees_of(model: Any) -> BoostedTrees:
    """A fitted HistGradientBoostingClassifier of two classes as the trees that the box evaluates."""
    trees = []
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            Tree(
                tuple(LEAF if end else int(column) for end, column in zip(leaf, nodes["feature_idx"], strict=True)),
                tuple(0.0 if end else float(at) for end, at in zip(leaf, nodes["num_threshold"], strict=True)),
                tuple(0 if end else int(to) for end, to in zip(leaf, nodes["left"], strict=True)),
                tuple(0 if end else int(to) for end, to in zip(leaf, nodes["right"], strict=True)),
                tuple(round(float(value), 6) if end else 0.0 for end, value in zip(leaf, nodes["value"], strict=True)),
            )
        )
    return BoostedTrees(float(np.ravel(model._baseline_prediction)[0]), tuple(trees))


def unseen(
    features: npt.NDArray[np.float64], answerable: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], subjects: Sequence[str]
) -> npt.NDArray[np.float64]:
    """The probability of each question by trees that were grown without any question about its policy, in any language."""
    from sklearn.model_selection import GroupKFold

    chances = np.zeros(len(answerable))
    for seen, left in GroupKFold(FOLDS).split(features, answerable, subjects):
        chances[left] = grow(features[seen], answerable[seen], weights[seen]).predict_proba(features[left])[:, 1]
    return chances


def subject_of(row: Row) -> str:
    """What must not be on both sides of a split: a policy, or an unanswerable question in all its languages."""
    return row.policy or (row.id or row.question).split("-", 1)[-1]


def choose_threshold(probabilities: Sequence[float], answerable: Sequence[bool]) -> float:
    """The threshold with the least cost: a false abstention counts 1, a false answer FALSE_ANSWER_WEIGHT."""
    grid = np.linspace(0.05, 0.95, 91)
    given, truth = np.array(probabilities), np.array(answerable)
    costs = [float(((given < t) & truth).sum() + FALSE_ANSWER_WEIGHT * ((given >= t) & ~truth).sum()) for t in grid]
    best = [t for t, cost in zip(grid, costs, strict=True) if cost == min(costs)]
    return float(np.round(np.mean(best), 3))


def report(name: str, search: Search, rows: Sequence[Row]) -> None:
    """How often the right statement is first and among three, per category."""
    groups: dict[str, list[tuple[bool, bool, bool]]] = {}
    for row in rows:
        if row.expected != "answered" or not row.policy:
            continue
        top = find(search, row).candidates[:3]
        marks = (
            bool(top) and is_right(top[0], row),
            any(is_right(item, row) for item in top),
            any(item.policy.id == row.policy for item in top),
        )
        for group in (row.category, row.language or ""):
            groups.setdefault(group, []).append(marks)
    for group, found in sorted(groups.items()):
        first, three, policy = (float(np.mean([mark[place] for mark in found])) for place in range(3))
        print(
            f"{name} {group:14} n={len(found):4} right first {first:.3f}  in three {three:.3f}  policy in three {policy:.3f}"
        )


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, default=PROJECT / "tests" / "gold")
    parser.add_argument("--languages", nargs="*", default=["en", "es", "fr", "de", "pt", "it", "zh", "ar"])
    parser.add_argument("--out", type=Path, default=RANKING_FILE)
    arguments = parser.parse_args()
    policies = load_policies(PROJECT / "knowledge" / "policies")
    undecided = Answerability(BoostedTrees(0.0, ()), 0.5, {})
    untrained = Ranking((1.0,) * len(STATEMENT_FEATURES), 0.0, undecided)
    search = Search(build(policies, load_embedder(PROJECT / "models" / "embedder")), untrained)
    train = [row for code in arguments.languages for row in read_rows(arguments.gold / code / "train.jsonl")]
    dev = [row for code in arguments.languages for row in read_rows(arguments.gold / code / "dev.jsonl")]
    print(f"{len(train)} train, {len(dev)} dev questions")
    features, labels, weights = statement_data(search, [row for row in train if row.expected == "answered"])
    statement = fit(features, labels, weights, strength=1.0)
    ranking = Ranking(tuple(float(weight) for weight in statement.coef_[0]), float(statement.intercept_[0]), undecided)
    search.ranking = ranking
    report("dev", search, dev)
    judged = [row for row in train + dev if row.expected in ("answered", "abstained")]
    ids, rng = sorted({policy.id for policy in policies}), random.Random(SEED)
    # A box may hold one document or a thousand, with keywords or without, and what stands out among fifty is not what does among three.
    bare = Search(build([replace(policy, keywords=()) for policy in policies], search.index.embedder), ranking)
    asked = judged + [fewer(row, ids, rng) for row in judged]
    founds = [find(search if place < len(judged) else bare, row) for place, row in enumerate(asked)]
    usable = np.array([bool(found.features) for found in founds])
    asked = [row for row, good in zip(asked, usable, strict=True) if good]
    seen = np.array([found.features for found in founds if found.features])
    truth = np.array([row.expected == "answered" for row in asked])
    whole = np.arange(len(usable))[usable] < len(judged)
    counting = np.where(whole, 1.0, FEWER_WEIGHT)
    chances = unseen(seen, truth, counting, [subject_of(row) for row in asked])
    judged = [row for row, good in zip(asked, whole, strict=True) if good]
    threshold = choose_threshold(list(chances[whole]), list(truth[whole]))
    by_language = {code: choose_threshold(*_of(code, judged, list(chances[whole]), list(truth[whole]))) for code in arguments.languages}
    # A language has few questions: its own threshold is drawn half way back to the common one.
    by_language = {code: round((value + threshold) / 2, 3) for code, value in by_language.items()}
    given = chances >= np.array([by_language[row.language or "en"] for row in asked])
    for name in ("all", "fewer", *arguments.languages):
        mine = ~whole if name == "fewer" else whole & np.array([name in ("all", row.language) for row in asked])
        abstained, answered = 1 - given[mine & truth].mean(), given[mine & ~truth].mean()
        print(f"answerability {name:5}: needless abstentions {abstained:.3f}, answers that should not be {answered:.3f} (unseen policies)")
    answer = Answerability(trees_of(grow(seen, truth, counting)), threshold, by_language)
    written = {
        "fitted_on": f"gold train ({len(train)}) for statements, train and dev ({len(judged)}) for answerability",
        "languages": arguments.languages,
        "statement": _weights(STATEMENT_FEATURES, statement),
        "answer": answer.to_json(),
    }
    arguments.out.write_text(_compact(written) + "\n", "utf-8")
    print(json.dumps(written["statement"]))


def _compact(written: dict[str, Any]) -> str:
    """JSON with one tree a line."""
    answer = dict(written["answer"])
    trees = ",\n".join("   " + json.dumps(tree, separators=(",", ":")) for tree in answer.pop("trees"))
    whole = json.dumps(written | {"answer": answer | {"trees": []}}, indent=1)
    return whole.replace('"trees": []', f'"trees": [\n{trees}\n  ]')


def _of(code: str, rows: Sequence[Row], chances: list[float], truth: list[bool]) -> tuple[list[float], list[bool]]:
    picked = [place for place, row in enumerate(rows) if row.language == code]
    return [chances[place] for place in picked], [truth[place] for place in picked]


def _weights(names: Sequence[str], model: Any) -> dict[str, Any]:
    return {
        "bias": round(float(model.intercept_[0]), 4),
        "weights": {name: round(float(value), 4) for name, value in zip(names, model.coef_[0], strict=True)},
    }


if __name__ == "__main__":
    main()
