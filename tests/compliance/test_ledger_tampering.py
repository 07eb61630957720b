"""Whoever changes the ledger's file without its key is found out, whatever the change: each by name, by property
tests."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.database import FILE
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.schema import SCHEMA
from compliance.verify import Tree, leaf_data, leaf_hash

COUNT = 13
EACH = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fill(ledger: Ledger, count: int, mark: str = "") -> None:
    for n in range(count):
        header = Header.now("turn_closed", turn=f"t{mark}{n}", session=f"s{n % 3}", facts={"number": n})
        ledger.append(header, {"question": f"question {mark} {n} " + "x" * 40 * n, "answer": ["an answer"]})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 13 records, with a checkpoint at 5, one session erased (record 13), and closed."""
    folder = tmp_path_factory.mktemp("tampering") / "ledger"
    with Ledger.open(folder, branch="b1") as ledger:
        fill(ledger, 5)
        ledger.checkpoint()
        fill(ledger, COUNT - 5, "b")
        ledger.erase("s2")
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "ledger"
    with Ledger.open(folder, branch="b1") as ledger:
        fill(ledger, COUNT, "f")
    return folder


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(shutil.copytree(folder, Path(scratch) / "ledger"))


def problem(folder: Path) -> str | None:
    """What opening or verifying finds, None if nothing."""
    try:
        with Ledger.open(folder) as ledger:
            return ledger.verify().problem
    except ComplianceError as error:
        return str(error)


def contents(folder: Path) -> list[object]:
    with Ledger.open(folder) as ledger:
        found: list[object] = [ledger.read(index) for index in range(ledger.size)]
        return [*found, ledger.receipt(3), ledger.find(session="s1"), ledger.find(turn="tb4")]


@contextmanager
def as_attacker(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database without its triggers, put back afterwards so that nothing is seen from the schema."""
    db = sqlite3.connect(folder / FILE)
    triggers = [sql for sql in SCHEMA if sql.startswith("CREATE TRIGGER")]
    for sql in triggers:
        db.execute(f"DROP TRIGGER {sql.split()[2]}")
    yield db
    for sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()


def rebuild_nodes(db: sqlite3.Connection) -> None:
    """Makes the stored tree agree with the records, as an attacker who knows the format would."""
    from hashlib import sha256

    db.execute("DELETE FROM node")
    tree = Tree()
    for header, sealed in db.execute("SELECT CAST(header AS BLOB), sealed FROM entry ORDER BY idx").fetchall():
        for node in tree.push(leaf_hash(leaf_data(header, sha256(sealed).digest()))):
            db.execute("INSERT INTO node VALUES (?, ?, ?)", node)


def test_the_sound_ledger_verifies(sound: Path) -> None:
    with copied(sound) as folder:
        assert problem(folder) is None


@EACH
@given(st.data())
def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(sound: Path, data: st.DataObject) -> None:
    with copied(sound) as folder:
        expected = contents(sound)
        raw = bytearray((folder / FILE).read_bytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        (folder / FILE).write_bytes(raw)
        if problem(folder) is None:  # free space, a counter: nothing that a record, a proof or a search is read from
            assert contents(folder) == expected


@EACH
@given(st.data())
def test_a_flipped_bit_in_a_record_is_always_found_and_never_read(sound: Path, data: st.DataObject) -> None:
    with copied(sound) as folder:
        db = sqlite3.connect(folder / FILE)
        index = data.draw(st.integers(0, COUNT - 1))
        column = data.draw(st.sampled_from(["header", "sealed"]))
        whole = db.execute(f"SELECT CAST({column} AS BLOB) FROM entry WHERE idx = ?", (index,)).fetchone()[0]
        db.close()
        raw = bytearray((folder / FILE).read_bytes())
        start = raw.find(whole[:40])
        assert start > 0
        raw[start + data.draw(st.integers(0, 39))] ^= 1 << data.draw(st.integers(0, 7))
        (folder / FILE).write_bytes(raw)
        found = problem(folder)
        assert found is not None
        assert f"record {index}" in found or "damaged" in found


def delete(db: sqlite3.Connection, first: int, second: int) -> None:
    db.execute("DELETE FROM entry WHERE idx = ?", (first,))


def swap(db: sqlite3.Connection, first: int, second: int) -> None:
    db.execute("UPDATE entry SET idx = -1 WHERE idx = ?", (first,))
    db.execute("UPDATE entry SET idx = ? WHERE idx = ?", (first, second))
    db.execute("UPDATE entry SET idx = ? WHERE idx = -1", (second,))


def duplicate_over(db: sqlite3.Connection, first: int, second: int) -> None:
    row = db.execute("SELECT header, sealed FROM entry WHERE idx = ?", (first,)).fetchone()
    db.execute("UPDATE entry SET header = ?, sealed = ? WHERE idx = ?", (*row, second))


def duplicate_at_the_end(db: sqlite3.Connection, first: int, second: int) -> None:
    row = db.execute("SELECT header, sealed FROM entry WHERE idx = ?", (first,)).fetchone()
    db.execute("INSERT INTO entry (idx, header, sealed) VALUES (?, ?, ?)", (COUNT + 1, *row))


def truncate(db: sqlite3.Connection, first: int, second: int) -> None:
    db.execute("DELETE FROM entry WHERE idx >= ?", (max(first, second),))


def renumber_after_deleting(db: sqlite3.Connection, first: int, second: int) -> None:
    db.execute("DELETE FROM entry WHERE idx = ?", (first,))
    for index in range(first + 1, COUNT + 1):
        db.execute("UPDATE entry SET idx = ? WHERE idx = ?", (index - 1, index))


def change_an_outcome(db: sqlite3.Connection, first: int, second: int) -> None:
    (header,) = db.execute("SELECT header FROM entry WHERE idx = ?", (first,)).fetchone()
    changed = json.dumps({**json.loads(header), "role": "steward"}, sort_keys=True, separators=(",", ":"))
    db.execute("UPDATE entry SET header = ? WHERE idx = ?", (changed, first))


def empty_a_body(db: sqlite3.Connection, first: int, second: int) -> None:
    db.execute("UPDATE entry SET sealed = x'' WHERE idx = ?", (first,))


def shrink_the_head(db: sqlite3.Connection, first: int, second: int) -> None:
    truncate(db, first, second)
    db.execute("UPDATE head SET size = ?", (max(first, second),))
    db.execute("DELETE FROM checkpoint")


def insert_below_zero(db: sqlite3.Connection, first: int, second: int) -> None:
    row = db.execute("SELECT header, sealed FROM entry WHERE idx = ?", (first,)).fetchone()
    db.execute("INSERT INTO entry (idx, header, sealed) VALUES (?, ?, ?)", (-1 - second, *row))


CHANGES: list[Callable[[sqlite3.Connection, int, int], None]] = [
    delete,
    swap,
    duplicate_over,
    duplicate_at_the_end,
    truncate,
    renumber_after_deleting,
    change_an_outcome,
    empty_a_body,
    shrink_the_head,
    insert_below_zero,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
@settings(EACH, max_examples=12)
@given(
    pair=st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda p: p[0] != p[1]),
    nodes=st.booleans(),
)
def test_every_change_of_the_records_is_found(
    sound: Path, change: Callable[[sqlite3.Connection, int, int], None], pair: tuple[int, int], nodes: bool
) -> None:
    with copied(sound) as folder:
        with as_attacker(folder) as db:
            change(db, *pair)
            if nodes:
                rebuild_nodes(db)
        assert problem(folder) is not None


@pytest.mark.parametrize("index", range(0, COUNT, 3))
def test_a_record_of_another_ledger_is_found(sound: Path, foreign: Path, index: int) -> None:
    with copied(sound) as folder:
        other = sqlite3.connect(foreign / FILE)
        row = other.execute("SELECT header, sealed FROM entry WHERE idx = ?", (index,)).fetchone()
        other.close()
        with as_attacker(folder) as db:
            db.execute("UPDATE entry SET header = ?, sealed = ? WHERE idx = ?", (*row, index))
            rebuild_nodes(db)
        assert problem(folder) is not None


def test_records_spliced_in_from_another_ledger_are_found(sound: Path, foreign: Path) -> None:
    for index in (0, 5, COUNT):
        with copied(sound) as folder:
            other = sqlite3.connect(foreign / FILE)
            row = other.execute("SELECT header, sealed FROM entry WHERE idx = 3").fetchone()
            head = other.execute("SELECT size, note FROM head").fetchone()
            other.close()
            with as_attacker(folder) as db:
                for later in range(COUNT, index - 1, -1):
                    db.execute("UPDATE entry SET idx = idx + 1 WHERE idx = ?", (later,))
                db.execute("INSERT INTO entry (idx, header, sealed) VALUES (?, ?, ?)", (index, *row))
                rebuild_nodes(db)
            assert problem(folder) is not None
            with as_attacker(folder) as db:
                db.execute("UPDATE head SET size = ?, note = ?", head)
            assert problem(folder) is not None


def test_the_head_of_another_ledger_is_refused(sound: Path, foreign: Path) -> None:
    with copied(sound) as folder:
        for name in (FILE, FILE + "-wal", FILE + "-shm"):
            (folder / name).unlink(missing_ok=True)
        shutil.copyfile(foreign / FILE, folder / FILE)
        assert "signing.key is not the key of this ledger" in str(problem(folder))


@EACH
@given(st.data())
def test_a_flipped_bit_in_a_key_file_is_found_or_changes_nothing(sound: Path, data: st.DataObject) -> None:
    with copied(sound) as folder:
        expected = contents(sound)
        path = folder / "keys" / data.draw(st.sampled_from(["signing.key", "wrapping.key"]))
        raw = bytearray(path.read_bytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(raw)
        if problem(folder) is None:
            assert contents(folder) == expected


def test_the_first_changed_record_is_named(sound: Path) -> None:
    with copied(sound) as folder, Ledger.open(folder) as ledger:
        with as_attacker(folder) as db:
            change_an_outcome(db, 4, 0)
            change_an_outcome(db, 9, 0)
        result = ledger.verify()
        assert (result.ok, result.index, result.problem) == (False, 4, "record 4 was changed")
        assert "NOT VERIFIED: record 4" in result.summary
        with pytest.raises(ComplianceError, match="record 4 is not what was recorded"):
            ledger.read(4)
        with pytest.raises(ComplianceError, match="record 4"):
            ledger.receipt(4)
        assert ledger.read(3)[1] is not None


def test_a_changed_tree_is_found(sound: Path) -> None:
    for level, index in ((0, 3), (1, 2), (3, 0)):
        with copied(sound) as folder, Ledger.open(folder) as ledger:
            with as_attacker(folder) as db:
                db.execute("UPDATE node SET hash = zeroblob(32) WHERE level = ? AND idx = ?", (level, index))
            assert not ledger.verify().ok
    with copied(sound) as folder, Ledger.open(folder) as ledger:
        with as_attacker(folder) as db:
            db.execute("INSERT INTO node VALUES (9, 0, zeroblob(32))")
        assert ledger.verify().problem == "level 9 of the tree holds nodes that no record explains"


def test_dropped_triggers_and_added_ones_are_found(sound: Path) -> None:
    for statement in ("DROP TRIGGER entry_no_delete", "CREATE TABLE more (x)", "CREATE INDEX extra ON entry (header)"):
        with copied(sound) as folder:
            db = sqlite3.connect(folder / FILE)
            db.execute(statement)
            db.close()
            assert "the schema was changed" in str(problem(folder))


def test_a_changed_checkpoint_is_found(sound: Path) -> None:
    with copied(sound) as folder:
        with as_attacker(folder) as db:
            db.execute("UPDATE checkpoint SET note = replace(note, 'tellerbox', 'tellerboy')")
        assert problem(folder) is not None
    with copied(sound) as folder:
        with as_attacker(folder) as db:
            db.execute("UPDATE checkpoint SET size = 6")
        assert "checkpoint 6" in str(problem(folder))


def test_a_ledger_rolled_back_whole_is_found_by_its_keys_or_by_any_receipt(sound: Path) -> None:
    with copied(sound) as old, copied(sound) as new:
        with Ledger.open(new) as ledger:
            ledger.append(Header.now("turn_closed", turn="later", session="s1"), {"text": "x"})
            receipt = ledger.receipt(COUNT + 1)
            published = ledger.size
        shutil.copyfile(old / FILE, new / FILE)
        with Ledger.open(new) as ledger:
            assert ledger.verify().ok  # nothing inside the box can tell
            with pytest.raises(ComplianceError, match=f"of a ledger of {published} records.*rolled back"):
                ledger.prove(receipt)
    with copied(sound) as old, copied(sound) as new:
        with Ledger.open(new) as ledger:
            fill(ledger, 2, "c")
            ledger.append(Header.now("turn_closed", turn="later", session="a-new-one"), {"text": "x"})
        shutil.copyfile(old / FILE, new / FILE)
        assert "rolled back" in str(problem(new))


def test_a_key_that_vanished_without_a_recorded_erasure_is_found(sound: Path) -> None:
    with copied(sound) as folder:
        db = sqlite3.connect(folder / "keys" / "sessions.sqlite")
        db.execute("DELETE FROM session_key WHERE session = 's1'")
        db.commit()
        db.close()
        assert problem(folder) == "the key of record 1 is missing and no erasure of it is recorded"


@EACH
@given(st.data())
def test_a_flipped_bit_in_the_session_keys_is_found_or_changes_nothing(sound: Path, data: st.DataObject) -> None:
    with copied(sound) as folder:
        expected = contents(sound)
        path = folder / "keys" / "sessions.sqlite"
        raw = bytearray(path.read_bytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(raw)
        if problem(folder) is None:
            assert contents(folder) == expected


def test_a_forged_mark_never_erases_a_session(sound: Path) -> None:
    with copied(sound) as folder:
        path = folder / "keys" / "sessions.sqlite"
        for mark in ("x'01'", "NULL"):
            db = sqlite3.connect(path)
            db.execute(f"UPDATE session_key SET doomed = {mark}")
            db.commit()
            db.close()
            if mark != "NULL":
                assert "session keys is damaged" in str(problem(folder))
        assert problem(folder) is None
        assert contents(folder) == contents(sound)
