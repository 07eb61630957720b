"""Where a head office keeps the copies of its boxes' ledgers: an SQLite file a box in a folder, or a PostgreSQL schema a box."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from compliance.database import Connection, Database, SqliteDatabase
from compliance.errors import ComplianceError
from compliance.fleet.box_copy import CopyView
from compliance.fleet.schema import POSTGRES, SQLITE, postgres_problem, sqlite_problem
from compliance.store import in_words, sync_folder, transaction

KIND = "tellerbox_copy"
"""What the names of the schemas begin with."""


class Copies(Protocol):
    """The copies of one store."""

    def of(self, origin: str) -> Database:
        """Where the copy of this log lies, or will."""
        ...

    def all(self) -> Sequence[Database]:
        """Where there are copies, in a fixed order; one that was begun and never written may be among them."""
        ...

    def there(self, db: Connection) -> bool:
        """Whether a copy was written."""
        ...

    def begin(self, database: Database, db: Connection) -> None:
        """Makes the tables, in the transaction that is open."""
        ...

    def discard(self, database: Database) -> None:
        """Takes away, in the transaction that is about to be rolled back, what was made for a copy that is not to be."""
        ...

    def problem(self, db: Connection) -> str | None:
        """What is wrong with the schema of a copy."""
        ...


def copies_at(place: str) -> Copies:
    """The copies at a postgresql:// URL or in a folder; raises ComplianceError."""
    if "://" not in place:
        return SqliteCopies(Path(place))
    if not place.startswith(("postgresql://", "postgres://")):
        raise ComplianceError("copies lie in a folder or at a postgresql:// URL")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise ComplianceError("copies in PostgreSQL need psycopg: pip install 'tellerbox[fleet]'") from None
    return PostgresCopies(place)


class SqliteCopies:
    """A file a box, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, origin: str) -> Database:
        readable = re.sub(r"[^a-z0-9]+", "-", origin.lower()).strip("-")[:40]
        return SqliteDatabase(self.folder / f"{readable}-{sha256(origin.encode()).hexdigest()[:20]}.sqlite")

    def all(self) -> Sequence[Database]:
        return [SqliteDatabase(path) for path in sorted(self.folder.glob("*.sqlite")) if path.stat().st_size]

    def there(self, db: Connection) -> bool:
        return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])

    def begin(self, database: Database, db: Connection) -> None:
        for statement in SQLITE:
            db.execute(statement)
        sync_folder(self.folder)

    def discard(self, database: Database) -> None:
        # whoever waits for the transaction to end finds the file gone (`unmoved`) and does not write into nothing
        assert isinstance(database, SqliteDatabase)
        for suffix in ("", "-wal", "-shm"):
            database.path.with_name(database.path.name + suffix).unlink(missing_ok=True)

    def problem(self, db: Connection) -> str | None:
        return sqlite_problem(db)


class PostgresCopies:
    """A schema a box, in one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def of(self, origin: str) -> Database:
        from compliance.postgres import PostgresDatabase

        return PostgresDatabase(self.url, origin, KIND)

    def all(self) -> Sequence[Database]:
        from compliance.postgres import databases

        return databases(self.url, KIND)

    def there(self, db: Connection) -> bool:
        return bool(db.execute("SELECT to_regclass('gathering') IS NOT NULL").fetchone()[0])

    def begin(self, database: Database, db: Connection) -> None:
        from compliance.postgres import PostgresDatabase

        assert isinstance(database, PostgresDatabase)
        if not db.execute("SELECT count(*) FROM pg_namespace WHERE nspname = ?", (database.schema,)).fetchone()[0]:
            db.execute(f'CREATE SCHEMA "{database.schema}"')
        for statement in POSTGRES:
            db.execute(statement)

    def discard(self, database: Database) -> None:
        """The schema was made in the transaction and goes with it."""

    def problem(self, db: Connection) -> str | None:
        return postgres_problem(db)


@contextmanager
def reading(copies: Copies, database: Database) -> Iterator[CopyView | None]:
    """A consistent view of a copy on a connection of its own, None where none was written; raises ComplianceError."""
    doing = "the copy cannot be read"
    with database.in_words(doing):
        db = database.connect()
    try:
        with database.in_words(doing):
            db.execute("BEGIN")
            yield CopyView(db, copies.problem) if copies.there(db) else None
    finally:
        db.close()


@contextmanager
def writing(copies: Copies, database: Database) -> Iterator[Connection]:
    """One write transaction on a copy, on a connection of its own: durable when it ends, as if it never began when it
    raises. Raises ComplianceError where it cannot be written."""
    doing = "nothing was gathered"
    if isinstance(copies, SqliteCopies):
        with in_words(copies.folder, doing):
            copies.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with database.in_words(doing):
        db = database.connect(create=isinstance(database, SqliteDatabase))
        try:
            with transaction(db):
                unmoved, new = database.unmoved(), not copies.there(db)
                unmoved()
                try:
                    yield db
                    unmoved()
                except BaseException:
                    if new:
                        copies.discard(database)
                    raise
        finally:
            db.close()
