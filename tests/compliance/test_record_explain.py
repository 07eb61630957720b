"""An explanation says in words what a turn's records hold, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from compliance.errors import ComplianceError
from compliance.explain import explain
from compliance.record import Header

PLACE = {
    "policy": "payments/international-transfer",
    "version": "2026-03",
    "language": "es",
    "start": 10,
    "end": 52,
    "score": 0.83,
}
OPENED: dict[str, Any] = {
    "language": {"answer_in": "es", "detected": "es", "reason": "detector", "scores": [["es", 0.99], ["pt", 0.01]]},
    "redactions": {"IBAN": 1, "PERSON": 2},
    "guard": {"category": None, "outcome": None, "rules": []},
}
CLOSED: dict[str, Any] = {
    "outcome": "answered",
    "handoff": None,
    "answerable": 0.91,
    "retrieved": [PLACE],
    "index_sha256": "ab" * 32,
    "prompt": {"version": "3", "sha256": "cd" * 32},
    "model": {"name": "small", "sha256": "ef" * 32, "sampling": "greedy"},
    "sentences": [{"origin": "quote", "evidence": [PLACE]}, {"origin": "fixed", "evidence": []}],
    "rejected": [{"reason": "number_not_in_evidence", "score": 0.4}],
    "timings_ms": {"redact": 1.9, "search": 3.2},
}
BODY: dict[str, Any] = {"question": "¿cuánto cuesta?", "answer": ["Cuesta 15 EUR.", "¿Algo más?"]}


def header(kind: str, second: int, facts: dict[str, Any]) -> Header:
    return Header(kind, "t1", "s1", "b1", "kiosk", "customer", f"2026-11-24T10:00:{second:02d}.000Z", second, facts)


TURN = [(header("turn_closed", 2, CLOSED), BODY), (header("turn_opened", 1, OPENED), {"question": "¿cuánto cuesta?"})]


def test_a_customer_reads_the_outcome_the_evidence_and_the_way_to_a_person() -> None:
    text = explain(TURN)
    assert "Turn t1, 2026-11-24 at 10:00:02 UTC, branch b1." in text
    assert "answered from the bank's policies" in text
    assert '1. "Cuesta 15 EUR."' in text
    assert "quoted from the policy, word for word" in text
    assert "payments/international-transfer, version 2026-03 (es), characters 10 to 52" in text
    assert "1 IBAN, 2 PERSON" in text
    assert "ask for a person" in text
    assert "sha256" not in text


def test_an_officer_also_reads_every_decision() -> None:
    text = explain(TURN, reader="officer")
    for words in ("answered in es", "es 0.99", "rules matched: none", "0.91 of 1", "number not in evidence", "sampling greedy",
                  "version 3", "search 3", "ab" * 32, "Retrieved, best first (1)"):  # fmt: skip
        assert words in text, words


def test_an_erased_turn_is_explained_without_its_texts() -> None:
    text = explain([(each, None) for each, _ in TURN])
    assert "The texts were erased" in text
    assert "sentence 1" in text
    assert "15 EUR" not in text


@pytest.mark.parametrize(("outcome", "words"), [("abstained", "found nothing"), ("refused", "may not help"), ("new", "was new")])
def test_each_outcome_has_its_words(outcome: str, words: str) -> None:
    assert words in explain([(header("turn_closed", 1, {"outcome": outcome}), {})])


def test_a_hand_off_names_its_reason() -> None:
    facts = {"outcome": "handed_off", "handoff": {"reason": "lost_card", "urgent": True}}
    assert "handed to a person, urgently, because of: lost card" in explain([(header("turn_closed", 1, facts), {})])


def test_a_turn_that_never_closed_says_so() -> None:
    assert "no answer was completed" in explain([(header("turn_opened", 1, OPENED), {})])


def test_facts_of_unexpected_shapes_never_break_an_explanation() -> None:
    for value in ("x", 3, [None], {"x": None}, ["x"], {"scores": [1, ["es"], None]}):
        facts = dict.fromkeys(CLOSED | OPENED, value)
        assert explain([(header("turn_closed", 1, facts), {"answer": value})], reader="officer")  # type: ignore[arg-type]


def test_no_turn_is_an_error() -> None:
    with pytest.raises(ComplianceError):
        explain([(Header.now("export"), {})])
