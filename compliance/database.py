"""Database: what the ledger needs of the place its records lie in; SQLite on a box, PostgreSQL at a head office."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from compliance.errors import ComplianceError
from compliance.schema import format_problem, schema_problem
from compliance.store import connect, create, file_damage, in_words, is_empty, snapshot_of, sync_folder, upgrade

FILE = "ledger.sqlite"


class Connection(Protocol):
    """A connection as sqlite3 has it, `?` for parameters; rows are tuples, BLOBs bytes."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...

    def close(self) -> None: ...


class Database(Protocol):
    """The database of one ledger. `place` names it in messages."""

    @property
    def place(self) -> str: ...

    def exists(self) -> bool:
        """Whether a ledger was begun there."""
        ...

    def in_words(self, doing: str) -> AbstractContextManager[None]:
        """Turns what the database raises into a ComplianceError that begins with `doing` and says what is wrong."""
        ...

    def connect(self, *, create: bool = False) -> Connection:
        """A connection, durable on commit."""
        ...

    def create(self, db: Connection, origin: str, vkey: str, note: str) -> None:
        """Writes the schema, the log's identity and its first, empty head."""
        ...

    def prepare(self, db: Connection) -> str | None:
        """Takes an older schema to this version's, and says what is wrong with it, if anything."""
        ...

    def is_empty(self, db: Connection) -> bool:
        """Whether nothing was written yet."""
        ...

    def snapshot(self, doing: str) -> AbstractContextManager[Any]:
        """A consistent view (`store.Snapshot`) on a connection of its own."""
        ...

    def unmoved(self) -> Callable[[], None]:
        """A check, to be called before each write, that the database is still where it was; it raises ComplianceError."""
        ...

    def damage(self) -> str | None:
        """What the database itself finds wrong with its files."""
        ...

    def empty_log(self, db: Connection) -> None:
        """Takes what was deleted out of the files."""
        ...

    def close(self, db: Connection) -> None:
        """Closes a connection in an orderly way."""
        ...


class SqliteDatabase:
    """A ledger in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.exists() and self.path.stat().st_size > 0

    def in_words(self, doing: str) -> AbstractContextManager[None]:
        return in_words(self.path, doing)

    def connect(self, *, create: bool = False) -> Connection:
        return connect(self.path, create=create)

    def create(self, db: Any, origin: str, vkey: str, note: str) -> None:
        create(db, origin, vkey, note)
        sync_folder(self.path.parent)

    def prepare(self, db: Any) -> str | None:
        upgrade(db)
        return format_problem(db) or schema_problem(db)

    def is_empty(self, db: Any) -> bool:
        return is_empty(db)

    def snapshot(self, doing: str) -> AbstractContextManager[Any]:
        return snapshot_of(self.connect, self.in_words, doing, self.place, schema_problem)

    def unmoved(self) -> Callable[[], None]:
        seen: dict[Path, tuple[int, int]] = {}

        def check() -> None:
            # a file that was moved away or replaced would take records that nobody finds again
            for path in (self.path, self.path.with_name(self.path.name + "-wal")):
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    raise ComplianceError(f"nothing was recorded: {path} was removed while in use") from None
                place = (stat.st_dev, stat.st_ino)
                if seen.setdefault(path, place) != place:
                    raise ComplianceError(f"nothing was recorded: {path} was replaced while in use")

        return check

    def damage(self) -> str | None:
        return file_damage(self.path)

    def empty_log(self, db: Any) -> None:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self, db: Any) -> None:
        import sqlite3
        from contextlib import suppress

        with suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.close()


def database_at(folder: Path, url: str, branch: str) -> Database:
    """The database of a branch's ledger: PostgreSQL where a URL is given, else a file in `folder`."""
    if not url:
        return SqliteDatabase(Path(folder) / FILE)
    if not url.startswith(("postgresql://", "postgres://")):
        raise ComplianceError("the ledger's URL must begin with postgresql://")
    from compliance.postgres import PostgresDatabase

    return PostgresDatabase(url, branch)
