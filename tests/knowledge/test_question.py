"""A question's length, and that a short one is ranked by weights of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.policy import load_policies
from knowledge.question import SHORT, shortness
from knowledge.search import STATEMENT_FEATURES, Ranking, Scope, Search
from tests.conftest import PROJECT


def test_a_question_is_the_less_short_the_more_it_says() -> None:
    assert shortness(" ".join(["word"] * int(SHORT)), "en") == pytest.approx(0.5)
    sizes = [shortness("word " * count, "en") for count in (1, 4, 8, 20, 2000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0.95
    assert sizes[-1] < 1e-9
    assert shortness("转账多少钱", "zh") > 0.9 > shortness("我上个月在国外旅行的时候用借记卡取了三次现金", "zh")


def test_the_weights_of_short_questions_count_as_far_as_a_question_is_short() -> None:
    policies = [policy for policy in load_policies(PROJECT / "knowledge" / "policies") if policy.language == "en"]
    index = build(policies, load_embedder(PROJECT / "models" / "embedder"))
    ranking, scope = Ranking.load(), Scope("en", as_of=date(2026, 11, 28))
    nothing = replace(ranking, statement=(0.0,) * len(STATEMENT_FEATURES), short=(0.0,) * len(STATEMENT_FEATURES), statement_bias=0.0)
    rows = replace(nothing, short=tuple(8.0 if name == "row" else 0.0 for name in STATEMENT_FEATURES))
    search = Search(index, rows)
    short = search.find("SEPA transfer", scope).candidates
    long = search.find(
        "I would like to know what it costs me when I send a SEPA transfer to my sister at the counter on a Monday", scope
    ).candidates
    assert {item.statement.kind for item in short} == {"row"}
    assert short[0].score > 0.99
    assert max(item.score for item in long) < 0.51
