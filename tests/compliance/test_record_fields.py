"""Every field of a record is documented: in compliance/fields.py, and so in docs/records.md."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from compliance.fields import CLOSED, FEEDBACK, FIELDS, HEADER, OPENED, kinds, markdown, paths, undocumented
from compliance.record import SCHEMAS, Header
from tests.conftest import PROJECT


def test_the_page_is_what_the_fields_say() -> None:
    page = (PROJECT / "docs" / "records.md").read_text("utf-8")
    tables = page.partition("<!-- fields: begin -->\n")[2].partition("<!-- fields: end -->")[0]
    assert tables.strip() == markdown().strip(), "run `python -m compliance.fields`"


def test_the_header_is_documented_member_by_member() -> None:
    assert set(Header.now("export").to_json()) == {field.path for field in FIELDS if field.kind == HEADER}


def test_every_field_has_a_meaning_and_is_named_once() -> None:
    places = [(field.kind, field.part, field.path) for field in FIELDS]
    assert len(places) == len(set(places))
    for field in FIELDS:
        assert 1 <= field.since <= len(SCHEMAS)
        assert len(field.meaning) > 5, field.path
        assert "|" not in field.meaning, field.path


def test_every_kind_of_record_that_the_code_writes_is_documented() -> None:
    written = set()
    for folder in ("app", "compliance"):
        for path in (PROJECT / folder).rglob("*.py"):
            text = path.read_text("utf-8")
            written |= set(re.findall(r'Header\.now\(\s*"([a-z_.-]+)"', text))
            for constant in re.findall(r"Header\.now\(\s*([A-Z][A-Z_]*)\b", text):
                module = importlib.import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
                written.add(getattr(module, constant))
            written |= set(re.findall(r'_header\(parts, progress, "([a-z_.-]+)"', text))
    assert {OPENED, CLOSED, FEEDBACK, "erasure", "export"} <= written
    assert written <= kinds(), "describe its fields in compliance/fields.py"


@pytest.mark.parametrize(
    ("facts", "body", "missing"),
    [
        ({"outcome": "answered", "mood": "good"}, {}, {"facts.mood"}),
        ({"retrieved": [{"policy": "p", "colour": "red"}]}, {}, {"facts.retrieved[].colour"}),
        ({"model": {"name": "m", "settings": {"warmth": None}}}, {}, {"facts.model.settings.warmth"}),
        ({"moods": [], "tempers": {}}, {"tokens": [1]}, {"facts.moods", "facts.tempers"}),
        ({}, {"answer": ["a"], "secret": "s"}, {"body.secret"}),
        ({"timings_ms": {"anything": 1.0}, "handoff": None, "rejected": []}, None, set()),
    ],
)
def test_an_undocumented_field_is_found_wherever_it_hides(facts: dict[str, Any], body: dict[str, Any] | None, missing: set[str]) -> None:
    assert undocumented(CLOSED, facts, body) == missing


def test_members_whose_names_are_data_are_one_field() -> None:
    assert list(paths({"redactions": {"IBAN": 1, "CARD": 2}}, frozenset({"redactions.*"}))) == ["redactions.*"]
    assert list(paths({"redactions": {}}, frozenset({"redactions.*"}))) == []
    assert list(paths({"redactions": {}}, frozenset())) == ["redactions"]
