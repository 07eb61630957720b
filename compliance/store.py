"""How the ledger is stored: SQLite files and their errors in words, transactions, and the consistent view that readers have."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

from compliance.errors import ComplianceError
from compliance.merkle import inclusion
from compliance.schema import APPLICATION_ID, IS_EVENT, SCHEMA, SCHEMA_1, SINCE_2, VERSION, schema_problem
from compliance.verify import LEAF_FORMAT, VerifyError, covered, verify_inclusion

BUSY_SECONDS = 20.0
ROWS_A_STATEMENT = 100
_LEAF = b"\x00" + LEAF_FORMAT


@contextmanager
def in_words(path: Path, doing: str) -> Iterator[None]:
    """Turns what SQLite and the system raise into a ComplianceError that says what is wrong, and with which file."""
    try:
        yield
    except sqlite3.Error as error:
        raise ComplianceError(f"{doing}: {_sqlite_words(error, path)} ({path})") from error
    except UnicodeDecodeError as error:  # what SQLite says of a damaged file may quote it
        raise ComplianceError(f"{doing}: the file is damaged ({path})") from error
    except OSError as error:
        raise ComplianceError(f"{doing}: {error.strerror or type(error).__name__} ({path})") from error


def _sqlite_words(error: sqlite3.Error, path: Path) -> str:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_CANTOPEN") and path.exists() and not os.access(path.parent, os.W_OK):
        return "its folder is read-only"
    for prefix, words in (
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_READONLY", "the file or its folder is read-only"),
        ("SQLITE_BUSY", "another process holds it"),
        ("SQLITE_LOCKED", "another process holds it"),
        ("SQLITE_NOTADB", "the file is damaged (it is not an SQLite database, or its first bytes were changed)"),
        ("SQLITE_CORRUPT", "the file is damaged"),
        ("SQLITE_IOERR", "the disk failed, or is full"),
        ("SQLITE_CANTOPEN", "the file cannot be opened"),
        ("SQLITE_CONSTRAINT_TRIGGER", "the ledger is append-only"),
        ("SQLITE_PERM", "permission denied"),
    ):
        if name.startswith(prefix):
            return words
    if "decode" in str(error) or "malformed" in str(error):
        return "the file is damaged"
    return f"the database refused ({name or type(error).__name__})"


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection in WAL mode, durable on commit (synchronous=FULL). A new file is for its owner alone (0600)."""
    with in_words(path, f"{path.name} cannot be opened"):
        if create and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        uri = f"file:{quote(str(path.resolve()))}?mode=rw"
        db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA synchronous=FULL")
            mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            if mode != "wal":
                raise ComplianceError(f"the ledger needs SQLite's WAL mode, which this file system lacks ({path})")
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def transaction(db: Any) -> Iterator[None]:
    """One write transaction: durable when it ends, as if it never began when it raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def insert(db: Any, into: str, rows: Sequence[tuple[object, object, object]]) -> None:
    """Inserts rows of three columns, many with each statement: a statement hands Python's lock to other threads, and
    the writer that commits for all must not queue for it once a row."""
    for at in range(0, len(rows), ROWS_A_STATEMENT):
        some = rows[at : at + ROWS_A_STATEMENT]
        db.execute(f"INSERT INTO {into} VALUES {','.join(['(?,?,?)'] * len(some))}", [each for row in some for each in row])


def sync_folder(folder: Path) -> None:
    """Makes the names of new files in `folder` durable (a no-op where folders cannot be synced)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class ForeignDatabaseError(Exception):
    """What another database than SQLite raised, to be put in words."""


class Snapshot:
    """The ledger as of one commit: what readers see does not move while writers go on."""

    def __init__(self, db: Any, schema_problem: Callable[[Any], str | None] = schema_problem) -> None:
        self._db = db
        self._schema_problem = schema_problem
        row = db.execute("SELECT size, note FROM head").fetchone()
        if row is None or not isinstance(row[0], int) or not isinstance(row[1], str):
            raise ComplianceError("the ledger is damaged: its signed head is missing")
        self.size: int = row[0]
        self.note: str = row[1]
        self._gone: list[tuple[int, int]] | None = None

    def node(self, level: int, index: int) -> bytes:
        """The stored hash of a complete subtree; raises ComplianceError where it is missing."""
        row = self._db.execute("SELECT hash FROM node WHERE level = ? AND idx = ?", (level, index)).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise ComplianceError(f"the ledger is damaged: node {index} of level {level} of its tree is missing")
        value: bytes = row[0]
        return value

    def nodes(self, level: int, first: int, stop: int) -> list[bytes]:
        """The stored nodes [first, stop) of a level, in order: fewer where one is missing."""
        sql = "SELECT hash FROM node WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx"
        return [row[0] for row in self._db.execute(sql, (level, first, stop))]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes, bytes]]:
        """Records [start, stop) in order, as (index, header, sealed body); constant memory."""
        rows = self._db.execute(
            "SELECT idx, CAST(header AS BLOB), sealed FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx",
            (start, self.size if stop is None else stop),
        )
        for row in rows:
            yield row if type(row[1]) is bytes is type(row[2]) else whole(row)

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        """Every record of [start, stop) in order as `entries` gives it, a pruned one as (index, None, None). Raises
        ComplianceError where one is missing."""
        stop, expected = self.size if stop is None else stop, start
        for index, header, sealed in chain(self.entries(start, stop), [(stop, b"", b"")]):
            for gone in range(expected, index):
                if not self.is_pruned(gone):
                    raise ComplianceError(f"the ledger is damaged: record {gone} is missing")
                yield gone, None, None
            expected = index + 1
            if index < stop:
                yield index, header, sealed

    def entry(self, index: int, root: bytes) -> tuple[bytes, bytes, bytes, list[bytes]]:
        """Header, sealed body, leaf hash and inclusion proof of one record, once it is proved to be in the tree with
        this root; raises ComplianceError where it is not there, was pruned or is not what was recorded."""
        row, leaf, proof = self._proved(index, root)
        if row is None:
            raise ComplianceError(f"record {index} was pruned: its text and header are gone, its proof is not")
        return row[1], row[2], leaf, proof

    def proof(self, index: int, root: bytes) -> tuple[bytes | None, bytes, list[bytes]]:
        """As `entry`, without the body, and the header is None where the record was pruned."""
        row, leaf, proof = self._proved(index, root)
        return None if row is None else row[1], leaf, proof

    def _proved(self, index: int, root: bytes) -> tuple[tuple[int, bytes, bytes] | None, bytes, list[bytes]]:
        if not 0 <= index < self.size:
            held = f"holds records 0 to {self.size - 1}" if self.size else "is empty"
            raise ComplianceError(f"there is no record {index}: the ledger {held}")
        row = next(iter(self.entries(index, index + 1)), None)
        if row is None and not self.is_pruned(index):
            raise ComplianceError(f"the ledger is damaged: record {index} is missing")
        leaf = self.node(0, index) if row is None else entry_leaf(row[1], row[2])
        proof = inclusion(self.node, index, self.size)
        if not verify_inclusion(leaf, index, self.size, proof, root):
            raise ComplianceError(f"the ledger is damaged: record {index} is not what was recorded")
        return row, leaf, proof

    def events(self) -> list[tuple[int, bytes, bytes]]:
        """The records that change how others are read or kept (`schema.EVENT_KINDS`), as `entries` gives them."""
        sql = f"SELECT idx, CAST(header AS BLOB), sealed FROM entry WHERE {IS_EVENT} ORDER BY idx"
        return [whole(row) for row in self._db.execute(sql)]

    def pruned(self) -> list[tuple[int, int, int]]:
        """What was pruned, in order, as (first, stop, record of the pruning)."""
        rows: list[tuple[int, int, int]] = self._db.execute("SELECT first, stop, record FROM pruned ORDER BY first").fetchall()
        return rows

    def is_pruned(self, index: int) -> bool:
        """Whether a pruning took this record out."""
        if self._gone is None:
            self._gone = [(first, stop) for first, stop, _ in self.pruned()]
        return covered(self._gone, index)

    def cosignatures(self, size: int) -> list[tuple[str, str]]:
        """The cosignatures kept for the published checkpoint of `size` records, as (witness's key, signature line)."""
        sql = "SELECT witness, line FROM cosignature WHERE size = ? ORDER BY witness"
        rows: list[tuple[str, str]] = self._db.execute(sql, (size,)).fetchall()
        return rows

    def cosigned(self, witness: str | None = None, last: int = -1) -> list[tuple[int, str]]:
        """The last so many checkpoints that were cosigned (by this witness, if given), newest first, as (size, note
        with its cosignatures)."""
        sql = """SELECT size, note FROM checkpoint WHERE size IN (SELECT size FROM cosignature WHERE ? IN ('', witness))
            ORDER BY size DESC LIMIT ?"""
        found = self._db.execute(sql, (witness or "", last)).fetchall()
        return [(size, note + "".join(line for _, line in self.cosignatures(size))) for size, note in found]

    def checkpoints(self) -> list[tuple[int, str]]:
        """The published checkpoints, as (size, note)."""
        found: list[tuple[int, str]] = self._db.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall()
        if not all(isinstance(note, str) for _, note in found):
            raise ComplianceError("the ledger is damaged: a published checkpoint cannot be read")
        return found

    def level_counts(self) -> dict[int, int]:
        """How many nodes each level of the tree has stored."""
        return dict(self._db.execute("SELECT level, count(*) FROM node GROUP BY level ORDER BY level"))

    def schema_problem(self) -> str | None:
        """What is wrong with the schema."""
        return self._schema_problem(self._db)

    def query(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Rows of a query of this package."""
        rows: list[Any] = self._db.execute(sql, values).fetchall()
        return rows

    def query_rows(self, sql: str) -> Iterator[Any]:
        """Rows of a query of this package, one at a time."""
        yield from self._db.execute(sql)


def whole(row: tuple[int, Any, Any]) -> tuple[int, bytes, bytes]:
    """A record's row as read, once its columns are of their types, which a damaged file may not keep."""
    if not isinstance(row[1], bytes) or not isinstance(row[2], bytes):
        raise ComplianceError(f"the ledger is damaged: record {row[0]} cannot be read")
    return row


def entry_leaf(header: bytes, sealed: bytes) -> bytes:
    """The leaf hash of a record (RFC 6962 §2.1 over `compliance.verify.leaf_data`)."""
    return sha256(_LEAF + header + b"\n" + sha256(sealed).hexdigest().encode() + b"\n").digest()


@contextmanager
def snapshot_of(
    connect: Callable[[], Any],
    in_words: Callable[[str], AbstractContextManager[None]],
    doing: str,
    place: str,
    schema_problem: Callable[[Any], str | None],
) -> Iterator[Snapshot]:
    """A consistent view on a connection of its own; its errors in words (another database's errors are left as they are)."""
    with in_words(doing):
        db = connect()
    with closing(db):
        try:
            db.execute("BEGIN")
            yield Snapshot(db, schema_problem)
        except (sqlite3.Error, UnicodeDecodeError, ForeignDatabaseError):
            with in_words(doing):
                raise
        except VerifyError as error:
            raise ComplianceError(f"the ledger is damaged: {error} ({place})") from None


def file_damage(path: Path) -> str | None:
    """What SQLite finds wrong with the database file itself, its indices included; reads it on a connection of its
    own."""
    with in_words(path, "the ledger cannot be read"), closing(connect(path)) as db:
        state = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        return None if state == "ok" else f"the database file is damaged ({' '.join(state.split())[:200]})"


def create(db: sqlite3.Connection, origin: str, vkey: str, note: str) -> None:
    """Writes the schema, the log's identity and its first, empty head, in one transaction."""
    with transaction(db):
        if not is_empty(db):
            return  # another process was first
        for statement in SCHEMA:
            db.execute(statement)
        db.execute("INSERT INTO ledger VALUES (?, ?)", (origin, vkey))
        db.execute("INSERT INTO head VALUES (0, 0, ?)", (note,))
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={VERSION}")


def upgrade(db: sqlite3.Connection) -> None:
    """Takes a file of an older version to this one, in one transaction; a file that is not as that version made it is
    left alone (`schema_problem` then names what is wrong)."""
    with transaction(db):
        if db.execute("PRAGMA user_version").fetchone()[0] != 1 or schema_problem(db, SCHEMA_1) is not None:
            return
        db.execute("DROP TRIGGER entry_no_delete")
        for statement in SINCE_2:
            db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether the file has no table yet (just made, or made and cut off before its first commit)."""
    return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0)
