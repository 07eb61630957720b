"""PostgreSQL: the ledger's records in a schema of their own for each branch, for a head office that keeps many.

The statements are the ledger's own; what PostgreSQL says otherwise is rewritten in one place (`_rewritten`). Keys stay in a folder on
the machine that writes: the database sees headers and ciphertext. What the schema is made of is in `compliance.postgres_schema`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any

import psycopg
from psycopg import sql as names
from psycopg.pq import TransactionStatus

from compliance.database import Connection
from compliance.errors import ComplianceError
from compliance.postgres_schema import APPEND_ONLY_STATE, STATEMENTS, VERSION, schema_problem
from compliance.store import ForeignDatabaseError, snapshot_of, transaction

CONNECT_SECONDS = 10
BUSY_SECONDS = 20.0
"""How long a writer waits for another."""
SILENCE: dict[str, Any] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
"""A server that no longer answers (its machine is gone) is given up after some 25 s, so that writers fail and do not hang."""
ROWS_AT_ONCE = 500
"""Rows that a reader's cursor fetches at once: memory does not grow with the ledger."""


class UnknownOutcomeError(ForeignDatabaseError):
    """The connection was lost while a transaction was being committed."""


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
        if statement == "COMMIT":
            return self._end()
        with _named_errors():
            if statement.startswith("BEGIN"):
                return self._begin(statement)
            if statement.endswith("LIMIT ?") and parameters and parameters[-1] < 0:  # SQLite's way to say no limit
                statement, parameters = statement.removesuffix("LIMIT ?"), parameters[:-1]
            rewritten, values = _rewritten(statement, bool(parameters)), parameters or None
            if self._reading and statement.lstrip().startswith("SELECT idx"):
                cursor = self._db.cursor(f"rows{next(self._names)}")
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(rewritten, values)
                return _Rows(cursor)
            return _Rows(self._db.execute(rewritten, values))

    def executemany(self, statement: str, parameters: Any, /) -> Any:
        """Runs a statement for each row of parameters."""
        with _named_errors(), self._db.cursor() as cursor:
            cursor.executemany(_rewritten(statement, True), parameters)

    def _begin(self, statement: str) -> None:
        self._connected()
        self._reading = "IMMEDIATE" not in statement
        if self._reading:
            self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return
        # what is read after the lock must be what the writer before committed, whatever isolation the server prefers
        self._db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            self._db.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 0))")
        except BaseException:
            if self.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _end(self) -> None:
        try:
            with _named_errors():
                self._db.execute("COMMIT", prepare=False)
        except ForeignDatabaseError as error:
            if self._lost:
                raise UnknownOutcomeError("the connection was lost while it was committed") from error.__cause__
            raise

    @property
    def _lost(self) -> bool:
        return self._db.closed or self._db.broken

    def _connected(self) -> None:
        if self._lost:
            self._db = self._open()

    def autonomous(self, statement: str) -> None:
        """A statement that no transaction may hold."""
        with _named_errors():
            self._connected()
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
def _rewritten(statement: str, with_parameters: bool) -> Any:
    """One of the ledger's statements as PostgreSQL says it; the statements are few, so each is rewritten once."""
    text = statement.replace("%", "%%").replace("?", "%s") if with_parameters else statement
    text = text.replace("CAST(header AS BLOB)", "convert_to(header, 'UTF8')")
    text = _JSON.sub(lambda found: f'({found[0]} COLLATE "C")', text)
    if text.startswith("INSERT OR IGNORE"):
        text = text.replace("INSERT OR IGNORE", "INSERT", 1) + " ON CONFLICT DO NOTHING"
    return text


class PostgresDatabase:
    """A branch's ledger in a schema of its own (`schema_of`, unless it is named) of a PostgreSQL database."""

    def __init__(self, url: str, branch: str, kind: str = "tellerbox", *, schema: str = "") -> None:
        self._url = url
        self.schema = schema or schema_of(branch, kind)

    @property
    def place(self) -> str:
        with suppress(psycopg.Error):
            known = psycopg.conninfo.conninfo_to_dict(self._url)
            return f"schema {self.schema} of {known.get('dbname', 'the default database')} at {known.get('host', 'localhost')}"
        return f"schema {self.schema}"

    def exists(self) -> bool:
        with self._connected() as db:
            return _there(db, self.schema, "head")

    @contextmanager
    def in_words(self, doing: str) -> Iterator[None]:
        try:
            yield
        except UnknownOutcomeError as error:
            raise ComplianceError(f"it is not known whether this was recorded: {error} ({self.place})") from error.__cause__
        except ForeignDatabaseError as error:
            raise ComplianceError(f"{doing}: {error} ({self.place})") from error.__cause__
        except psycopg.Error as error:
            raise ComplianceError(f"{doing}: {_words(error)} ({self.place})") from error
        except OSError as error:
            raise ComplianceError(f"{doing}: {error.strerror or type(error).__name__} ({self.place})") from error

    def connect(self, *, create: bool = False) -> Connection:
        if create:
            with _named_errors(), self._connected() as db:
                self._make_schema(db)
        return PostgresConnection(self._connected)

    def _make_schema(self, db: psycopg.Connection[Any]) -> None:
        # a user who may not make schemas can be given one that was made for him
        if not _there(db, self.schema):
            with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema):  # another process was first
                db.execute(names.SQL("CREATE SCHEMA {}").format(names.Identifier(self.schema)))

    def _connected(self) -> psycopg.Connection[Any]:
        with _named_errors():
            db: psycopg.Connection[Any] = psycopg.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="tellerbox",
                client_encoding="utf8", **SILENCE,
            )  # fmt: skip
            try:
                self._set_up(db)
            except BaseException:
                db.close()
                raise
        return db

    def _set_up(self, db: psycopg.Connection[Any]) -> None:
        """What durability and the meaning of names rest on. Temporary tables come last: none may stand in for ours."""
        found = db.execute(
            """SELECT set_config('synchronous_commit', 'on', false), set_config('lock_timeout', %s, false),
            set_config('search_path', %s, false), current_setting('fsync'), current_setting('server_encoding')""",
            (f"{BUSY_SECONDS * 1000:.0f}ms", f'"{self.schema}", pg_temp'),
        ).fetchone()
        fsync, encoding = found[-2:] if found else ("", "")
        if fsync != "on":
            raise ForeignDatabaseError("the server runs with fsync off: it would lose records that it acknowledged")
        if encoding != "UTF8":
            raise ForeignDatabaseError(f"the database is encoded as {encoding}, not as UTF8")

    def create(self, db: Any, origin: str, vkey: str, note: str) -> None:
        with transaction(db):
            if not self.is_empty(db):
                return  # another process was first
            for statement in STATEMENTS:
                db.execute(statement)
            db.execute("INSERT INTO ledger (origin, vkey, version) VALUES (?, ?, ?)", (origin, vkey, VERSION))
            db.execute("INSERT INTO head VALUES (0, 0, ?)", (note,))

    def prepare(self, db: Any) -> str | None:
        version = db.execute("SELECT version FROM ledger").fetchone()
        if version is None:
            return "its name is missing"
        return "its format is of a newer Tellerbox" if version[0] > VERSION else schema_problem(db)

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


def databases(url: str, kind: str) -> list[PostgresDatabase]:
    """Every schema of a kind (`schema_of`) in a database, by name; raises ComplianceError where it cannot be reached."""
    whole = PostgresDatabase(url, "", kind)
    with whole.in_words("the database cannot be read"):
        db = whole.connect()
        try:
            found = db.execute("SELECT nspname FROM pg_namespace ORDER BY nspname").fetchall()
        finally:
            db.close()
    pattern = re.compile(rf"{kind}_[a-z0-9_]*[0-9a-f]{{20}}")
    return [PostgresDatabase(url, "", kind, schema=name) for (name,) in found if pattern.fullmatch(name)]


def schema_of(branch: str, kind: str = "tellerbox") -> str:
    """The name of a branch's schema: readable, and another for each branch (PostgreSQL takes 63 bytes, in lower case)."""
    readable = re.sub(r"[^a-z0-9]+", "_", branch.lower()).strip("_")[:24]
    return f"{kind}_{readable}_{sha256(branch.encode()).hexdigest()[:20]}"


def _there(db: psycopg.Connection[Any], schema: str, table: str = "") -> bool:
    """Whether the schema, or the table in it, is there."""
    if table:
        found = db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s AND tablename = %s", (schema, table))
    else:
        found = db.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", (schema,))
    row = found.fetchone()
    return bool(row and row[0])
