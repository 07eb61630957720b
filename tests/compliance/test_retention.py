"""Old records can be taken out, what is under a hold cannot, and every proof that was given keeps proving."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compliance import retention, verify
from compliance.database import FILE
from compliance.errors import ComplianceError
from compliance.export import export, export_bundle, export_jsonl
from compliance.ledger import Ledger
from compliance.retention import add_hold, holds, prune, release_hold
from compliance.rotation import rotate
from compliance.schema import SCHEMA
from tests.compliance.ledgers import header

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A record a month from 2024-01 to 2026-06 (records 0 to 29), session `s<n % 3>`, turn `t<n>`."""
    with Ledger.open(tmp_path / "ledger", branch="b1") as opened:
        for n in range(30):
            time = f"{2024 + n // 12}-{n % 12 + 1:02d}-10T10:00:00.000Z"
            opened.append(header(f"t{n}", f"s{n % 3}-{n // 6}", time=time), {"question": f"the text of turn {n}"})
        yield opened


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_texts_and_headers_of_old_records_go_and_their_proofs_stay(ledger: Ledger, tmp_path: Path) -> None:
    receipt, checkpoint = ledger.receipt(3), ledger.checkpoint()
    done = prune(ledger, "2025-03-01", now=NOW)
    assert done.entry is not None
    assert (done.count, done.entry.index, done.entry.header.kind) == (14, 30, "prune")
    assert done.entry.header.facts["ranges"] == [[0, 14, "2024-01-10T10:00:00.000Z", "2025-02-10T10:00:00.000Z"]]
    with pytest.raises(ComplianceError, match="record 3 was pruned"):
        ledger.read(3)
    assert ledger.read(14)[1] == {"question": "the text of turn 14"}
    proved = ledger.prove(receipt)
    assert (proved.index, proved.header) == (3, None)
    assert ledger.prove(ledger.receipt(3)).leaf == proved.leaf
    assert verify.open_checkpoint(checkpoint, ledger.vkey).size == 30
    result = ledger.verify()
    assert (result.problem, result.pruned, result.size) == (None, 14, 31)
    assert "14 pruned" in result.summary
    ledger.close()
    left = raw_bytes(tmp_path / "ledger")
    for n in range(14):
        assert f'"turn":"t{n}"'.encode() not in left
    assert b'"turn":"t14"' in left
    with Ledger.open(tmp_path / "ledger") as again:
        assert again.verify().problem is None
        assert again.append(header("new"), {"text": "x"}).index == 31


def test_keys_of_sessions_without_a_record_left_are_deleted(ledger: Ledger, tmp_path: Path) -> None:
    prune(ledger, "2025-03-01", now=NOW)
    db = sqlite3.connect(tmp_path / "ledger" / "keys" / "sessions.sqlite")
    kept = {row[0] for row in db.execute("SELECT session FROM session_key")}
    db.close()
    assert kept == {f"s{n % 3}-{n // 6}" for n in range(14, 30)}


@pytest.mark.parametrize(("before", "months", "allowed"), [
    ("2025-06-15", 12, True), ("2025-06-16", 12, False), ("2026-06-01", 0, True), ("2026-06-01", 1, False), ("2025-06-15", 24, False),
])  # fmt: skip
def test_nothing_younger_than_the_retention_goes(ledger: Ledger, before: str, months: int, allowed: bool) -> None:
    if allowed:
        assert prune(ledger, before, months=months, now=NOW).count > 0
        return
    with pytest.raises(ComplianceError, match=f"kept for {months} months: prune before"):
        prune(ledger, before, months=months, now=NOW)
    assert ledger.size == 30
    with pytest.raises(ComplianceError, match="a period is given as"):
        prune(ledger, "last year", now=NOW)


def test_a_hold_keeps_a_session_a_turn_or_a_period(ledger: Ledger) -> None:
    first = add_hold(ledger, session="s1-0", reason="case 2026-14")
    second = add_hold(ledger, turn="t8", reason="complaint 9")
    third = add_hold(ledger, since="2024-11-01", until="2024-12-31", reason="audit")
    with ledger.snapshot() as view:
        assert holds(view) == [first, second, third]
    done = prune(ledger, "2025-03-01", now=NOW)
    assert done.kept == {first.number: 2, second.number: 1, third.number: 2}
    kept = {1, 4, 8, 10, 11}
    for n in range(14):
        if n in kept:
            assert ledger.read(n)[1] == {"question": f"the text of turn {n}"}
        else:
            with pytest.raises(ComplianceError, match="was pruned"):
                ledger.read(n)
    assert ledger.verify().problem is None
    release_hold(ledger, second.number)
    with ledger.snapshot() as view:
        assert [each.number for each in holds(view)] == [first.number, third.number]
    again = prune(ledger, "2025-03-01", now=NOW)
    assert again.count == 1
    with pytest.raises(ComplianceError, match="record 8 was pruned"):
        ledger.read(8)
    assert ledger.verify().pruned == 10
    assert prune(ledger, "2025-03-01", now=NOW).entry is None


def test_holds_must_make_sense(ledger: Ledger) -> None:
    for given in ({}, {"session": "s1-0", "turn": "t1"}, {"turn": "t1", "since": "2024-01-01"}):
        with pytest.raises(ComplianceError, match="one session, one turn or one period"):
            add_hold(ledger, reason="x", **given)  # type: ignore[arg-type]
    with pytest.raises(ComplianceError, match="no record of this session"):
        add_hold(ledger, session="nobody", reason="x")
    with pytest.raises(ComplianceError, match="ends before it begins"):
        add_hold(ledger, since="2025-01-01", until="2024-01-01", reason="x")
    with pytest.raises(ComplianceError, match="short reference"):
        add_hold(ledger, turn="t1", reason="asked\nby")
    with pytest.raises(ComplianceError, match="there is no hold 3"):
        release_hold(ledger, 3)
    assert ledger.size == 30


def test_what_explains_other_records_is_never_pruned(ledger: Ledger) -> None:
    first = ledger.vkey
    ledger.erase("s0-0")
    rotate(ledger)
    number = add_hold(ledger, turn="t0", reason="x").number
    prune(ledger, "2030-01-01", months=0, now=datetime(2031, 1, 1, tzinfo=UTC))
    kinds = [ledger.read(index)[0].kind for index in (0, 30, 31, number, ledger.size - 1)]
    assert kinds == ["turn_closed", "erasure", "key_rotation", "hold", "prune"]
    assert ledger.verify().problem is None  # the held record's key was erased, and the erasure is there to say so
    assert ledger.chain.keys[0][0] == first


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_exports_mark_pruned_records_and_verify(ledger: Ledger, tmp_path: Path) -> None:
    add_hold(ledger, turn="t5", reason="x")
    prune(ledger, "2025-03-01", now=NOW)
    count = export_jsonl(ledger, tmp_path / "out.jsonl", decrypt=True)
    assert count == 32
    report = verify.verify_path(tmp_path / "out.jsonl", ledger.vkey)
    assert (report.first, report.count, report.pruned) == (0, 32, 13)
    lines = rows(tmp_path / "out.jsonl")
    assert set(lines[1]) == {"index", "leaf", "pruned"}
    assert lines[6]["body"] == {"question": "the text of turn 5"}
    assert export_bundle(ledger, tmp_path / "bundle", since="2025-01-01", until="2025-04-30") > 0
    assert verify.verify_path(tmp_path / "bundle", ledger.vkey).count > 0


@pytest.mark.parametrize("form", ["csv", "parquet", "ocsf", "cef", "pdf"])
def test_every_other_export_goes_on_without_what_was_pruned(ledger: Ledger, tmp_path: Path, form: str) -> None:
    prune(ledger, "2025-03-01", now=NOW)
    assert export(ledger, tmp_path / f"out.{form}", form, since="2024-06-01", until="2025-06-30") == 18
    written = (tmp_path / f"out.{form}").read_bytes()
    assert len(written) > 100
    assert b"t13" not in written


def test_a_record_said_to_be_pruned_without_a_recorded_pruning_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    prune(ledger, "2025-03-01", now=NOW)
    export_jsonl(ledger, tmp_path / "out.jsonl")
    lines = rows(tmp_path / "out.jsonl")
    with ledger.snapshot() as view:
        leaf = view.node(0, 20)
    lines[21] = {"index": 20, "leaf": base64.b64encode(leaf).decode(), "pruned": True}
    with pytest.raises(verify.VerifyError, match="record 20 is said to be pruned"):
        verify.verify_records([verify.canonical(each) for each in lines], ledger.vkey)
    lines[0]["events"][0]["header"]["facts"]["ranges"] = [[0, 25, "", ""]]
    with pytest.raises(verify.VerifyError, match="event 30 is in the ledger does not hold"):
        verify.verify_records([verify.canonical(each) for each in lines], ledger.vkey)


def test_the_database_lets_only_a_recorded_pruning_delete(ledger: Ledger) -> None:
    prune(ledger, "2025-03-01", now=NOW)
    db = sqlite3.connect(ledger.database.place, isolation_level=None)
    for statement in (
        "DELETE FROM entry WHERE idx = 14", "DELETE FROM entry", "DELETE FROM pruned", "UPDATE pruned SET stop = 20",
        "UPDATE entry SET header = '{}' WHERE idx = 20", "DELETE FROM cosignature", "UPDATE cosignature SET line = ''",
    ):  # fmt: skip
        if "cosignature" in statement:
            db.execute("INSERT OR IGNORE INTO cosignature VALUES (1, 'w', 'l')")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
    db.close()


def test_a_deletion_dressed_up_as_a_pruning_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever marks a range as pruned himself can delete it, but has no record of it that the root commits to."""
    ledger.close()
    db = sqlite3.connect(tmp_path / "ledger" / FILE, isolation_level=None)
    db.execute("INSERT INTO pruned VALUES (4, 6, 29)")
    db.execute("DELETE FROM entry WHERE idx IN (4, 5)")
    db.close()
    with Ledger.open(tmp_path / "ledger") as again:
        result = again.verify()
        assert (result.index, result.problem) == (4, "record 4 is marked as pruned, and no record of that is there")


@pytest.mark.parametrize("left", [14, 5])
def test_a_pruning_that_was_cut_off_is_finished_when_the_ledger_opens(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(retention, "delete_pruned", lambda ledger: None)
        prune(ledger, "2025-03-01", now=NOW)
    ledger._db.execute("DELETE FROM entry WHERE idx < ?", (14 - left,))
    assert ledger.verify().problem is None
    ledger.close()
    with Ledger.open(tmp_path / "ledger") as again:
        assert again.find(turn="t13") == []
        assert (again.verify().problem, again.verify().pruned) == (None, 14)


def test_a_ledger_of_the_first_version_is_taken_along(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    copy = tmp_path / "old"
    shutil.copytree(tmp_path / "ledger", copy)
    db = sqlite3.connect(copy / FILE, isolation_level=None)
    for kind, name in db.execute(
        "SELECT type, name FROM sqlite_master WHERE name GLOB 'pruned*' OR name GLOB 'cosignature*' OR name IN ('entry_event', 'entry_no_delete')"
    ).fetchall():
        if not name.startswith("sqlite_"):
            db.execute(f"DROP {kind} IF EXISTS {name}")
    db.execute("CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry\n        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END")
    db.execute("PRAGMA user_version = 1")
    db.close()
    with Ledger.open(copy) as again:
        assert prune(again, "2025-03-01", now=NOW).count == 14
        assert again.verify().problem is None
    db = sqlite3.connect(copy / FILE)
    assert {row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")} == set(SCHEMA)
    db.close()
    shutil.copytree(tmp_path / "ledger", tmp_path / "odd")
    db = sqlite3.connect(tmp_path / "odd" / FILE, isolation_level=None)
    db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(ComplianceError, match=r"first bytes were changed|not a Tellerbox ledger"):
        Ledger.open(tmp_path / "odd")
