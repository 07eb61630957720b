"""Admission: never more than there is room for, never more than a session's share, and nobody is kept inside."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admission import Admission
from app.errors import Busy


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 8), st.integers(1, 3))
def test_who_is_let_in_and_who_is_not(sessions: list[str], most: int, each: int) -> None:
    admission = Admission(most, 2, each)
    with contextlib.ExitStack() as inside:
        let_in: list[str] = []
        for session in sessions:
            full = len(let_in) >= most or let_in.count(session) >= each
            try:
                inside.enter_context(admission.enter(session, "later"))
                assert not full
                let_in.append(session)
            except Busy as error:
                assert full
                assert 1 <= error.retry_after <= 60
            assert admission.inside == len(let_in)
    assert admission.inside == 0


def test_a_turn_that_fails_makes_room_again() -> None:
    admission = Admission(1, 1)
    with pytest.raises(ZeroDivisionError), admission.enter("a", "later"):
        raise ZeroDivisionError
    with admission.enter("b", "later"), pytest.raises(Busy, match="later"), admission.enter("c", "later"):
        pass
