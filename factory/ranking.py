"""Fits the two models of the search and their thresholds: `python -m factory.ranking`.

Data: the gold questions, train and dev (test is not read), and those of `factory/questions`, which count less: a linear model that
chooses a statement of a list, whose weights can be read (`factory/listwise.py`), and for answerability boosted trees of scikit-learn. A
statement is right when it belongs to the row's policy and holds its figures. What is printed, the scores that answerability is fitted
on, and its thresholds rest on questions about policies that the models had not seen (cross-validation by policy). Writes
knowledge/ranking.json. `--written 0` fits without the second kind and still says how they are answered.
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
from factory.listwise import Choice, as_probability, fit_choices
from factory.questions import BASICS, FOLDER, read_questions
from knowledge.answerability import Answerability
from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.policy import load_policies
from knowledge.quantities import quantity_keys
from knowledge.question import shortness
from knowledge.search import RANKING_FILE, STATEMENT_FEATURES, Candidate, Found, Ranking, Scope, Search
from knowledge.trees import LEAF, BoostedTrees, Tree

Floats = npt.NDArray[np.float64]
PROJECT = Path(__file__).resolve().parent.parent
EXAMPLE = STATEMENT_FEATURES.index("example")
EVEN, NOTHING = (1.0,) * len(STATEMENT_FEATURES), (0.0,) * len(STATEMENT_FEATURES)
SEED = 0
FOLDS = 12
FEWER_WEIGHT = 0.5
WRITTEN_WEIGHT = 0.25
"""What a question of `factory/questions` counts beside a gold one. They are harder, and ask as often about what no policy says as
about what one does, which people do not."""
BASIC_WEIGHT = 1.0
SHOWN_WEIGHT, SURE_WEIGHT = 2.5, 9.0
"""What an answer to a question that the policies do not answer costs beside a missing one, with a word of caution and without."""


def find(search: Search, row: Row, country: str = "ES") -> Found:
    """Search as the appliance should for one row."""
    day = row.as_of or date.today()
    scope = Scope(row.language or "en", row.role, day, row.jurisdiction or country, row.exclude)
    return search.find("\n".join(asked(row)), scope, most=400)


def asked(row: Row) -> tuple[str, ...]:
    """What search is asked for a row: the question, after what was asked before it where it is a follow-up."""
    before = " ".join(row.history) if row.category == "follow-up" else ""
    return tuple(filter(None, (before, row.question)))


def is_right(candidate: Candidate, row: Row) -> bool:
    """Whether a statement of the right policy holds every figure that the answer needs, or is the one that it needs."""
    if candidate.policy.id not in {row.policy, *row.also} or (row.must_quote and candidate.quote not in row.must_quote):
        return False
    held = quantity_keys(candidate.statement.text, candidate.policy.language)
    return all(_held(wanted, row.language or "en", held) for wanted in row.must_contain)


def _held(wanted: str, language: str, held: frozenset[tuple[str, str, str]]) -> bool:
    return quantity_keys(wanted, language) <= held


def choice_of(found: Found, row: Row, weight: float = 1.0) -> Choice:
    """What search proposed for a row, and what of it is right."""
    # A worked example holds the figures too, but the rule itself is the better answer.
    right = [is_right(item, row) and not item.features[EXAMPLE] for item in found.candidates]
    features = np.array([item.features for item in found.candidates]).reshape(-1, len(STATEMENT_FEATURES))
    short = shortness(" ".join(asked(row)), row.language or "en")
    return Choice(np.hstack([features, short * features]), np.array(right, np.bool_), weight)


def statement_model(choices: Sequence[Choice]) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Weights of the statement model, those added for a short question, and the bias."""
    weights = fit_choices(choices)
    scale, bias = as_probability(choices, weights)
    both = [float(weight) for weight in weights * scale]
    return tuple(both[: len(STATEMENT_FEATURES)]), tuple(both[len(STATEMENT_FEATURES) :]), bias


def fewer(row: Row, policies: Sequence[str], rng: random.Random) -> Row:
    """The same question to a box with fewer policies: the one that answers, and of the others none, a few or most."""
    others = [policy for policy in policies if policy != row.policy]
    kept = round(len(others) ** rng.random()) - 1 + (row.policy is None)
    return replace(row, exclude=row.exclude | (set(others) - set(rng.sample(others, kept))))


def grow(features: npt.NDArray[np.float64], answerable: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None = None) -> Any:
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
    features: npt.NDArray[np.float64], answerable: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], folds: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The probability of each question by trees that were grown without any question of its fold."""
    chances = np.zeros(len(answerable))
    for fold in sorted(set(folds.tolist())):
        left = folds == fold
        taught = ~left & (weights > 0)
        chances[left] = grow(features[taught], answerable[taught], weights[taught]).predict_proba(features[left])[:, 1]
    return chances


def folds_of(subjects: Sequence[str]) -> npt.NDArray[np.int64]:
    """`(n,)` the fold (0 to FOLDS - 1) of each question; a policy is in one fold, in all its languages."""
    from sklearn.model_selection import GroupKFold

    folds = np.zeros(len(subjects), np.int64)
    for fold, (_, left) in enumerate(GroupKFold(FOLDS).split(np.zeros(len(subjects)), groups=subjects)):
        folds[left] = fold
    return folds


def subject_of(row: Row) -> str:
    """What must not be on both sides of a split: a policy, or an unanswerable question in all its languages."""
    return row.policy or (row.id or row.question).split("-", 1)[-1]


def choose_threshold(chances: Floats, answerable: npt.NDArray[np.bool_], counting: Floats, weight: float) -> float:
    """The threshold with the least cost: a false abstention costs 1, a false answer `weight`, of questions that count `counting`."""
    grid = np.linspace(0.05, 0.95, 91)
    costs = [float(counting @ np.where(answerable, chances < t, weight * (chances >= t))) for t in grid]
    best = [t for t, cost in zip(grid, costs, strict=True) if cost == min(costs)]
    return float(np.round(np.mean(best), 3))


def report(rows: Sequence[Row], founds: Sequence[Found], kinds: Sequence[str]) -> None:
    """How often the right statement is first and among three, by category and language; of the kinds of questions, gold by category."""
    groups: dict[str, list[tuple[bool, bool, bool]]] = {}
    for row, found, kind in zip(rows, founds, kinds, strict=True):
        if row.expected != "answered" or not row.policy:
            continue
        top = found.candidates[:3]
        marks = (
            bool(top) and is_right(top[0], row),
            any(is_right(item, row) for item in top),
            any(item.policy.id in {row.policy, *row.also} for item in top),
        )
        named = ("all", row.category, row.language or "") if kind == "gold" else (kind, f"{kind} {row.language}")
        for group in named if kind == "gold" or row.category == "answerable" else ("written, cross-language",):
            groups.setdefault(group, []).append(marks)
    for group, marked in sorted(groups.items()):
        first, three, policy = (float(np.mean([mark[place] for mark in marked])) for place in range(3))
        print(f"{group:23} n={len(marked):4} right first {first:.3f}  in three {three:.3f}  policy in three {policy:.3f} (unseen policies)")


def main() -> None:
    """Fit, report, write."""
    from sklearn.metrics import roc_auc_score

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, default=PROJECT / "tests" / "gold")
    parser.add_argument("--languages", nargs="*", default=["en", "es", "fr", "de", "pt", "it", "zh", "ar"])
    parser.add_argument("--embedder", type=Path, default=PROJECT / "models" / "embedder")
    parser.add_argument("--written", type=float, default=WRITTEN_WEIGHT, help="what a question of factory/questions counts")
    parser.add_argument("--basic", type=float, default=BASIC_WEIGHT, help="what a question of factory/basics counts")
    parser.add_argument("--out", type=Path, default=RANKING_FILE)
    arguments = parser.parse_args()
    policies = load_policies(PROJECT / "knowledge" / "policies")
    undecided = Answerability(BoostedTrees(0.0, ()), 0.5, {})
    search = Search(build(policies, load_embedder(arguments.embedder)), Ranking(EVEN, NOTHING, 0.0, undecided))
    splits = [read_rows(arguments.gold / code / f"{split}.jsonl") for code in arguments.languages for split in ("train", "dev")]
    known = [row for rows in splits for row in rows if row.expected in ("answered", "abstained")]
    own, basic = ([row for row in read_questions(policies, folder) if row.language in arguments.languages] for folder in (FOLDER, BASICS))
    judged, gold = known + own + basic, len(known)
    counting = np.repeat((1.0, arguments.written, arguments.basic), (gold, len(own), len(basic)))
    folds = folds_of([subject_of(row) for row in judged])
    answered = [
        (choice_of(find(search, row), row, weight), fold)
        for row, fold, weight in zip(judged, folds, counting.tolist(), strict=True)
        if row.expected == "answered" and weight > 0
    ]
    rankings = [Ranking(*statement_model([choice for choice, fold in answered if fold != left]), undecided) for left in range(FOLDS)]
    founds = found_unseen(search, judged, folds, rankings)
    report(judged, founds, np.repeat(("gold", "written", "basic"), (gold, len(own), len(basic))).tolist())
    ids, rng = sorted({policy.id for policy in policies}), random.Random(SEED)
    # A box may hold one document or a thousand, with keywords or without, and what stands out among fifty is not what does among three.
    bare = Search(build([replace(policy, keywords=()) for policy in policies], search.index.embedder), search.ranking)
    few = [fewer(row, ids, rng) for row in known]
    founds += found_unseen(bare, few, folds[:gold], rankings)
    usable = np.array([bool(found.features) for found in founds])
    kinds = np.repeat(("gold", "written", "basic", "fewer"), (gold, len(own), len(basic), len(few)))[usable]
    asked = [row for row, good in zip(judged + few, usable, strict=True) if good]
    seen = np.array([found.features for found in founds if found.features])
    truth = np.array([row.expected == "answered" for row in asked])
    counting = np.concatenate([counting, np.full(len(few), FEWER_WEIGHT)])[usable]
    chances = unseen(seen, truth, counting, np.concatenate([folds, folds[:gold]])[usable])
    languages = np.array([row.language or "en" for row in asked])
    # The gold questions alone say how often people ask what no policy answers.
    whole = np.where(kinds == "gold", 1.0, 0.0)
    threshold, shown = thresholds(languages, chances, truth, whole, SHOWN_WEIGHT)
    _, sure = thresholds(languages, chances, truth, whole, SURE_WEIGHT)
    given, certain = (chances >= np.array([each[code] for code in languages]) for each in (shown, sure))
    categories = np.array([row.category for row in asked])
    groups = {"all": kinds == "gold"} | {name: kinds == name for name in ("fewer", "written", "basic")}
    groups |= {name: (kinds == "gold") & (categories == name) for name in sorted({row.category for row in judged} - {"fixed"})}
    groups |= {code: (kinds == "gold") & (languages == code) for code in arguments.languages}
    for name, mine in groups.items():
        if not (mine & truth).any() or not (mine & ~truth).any():
            mine = mine | ((kinds == "gold") & (~truth if (mine & truth).any() else truth))
        right, wrong = mine & truth, mine & ~truth
        print(
            f"answerability {name:14}: needless abstentions {1 - given[right].mean():.3f}, of the answers with caution "
            f"{1 - certain[right & given].mean():.3f}; answers that should not be {given[wrong].mean():.3f}, of all without "
            f"caution {certain[wrong].mean():.3f} (unseen policies)"
        )
    for kind in ("gold", "written", "basic"):
        for name, mine in (("all", kinds == kind), ("near-miss", (kinds == kind) & (truth | (categories == "near-miss")))):
            print(f"area under the curve, {kind}, {name}: {roc_auc_score(truth[mine], chances[mine]):.3f} (unseen policies)")
    weights, short, bias = statement_model([choice for choice, _ in answered])
    learnt = counting > 0
    written = {
        "fitted_on": f"gold train and dev, factory/questions and factory/basics: {len(answered)} questions for statements, "
        f"{int((learnt & (kinds != 'fewer')).sum())} for answerability",
        "languages": arguments.languages,
        "statement": _weights(weights, short, bias),
        "answer": Answerability(trees_of(grow(seen[learnt], truth[learnt], counting[learnt])), threshold, shown, sure).to_json(),
    }
    arguments.out.write_text(_compact(written) + "\n", "utf-8")
    print(json.dumps(written["statement"]))


def thresholds(
    languages: npt.NDArray[np.str_], chances: Floats, truth: npt.NDArray[np.bool_], counting: Floats, weight: float
) -> tuple[float, dict[str, float]]:
    """The common threshold and one a language, drawn half way back to it: a language has few questions."""
    common = choose_threshold(chances, truth, counting, weight)
    own = {code: choose_threshold(chances, truth, np.where(languages == code, counting, 0.0), weight) for code in sorted(set(languages))}
    return common, {str(code): round((value + common) / 2, 3) for code, value in own.items()}


def found_unseen(search: Search, rows: Sequence[Row], folds: npt.NDArray[np.int64], rankings: Sequence[Ranking]) -> list[Found]:
    """What search finds for each row with the statement model that had not seen its fold."""
    founds = []
    for row, fold in zip(rows, folds, strict=True):
        search.ranking = rankings[fold]
        founds.append(find(search, row))
    return founds


def _compact(written: dict[str, Any]) -> str:
    """JSON with one tree a line."""
    answer = dict(written["answer"])
    trees = ",\n".join("   " + json.dumps(tree, separators=(",", ":")) for tree in answer.pop("trees"))
    whole = json.dumps(written | {"answer": answer | {"trees": []}}, indent=1)
    return whole.replace('"trees": []', f'"trees": [\n{trees}\n  ]')


def _weights(weights: Sequence[float], short: Sequence[float], bias: float) -> dict[str, Any]:
    named = {"weights": weights, "short": short}
    rounded = {
        key: {name: round(value, 4) for name, value in zip(STATEMENT_FEATURES, values, strict=True)} for key, values in named.items()
    }
    return {"bias": round(bias, 4), **rounded}


if __name__ == "__main__":
    main()
