"""OCSF and CEF: one event a record, valid by the schema and by the guide, and never a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocsf.v1_7_0.events import ApiActivity
from pydantic import BaseModel

from compliance.errors import ComplianceError
from compliance.export import export
from compliance.export.cef import line
from compliance.export.events import Event
from compliance.ledger import Ledger
from compliance.record import Header

HEADER = re.compile(
    r"CEF:0\|(?:[^|\\]|\\[|\\])*\|(?:[^|\\]|\\[|\\])*\|(?:[^|\\]|\\[|\\])*\|(?:[^|\\]|\\[|\\])*\|(?:[^|\\]|\\[|\\])*\|\d+\|"
)
PAIR = re.compile(r"(?:^| )(\w+)=((?:[^=\\]|\\[=\\n])*?)(?= \w+=|$)")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger.open(tmp_path_factory.mktemp("events") / "ledger", branch="b1") as made:

        def put(kind: str, turn: str, facts: dict[str, Any], body: dict[str, Any]) -> None:
            made.append(Header.now(kind, turn=turn, session="s1", branch="b1", channel="web", role="customer", facts=facts), body)

        put("turn_opened", "t1", {"language": {"answer_in": "en"}, "redactions": {"CARD": 1}}, {"question": "private words"})
        put("turn_closed", "t1", {"outcome": "handed_off", "handoff": {"reason": "fraud", "urgent": True}}, {"question": "private words"})
        put("turn_opened", "t2", {}, {"question": "private words"})
        put(
            "turn_closed",
            "t2",
            {"outcome": "answered", "sentences": [{"origin": "quote", "evidence": [{"policy": "a/b", "version": "1", "language": "en"}]}]},
            {"answer": ["private words"]},
        )
        made.append(Header.now("something_new", branch="b1"), {})
        made.erase("s1")
        yield made


def unknown(model: BaseModel, at: str = "") -> Iterator[str]:
    """Attributes of an event that its class does not have; `unmapped` may hold anything."""
    for name in model.model_extra or {}:
        yield f"{at}{name}"
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel) and name != "unmapped":
            yield from unknown(value, f"{at}{name}.")


def test_every_event_is_valid_ocsf_and_has_no_attribute_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    count = export(ledger, tmp_path / "out", "ocsf")
    events = [json.loads(each) for each in (tmp_path / "out").read_text("utf-8").splitlines()]
    assert len(events) == count
    for index, event in enumerate(events):
        assert list(unknown(ApiActivity.model_validate(event))) == []
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["metadata"]["sequence"] == index
    assert [event["severity"] for event in events] == ["Informational", "High", "Informational", "Informational", "Informational", "Medium"]
    assert events[1]["unmapped"]["leaf_sha256"] == ledger.find(turn="t1")[1].leaf.hex()
    assert events[3]["unmapped"]["policies"] == ["a/b 1 en"]
    assert [event["unmapped"]["erased"] for event in events] == [True, True, True, True, False, False]
    assert events[4]["activity_name"] == "Other"


@pytest.mark.parametrize("form", ["ocsf", "cef"])
def test_events_hold_no_text_and_refuse_to(ledger: Ledger, tmp_path: Path, form: str) -> None:
    export(ledger, tmp_path / "out", form)
    assert "private" not in (tmp_path / "out").read_text("utf-8")
    with pytest.raises(ComplianceError, match="never hold texts"):
        export(ledger, tmp_path / "more", form, decrypt=True)
    assert not (tmp_path / "more").exists()


def test_cef_lines_read_back(ledger: Ledger, tmp_path: Path) -> None:
    count = export(ledger, tmp_path / "out", "cef")
    lines = (tmp_path / "out").read_text("utf-8").splitlines()
    assert len(lines) >= count
    parsed = [dict(PAIR.findall(each[HEADER.match(each).end() :])) for each in lines]  # type: ignore[union-attr]
    assert parsed[1]["outcome"] == "handed_off"
    assert parsed[1]["reason"] == "fraud"
    assert parsed[1]["msg"] == "Question handed to a person (texts erased)"
    assert (parsed[1]["cs2Label"], parsed[1]["cs2"]) == ("turn", "t1")
    assert lines[1].split("|")[4:7] == ["turn_closed", "Question handed to a person", "8"]


@given(st.text(), st.text(), st.text())
def test_nothing_in_a_record_breaks_out_of_its_field(name: str, reason: str, branch: str) -> None:
    facts = {"handoff": {"reason": reason}, "outcome": name}
    shown = {"branch": branch, "role": "", "channel": "", "turn": "t", "session": "", "time_utc": ""}
    text = line(Event(3, "ab", "kind", name, "low", 5, False, shown, facts), "origin", "1|0\\")
    assert "\n" not in text
    assert "\r" not in text
    head = HEADER.match(text)
    assert head is not None
    keys = [key for key, _ in PAIR.findall(text[head.end() :])]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*=", text[head.end() :])) == len(keys)
    assert set(keys) <= {"rt", "externalId", "dvchost", "outcome", "reason", "msg", "cs1Label", "cs1", "cs2Label", "cs2", "cs4Label", "cs4"}
