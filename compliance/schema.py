"""The tables of the ledger's SQLite file, their versions, and the step from each version to the next.

Everything is append-only by trigger, with one exception: a record that a recorded pruning covers may be deleted.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x54424C31  # "TBL1"
VERSION = 2
EVENT_KINDS = ("hold", "hold_released", "key_rotation", "prune", "second_key")
"""Records that change how others are read or kept; they are found by an index of their own and never pruned."""

SCHEMA_1: tuple[str, ...] = (
    """CREATE TABLE ledger (
        origin TEXT NOT NULL,
        vkey TEXT NOT NULL
    ) STRICT""",
    # sealed and header are what the leaf commits to; turn, session and kind are read from the header, never stored
    """CREATE TABLE entry (
        idx INTEGER PRIMARY KEY,
        header TEXT NOT NULL,
        sealed BLOB NOT NULL,
        turn TEXT GENERATED ALWAYS AS (json_extract(header, '$.turn')) VIRTUAL,
        session TEXT GENERATED ALWAYS AS (json_extract(header, '$.session')) VIRTUAL
    ) STRICT""",
    """CREATE INDEX entry_turn ON entry (turn)""",
    """CREATE INDEX entry_session ON entry (session)""",
    """CREATE TABLE node (
        level INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (level, idx)
    ) WITHOUT ROWID, STRICT""",
    # the head is signed anew with every commit: rows taken off the end are found out by it
    """CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        size INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE checkpoint (
        size INTEGER PRIMARY KEY,
        note TEXT NOT NULL
    ) STRICT""",
    *(
        f"""CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
        for table in ("ledger", "entry", "node", "checkpoint")
        for verb in ("UPDATE", "DELETE")
    ),
    """CREATE TRIGGER head_no_delete BEFORE DELETE ON head
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER head_only_grows BEFORE UPDATE ON head WHEN new.size < old.size
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)


def _append_only(table: str) -> tuple[str, str]:
    words = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}\n        {words}"
    return update, update.replace("update", "delete").replace("UPDATE", "DELETE")


KIND = "json_extract(header, '$.kind')"
IS_EVENT = f"{KIND} IN ({', '.join(repr(each) for each in EVENT_KINDS)})"
SINCE_2 = (
    f"""CREATE INDEX entry_event ON entry ({KIND}) WHERE {IS_EVENT}""",
    # the records [first, stop) whose texts and headers the pruning in record `record` took out; their nodes stay
    """CREATE TABLE pruned (
        first INTEGER PRIMARY KEY,
        stop INTEGER NOT NULL CHECK (stop > first),
        record INTEGER NOT NULL
    ) STRICT""",
    *_append_only("pruned"),
    """CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
        WHEN coalesce((SELECT stop FROM pruned WHERE first <= old.idx ORDER BY first DESC LIMIT 1), -1) <= old.idx
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # the signature line of the witness with this verifier key on the published checkpoint of `size` records
    """CREATE TABLE cosignature (
        size INTEGER NOT NULL,
        witness TEXT NOT NULL,
        line TEXT NOT NULL,
        PRIMARY KEY (size, witness)
    ) WITHOUT ROWID, STRICT""",
    *_append_only("cosignature"),
)
SCHEMA = (*(sql for sql in SCHEMA_1 if " entry_no_delete " not in sql), *SINCE_2)


def format_problem(db: sqlite3.Connection) -> str | None:
    """Why this file is not a ledger that this version can write."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID or version < VERSION:
        return "the file is not a Tellerbox ledger, or its first bytes were changed"
    return f"its format, version {version}, is of a newer Tellerbox" if version > VERSION else None


def schema_problem(db: sqlite3.Connection, expected: tuple[str, ...] = SCHEMA) -> str | None:
    """What differs from the schema as it was created, such as an append-only trigger that was dropped."""
    stated = {_name(sql): sql for sql in expected}
    found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())
    for name in stated:
        if found.get(name) != stated[name]:
            return f"the schema was changed: {name} is {'altered' if name in found else 'missing'}"
    extra = sorted(set(found) - set(stated), key=str)
    return f"the schema was changed: {extra[0]!r} was added" if extra else None


def _name(sql: str) -> str:
    return sql.split()[2]
