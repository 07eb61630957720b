"""With which statement an answer of the model may begin."""

from __future__ import annotations

from datetime import date

from app.appliance import Appliance
from app.turn import MAX_SENTENCES, _beside, _out_of_place, _pool, _span
from knowledge.search import Candidate, Scope


def found(box: Appliance) -> list[Candidate]:
    return list(box.search.find("How much does an international transfer cost?", Scope("en", "customer", date(2026, 11, 1))).candidates)


def sections(box: Appliance) -> tuple[list[Candidate], Candidate]:
    """The rows of the longest section of one policy, all as likely, and a statement of another section that is a little likelier."""
    policy = "payments/international-transfer"
    passages = [each for each in box.search.index.passages if each.policy.id == policy and each.policy.language == "en"]
    longest = max(passages, key=lambda each: len(each.statements))
    elsewhere = next(each for each in passages if each is not longest)
    rows = [Candidate(longest, statement, 0.95, ()) for statement in longest.statements]
    return rows, Candidate(elsewhere, elsewhere.statements[0], 0.96, ())


def scored(candidate: Candidate, score: float) -> Candidate:
    return Candidate(candidate.passage, candidate.statement, score, candidate.features)


def test_the_model_begins_only_with_what_search_finds_as_likely_as_its_best(box: Appliance) -> None:
    best, other = (scored(each, 0.9) for each in found(box)[:2])
    assert _out_of_place(scored(other, 0.9), best, set(), ordered=False) == ""
    assert _out_of_place(scored(other, 0.89), best, set(), ordered=False) != ""
    assert _out_of_place(scored(other, 0.1), best, {_span(best)}, ordered=False) == "", "after another sentence it may stand"


def test_no_statement_is_said_twice_and_no_more_than_an_answer_holds(box: Appliance) -> None:
    every = found(box)
    best = every[0]
    assert _out_of_place(best, best, {_span(best)}, ordered=False) != ""
    others = {_span(each) for each in every[1 : MAX_SENTENCES + 1]}
    assert len(others) == MAX_SENTENCES
    assert _out_of_place(best, best, others, ordered=False) != ""


def test_where_the_policy_orders_prices_the_model_begins_as_the_policy_does(box: Appliance) -> None:
    best, other = (scored(each, 0.9) for each in found(box)[:2])
    assert _out_of_place(other, best, set(), ordered=True) != ""
    assert _out_of_place(best, best, set(), ordered=True) == ""
    assert _out_of_place(other, best, {_span(best)}, ordered=True) == ""


def test_a_list_as_good_as_a_lone_statement_is_said_in_its_order(box: Appliance) -> None:
    rows, lone = sections(box)
    assert len(rows) > MAX_SENTENCES
    assert _pool([lone, *reversed(rows[: MAX_SENTENCES + 1])])[: MAX_SENTENCES + 1] == rows[: MAX_SENTENCES + 1]
    assert _pool([lone, *rows[:MAX_SENTENCES]])[0] == lone, "a few statements are no list"
    assert _pool([lone, *(scored(row, 0.5) for row in rows)])[0] == lone, "they are not as good"


def test_what_is_quoted_beside_is_nearly_as_likely_whatever_its_policy_and_in_the_same_language(box: Appliance) -> None:
    scope = Scope("en", "customer", date(2026, 11, 1))
    every = [*found(box), *box.search.find("When are you open on Saturdays?", scope).candidates]
    best, near, other = every[0], every[1], every[-1]
    assert other.policy is not best.policy
    # 0.95, 0.90 and 0.85 have log-odds of 2.94, 2.20 and 1.73.
    candidates = [scored(best, 0.95), scored(other, 0.90), scored(near, 0.85)]
    assert _beside(candidates[0], candidates) == candidates[:2]
    foreign = scored(box.search.find("¿Qué horario tienen?", Scope("es", "customer", date(2026, 11, 1))).candidates[0], 0.94)
    assert foreign not in _beside(candidates[0], [*candidates, foreign])
