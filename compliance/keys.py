"""The keys of the ledger: a signing key, a wrapping key, and one key a session, whose deletion erases its records.

    DIR/keys/signing.key     Ed25519, PKCS #8 PEM      signs checkpoints
    DIR/keys/second.key      32 bytes, hexadecimal     signs published checkpoints too, where there is one (ML-DSA-44)
    DIR/keys/wrapping.key    32 bytes, hexadecimal     wraps the session keys (AES-256-GCM)
    DIR/keys/sessions.sqlite the session keys, wrapped

The first three are encrypted at rest where a passphrase is given (`compliance.keyfiles`).

Session keys live in a file of their own, so that a copy of ledger.sqlite alone reveals no text, and so that deleting
one (secure_delete overwrites it, then the write-ahead log is truncated) does not rewrite the ledger. A key is first
marked as doomed, then its erasure is recorded, then it is deleted: wherever that is cut off, `doomed()` lets it be
finished.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from compliance.errors import ComplianceError
from compliance.keyfiles import KeyFiles
from compliance.schema import schema_problem
from compliance.store import connect, in_words, transaction
from compliance.verify import BODY_FORMAT, KEY_ID_BYTES, SEAL_VERSION, commitment, record_key, split_sealed, unseal

CACHED_SESSIONS = 1024
_DOOMED = b"tellerbox/doomed/1"
_CHECK = b"tellerbox/wrapping-key-check/1"

_SCHEMA = (
    # doomed: NULL, or the mark, sealed, that this key is to be deleted: a flipped bit must never erase a session
    """CREATE TABLE session_key (
        id BLOB PRIMARY KEY,
        session TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        doomed BLOB
    ) STRICT""",
    """CREATE INDEX session_key_session ON session_key (session)""",
    # seen: how many records the ledger held when a key was last made; a ledger with fewer was rolled back
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        wrapping_check BLOB NOT NULL,
        seen INTEGER NOT NULL
    ) STRICT""",
)


def seal(plain: bytes, header: bytes, key_id: bytes, session_key: bytes) -> bytes:
    """A body sealed for ever to its header: version, key id, nonce, key commitment, AES-256-GCM ciphertext and tag. The
    record's own key is derived from the session's, so that one record can be disclosed without the others."""
    nonce = secrets.token_bytes(12)
    key = record_key(session_key, nonce)
    ciphertext = AESGCM(key).encrypt(nonce, plain, BODY_FORMAT + header)
    return bytes([SEAL_VERSION]) + key_id + nonce + commitment(key) + ciphertext


class KeyFolder:
    """The folder of keys. Thread-safe, and safe to share between processes."""

    def __init__(self, files: KeyFiles, signing: Ed25519PrivateKey, wrapping: bytes, db: sqlite3.Connection) -> None:
        self.files = files
        self.signing = signing
        self._path = files.folder / "sessions.sqlite"
        self._wrap = AESGCM(wrapping)
        self._db = db
        self._lock = threading.RLock()
        self._cache: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    @property
    def place(self) -> Path:
        """The folder, as messages name it."""
        return self._path.parent

    @classmethod
    def open(cls, folder: Path, *, create: bool, passphrase: bytes | None = None) -> KeyFolder:
        """Opens the folder, making what is missing where `create`, and encrypts the key files where a passphrase is
        given; raises ComplianceError naming a missing, unreadable, locked or foreign key file."""
        with in_words(folder, "the keys cannot be opened"):
            if create:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = KeyFiles(folder, passphrase)
            signing, wrapping = files.signing(create=create), files.wrapping(create=create)
            path = folder / "sessions.sqlite"
            if not create and not path.exists():
                raise ComplianceError(f"the session keys are missing: {path} should be there")
            db = connect(path, create=create)
            keys = cls(files, signing, wrapping, db)
            try:
                keys._prepare()
                files.second(create=False)
                files.encrypt()
            except BaseException:
                db.close()
                raise
            return keys

    def _prepare(self) -> None:
        with transaction(self._db):
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                check = self._wrapped(b"", "", _CHECK)
                self._db.execute("INSERT INTO state VALUES (0, ?, 0)", (check,))
        if problem := schema_problem(self._db, _SCHEMA):
            raise ComplianceError(f"the file of session keys is damaged: {problem} ({self._path})")
        row = self._db.execute("SELECT wrapping_check FROM state").fetchone()
        if row is None or self._unwrapped(b"", "", row[0]) != _CHECK:
            raise ComplianceError(f"wrapping.key is not the key that the session keys were wrapped with ({self._path})")
        self._truncate()

    @property
    def seen(self) -> int:
        """The number of records that the ledger is known to have held."""
        with self._lock, in_words(self._path, "the session keys cannot be read"):
            row = self._db.execute("SELECT seen FROM state").fetchone()
            if row is None or not isinstance(row[0], int):
                raise ComplianceError(f"the file of session keys is damaged ({self._path})")
            return row[0]

    def current(self, session: str, seen: int) -> tuple[bytes, bytes]:
        """Id and key with which to seal the next record of a session, made (durably) for its first one."""
        with self._lock, in_words(self._path, "nothing was recorded, the session keys cannot be written"):
            if found := self._cache.get(session):
                self._cache.move_to_end(session)
                return found
            row = self._db.execute(
                "SELECT id, wrapped FROM session_key WHERE session = ? AND doomed IS NULL LIMIT 1", (session,)
            ).fetchone()
            if row is not None:
                key = self._unwrapped(row[0], session, row[1])
                if key is None:
                    raise ComplianceError(f"a session key is damaged ({self._path})")
                pair = (bytes(row[0]), key)
            else:
                pair = (secrets.token_bytes(KEY_ID_BYTES), secrets.token_bytes(32))
                with transaction(self._db):
                    values = (pair[0], session, self._wrapped(pair[0], session, pair[1]))
                    self._db.execute("INSERT INTO session_key (id, session, wrapped) VALUES (?, ?, ?)", values)
                    self._db.execute("UPDATE state SET seen = max(seen, ?)", (seen,))
            self._cache[session] = pair
            if len(self._cache) > CACHED_SESSIONS:
                self._cache.popitem(last=False)
            return pair

    def alive(self, key_ids: Iterable[bytes], *, doomed: bool = False) -> set[bytes]:
        """Which of these keys are neither deleted nor, unless `doomed`, marked to be."""
        wanted = list(key_ids)
        with self._lock, in_words(self._path, "nothing was recorded, the session keys cannot be read"):
            marks = ",".join("?" * len(wanted))
            sql = f"SELECT id FROM session_key WHERE (doomed IS NULL OR ?) AND id IN ({marks})"
            found = self._db.execute(sql, [int(doomed), *wanted])
            return {bytes(row[0]) for row in found}

    def forget_cached(self, session: str) -> None:
        """Drops a key that turned out to be deleted by another process."""
        with self._lock:
            self._cache.pop(session, None)

    def record_key(self, sealed: bytes, session: str) -> bytes | None:
        """The key of one record, None once its session's key was destroyed (or is doomed)."""
        key_id, nonce, _, _ = split_sealed(sealed)
        with self._lock, in_words(self._path, "the session keys cannot be read"):
            cached = self._cache.get(session)
            row = self._db.execute("SELECT wrapped FROM session_key WHERE id = ? AND doomed IS NULL", (key_id,)).fetchone()
            if row is None:
                return None
            key = cached[1] if cached and cached[0] == key_id else self._unwrapped(key_id, session, row[0])
        if key is None:
            raise ComplianceError(f"a session key is damaged, or wrapping.key is not its key ({self._path})")
        return record_key(key, nonce)

    def unseal(self, sealed: bytes, session: str, header: bytes) -> bytes | None:
        """The canonical JSON of a sealed body, None where its key was destroyed."""
        key = self.record_key(sealed, session)
        return None if key is None else unseal(sealed, key, header)

    def doom(self, session: str) -> list[bytes]:
        """Marks every key of a session, durably, as never to be used again; returns their ids."""
        with self._lock, in_words(self._path, "the session was not erased"):
            with transaction(self._db):
                rows = self._db.execute("SELECT id FROM session_key WHERE session = ? ORDER BY id", (session,)).fetchall()
                ids = [self._valid_id(row[0]) for row in rows]
                marks = [(self._wrapped(each, session, _DOOMED), each) for each in ids]
                self._db.executemany("UPDATE session_key SET doomed = ? WHERE id = ?", marks)
            self._cache.pop(session, None)
            return ids

    def doomed(self) -> dict[str, list[bytes]]:
        """The keys, by session, whose erasure was begun and not finished."""
        with self._lock, in_words(self._path, "the session keys cannot be read"):
            found: dict[str, list[bytes]] = {}
            rows = self._db.execute("SELECT id, session, doomed FROM session_key WHERE doomed IS NOT NULL ORDER BY id")
            for key_id, session, mark in rows:
                if self._unwrapped(key_id, session, mark) != _DOOMED:
                    raise ComplianceError(f"the file of session keys is damaged ({self._path})")
                found.setdefault(session, []).append(key_id)
            return found

    def _valid_id(self, key_id: object) -> bytes:
        if not isinstance(key_id, bytes):
            raise ComplianceError(f"the file of session keys is damaged ({self._path})")
        return key_id

    def destroy(self, session: str) -> None:
        """Deletes the doomed keys of a session: overwritten in the file, and gone from its write-ahead log. Raises
        ComplianceError where another process keeps the log from being truncated; calling again finishes it."""
        with self._lock, in_words(self._path, "the session is not fully erased yet, erase it again"):
            with transaction(self._db):
                self._db.execute("DELETE FROM session_key WHERE session = ? AND doomed IS NOT NULL", (session,))
            self._cache.pop(session, None)
            if not self._truncate():
                raise ComplianceError("the session is not fully erased yet: another process reads its key; erase it again")

    def discard(self, sessions: Iterable[str]) -> None:
        """Deletes the keys of sessions of which the ledger holds no text any more."""
        with self._lock, in_words(self._path, "the keys of pruned sessions are not deleted yet"):
            with transaction(self._db):
                for session in sessions:
                    self._db.execute("DELETE FROM session_key WHERE session = ?", (session,))
                    self._cache.pop(session, None)
            self._truncate()

    def damaged(self) -> str | None:
        """The first thing wrong with the stored session keys, in words."""
        with self._lock, in_words(self._path, "the session keys cannot be read"):
            state = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if state != "ok":
                return f"the file of session keys is damaged ({self._path})"
            rows = self._db.execute("SELECT id, session, wrapped FROM session_key").fetchall()
            if any(self._unwrapped(*row) is None for row in rows):
                return f"a session key is damaged ({self._path})"
            return None

    def close(self) -> None:
        """Closes the file and drops the keys held in memory."""
        with self._lock:
            self._cache.clear()
            with suppress(sqlite3.Error):
                self._truncate()
            self._db.close()

    def _truncate(self) -> bool:
        return bool(self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    def _wrapped(self, key_id: bytes, session: str, key: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._wrap.encrypt(nonce, key, _wrapping_context(key_id, session))

    def _unwrapped(self, key_id: object, session: object, wrapped: object) -> bytes | None:
        if not (isinstance(key_id, bytes) and isinstance(session, str) and isinstance(wrapped, bytes)):
            return None  # a damaged file need not keep the types of its columns
        try:
            return self._wrap.decrypt(wrapped[:12], wrapped[12:], _wrapping_context(key_id, session))
        except (InvalidTag, ValueError):
            return None


def _wrapping_context(key_id: bytes, session: str) -> bytes:
    return b"tellerbox/session-key/1\n" + key_id + session.encode()
