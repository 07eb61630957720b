"""Whatever is changed in a copy, `fleet verify` finds it and says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compliance.errors import ComplianceError
from compliance.fleet import copies_at, fleet_status, verify_copies
from compliance.fleet.schema import POSTGRES, SQLITE
from compliance.retention import prune
from compliance.rotation import rotate
from tests.compliance.fleet.office import Office
from tests.compliance.ledgers import fill, header

ORIGIN = "tellerbox/b1"


def gathered(office: Office) -> None:
    """A copy of everything: pruned records, a rotation, sealed texts, a checkpoint beyond what is held."""
    with office.box() as box:
        box.append(header("old", "s9", time="2020-01-01T10:00:00.000Z"), {"question": "x"})
        prune(box, "2020-01-02")
        fill(box, 5)
        rotate(box)
        office.gather(office.bundle(box))
        fill(box, 3, "later")
        office.gather(office.bundle(box))
        box.append(header("far", time="2031-01-01T10:00:00.000Z"), {"question": "x"})
        office.gather(office.bundle(box, until="2030-01-01"))


def attacker(office: Office) -> Any:
    """A connection that may do anything."""
    db = office.copies.of(ORIGIN).connect()
    names = [each.split()[2] for each in (SQLITE if Path(office.place).is_dir() else POSTGRES) if each.startswith("CREATE TRIGGER")]
    for name in names:
        db.execute(f"DROP TRIGGER {name}" + ("" if Path(office.place).is_dir() else f" ON {name.removesuffix('_append_only')}"))
    return db


def restore_triggers(office: Office, db: Any) -> None:
    for statement in SQLITE if Path(office.place).is_dir() else POSTGRES:
        if statement.startswith("CREATE TRIGGER"):
            db.execute(statement)


@pytest.mark.parametrize(("statement", "words"), [
    ("UPDATE entry SET header = replace(header, 'customer', 'officer') WHERE idx = 3", "record 3 was changed"),
    ("UPDATE entry SET digest = (SELECT digest FROM entry WHERE idx = 4) WHERE idx = 3", "record 3 was changed"),
    ("DELETE FROM entry WHERE idx = 3", "record 3 is missing"),
    ("UPDATE entry SET idx = 99 WHERE idx = 3", "record 3 is missing"),
    ("UPDATE entry SET header = NULL WHERE idx = 3", "record 3 was changed"),
    ("UPDATE entry SET header = NULL, digest = NULL WHERE idx = 3", "record 3 was changed"),
    ("UPDATE entry SET header = '{}', digest = hash FROM node WHERE node.idx = 0 AND level = 0 AND entry.idx = 0", "record 0 was changed"),
    ("DELETE FROM entry WHERE idx > 8", "it holds 9 records"),
    ("UPDATE sealed SET body = (SELECT body FROM sealed WHERE idx = 3) WHERE idx = 4", "sealed text of record 4 was changed"),
    ("UPDATE sealed SET key_id = hash FROM node WHERE node.idx = 0 AND level = 0 AND sealed.idx = 4", "sealed text of record 4"),
    ("UPDATE sealed SET idx = 99 WHERE idx = 4", "sealed texts of records that are not there"),
    ("DELETE FROM node WHERE level = 0 AND idx = 5", "record 5 was changed"),
    ("DELETE FROM node WHERE level = 2 AND idx = 1", "level 2 of the tree was changed"),
    ("UPDATE node SET hash = (SELECT hash FROM node WHERE level = 1 AND idx = 0) WHERE level = 1 AND idx = 1", "level 1 of the tree was changed"),
    ("INSERT INTO node SELECT 1, 77, hash FROM node WHERE level = 0 AND idx = 0", "level 1 of the tree holds nodes"),
    ("DELETE FROM rotation", "signature"),
    ("DELETE FROM gathering WHERE number = 2", "it holds"),
    ("DELETE FROM gathering WHERE number = 1", "gathering 1 is missing"),
    ("UPDATE gathering SET size = size + 1 WHERE number = 1", "the checkpoint of gathering 1 is of another ledger"),
    ("UPDATE gathering SET stop = stop - 1 WHERE number = 2", "right proof|are not those"),
    ("UPDATE gathering SET records = 99 WHERE number = 0", "states sizes that cannot be"),
    ("UPDATE gathering SET note = replace(note, 'tellerbox', 'tellerboy') WHERE number = 0", "signature"),
    ("UPDATE box SET vkey = 'x'", "verifier key"),
    ("UPDATE box SET origin = 'tellerbox/b2'", "of another ledger"),
    ("DELETE FROM box", "does not say of which box"),
    ("UPDATE box SET version = 2", "newer Tellerbox"),
])  # fmt: skip
def test_what_was_changed_is_found(office: Office, statement: str, words: str) -> None:
    gathered(office)
    assert office.problems() == [None]
    db = attacker(office)
    db.execute(statement)
    restore_triggers(office, db)
    db.close()
    (problem,) = office.problems()
    assert problem is not None
    assert any(each in problem for each in words.split("|")), problem


def test_triggers_refuse_it_and_are_missed_when_they_are_gone(office: Office) -> None:
    gathered(office)
    db = office.copies.of(ORIGIN).connect()
    for table, column in (("box", "origin"), ("entry", "idx"), ("node", "idx"), ("rotation", "note"), ("gathering", "note")):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
            with pytest.raises(Exception, match="append-only"):
                db.execute(statement)
    with pytest.raises(Exception, match="append-only"):
        db.execute("UPDATE sealed SET key_id = key_id")
    db.close()
    attacker(office).close()
    (problem,) = office.problems()
    assert problem is not None
    assert "the schema was changed" in problem


def test_one_box_is_verified_by_its_branch_or_its_log(office: Office) -> None:
    for name in ("b1", "b2"):
        with office.box(name) as box:
            fill(box, 2)
            office.gather(office.bundle(box))
    for name in ("b2", "tellerbox/b2"):
        assert [(each.origin, each.records, each.problem) for each in verify_copies(office.copies, name)] == [("tellerbox/b2", 2, None)]
    with pytest.raises(ComplianceError, match="no copy of the ledger of b3"):
        list(verify_copies(office.copies, "b3"))


def test_places_that_cannot_hold_copies_are_refused_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="a folder or at a postgresql:// URL"):
        copies_at("mysql://u:s3cret@host/db")
    unreachable = copies_at("postgresql://u:s3cret@127.0.0.1:1/db")
    for attempt in (lambda: fleet_status(unreachable), lambda: list(verify_copies(unreachable))):
        with pytest.raises(ComplianceError) as caught:
            attempt()
        assert "s3cret" not in str(caught.value)
    assert fleet_status(copies_at(str(tmp_path / "nothing"))) == []


def test_a_file_that_is_no_copy_is_named(files: Office) -> None:
    with files.box() as box:
        fill(box, 2)
        files.gather(files.bundle(box))
    stray = files.root / "fleet" / "stray.sqlite"
    stray.write_bytes(b"no database at all, but a text" * 100)
    problems = {each.place: each.problem for each in verify_copies(files.copies)}
    assert [each for each in problems.values() if each is None] == [None]
    assert "damaged" in str(problems[str(stray)])
