"""CSV and Parquet: one row a turn, the same rows in both, safe in a spreadsheet, and erased turns marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.errors import ComplianceError
from compliance.export import export
from compliance.export.csv_table import cell
from compliance.export.parquet import schema
from compliance.export.turns import COLUMNS
from compliance.ledger import Ledger
from compliance.record import Header

HOSTILE = '=HYPERLINK("http://x.example","a, b")\nsecond line'


def header(kind: str, turn: str, session: str, minute: int, facts: dict[str, Any]) -> Header:
    return Header(
        kind, turn, session, "b1", "web", "customer", f"2026-03-{1 + minute // 60:02d}T10:{minute % 60:02d}:00.000Z", minute, facts
    )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Five turns: answered with feedback a day later, hostile text, erased, opened only, closed a day after it was opened."""
    opened = {"language": {"answer_in": "es", "detected": "es", "confidence": 0.9}, "redactions": {"IBAN": 2, "CARD": 1}}
    evidence = {"policy": "payments/x", "version": "2026-03", "language": "es", "start": 1, "end": 9, "score": 1.0}
    closed = {
        "outcome": "answered",
        "retrieved": [{"policy": "payments/x"}],
        "sentences": [{"origin": "quote", "evidence": [evidence]}, {"origin": "model", "evidence": [evidence]}],
        "rejected": [{"reason": "number", "score": 0.1}],
        "timings_ms": {"first_sentence": 12.5, "total": 30},
    }
    with Ledger.open(tmp_path_factory.mktemp("tables") / "ledger", branch="b1") as made:
        made.append(header("turn_opened", "t1", "s1", 0, opened), {"question": "¿cuánto? 多少 كم"})
        made.append(header("turn_opened", "t2", "s2", 1, {}), {"question": HOSTILE})
        made.append(header("turn_closed", "t1", "s1", 2, closed), {"question": "¿cuánto? 多少 كم", "answer": ["15 €.", "Dos días."]})
        made.append(header("turn_closed", "t2", "s2", 3, {"outcome": "refused"}), {"question": HOSTILE, "answer": ["@no"]})
        made.append(header("turn_opened", "t3", "s3", 4, opened), {"question": "secret"})
        made.append(header("turn_closed", "t3", "s3", 5, {"outcome": "abstained"}), {"question": "secret", "answer": []})
        made.append(header("turn_opened", "t4", "s4", 6, opened), {"question": "never answered"})
        made.append(header("turn_opened", "t5", "s5", 50, opened), {"question": "late"})
        made.append(header("turn_closed", "t5", "s5", 70, {"outcome": "abandoned"}), {"question": "late", "answer": []})
        made.append(header("feedback", "t1", "s1", 80, {"useful": False, "reasons": ["wrong", "unclear"]}), {})
        made.erase("s3")
        yield made


def csv_rows(ledger: Ledger, folder: Path, **options: Any) -> list[dict[str, str]]:
    export(ledger, folder / "out.csv", "csv", **options)
    return list(csv.DictReader(io.StringIO((folder / "out.csv").read_bytes().decode("utf-8-sig"), newline="")))


def test_every_turn_is_one_row_with_what_its_records_say(ledger: Ledger, tmp_path: Path) -> None:
    rows = csv_rows(ledger, tmp_path, decrypt=True)
    assert [(row["turn"], row["outcome"], row["texts"]) for row in rows] == [
        ("t1", "answered", "included"),
        ("t2", "refused", "included"),
        ("t3", "abstained", "erased"),
        ("t4", "unfinished", "included"),
        ("t5", "abandoned", "included"),
    ]
    first = rows[0]
    assert first["question"] == "¿cuánto? 多少 كم"
    assert first["answer"] == "15 €. Dos días."
    assert (first["opened_utc"], first["closed_utc"]) == ("2026-03-01T10:00:00.000Z", "2026-03-01T10:02:00.000Z")
    assert (first["redactions"], first["redacted_types"]) == ("3", "CARD 1; IBAN 2")
    assert (first["sentences"], first["sentences_model"], first["sentences_quoted"], first["sentences_rejected"]) == ("2", "1", "1", "1")
    assert (first["policies"], first["nearest_policy"]) == ("payments/x 2026-03 es", "payments/x")
    assert (first["feedback_useful"], first["feedback_reasons"]) == ("false", "wrong; unclear")
    assert first["leaf_sha256"] == ledger.find(turn="t1")[1].leaf.hex()
    assert (rows[2]["question"], rows[2]["answer"]) == ("", "")
    assert rows[3]["closed_utc"] == ""


def test_texts_are_left_out_unless_they_are_asked_for(ledger: Ledger, tmp_path: Path) -> None:
    rows = csv_rows(ledger, tmp_path)
    assert {row["texts"] for row in rows} == {"left out", "erased"}
    assert {row["question"] + row["answer"] for row in rows} == {""}
    raw = (tmp_path / "out.csv").read_text("utf-8-sig")
    assert "HYPERLINK" not in raw


def test_a_turn_belongs_to_the_period_in_which_it_was_closed(ledger: Ledger, tmp_path: Path) -> None:
    first_day = csv_rows(ledger, tmp_path, since="2026-03-01", until="2026-03-01")
    assert [row["turn"] for row in first_day] == ["t1", "t2", "t3", "t4"]
    second_day = csv_rows(ledger, tmp_path, since="2026-03-02", until="2026-03-02")
    assert [row["turn"] for row in second_day] == ["t5"]
    assert second_day[0]["opened_utc"] == "2026-03-01T10:50:00.000Z"


def test_csv_is_what_a_spreadsheet_reads_and_no_cell_is_a_formula(ledger: Ledger, tmp_path: Path) -> None:
    rows = csv_rows(ledger, tmp_path, decrypt=True)
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfrecord,")
    assert raw.count(b"\r\n") == len(rows) + 1
    assert (rows[1]["question"], rows[1]["answer"]) == ("'" + HOSTILE, "'@no")
    assert tuple(rows[0]) == COLUMNS


@given(st.text())
def test_no_text_becomes_a_formula_and_none_is_lost(text: str) -> None:
    shown = cell(text)
    assert not shown.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert shown.removeprefix("'") in (text.replace("\0", ""), text.replace("\0", "").removeprefix("'"))
    out = io.StringIO(newline="")
    csv.writer(out).writerow([shown, "x"])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [shown, "x"]


def test_a_negative_number_of_ours_stays_a_number() -> None:
    assert [cell(-1.5), cell(7), cell(True), cell(None)] == ["-1.5", "7", "true", ""]


def test_parquet_holds_the_same_rows_in_types(ledger: Ledger, tmp_path: Path) -> None:
    export(ledger, tmp_path / "out.parquet", "parquet", decrypt=True)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.equals(schema())
    rows = table.to_pylist()
    shown = csv_rows(ledger, tmp_path, decrypt=True)
    assert [row["turn"] for row in rows] == [row["turn"] for row in shown]
    assert rows[1]["question"] == HOSTILE
    assert rows[0]["opened_utc"].isoformat() == "2026-03-01T10:00:00+00:00"
    assert (rows[0]["first_sentence_ms"], rows[0]["feedback_useful"], rows[3]["closed_utc"]) == (12.5, False, None)
    metadata = pq.read_schema(tmp_path / "out.parquet").metadata
    assert metadata[b"tellerbox.origin"] == b"tellerbox/b1"
    assert metadata[b"tellerbox.checkpoint"].startswith(b"tellerbox/b1\n")


def test_row_groups_are_of_one_size_and_none_is_empty(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.export.parquet.ROW_GROUP", 2)
    export(ledger, tmp_path / "out.parquet", "parquet")
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [2, 2, 1]


@pytest.mark.parametrize("form", ["csv", "parquet", "ocsf", "cef", "pdf", "jsonl"])
def test_an_empty_period_makes_a_whole_file_with_nothing_in_it(ledger: Ledger, tmp_path: Path, form: str) -> None:
    assert export(ledger, tmp_path / "out", form, since="2020-01-01", until="2020-12-31") == 0
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["csv", "parquet", "ocsf", "cef", "pdf"])
def test_every_format_is_recorded_reports_its_progress_and_is_whole_or_not_there(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    seen: list[tuple[int, int]] = []
    count = export(ledger, tmp_path / "out", form, progress=lambda *step: seen.append(step))
    assert seen[-1] == (count, count)
    last, _ = ledger.read(ledger.size - 1)
    assert (last.kind, last.facts["format"], last.facts["count"], last.facts["decrypted"]) == ("export", form, count, False)
    before = (tmp_path / "out").read_bytes()

    def refuse(*_: object) -> None:
        raise ComplianceError("nothing was recorded: the disk is full")

    monkeypatch.setattr(ledger, "append", refuse)
    with pytest.raises(ComplianceError, match="disk is full"):
        export(ledger, tmp_path / "out", form)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == before


def test_an_unknown_format_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="one of bundle, jsonl, csv"):
        export(ledger, tmp_path / "out", "docx")
    assert not list(tmp_path.iterdir())
