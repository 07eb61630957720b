"""The file of the staff: SQLite under the box's home. Passwords, tokens and keys are in it only as hashes, TOTP secrets sealed.

    HOME/staff/staff.sqlite       accounts, signed-in browsers, API keys
    HOME/staff/keys/wrapping.key  seals the TOTP secrets; encrypted at rest under the ledger's passphrase, where there is one
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from compliance.errors import ComplianceError
from compliance.keyfiles import KeyFiles
from compliance.ledger import Entry
from compliance.record import Header, Json
from compliance.schema import schema_problem
from compliance.store import connect, in_words, sync_folder, transaction

FILE = "staff.sqlite"
_SCHEMA = (
    # failures: wrong passwords in a row; step: the last TOTP time step that was used, so that a code counts once
    """CREATE TABLE account (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        display TEXT NOT NULL,
        role TEXT NOT NULL,
        password TEXT NOT NULL,
        totp BLOB,
        step INTEGER NOT NULL DEFAULT 0,
        disabled INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        locked_until REAL NOT NULL DEFAULT 0,
        created REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE browser (
        token BLOB PRIMARY KEY,
        account TEXT NOT NULL REFERENCES account (id),
        created REAL NOT NULL,
        seen REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE api_key (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL REFERENCES account (id),
        label TEXT NOT NULL,
        secret BLOB NOT NULL,
        scopes TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL NOT NULL,
        used REAL NOT NULL DEFAULT 0
    ) STRICT""",
)


class Recorder(Protocol):
    """What the staff's file needs of the ledger."""

    branch: str

    def append(self, header: Header, body: Mapping[str, Json]) -> Entry: ...


class StaffStore:
    """The open file. Thread-safe, and safe to share between processes (the server and the command line)."""

    def __init__(self, path: Path, db: sqlite3.Connection, key: bytes, ledger: Recorder, clock: Callable[[], float]) -> None:
        self.path = path
        self.key = key
        self.clock = clock
        self._db = db
        self._ledger = ledger
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls, folder: Path, ledger: Recorder, *, passphrase: bytes | None = None, clock: Callable[[], float] = time.time
    ) -> StaffStore:
        """Opens the file in `folder`, made on first use. Raises ComplianceError where it cannot be, or was changed."""
        path = folder / FILE
        with in_words(path, "the accounts of the staff cannot be opened"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / "keys").mkdir(mode=0o700, exist_ok=True)
            files = KeyFiles(folder / "keys", passphrase)
            key = files.wrapping(create=True)
            files.encrypt()
            db = connect(path, create=True)
            try:
                with transaction(db):
                    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                        for statement in _SCHEMA:
                            db.execute(statement)
                if problem := schema_problem(db, _SCHEMA):
                    raise ComplianceError(f"the file of the accounts is damaged: {problem} ({path})")
            except BaseException:
                db.close()
                raise
            sync_folder(folder)
            return cls(path, db, key, ledger, clock)

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """One write transaction; what goes wrong begins with `doing`."""
        with self._lock, in_words(self.path, doing), transaction(self._db):
            yield self._db

    def rows(self, sql: str, *values: object) -> list[Any]:
        """The rows of a query."""
        with self._lock, in_words(self.path, "the accounts of the staff cannot be read"):
            found: list[Any] = self._db.execute(sql, values).fetchall()
            return found

    def record(self, kind: str, facts: Mapping[str, Json], *, role: str = "", channel: str = "") -> None:
        """Appends a record about the staff to the ledger; raises ComplianceError where it cannot be written."""
        self._ledger.append(Header.now(kind, branch=self._ledger.branch, channel=channel, role=role, facts=facts), {})

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
