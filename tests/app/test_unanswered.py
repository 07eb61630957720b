"""Unanswered questions: grouped by meaning across languages, the largest group first, without what was erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.unanswered import Unanswered, grouped, unanswered
from compliance.ledger import Ledger
from compliance.record import Header
from knowledge.embedder import Embedder, load_embedder


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(Settings().models / "embedder")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger") as held:
        yield held


def asked(language: str, question: str) -> Unanswered:
    return Unanswered("0" * 16, "2026-11-24T10:00:00.000Z", language, question, "cash/deposits")


def test_questions_that_ask_alike_are_one_group_whatever_their_language(embedder: Embedder) -> None:
    questions = [
        asked("en", "do you sell gold coins?"), asked("en", "can I rent a car here?"), asked("es", "¿venden monedas de oro?"),
        asked("en", "can I buy gold coins here?"), asked("de", "Verkaufen Sie Goldmünzen?"),
    ]  # fmt: skip
    groups = grouped(questions, embedder)
    assert {each.question for each in groups[0].questions} == {each.question for each in questions} - {"can I rent a car here?"}
    assert dict(groups[0].languages) == {"en": 2, "es": 1, "de": 1}
    assert groups[0].nearest == "cash/deposits"
    assert [len(group.questions) for group in groups] == [4, 1]
    assert grouped([], embedder) == []


def test_only_abstentions_are_read_and_nothing_of_an_erased_session(ledger: Ledger) -> None:
    for session, outcome in (("s1", "abstained"), ("s2", "answered"), ("s3", "abstained")):
        facts = {"outcome": outcome, "handoff": {"language": "en"}, "retrieved": [{"policy": "cards/fees"}]}
        ledger.append(Header.now("turn_closed", turn=f"{session}", session=session, facts=facts), {"question": f"of {session}"})
    assert [each.question for each in unanswered(ledger)] == ["of s3", "of s1"]
    ledger.erase("s1")
    assert [(each.question, each.nearest) for each in unanswered(ledger)] == [("of s3", "cards/fees")]
    assert unanswered(ledger, since="2999-01-01") == []
