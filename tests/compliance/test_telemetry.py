"""A turn as OpenTelemetry spans: names that the conventions have, ids and times that a collector takes, and no text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues

from app.appliance import Appliance
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.telemetry import otlp
from tests.compliance.test_record_explain import SECOND_SCHEMA, TURN, header

KNOWN = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
TYPES = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": (int, float), "arrayValue": dict}


def spans(records: Any) -> list[dict[str, Any]]:
    (trace,) = otlp(records)
    return list(json.loads(json.dumps(trace, allow_nan=False))["resourceSpans"][0]["scopeSpans"][0]["spans"])


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for pair in holder["attributes"]:
        ((kind, value),) = pair["value"].items()
        assert isinstance(value, TYPES[kind])
        found[pair["key"]] = int(value) if kind == "intValue" else [v["stringValue"] for v in value["values"]] if kind == "arrayValue" else value
    assert len(found) == len(holder["attributes"])
    return found


def records_of(ledger: Ledger, turn: str) -> list[tuple[Header, Any]]:
    return [ledger.read(entry.index) for entry in ledger.find(turn=turn)]


def test_a_real_turn_is_one_trace_of_three_spans_in_order(box: Appliance) -> None:
    session = box.start_session(channel="api")
    answer = box.ask("my card is 4111 1111 1111 1111: how much is a replacement card", session=session)
    box.feedback(session, answer.turn, useful=True)
    turn, search, model = spans(records_of(box.ledger, answer.turn))
    assert len({span["traceId"] for span in (turn, search, model)}) == 1
    assert {search["parentSpanId"], model["parentSpanId"]} == {turn["spanId"]}
    assert "parentSpanId" not in turn
    for span in (turn, search, model):
        assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert int(turn["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert int(search["endTimeUnixNano"]) <= int(model["startTimeUnixNano"])
    whole = attributes(turn)
    assert whole["gen_ai.conversation.id"] == session.id
    assert (whole["tellerbox.outcome"], whole["tellerbox.redactions.card"], whole["tellerbox.channel"]) == ("answered", 1, "api")
    asked = attributes(model)
    assert asked["gen_ai.request.model"] == box.model_file.name
    assert (asked["gen_ai.request.temperature"], asked["gen_ai.request.top_k"]) == (0, 1)
    assert "gen_ai.request.seed" not in asked
    assert asked["gen_ai.usage.input_tokens"] > 50
    assert asked["gen_ai.response.finish_reasons"] == ["stop"]
    found = json.loads(attributes(search)["gen_ai.retrieval.documents"])
    assert found[0]["id"].startswith(("cards/lost-card@", "cards/debit@")), "both state what a replacement costs"
    judged = [attributes(event) for event in turn["events"]]
    assert {each["gen_ai.evaluation.name"] for each in judged} == {"grounding", "feedback"}


def test_every_name_under_gen_ai_is_one_of_the_conventions(box: Appliance) -> None:
    answer = box.ask("how much is a replacement card")
    for records in (records_of(box.ledger, answer.turn), SECOND_SCHEMA, TURN):
        for span in spans(records):
            for holder in (span, *span.get("events", ())):
                for name, value in attributes(holder).items():
                    assert name in KNOWN or name == "error.type" or name.startswith("tellerbox."), name
                    if name == "gen_ai.operation.name":
                        assert value in {each.value for each in GenAiOperationNameValues}


def test_no_text_leaves_even_where_it_can_be_read() -> None:
    written = json.dumps(list(otlp(SECOND_SCHEMA)), ensure_ascii=False)
    for text in ("cuesta", "15 EUR", "9 EUR", "ya no es así"):
        assert text not in written
    assert written == json.dumps(list(otlp([(each, None) for each, _ in SECOND_SCHEMA])), ensure_ascii=False)


def test_what_was_rejected_and_what_was_thought_of_it_are_evaluations() -> None:
    turn = spans(SECOND_SCHEMA)[0]
    judged = [attributes(event) for event in turn["events"]]
    assert [each["gen_ai.evaluation.score.label"] for each in judged] == ["shown", "rejected", "not_useful"]
    assert judged[1]["gen_ai.evaluation.explanation"] == "number_not_in_evidence"
    assert judged[2] == {
        "gen_ai.evaluation.name": "feedback", "gen_ai.evaluation.score.value": 0.0,
        "gen_ai.evaluation.score.label": "not_useful", "gen_ai.evaluation.explanation": "outdated",
    }  # fmt: skip


def test_a_turn_without_model_or_search_is_one_span() -> None:
    (only,) = spans([(header("turn_closed", 1, {"outcome": "refused", "guard": {"category": "injection", "rules": ["x"]}}), {})])
    assert attributes(only)["tellerbox.guard.category"] == "injection"
    assert only["startTimeUnixNano"] == only["endTimeUnixNano"]


def test_a_model_that_ran_out_of_time_is_an_error() -> None:
    facts = {"outcome": "answered", "model": {"name": "m", "finish": "timeout", "tokens": 3}}
    model = spans([(header("turn_closed", 1, facts), {})])[-1]
    assert model["status"] == {"code": 2}
    assert attributes(model)["error.type"] == "timeout"


def test_facts_of_unexpected_shapes_never_break_it() -> None:
    for value in ("x", 3, [None], {"x": None}, ["x"], None, True):
        facts = dict.fromkeys(("language", "guard", "model", "prompt", "retrieved", "sentences", "rejected", "timings_ms", "outcome"), value)
        assert spans([(header("turn_closed", 1, facts), None)])


def test_no_turn_is_an_error() -> None:
    with pytest.raises(ComplianceError):
        list(otlp([(Header.now("export"), {})]))
