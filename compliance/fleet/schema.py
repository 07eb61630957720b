"""The tables of the copy of one box's ledger, as SQLite and as PostgreSQL have them.

All is append-only by trigger but the sealed bodies, which may go: the leaf commits to their digest, which stays.
"""

from __future__ import annotations

import re
from typing import Any

from compliance.postgres_schema import APPEND_ONLY_STATE
from compliance.schema import schema_problem

VERSION = 1

_TABLES = {
    # who the copy is of; vkey is the log's first key, from which the rotations lead to the one in use
    "box": "origin TEXT NOT NULL, vkey TEXT NOT NULL, version INTEGER NOT NULL",
    # header and digest (SHA-256 of the sealed body) are what the leaf commits to; both NULL: pruned before it was gathered
    "entry": "idx INTEGER PRIMARY KEY, header TEXT, digest BLOB",
    "sealed": "idx INTEGER PRIMARY KEY, key_id BLOB NOT NULL, body BLOB NOT NULL",
    "node": "level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)",
    "rotation": "size INTEGER PRIMARY KEY, note TEXT NOT NULL",
    # a bundle that brought something: when it was gathered and made, how many records the copy held then, and its
    # checkpoint of `size` records: the first `stop` of them and the hashes in `rest` give the root that the note states
    "gathering": "number INTEGER PRIMARY KEY, gathered TEXT NOT NULL, made TEXT NOT NULL, records INTEGER NOT NULL, "
    "size INTEGER NOT NULL, stop INTEGER NOT NULL, rest BLOB NOT NULL, note TEXT NOT NULL, manifest TEXT NOT NULL",
    # vkey is empty where the cosignature was seen and not checked
    "cosignature": "size INTEGER NOT NULL, witness TEXT NOT NULL, vkey TEXT NOT NULL, time INTEGER NOT NULL, line TEXT NOT NULL, "
    "PRIMARY KEY (size, witness, vkey)",
}
_INDEX = "CREATE INDEX sealed_key ON sealed (key_id)"
_MAY_BE_DELETED = "sealed"
_WORDS = "the ledger is append-only"


def _sqlite() -> tuple[str, ...]:
    made = [f"CREATE TABLE {name} ({columns}) STRICT" for name, columns in _TABLES.items()] + [_INDEX]
    for name in _TABLES:
        for verb in ("UPDATE",) if name == _MAY_BE_DELETED else ("UPDATE", "DELETE"):
            made.append(f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END")
    return tuple(made)


def _postgres() -> tuple[str, ...]:
    types = {"INTEGER": "BIGINT", "BLOB": "BYTEA"}
    made = [f"CREATE TABLE {name} ({re.sub('INTEGER|BLOB', lambda found: types[found[0]], columns)})" for name, columns in _TABLES.items()]
    raised = f"BEGIN RAISE EXCEPTION '{_WORDS}' USING ERRCODE = '{APPEND_ONLY_STATE}'; END"
    made += [_INDEX, f"CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $body${raised}$body$"]
    for name in _TABLES:
        verbs = "UPDATE" if name == _MAY_BE_DELETED else "UPDATE OR DELETE OR TRUNCATE"
        made.append(f"CREATE TRIGGER {name}_append_only BEFORE {verbs} ON {name} FOR EACH STATEMENT EXECUTE FUNCTION forbid()")
    return tuple(made)


SQLITE, POSTGRES = _sqlite(), _postgres()


def sqlite_problem(db: Any) -> str | None:
    """What differs from the schema as it was created."""
    return schema_problem(db, SQLITE)


def postgres_problem(db: Any) -> str | None:
    """Whether a trigger is missing or switched off, or a function was changed."""
    found = db.execute("""SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal AND tgenabled = 'O'""").fetchall()
    if absent := {f"{name}_append_only" for name in _TABLES} - {row[0] for row in found}:
        return f"the schema was changed: {min(absent)} is missing or switched off"
    body = db.execute("SELECT prosrc FROM pg_proc WHERE proname = 'forbid' AND pronamespace = current_schema()::regnamespace").fetchone()
    return None if body and f"$body${body[0]}$body$" in "".join(POSTGRES) else "the schema was changed: forbid is altered"
