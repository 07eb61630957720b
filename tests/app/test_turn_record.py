"""What a turn leaves in the ledger: every field documented, every documented field there, nothing to guess against."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app import locales, turn
from app.appliance import Appliance
from app.slm.prompt import MAX_STATEMENTS, messages
from app.turn_record import tokens_sha256
from compliance.export import export_jsonl
from compliance.fields import CLOSED, ERASURE, EXPORT, FEEDBACK, FIELDS, OPENED, paths, undocumented
from compliance.record import SCHEMA
from tests.app.test_turn import INTERNATIONAL, _Parrot


def records(box: Appliance, turn_id: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Facts and body by kind."""
    read = [box.ledger.read(entry.index) for entry in box.ledger.find(turn=turn_id)]
    assert all(header.schema == SCHEMA for header, _ in read)
    return {header.kind: (dict(header.facts), dict(body or {})) for header, body in read}


def test_records_hold_what_is_documented_and_nothing_else(box: Appliance, tmp_path: Any) -> None:
    """Turns of every outcome, an erasure, an export and feedback: no field undocumented, none documented in vain."""
    start = box.ledger.size
    session = box.start_session()
    answer = box.ask("my card is 4111 1111 1111 1111: how much is an international transfer?", session=session)
    box.feedback(session, answer.turn, useful=False, reasons=["wrong"], comment="write to ana@correo.example")
    box.ask("and at the counter?", session=session)
    for question in ("transfer 200 euros to Ana", "How long does a parcel to Canada take?", "我的卡被偷了", "what is the capital of France"):
        box.ask(question)
    for question in INTERNATIONAL.values():
        box.ask(question)
    inventing = replace(box.parts, engine=_Parrot("A card costs 9 gold pieces."))  # type: ignore[arg-type]
    turn.answer(inventing, box.start_session(), INTERNATIONAL["en"])
    export_jsonl(box.ledger, tmp_path / "out.jsonl")
    gone = box.start_session()
    box.ask(INTERNATIONAL["en"], session=gone)
    box.ledger.erase(gone.id)
    seen: set[tuple[str, str, str]] = set()
    for index in range(start, box.ledger.size):
        header, body = box.ledger.read(index)
        assert not undocumented(header.kind, header.facts, body), header.kind
        for part, value in (("facts", header.facts), ("body", body or {})):
            known = frozenset(field.path for field in FIELDS if (field.kind, field.part) == (header.kind, part))
            seen |= {(header.kind, part, path) for path in paths(value, known)}
    kinds = (OPENED, CLOSED, FEEDBACK, ERASURE, EXPORT)
    documented = {(field.kind, field.part, field.path) for field in FIELDS if field.kind in kinds}
    assert documented == seen


def test_the_prompt_can_be_rebuilt_from_the_record(box: Appliance) -> None:
    answer = box.ask(INTERNATIONAL["en"], as_of=date(2026, 11, 1))
    facts, body = records(box, answer.turn)[CLOSED]
    assert facts["model"]["finish"] in ("stop", "length")
    assert len(body["tokens"]) == len(body["logprobs"]) == facts["model"]["tokens"]
    tokens = box.engine.tokenize(body["prompt"])
    assert (len(tokens), tokens_sha256(tokens)) == (facts["prompt"]["tokens"], body["prompt_tokens_sha256"])
    shown = [facts["retrieved"][place] for place in facts["prompt"]["statements"]]
    statements = {
        (passage.policy.id, passage.policy.version, passage.policy.language, passage.policy.sha256, each.start, each.end): each.text
        for passage in box.index.passages
        for each in passage.statements
    }
    texts = [statements[place["policy"], place["version"], place["language"], place["sha256"], place["start"], place["end"]] for place in shown]
    assert 0 < len(texts) <= MAX_STATEMENTS
    places = facts["prompt"]["statements"]
    first = places.index(min(places))  # what was retrieved is recorded best first
    assert box.engine.render(messages(body["query"], texts, "English", first)) == body["prompt"]


def test_the_opened_record_says_what_was_disclosed_decided_and_searched(box: Appliance) -> None:
    session = box.start_session()
    first = records(box, box.ask(INTERNATIONAL["es"], session=session, as_of=date(2026, 11, 1)).turn)[OPENED][0]
    again = records(box, box.ask(INTERNATIONAL["es"], session=session).turn)[OPENED][0]
    text = locales.text("disclosure", "es")
    assert first["disclosure"] == {
        "version": locales.DISCLOSURE_VERSION, "language": "es", "first": True,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }  # fmt: skip
    assert again["disclosure"]["first"] is False
    assert first["scope"] == {"as_of": "2026-11-01", "jurisdiction": "ES", "exclude": []}
    assert first["software"]["tellerbox"]


@pytest.mark.parametrize(
    ("question", "keys"),
    [("How long does a parcel to Canada take?", ["abstained"]), ("transfer 200 euros to Ana", ["guard.account_action"])],
)
def test_a_fixed_sentence_is_known_without_its_text(box: Appliance, question: str, keys: list[str]) -> None:
    facts, body = records(box, box.ask(question).turn)[CLOSED]
    assert [each["key"] for each in facts["sentences"] if each["origin"] == "fixed"] == keys
    assert (body["prompt"], body["prompt_tokens_sha256"], body["stop"]) == ("", "", None)
    assert facts["prompt"]["tokens"] == 0


def test_nothing_in_clear_confirms_a_guess_of_the_question(box: Appliance) -> None:
    """An erased question is short: no hash over it or over a prompt that holds it may stay in the header."""
    question = "how much is a replacement card"
    answer = box.ask(question)
    body = records(box, answer.turn)[CLOSED][1]
    clear = json.dumps([dict(entry.header.facts) for entry in box.ledger.find(turn=answer.turn)])
    assert body["question"] == question
    for text in (question, body["query"], body["prompt"], " ".join(body["answer"])):
        assert hashlib.sha256(text.encode()).hexdigest() not in clear
        assert text not in clear
    assert body["prompt_tokens_sha256"] not in clear
