"""The ledger: an append-only log of records in SQLite under a signed RFC 6962 Merkle tree.

A record is durable when `append` returns. Writers share commits: whoever holds the commit lock writes what all of them
have queued, with one fsync. The leaf of a record commits to its header in clear and to the ciphertext of its body, so
that destroying a session's key leaves every proof valid. The head is signed anew with each commit. Several processes
may share one ledger; what no single box can show, that it was not rolled back whole, is shown by checkpoints and
receipts kept elsewhere.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from compliance import merkle
from compliance.checkpoint import Signer, format_receipt
from compliance.errors import ComplianceError
from compliance.keys import KeyFolder, seal
from compliance.record import Header, Json, decode_body, encode_body
from compliance.store import (
    Snapshot,
    connect,
    create,
    entry_leaf,
    format_problem,
    in_words,
    insert,
    is_empty,
    schema_problem,
    snapshot,
    sync_folder,
    transaction,
    whole,
)
from compliance.verification import Progress, Verification, verify_snapshot
from compliance.verify import KEY_ID_BYTES, Tree, VerifyError, open_checkpoint, unseal, verify_receipt

FILE = "ledger.sqlite"
OPENING_CHECK = 1024
"""How many of the last records are checked on opening; `verify` checks all."""
_BRANCH = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record's place in the ledger; `leaf` is its RFC 6962 leaf hash (32 bytes)."""

    index: int
    header: Header
    leaf: bytes


@dataclass(slots=True, eq=False)
class _Pending:
    """A record on its way: sealed, waiting for whoever commits next."""

    header: bytes
    sealed: bytes
    key_id: bytes | None
    index: int | None = None
    leaf: bytes = b""
    stale_key: bool = False
    error: BaseException | None = None


@dataclass(slots=True)
class _State:
    """The tree as of the last commit seen, and the files it stands in."""

    tree: Tree = field(default_factory=Tree)
    root: bytes = b""
    files: dict[Path, tuple[int, int]] = field(default_factory=dict)


class Ledger:
    """The ledger of one box. Thread-safe."""

    def __init__(self, path: Path, branch: str, db: sqlite3.Connection, keys: KeyFolder, signer: Signer) -> None:
        self.path = path
        self.branch = branch
        self._db = db
        self._keys = keys
        self._signer = signer
        self._queue: list[_Pending] = []
        self._queue_lock = threading.Lock()
        self._commit_lock = threading.Lock()
        self._state = _State()
        self._closed = False

    @classmethod
    def open(cls, folder: Path, *, branch: str = "box") -> Ledger:
        """Opens the ledger in `folder`, created with its keys on first use. Checks the signed head, the schema and the
        last records, and finishes an erasure that was cut off. Raises ComplianceError saying what is wrong and
        where."""
        if not _BRANCH.fullmatch(branch):
            raise ComplianceError("a branch is named with letters, digits, '.', '_' and '-'")
        path = Path(folder) / FILE
        with in_words(path, "the ledger cannot be opened"):
            new = not path.exists() or path.stat().st_size == 0
            if new and (Path(folder) / "keys" / "sessions.sqlite").exists():
                raise ComplianceError(f"the ledger is missing: {path} should be there, for its keys are")
            if new:
                Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            ledger = cls._opened(path, branch, new)
        try:
            ledger._check_opening()
            ledger._finish_erasures()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def _opened(cls, path: Path, branch: str, new: bool) -> Ledger:
        db = connect(path, create=True)
        keys = None
        try:
            new = new or is_empty(db)
            keys = KeyFolder.open(path.parent / "keys", create=new)
            if new:
                signer = Signer(f"tellerbox/{branch}", keys.signing)
                create(db, signer.name, signer.vkey, signer.checkpoint(0, Tree().root()))
                sync_folder(path.parent)
            if problem := format_problem(db) or schema_problem(db):
                raise ComplianceError(f"the ledger cannot be opened: {problem} ({path})")
            origin, vkey = db.execute("SELECT origin, vkey FROM ledger").fetchone() or (None, None)
            if not isinstance(origin, str):
                raise ComplianceError(f"the ledger is damaged: its name is missing ({path})")
            signer = Signer(origin, keys.signing)
            if signer.vkey != vkey:
                raise ComplianceError(f"signing.key is not the key of this ledger ({path.parent / 'keys'})")
            with transaction(db):  # fails now, not at the first answer, where nothing can be written
                db.execute("UPDATE head SET id = 0")
        except BaseException:
            db.close()
            if keys is not None:
                keys.close()
            raise
        return cls(path, branch, db, keys, signer)

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return self._signer.name

    @property
    def vkey(self) -> str:
        """The public verifier key, to be published where auditors find it."""
        return self._signer.vkey

    @property
    def size(self) -> int:
        """How many records the ledger holds."""
        with self.snapshot() as view:
            return view.size

    # ---- writing ----------------------------------------------------------------------------------------------

    def append(self, header: Header, body: Mapping[str, Json]) -> Entry:
        """Records a header in clear and a body sealed with the key of the header's session. Durable on return. Raises
        ComplianceError, having recorded nothing, where it cannot be."""
        encoded, plain = header.encode(), encode_body(body)
        while True:
            pending = self._sealed(header, encoded, plain)
            self._commit(pending)
            if not pending.stale_key:
                break
            self._keys.forget_cached(header.session)  # erased between sealing and committing: seal anew
        if pending.error is not None:
            if isinstance(pending.error, ComplianceError):
                raise ComplianceError(str(pending.error)) from pending.error
            raise pending.error
        assert pending.index is not None
        return Entry(pending.index, header, pending.leaf)

    def _sealed(self, header: Header, encoded: bytes, plain: bytes) -> _Pending:
        if self._closed:
            raise ComplianceError("nothing was recorded: the ledger is closed")
        if not plain:
            return _Pending(encoded, b"", None)
        key_id, key = self._keys.current(header.session, self._state.tree.size)
        return _Pending(encoded, seal(plain, encoded, key_id, key), key_id)

    def _commit(self, pending: _Pending) -> None:
        with self._queue_lock:
            self._queue.append(pending)
        with self._commit_lock:
            with self._queue_lock:
                if pending not in self._queue:
                    return  # another writer committed it with its own
                batch, self._queue = self._queue, []
            try:
                with in_words(self.path, "nothing was recorded"):
                    self._write(batch)
            except BaseException as error:  # the batch failed as one: each of its writers must hear of it
                for each in batch:
                    each.error = error
                if not isinstance(error, Exception):
                    raise

    def _write(self, batch: Sequence[_Pending]) -> None:
        if self._closed:
            raise ComplianceError("nothing was recorded: the ledger is closed")
        with transaction(self._db):
            self._check_files()
            tree = self._grown_from()
            wanted = {each.key_id for each in batch if each.key_id is not None}
            alive = self._keys.alive(wanted) if wanted else set()
            entries, nodes = [], []
            for each in batch:
                each.stale_key = each.key_id is not None and each.key_id not in alive
                if each.stale_key:
                    continue
                each.index, each.leaf = tree.size, entry_leaf(each.header, each.sealed)
                entries.append((each.index, each.header.decode(), each.sealed))
                nodes += tree.push(each.leaf)
            root = tree.root()
            insert(self._db, "entry (idx, header, sealed)", entries)
            insert(self._db, "node (level, idx, hash)", nodes)
            note = self._signer.checkpoint(tree.size, root)
            self._db.execute("UPDATE head SET size = ?, note = ?", (tree.size, note))
        self._state.tree, self._state.root = tree, root

    def _grown_from(self) -> Tree:
        """The tree to grow: ours, or where another process wrote since, the one it signed."""
        view, ours = Snapshot(self._db), self._state.tree
        try:
            if view.size != ours.size:
                head = open_checkpoint(view.note, self.vkey)
                if view.size < ours.size or head.size != view.size:
                    raise VerifyError("its head is not the one that was signed last")
                ours = merkle.tree(view.node, view.size)
                if ours.root() != head.root:
                    raise VerifyError("its tree is not the one that was signed")
        except VerifyError as error:
            raise ComplianceError(f"nothing was recorded: the ledger is damaged: {error} ({self.path})") from None
        return Tree(ours.size, ours.peaks)

    def _check_files(self) -> None:
        """A file that was moved away or replaced would take records that nobody finds again."""
        for path in (self.path, self.path.with_name(FILE + "-wal")):
            try:
                stat = os.stat(path)
            except FileNotFoundError:
                raise ComplianceError(f"nothing was recorded: {path} was removed while in use") from None
            place = (stat.st_dev, stat.st_ino)
            if self._state.files.setdefault(path, place) != place:
                raise ComplianceError(f"nothing was recorded: {path} was replaced while in use")

    def erase(self, session: str) -> Entry:
        """Destroys the keys of a session, so that none of its texts can be read again, and records that it was done.
        The ledger still verifies. Raises ComplianceError where the session is unknown or the erasure could not be
        finished (it is finished on the next call, or when the ledger is next opened)."""
        if not session or not self.find(session=session, last=1):
            raise ComplianceError("there is no record of this session")
        return self._finish_erasure(session, self._keys.doom(session))

    def _finish_erasure(self, session: str, key_ids: Sequence[bytes]) -> Entry:
        named = [each.hex() for each in key_ids]
        header = Header.now("erasure", session=session, branch=self.branch, role="officer", facts={"keys": named})
        entry = self._recorded_erasure(session, named) or self.append(header, {})
        self._keys.destroy(session)
        return entry

    def _recorded_erasure(self, session: str, named: list[str]) -> Entry | None:
        """The erasure of these keys, where it was recorded and then cut off."""
        if not named:
            return None
        erasures = [each for each in self.find(session=session) if each.header.kind == "erasure"]
        return next((each for each in erasures if set(named) <= set(_listed(each.header))), None)

    def _finish_erasures(self) -> None:
        for session, key_ids in self._keys.doomed().items():
            self._finish_erasure(session, key_ids)

    # ---- reading ----------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A view of the ledger as of now that does not move while it is open, for exports."""
        if self._closed:
            raise ComplianceError("the ledger is closed")
        with snapshot(self.path, "the ledger cannot be read") as view:
            yield view

    def read(self, index: int, *, decrypt: bool = True) -> tuple[Header, Mapping[str, Json] | None]:
        """Header and body of a record, proved against the signed root first. The body is None where its key was
        destroyed, and where `decrypt` is False. Raises ComplianceError for a record that is not there or was
        changed."""
        with self.snapshot() as view:
            encoded, sealed, _, _ = view.entry(index, self._root_of(view))
            header = Header.decode(encoded)
            if not decrypt:
                return header, None
            body = self._keys.unseal(sealed, header.session, encoded) if sealed else b""
            return header, None if body is None else decode_body(body)

    def disclose(self, header: bytes, sealed: bytes) -> tuple[bytes, bytes] | None:
        """The key of one record and the canonical JSON of its body, for an export; None where the key was destroyed."""
        key = self._keys.record_key(sealed, Header.decode(header).session)
        return None if key is None else (key, unseal(sealed, key, header))

    def readable(self, sealed: Sequence[bytes]) -> list[bool]:
        """Which of these sealed bodies (at most a few hundred) still have their key."""
        alive = self._keys.alive({each[1 : 1 + KEY_ID_BYTES] for each in sealed if each})
        return [each[1 : 1 + KEY_ID_BYTES] in alive for each in sealed]

    def receipt(self, index: int) -> str:
        """The proof that a record is in the ledger: a C2SP tlog-proof, verifiable offline with the verifier key."""
        with self.snapshot() as view:
            _, _, leaf, proof = view.entry(index, self._root_of(view))
            return format_receipt(index, leaf, proof, view.note)

    def prove(self, receipt: str) -> Entry:
        """The record that a receipt is about, once the receipt is verified, the ledger still holds that record
        unchanged, and the ledger of then is a prefix of the ledger of now; raises ComplianceError."""
        try:
            parsed, then = verify_receipt(receipt, self.vkey)
        except VerifyError as error:
            raise ComplianceError(f"the receipt does not hold: {error}") from None
        with self.snapshot() as view:
            if then.size > view.size:
                problem = f"the receipt is of a ledger of {then.size} records, this one holds {view.size}: rolled back"
                raise ComplianceError(problem)
            encoded, _, leaf, _ = view.entry(parsed.index, self._root_of(view))
            if leaf != parsed.leaf or merkle.tree(view.node, then.size).root() != then.root:
                raise ComplianceError(f"the ledger is not the one the receipt of record {parsed.index} was given from")
            return Entry(parsed.index, Header.decode(encoded), leaf)

    def find(self, *, turn: str | None = None, session: str | None = None, last: int | None = None) -> list[Entry]:
        """The records of a turn or a session (all of them if neither is given), oldest first, the `last` so many if
        given."""
        named = {"turn": turn, "session": session}
        tests = " AND ".join(f"{name} = ?" for name, value in named.items() if value is not None) or "TRUE"
        values = tuple(value for value in named.values() if value is not None)
        limit = -1 if last is None else max(0, last)
        sql = f"SELECT idx, CAST(header AS BLOB), sealed FROM entry WHERE {tests} ORDER BY idx DESC LIMIT ?"
        with self.snapshot() as view:
            rows = [whole(row) for row in view.query(sql, (*values, limit))]
            return [Entry(row[0], Header.decode(row[1]), entry_leaf(row[1], row[2])) for row in reversed(rows)]

    def verify(self, progress: Progress | None = None) -> Verification:
        """Recomputes every leaf, the tree, and the signatures of the head and of the published checkpoints; names the
        first broken thing. `progress(done, total)` is called now and then."""
        with self.snapshot() as view:
            return verify_snapshot(view, self.vkey, self._keys, lambda: self._headers_from(view.size), progress)

    def _headers_from(self, start: int) -> Iterator[bytes]:
        with self.snapshot() as view:
            yield from (header for _, header, _ in view.entries(start))

    def checkpoint(self) -> str:
        """The signed head (C2SP tlog-checkpoint), kept in the ledger as published, to be kept elsewhere too."""
        with self._commit_lock, in_words(self.path, "the checkpoint cannot be recorded"):
            if self._closed:
                raise ComplianceError("the ledger is closed")
            with transaction(self._db):
                self._check_files()
                view = Snapshot(self._db)
                self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (view.size, view.note))
            return view.note

    def sign_bundle(self, text: str) -> str:
        """The signed note of a bundle's manifest, under a key name of its own."""
        return self._signer.named(f"{self.origin}/bundle").sign(text)

    def close(self) -> None:
        """Closes the files; what was recorded stays recorded. May be called twice."""
        with self._commit_lock:
            if self._closed:
                return
            self._closed = True
            self._keys.close()
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _root_of(self, view: Snapshot) -> bytes:
        head = open_checkpoint(view.note, self.vkey)
        if head.size != view.size:
            raise VerifyError(f"the signed head is of {head.size} records, the ledger states {view.size}")
        return head.root

    def _check_opening(self) -> None:
        with snapshot(self.path, "the ledger cannot be opened") as view:
            root = self._root_of(view)
            self._state.tree, self._state.root = merkle.tree(view.node, view.size), root
            if self._state.tree.root() != root:
                raise VerifyError("its tree is not the one that was signed")
            if view.size < self._keys.seen:
                raise VerifyError(f"it holds {view.size} records and held {self._keys.seen} before: it was rolled back")
            if view.query("SELECT 1 FROM entry WHERE idx >= ? OR idx < 0 LIMIT 1", (view.size,)):
                raise VerifyError(f"record {view.size} is not signed for")
            start = max(0, view.size - OPENING_CHECK)
            expected = start
            for index, header, sealed in view.entries(start):
                if index != expected or entry_leaf(header, sealed) != view.node(0, index):
                    raise VerifyError(f"record {expected} is not what was recorded")
                expected += 1
            if expected != view.size:
                raise VerifyError(f"record {expected} is missing")


def _listed(header: Header) -> list[str]:
    keys = header.facts.get("keys")
    return [str(each) for each in keys] if isinstance(keys, list) else []
