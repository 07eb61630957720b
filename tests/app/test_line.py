"""The line: everyone is served, nobody twice, and one with many questions does not keep others waiting."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.slm.line import Line

PEOPLE = st.lists(st.sampled_from("abcde"), max_size=30)


@dataclass(frozen=True, slots=True)
class Question:
    person: str
    number: int


def line_of(people: list[str]) -> Line[Question]:
    line: Line[Question] = Line()
    for number, person in enumerate(people):
        line.add(Question(person, number))
    return line


@given(PEOPLE)
def test_everyone_is_served_once_in_the_order_that_was_told(people: list[str]) -> None:
    line = line_of(people)
    told = list(line)
    served = [line.next() for _ in range(len(line))]
    assert served == told
    assert sorted(each.number for each in served) == list(range(len(people)))
    with pytest.raises(IndexError):
        line.next()


@given(PEOPLE)
def test_between_two_questions_of_one_person_every_other_who_waits_is_served(people: list[str]) -> None:
    served = list(line_of(people))
    for place, question in enumerate(served):
        again = next((later for later in range(place + 1, len(served)) if served[later].person == question.person), None)
        if again is not None:
            between = {each.person for each in served[place:again]}
            assert between >= {each.person for each in served[again:]}


@given(PEOPLE)
def test_ones_own_questions_are_served_in_the_order_they_were_asked(people: list[str]) -> None:
    for person in set(people):
        mine = [each.number for each in line_of(people) if each.person == person]
        assert mine == sorted(mine)


@given(PEOPLE.filter(bool), st.data())
def test_who_leaves_is_not_served(people: list[str], data: st.DataObject) -> None:
    line = line_of(people)
    gone = data.draw(st.sampled_from(list(line)))
    line.remove(gone)
    assert gone not in [line.next() for _ in range(len(line))]
    with pytest.raises(ValueError, match="not in"):
        line.remove(gone)
