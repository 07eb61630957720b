"""Exports: whole or not at all, recorded, and verifiable to the last record by verify.py alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance import verify
from compliance.errors import ComplianceError
from compliance.export import export_bundle, export_jsonl
from compliance.ledger import Ledger
from compliance.record import Header

DAYS = 12


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Twelve records, one a day from 2026-03-01 on; the session of days 3, 6, 9 and 12 is erased (record 12)."""
    with Ledger.open(tmp_path_factory.mktemp("export") / "ledger", branch="b1") as opened:
        for day in range(1, DAYS + 1):
            time = f"2026-03-{day:02d}T10:00:00.000Z"
            header = Header("turn_closed", f"t{day}", f"s{day % 3}", "b1", "kiosk", "customer", time, day, {"score": 0.5 / day})
            opened.append(header, {"question": f"¿qué día es {day}? 是 نعم", "scores": [1e-7, -0.0, 1e300]})
        opened.erase("s0")
        yield opened


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_whole_export_verifies_and_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    before = ledger.size
    seen: list[tuple[int, int]] = []
    count = export_jsonl(ledger, tmp_path / "out.jsonl", since=None, until=None, decrypt=False, progress=lambda *p: seen.append(p))
    assert count == before
    assert seen[-1] == (count, count)
    report = verify.verify_path(tmp_path / "out.jsonl", ledger.vkey)
    assert (report.first, report.count, report.size, report.readable) == (0, count, count, 0)
    header, body = ledger.read(ledger.size - 1)
    assert (header.kind, body) == ("export", {})
    assert header.facts["count"] == count
    assert header.facts["sha256"] == hashlib.sha256((tmp_path / "out.jsonl").read_bytes()).hexdigest()
    assert "question" not in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_a_disclosed_export_shows_texts_with_their_proof_and_no_erased_one(ledger: Ledger, tmp_path: Path) -> None:
    count = export_jsonl(ledger, tmp_path / "out.jsonl", since=None, until=None, decrypt=True)
    report = verify.verify_path(tmp_path / "out.jsonl", ledger.vkey)
    assert (report.erased, report.readable) == (4, count - 4)
    rows = lines(tmp_path / "out.jsonl")[1:]
    assert rows[0]["body"]["question"] == "¿qué día es 1? 是 نعم"
    assert rows[2]["body"] is None
    assert rows[2]["erased"] is True
    assert all((tmp_path / "out.jsonl").read_bytes().splitlines()[at + 1] == verify.canonical(row) for at, row in enumerate(rows))


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-03-04", "2026-03-06", range(4, 7)),
        ("2026-03-04T10:00:00Z", "2026-03-06T10:00:00Z", range(4, 6)),
        ("2026-03-04T11:00:00+01:00", "2026-03-06T10:00:00.001", range(4, 7)),
        (None, "2026-03-01", range(1, 2)),
        ("2020-01-01", "2020-12-31", range(0)),
    ],
)
@pytest.mark.parametrize("decrypt", [False, True])
def test_a_period_is_exported_and_proved_to_be_complete(
    ledger: Ledger, tmp_path: Path, since: str | None, until: str | None, days: range, decrypt: bool
) -> None:
    out = tmp_path / "out.jsonl"
    assert export_jsonl(ledger, out, since=since, until=until, decrypt=decrypt) == len(days)
    assert [row["header"]["turn"] for row in lines(out)[1:]] == [f"t{day}" for day in days]
    report = verify.verify_path(out, ledger.vkey)
    assert report.count == len(days)
    assert report.size == ledger.size - 1


def drop(rows: list[bytes]) -> list[bytes]:
    return [*rows[:3], *rows[4:]]


def drop_last(rows: list[bytes]) -> list[bytes]:
    return rows[:-1]


def swap(rows: list[bytes]) -> list[bytes]:
    return [*rows[:2], rows[3], rows[2], *rows[4:]]


def repeat(rows: list[bytes]) -> list[bytes]:
    return [*rows, rows[-1]]


def hide_the_drop(rows: list[bytes]) -> list[bytes]:
    top = json.loads(rows[0])
    return [json.dumps(top | {"count": top["count"] - 1}).encode() + b"\n", *rows[1:-1]]


def change_a_role(rows: list[bytes]) -> list[bytes]:
    return [*rows[:2], rows[2].replace(b'"role":"customer"', b'"role":"steward"'), *rows[3:]]


def change_a_text(rows: list[bytes]) -> list[bytes]:
    return [*rows[:2], rows[2].replace("¿qué".encode(), "¿por qué".encode()), *rows[3:]]


def show_a_text_for_an_erased_record(rows: list[bytes]) -> list[bytes]:
    assert b'"body":null' in rows[3]
    return [*rows[:3], rows[3].replace(b'"body":null', b'"body":{"question":"invented"}'), *rows[4:]]


def name_a_field_twice(rows: list[bytes]) -> list[bytes]:
    return [*rows[:2], rows[2].replace(b'"role":"customer"', b'"role":"steward","role":"customer"'), *rows[3:]]


CHANGES = [
    (drop, r"line 4: record 2 is missing or out of order"),
    (drop_last, r"ends after \d+ of \d+ records"),
    (swap, r"line 3: record 1 is missing or out of order"),
    (repeat, r"more records than"),
    (hide_the_drop, r"right proof"),
    (change_a_role, r"record 1: the sealed body does not open"),
    (change_a_text, r"record 1: the text shown is not the text that was sealed"),
    (show_a_text_for_an_erased_record, r"record 2: a text is shown that nothing proves"),
    (name_a_field_twice, r"record 1 names a field twice"),
    (lambda rows: [], r"line 1"),
    (lambda rows: [b"[1]\n", *rows[1:]], r"line 1 .* is not a JSON object"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_changed_export_is_refused_by_name(
    ledger: Ledger, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    out = tmp_path / "out.jsonl"
    export_jsonl(ledger, out, since=None, until=None, decrypt=True)
    out.write_bytes(b"".join(change(out.read_bytes().splitlines(keepends=True))))
    with pytest.raises(verify.VerifyError, match=words):
        verify.verify_path(out, ledger.vkey)


def test_a_role_changed_where_no_text_is_shown_is_found_by_the_root(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    export_jsonl(ledger, out, since=None, until=None, decrypt=False)
    out.write_bytes(b"".join(change_a_role(out.read_bytes().splitlines(keepends=True))))
    with pytest.raises(verify.VerifyError, match="are not those that tellerbox/b1 signed"):
        verify.verify_path(out, ledger.vkey)


@pytest.fixture(scope="module")
def exported(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("flip") / "out.jsonl"
    export_jsonl(ledger, out, since="2026-03-02", until="2026-03-08", decrypt=True)
    return out.read_bytes()


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_in_an_export_is_found_or_means_the_same(ledger: Ledger, exported: bytes, data: st.DataObject) -> None:
    raw = bytearray(exported)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        verify.verify_records(bytes(raw).splitlines(keepends=True), ledger.vkey)
    except verify.VerifyError:
        return
    before, after = exported.splitlines(), bytes(raw).splitlines()
    for old, new in zip(before[1:], after[1:], strict=True):
        kept, shown = json.loads(old), json.loads(new)
        for name in ("header", "body", "sealed", "sealed_sha256"):
            assert shown.get(name) == kept.get(name)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_are_refused_with_a_clear_error(rows: list[bytes]) -> None:
    with pytest.raises(verify.VerifyError):
        verify.verify_records(rows)


def test_the_key_of_another_branch_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    export_jsonl(ledger, tmp_path / "out.jsonl", since=None, until=None, decrypt=False)
    with Ledger.open(tmp_path / "other", branch="b1") as other, pytest.raises(verify.VerifyError, match="no signature"):
        verify.verify_path(tmp_path / "out.jsonl", other.vkey)


def test_an_export_that_cannot_be_written_or_recorded_leaves_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ComplianceError, match="there is no folder"):
        export_jsonl(ledger, tmp_path / "none" / "out.jsonl", since=None, until=None, decrypt=False)
    with pytest.raises(ComplianceError, match="is a folder"):
        export_jsonl(ledger, tmp_path, since=None, until=None, decrypt=False)
    with pytest.raises(ComplianceError, match="given as days"):
        export_jsonl(ledger, tmp_path / "out.jsonl", since="last tuesday", until=None, decrypt=False)
    (tmp_path / "out.jsonl").write_text("what was here before")

    def refuse(*_: object) -> None:
        raise ComplianceError("nothing was recorded: the disk is full")

    monkeypatch.setattr(ledger, "append", refuse)
    with pytest.raises(ComplianceError, match="nothing was recorded"):
        export_jsonl(ledger, tmp_path / "out.jsonl", since=None, until=None, decrypt=False)
    with pytest.raises(ComplianceError, match="nothing was recorded"):
        export_bundle(ledger, tmp_path / "bundle", since=None, until=None, decrypt=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "what was here before"
