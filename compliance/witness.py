"""A witness: cosigns each checkpoint of a log that extends the last one it cosigned, and no other (C2SP tlog-witness).

It runs on a second machine, whose owner is not the box's. A log that was rolled back, or that shows different records
to different people, gets no second cosignature from it. What it cosigned last it keeps durably, and it checks and
replaces it in one transaction. A checkpoint that contradicts it is kept too: the log's own signature under it is the
evidence.

    STATE/witness.key        Ed25519, PKCS #8 PEM
    STATE/witness.sqlite     the last checkpoint of each log, and those that contradicted one
"""

from __future__ import annotations

import base64
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compliance.cosigner import Cosigner
from compliance.errors import ComplianceError
from compliance.keyfiles import KeyFiles
from compliance.store import connect, in_words, is_empty, transaction
from compliance.verify import (
    Checkpoint,
    Tree,
    VerifyError,
    note_signatures,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
    unbase64,
    verify_consistency,
)

MAX_REQUEST = 64 * 1024
"""The most bytes of a request: 63 hashes and a checkpoint of 16 signatures fit it."""
MAX_PROOF = 63
MAX_CONTRADICTIONS = 1000
SIZE_TYPE, TEXT_TYPE = "text/x.tlog.size", "text/plain; charset=utf-8"

_SCHEMA = (
    "CREATE TABLE cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL) STRICT",
    """CREATE TABLE contradiction (
        origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, seen INTEGER NOT NULL,
        PRIMARY KEY (origin, size, root)
    ) STRICT""",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request: an HTTP status, a text, its media type."""

    status: int
    text: str
    media_type: str = TEXT_TYPE


@dataclass(frozen=True, slots=True)
class Request:
    """An add-checkpoint request: the size last cosigned, the consistency proof from there, the checkpoint's note."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def encode(self) -> str:
        """The request body (C2SP tlog-witness, add-checkpoint)."""
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof), ""]
        return "\n".join(lines) + "\n" + self.note


def parse_request(text: str) -> Request:
    """The parts of a request body; raises VerifyError."""
    head, separator, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    number = first.removeprefix("old ")
    if not separator or number == first or not number.isascii() or not number.isdigit() or str(int(number)) != number:
        raise VerifyError("the request is malformed")
    proof = tuple(unbase64(line, "the consistency proof") for line in lines)
    if len(proof) > MAX_PROOF or any(len(each) != 32 for each in proof):
        raise VerifyError("the consistency proof is malformed")
    return Request(int(number), proof, note)


class Witness:
    """A witness and its state. Thread-safe."""

    def __init__(self, db: sqlite3.Connection, path: Path, cosigner: Cosigner, log_keys: Sequence[str]) -> None:
        self._db = db
        self._path = path
        self._cosigner = cosigner
        self._lock = threading.Lock()
        self._logs: dict[str, list[str]] = {}
        for vkey in log_keys:
            self._logs.setdefault(parse_verifier_key(vkey)[0], []).append(vkey.strip())

    @classmethod
    def open(cls, folder: Path, name: str, log_keys: Sequence[str], passphrase: bytes | None = None) -> Witness:
        """Opens the state in `folder`, made with a key on first use. `log_keys` are the verifier keys of the logs it
        watches; a log may have several, after a rotation. Raises ComplianceError."""
        path = folder / "witness.sqlite"
        with in_words(folder, "the witness cannot be opened"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = KeyFiles(folder, passphrase).own("witness.key", create=not path.exists() or path.stat().st_size == 0)
            db = connect(path, create=True)
            try:
                with transaction(db):
                    if is_empty(db):
                        for statement in _SCHEMA:
                            db.execute(statement)
                return cls(db, path, Cosigner(name, key), log_keys)
            except VerifyError as error:
                db.close()
                raise ComplianceError(f"a key of a log is wrong: {error}") from None
            except BaseException:
                db.close()
                raise

    @property
    def vkey(self) -> str:
        """The public cosigner key, for those who verify."""
        return self._cosigner.vkey

    def add_checkpoint(self, body: bytes) -> Reply:
        """Answers an add-checkpoint request as C2SP tlog-witness says: 200 with the cosignature, 400, 403, 404, 409 or
        422. Raises ComplianceError where its state cannot be kept; then nothing is cosigned."""
        try:
            request = parse_request(body.decode())
            origin = parse_checkpoint(note_signatures(request.note)[0]).origin
        except (VerifyError, UnicodeDecodeError):
            return Reply(400, "the request is malformed\n")
        if origin not in self._logs:
            return Reply(404, "this witness does not know the log\n")
        checkpoint = self._opened(origin, request.note)
        if checkpoint is None:
            return Reply(403, "the checkpoint is not signed by a key this witness knows\n")
        if request.old > checkpoint.size:
            return Reply(400, "the old size is larger than the checkpoint's\n")
        with self._lock, in_words(self._path, "the witness cannot keep its state"):
            return self._decided(request, checkpoint)

    def _opened(self, origin: str, note: str) -> Checkpoint | None:
        for vkey in self._logs[origin]:
            try:
                return open_checkpoint(note, vkey)
            except VerifyError:
                continue
        return None

    def _decided(self, request: Request, new: Checkpoint) -> Reply:
        with transaction(self._db):
            row = self._db.execute("SELECT size, root FROM cosigned WHERE origin = ?", (new.origin,)).fetchone()
            size, root = row or (0, Tree().root())
            if request.old != size:
                return Reply(409, f"{size}\n", SIZE_TYPE)
            if new.size == size and new.root != root:
                self._keep_contradiction(new, request.note)
                return Reply(409, f"{size}\n", SIZE_TYPE)
            if not verify_consistency(size, new.size, request.proof, root, new.root):
                self._keep_contradiction(new, request.note)
                return Reply(422, "the consistency proof does not hold\n")
            line = self._cosigner.line(note_signatures(request.note)[0])
            values = (new.origin, new.size, new.root, request.note + line)
            self._db.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?)", values)
        return Reply(200, line)

    def _keep_contradiction(self, new: Checkpoint, note: str) -> None:
        held = self._db.execute("SELECT count(*) FROM contradiction WHERE origin = ?", (new.origin,)).fetchone()[0]
        if held < MAX_CONTRADICTIONS:
            values = (new.origin, new.size, new.root, note, int(time.time()))
            self._db.execute("INSERT OR IGNORE INTO contradiction VALUES (?, ?, ?, ?, ?)", values)

    def cosigned(self, origin: str) -> str | None:
        """The last checkpoint cosigned for a log, None where there is none yet."""
        with self._lock, in_words(self._path, "the witness cannot read its state"):
            row = self._db.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
            return None if row is None else str(row[0])

    def contradictions(self, origin: str) -> list[str]:
        """The signed checkpoints of a log that contradicted one it cosigned: evidence against the log."""
        with self._lock, in_words(self._path, "the witness cannot read its state"):
            rows = self._db.execute("SELECT note FROM contradiction WHERE origin = ? ORDER BY seen", (origin,))
            return [str(row[0]) for row in rows]

    def close(self) -> None:
        """Closes its files."""
        with self._lock:
            self._db.close()
