"""PostgreSQL: the ledger's records in a schema of their own for each branch, for a head office that keeps many.

The statements are the ledger's own; what PostgreSQL says otherwise is rewritten in one place (`_rewritten`). Keys stay in a folder on
the machine that writes: the database sees headers and ciphertext.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from itertools import count
from typing import Any

import psycopg
from psycopg import sql as names
from psycopg.pq import TransactionStatus

from compliance.database import Connection
from compliance.errors import ComplianceError
from compliance.schema import EVENT_KINDS
from compliance.store import ForeignDatabaseError, snapshot_of

VERSION = 2
CONNECT_SECONDS = 10
BUSY_SECONDS = 20
ROWS_AT_ONCE = 500
"""Rows that a reader's cursor fetches at once: memory does not grow with the ledger."""
APPEND_ONLY_STATE = "TB001"

_KINDS = ", ".join(f"'{each}'" for each in EVENT_KINDS)
_FORBID = "BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'TB001'; END"
_UNCOVERED = """BEGIN
    IF coalesce((SELECT stop FROM pruned WHERE first <= old.idx ORDER BY first DESC LIMIT 1), -1) <= old.idx THEN
        RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'TB001';
    END IF;
    RETURN old;
END"""
_ONLY_GROWS = """BEGIN
    IF new.size < old.size THEN
        RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'TB001';
    END IF;
    RETURN new;
END"""
_FUNCTIONS = {"forbid": _FORBID, "forbid_uncovered": _UNCOVERED, "forbid_shrinking": _ONLY_GROWS}
_TRIGGERS = {
    **{
        f"{table}_no_{verb.lower()}": (table, verb, "forbid")
        for table in ("ledger", "node", "checkpoint", "pruned", "cosignature")
        for verb in ("UPDATE", "DELETE", "TRUNCATE")
    },
    "entry_no_update": ("entry", "UPDATE", "forbid"),
    "entry_no_truncate": ("entry", "TRUNCATE", "forbid"),
    "entry_no_delete": ("entry", "DELETE", "forbid_uncovered"),
    "head_no_delete": ("head", "DELETE", "forbid"),
    "head_no_truncate": ("head", "TRUNCATE", "forbid"),
    "head_only_grows": ("head", "UPDATE", "forbid_shrinking"),
}
_TABLES: dict[str, str] = {
    "ledger": "origin TEXT NOT NULL, vkey TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 2",
    "entry": """idx BIGINT PRIMARY KEY, header TEXT COLLATE "C" NOT NULL, sealed BYTEA NOT NULL,
        turn TEXT COLLATE "C" GENERATED ALWAYS AS (json_extract(header, '$.turn')) STORED,
        session TEXT COLLATE "C" GENERATED ALWAYS AS (json_extract(header, '$.session')) STORED""",
    "node": "level INTEGER NOT NULL, idx BIGINT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (level, idx)",
    "head": "id INTEGER PRIMARY KEY CHECK (id = 0), size BIGINT NOT NULL, note TEXT NOT NULL",
    "checkpoint": "size BIGINT PRIMARY KEY, note TEXT NOT NULL",
    "pruned": "first BIGINT PRIMARY KEY, stop BIGINT NOT NULL CHECK (stop > first), record BIGINT NOT NULL",
    "cosignature": "size BIGINT NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL, PRIMARY KEY (size, witness)",
}
_EXTRACT = """CREATE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE
    AS $$ SELECT document::json ->> substr(path, 3) $$"""


class PostgresConnection:
    """A connection that takes the ledger's statements as sqlite3 does; a lost one is made anew with the next transaction."""

    def __init__(self, open_one: Callable[[], psycopg.Connection[Any]]) -> None:
        self._open = open_one
        self._db = open_one()
        self._reading = False
        self._names = count()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, an aborted one included."""
        open_states = (TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.ACTIVE)
        return not self._db.closed and self._db.info.transaction_status in open_states

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Any:
        """Runs a statement; its rows are fetched some at a time where they are read in a snapshot."""
        with _named_errors():
            if statement.startswith("BEGIN"):
                return self._begin(statement)
            if statement.endswith("LIMIT ?") and parameters and parameters[-1] < 0:  # SQLite's way to say no limit
                statement, parameters = statement.removesuffix("LIMIT ?"), parameters[:-1]
            rewritten = _rewritten(statement)
            if self._reading and statement.lstrip().startswith("SELECT idx"):
                cursor = self._db.cursor(f"rows{next(self._names)}")
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(rewritten, parameters)
                return _Rows(cursor)
            return _Rows(self._db.execute(rewritten, parameters))

    def executemany(self, statement: str, parameters: Any, /) -> Any:
        """Runs a statement for each row of parameters."""
        with _named_errors(), self._db.cursor() as cursor:
            cursor.executemany(_rewritten(statement), parameters)

    def _begin(self, statement: str) -> None:
        if self._db.closed or self._db.broken:
            self._db = self._open()
        self._reading = "IMMEDIATE" not in statement
        if self._reading:
            self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return
        self._db.execute("BEGIN")
        # one writer at a time, as SQLite has it; the lock goes with the transaction
        self._db.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")

    def autonomous(self, statement: str) -> None:
        """A statement that no transaction may hold."""
        with _named_errors():
            self._db.execute(statement)

    def close(self) -> None:
        """Closes it; an open transaction is rolled back."""
        self._db.close()


class _Rows:
    """A cursor whose errors are named."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def fetchone(self) -> Any:
        with _named_errors():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _named_errors():
            return list(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        with _named_errors():
            yield from self._cursor

    def __next__(self) -> Any:
        found = self.fetchone()
        if found is None:
            raise StopIteration
        return found


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise ForeignDatabaseError(_words(error)) from error


def _words(error: psycopg.Error) -> str:
    """What went wrong, without what the server quotes of a statement."""
    state = error.sqlstate or ""
    for prefix, words in (
        (APPEND_ONLY_STATE, "the ledger is append-only"),
        ("53100", "the server's disk is full"),
        ("53", "the server has no room left"),
        ("25006", "the database is read-only"),
        ("28", "the server refused the user or its password"),
        ("3D", "there is no such database"),
        ("42501", "the user may not do this"),
        ("55P03", "another process holds it"),
        ("57", "the server is shutting down, or the statement took too long"),
        ("XX", "the server found its files damaged"),
        ("58", "the server's disk failed"),
    ):
        if state.startswith(prefix):
            return words
    if isinstance(error, psycopg.OperationalError):
        return "the server cannot be reached, or the connection was lost"
    return f"the database refused ({state or type(error).__name__})"


_JSON = re.compile(r"json_extract\(header, '\$\.\w+'\)")


@cache
def _rewritten(statement: str) -> Any:
    """One of the ledger's statements as PostgreSQL says it; the statements are few, so each is rewritten once."""
    text = statement.replace("%", "%%").replace("?", "%s")
    text = text.replace("CAST(header AS BLOB)", "convert_to(header, 'UTF8')")
    text = _JSON.sub(lambda found: f'({found[0]} COLLATE "C")', text)
    if text.startswith("INSERT OR IGNORE"):
        text = text.replace("INSERT OR IGNORE", "INSERT", 1) + " ON CONFLICT DO NOTHING"
    return text


class PostgresDatabase:
    """A branch's ledger in the schema `tellerbox_<branch>` of a PostgreSQL database."""

    def __init__(self, url: str, branch: str) -> None:
        self._url = url
        self.schema = "tellerbox_" + branch.replace("-", "_").replace(".", "_")

    @property
    def place(self) -> str:
        with suppress(psycopg.Error):
            known = psycopg.conninfo.conninfo_to_dict(self._url)
            return f"schema {self.schema} of {known.get('dbname', 'the default database')} at {known.get('host', 'localhost')}"
        return f"schema {self.schema}"

    def exists(self) -> bool:
        with self._connected() as db:
            return bool(db.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{self.schema}.head",)).fetchone()[0])  # type: ignore[index]

    @contextmanager
    def in_words(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ForeignDatabaseError as error:
            raise ComplianceError(f"{doing}: {error} ({self.place})") from error.__cause__
        except psycopg.Error as error:
            raise ComplianceError(f"{doing}: {_words(error)} ({self.place})") from error
        except OSError as error:
            raise ComplianceError(f"{doing}: {error.strerror or type(error).__name__} ({self.place})") from error

    def connect(self, *, create: bool = False) -> Connection:
        with _named_errors():
            if create:
                with self._connected() as db:
                    db.execute(names.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(names.Identifier(self.schema)))
        return PostgresConnection(self._connected)

    def _connected(self) -> psycopg.Connection[Any]:
        try:
            db = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="tellerbox")
            db.execute("SET synchronous_commit = on")
            db.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
            db.execute(names.SQL("SET search_path = {}").format(names.Identifier(self.schema)))
        except psycopg.Error as error:
            raise ForeignDatabaseError(_words(error)) from error
        return db

    def create(self, db: Any, origin: str, vkey: str, note: str) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            if self.is_empty(db):
                db.execute(_EXTRACT)
                for table, columns in _TABLES.items():
                    db.execute(f"CREATE TABLE {table} ({columns})")
                db.execute("CREATE INDEX entry_turn ON entry (turn)")
                db.execute("CREATE INDEX entry_session ON entry (session)")
                db.execute(f"CREATE INDEX entry_event ON entry (idx) WHERE json_extract(header, '$.kind') IN ({_KINDS})")
                for name, body in _FUNCTIONS.items():
                    db.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body${body}$body$")
                for name, (table, verb, function) in _TRIGGERS.items():
                    each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
                    db.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()")
                db.execute("INSERT INTO ledger (origin, vkey) VALUES (?, ?)", (origin, vkey))
                db.execute("INSERT INTO head VALUES (0, 0, ?)", (note,))
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def prepare(self, db: Any) -> str | None:
        version = db.execute("SELECT version FROM ledger").fetchone()
        if version is None or version[0] > VERSION:
            return "its format is of a newer Tellerbox" if version else "its name is missing"
        return schema_problem(db)

    def is_empty(self, db: Any) -> bool:
        return bool(db.execute("SELECT to_regclass('head') IS NULL").fetchone()[0])

    def snapshot(self, doing: str) -> AbstractContextManager[Any]:
        return snapshot_of(self.connect, self.in_words, doing, self.place, schema_problem)

    def unmoved(self) -> Callable[[], None]:
        return lambda: None  # a database has no files that we could see move

    def damage(self) -> str | None:
        return None  # PostgreSQL checks its pages as it reads them; `verify` reads all

    def empty_log(self, db: Any) -> None:
        db.autonomous("VACUUM entry")

    def close(self, db: Any) -> None:
        db.close()


def schema_problem(db: Any) -> str | None:
    """What differs from the schema as it was created, such as an append-only trigger that was dropped or switched off."""
    tables = {row[0] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()}
    if tables != set(_TABLES):
        odd = sorted(tables ^ set(_TABLES))[0]
        return f"the schema was changed: {odd} is {'missing' if odd in _TABLES else 'added'}"
    found = {
        row[0]: row[1:]
        for row in db.execute(
            """SELECT tgname, relname, proname, tgenabled::text FROM pg_trigger
            JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"""
        ).fetchall()
    }
    for name, (table, _, function) in _TRIGGERS.items():
        if found.get(name) != (table, function, "O"):
            return f"the schema was changed: {name} is {'altered' if name in found else 'missing'}"
    bodies = dict(db.execute("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace").fetchall())
    for name, body in _FUNCTIONS.items():
        if bodies.get(name) != body:
            return f"the schema was changed: {name} is {'altered' if name in bodies else 'missing'}"
    return None
