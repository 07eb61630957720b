"""What counts as a right answer, and what is said of one that is not sure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.answer import Answer, Sentence
from app.evaluate import CAUTION, judge
from app.grounding import Evidence
from app.questions import Row
from app.web.chat_messages import turn_so_far

OPEN = "The branches open at 8:30."
CARD = "A new card costs €6."


def reply(*quotes: str, outcome: str = "answered") -> Answer:
    sentences = tuple(Sentence(quote, "quote", (Evidence("service/hours", "1", "en", 0, 9, quote, 1.0, "Hours", "h.md"),)) for quote in quotes)
    return Answer("t", "s", "en", outcome, sentences, (), None, "", "none", "", {"total": 1.0}, None)


@pytest.mark.parametrize(
    ("row", "answer", "right"),
    [
        ({"must_quote": (OPEN, "Open at 8:30")}, reply(CARD, OPEN), True),
        ({"must_quote": (OPEN,)}, reply(CARD), False),
        ({"must_quote": (OPEN,), "must_contain": ("6 EUR",)}, reply(OPEN), False),
        ({"must_quote": (OPEN,), "must_contain": ("6 EUR",)}, reply(OPEN, CARD), True),
        ({"must_contain": ("6 EUR",)}, reply(CARD), True),
        ({"must_quote": (OPEN,)}, reply(OPEN, outcome="abstained"), False),
    ],
)
def test_an_answer_is_right_by_its_figures_and_by_what_it_rests_on(row: dict[str, Any], answer: Answer, right: bool) -> None:
    marks = judge(Row(id="a", question="?", language="en", answerable=True, **row), answer)
    assert marks["answer_accuracy"] is right


def test_a_row_that_wants_nothing_said_is_not_counted() -> None:
    assert "answer_accuracy" not in judge(Row(id="a", question="?", language="en", answerable=True), reply(CARD))


def test_the_chat_does_not_call_a_cautious_answer_an_answer_from_the_policies() -> None:
    sure, caution = reply(OPEN), Sentence("I am not sure.", "fixed", key=CAUTION)
    unsure = replace(sure, sentences=(caution, *sure.sentences))
    told = [json.loads(turn_so_far("k", "s", "en", each.sentences, answer=each)) for each in (sure, unsure)]
    assert [each["outcome_text"] for each in told] == ["Answered from the policies", "Nearest text in the policies"]
    assert [each["mark"] for each in told] == ["answered", "unsure"], "its dot is the colour of what was not found"
    assert {each["outcome"] for each in told} == {"answered"}
