"""The ledger: an append-only log of records in SQLite under a signed RFC 6962 Merkle tree.

A record is durable when `append` returns. Writers share commits (`compliance.group_commit`): one of them writes what
all have queued, with one fsync. The leaf of a record commits to its header in clear and to the ciphertext of its body, so
that destroying a session's key leaves every proof valid. The head is signed anew with each commit. Several processes
may share one ledger; what no single box can show, that it was not rolled back whole, is shown by a witness
(`compliance.cosigning`) and by checkpoints and receipts kept elsewhere.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from compliance import merkle
from compliance.checkpoint import Signer, format_receipt
from compliance.database import Connection, Database, database_at
from compliance.erasure import erase, finish_erasures
from compliance.errors import ComplianceError
from compliance.folder_lock import one_at_a_time
from compliance.group_commit import GroupCommit
from compliance.keys import KeyFolder, seal
from compliance.record import Header, Json, decode_body, encode_body
from compliance.retention import delete_pruned
from compliance.rotation import current_chain, current_signer
from compliance.second_key import announce_second_key, second_cosigner
from compliance.store import Snapshot, entry_leaf, insert, transaction, whole
from compliance.verification import Progress, Verification, verify_snapshot
from compliance.verify import KEY_ID_BYTES, KeyChain, Tree, VerifyError, note_signatures, unseal, verify_receipt

OPENING_CHECK = 1024
"""How many of the last records are checked on opening; `verify` checks all."""
_BRANCH = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record's place in the ledger; `leaf` is its RFC 6962 leaf hash (32 bytes)."""

    index: int
    header: Header
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Proved:
    """What a receipt proves: a record's place, its leaf hash, and its header, None where the record was pruned since."""

    index: int
    header: Header | None
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


@dataclass(slots=True)
class _State:
    """The tree as of the last commit seen."""

    tree: Tree = field(default_factory=Tree)
    root: bytes = b""


class Ledger:
    """The ledger of one box. Thread-safe."""

    def __init__(
        self, database: Database, branch: str, db: Connection, keys: KeyFolder, chain: KeyChain, signer: Signer
    ) -> None:
        self.database = database
        self.branch = branch
        self._db = db
        self._keys = keys
        self._chain = chain
        self._signer = signer
        self.second = second_cosigner(signer.name, keys, create=False)
        self._group = GroupCommit(self._write_batch)
        self._commit_lock = threading.Lock()
        self._state = _State()
        self._unmoved = database.unmoved()
        self._closed = False

    @classmethod
    def open(cls, folder: Path, *, branch: str = "box", passphrase: bytes | None = None, url: str = "") -> Ledger:
        """Opens the ledger in `folder`, created with its keys on first use; with a passphrase the keys are encrypted at
        rest; with a postgresql:// URL the records lie there and the keys alone in the folder. Checks the signed head, the
        schema and the last records, and finishes an erasure or a pruning that was cut off. Raises ComplianceError saying
        what is wrong and where."""
        if not _BRANCH.fullmatch(branch):
            raise ComplianceError("a branch is named with letters, digits, '.', '_' and '-'")
        database, keys = database_at(Path(folder), url, branch), Path(folder) / "keys"
        with database.in_words("the ledger cannot be opened"):
            if database.exists():
                ledger = cls._opened(database, keys, branch, False, passphrase)
            else:
                Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
                with one_at_a_time(Path(folder)):  # of several processes at its first moment one makes it, keys first
                    new = not database.exists()
                    if new and (keys / "sessions.sqlite").exists():
                        raise ComplianceError(f"the ledger is missing: {database.place} should be there, for its keys are")
                    ledger = cls._opened(database, keys, branch, new, passphrase)
        try:
            ledger._check_opening()
            finish_erasures(ledger)
            delete_pruned(ledger)
            announce_second_key(ledger)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def _opened(cls, database: Database, folder: Path, branch: str, new: bool, passphrase: bytes | None) -> Ledger:
        db = database.connect(create=True)
        keys = None
        try:
            new = new or database.is_empty(db)
            keys = KeyFolder.open(folder, create=new, passphrase=passphrase)
            if new:
                signer = Signer(f"tellerbox/{branch}", keys.signing)
                database.create(db, signer.name, signer.vkey, signer.checkpoint(0, Tree().root()))
            if problem := database.prepare(db):
                raise ComplianceError(f"the ledger cannot be opened: {problem} ({database.place})")
            with transaction(db):  # fails now, not at the first answer, where nothing can be written
                db.execute("UPDATE head SET id = 0")
                chain = current_chain(Snapshot(db))
                signer = current_signer(chain, keys)
        except BaseException as error:
            db.close()
            if keys is not None:
                keys.close()
            if isinstance(error, VerifyError):
                raise ComplianceError(f"the ledger is damaged: {error} ({database.place})") from None
            raise
        return cls(database, branch, db, keys, chain, signer)

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return self._signer.name

    @property
    def vkey(self) -> str:
        """The public verifier key in use, to be published where auditors find it."""
        return self._chain.keys[-1][0]

    @property
    def chain(self) -> KeyChain:
        """Every verifier key this ledger ever had, oldest first."""
        return self._chain

    @property
    def signer(self) -> Signer:
        """Who signs its head, for the other modules of this package."""
        return self._signer

    @property
    def keys(self) -> KeyFolder:
        """Its key folder, for the other modules of this package."""
        return self._keys

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
        try:
            self._group.submit(pending)
        except ComplianceError as error:  # the batch failed as one: each of its writers raises an error of its own
            raise ComplianceError(str(error)) from error

    def _write_batch(self, batch: Sequence[_Pending]) -> None:
        with self._commit_lock, self.database.in_words("nothing was recorded"):
            self._write(batch)

    def _write(self, batch: Sequence[_Pending]) -> None:
        with self._grown() as tree:
            wanted = {each.key_id for each in batch if each.key_id is not None}
            alive = self._keys.alive(wanted) if wanted else set()
            for each in batch:
                each.stale_key = each.key_id is not None and each.key_id not in alive
            self._put(tree, [each for each in batch if not each.stale_key])

    def _put(self, tree: Tree, batch: Sequence[_Pending]) -> None:
        entries, nodes = [], []
        for each in batch:
            each.index, each.leaf = tree.size, entry_leaf(each.header, each.sealed)
            entries.append((each.index, each.header.decode(), each.sealed))
            nodes += tree.push(each.leaf)
        insert(self._db, "entry (idx, header, sealed)", entries)
        insert(self._db, "node (level, idx, hash)", nodes)

    @contextmanager
    def _grown(self) -> Iterator[Tree]:
        """One write transaction on the tree as it stands, to be grown; its head is signed at the end."""
        if self._closed:
            raise ComplianceError("nothing was recorded: the ledger is closed")
        with transaction(self._db):
            self._unmoved()
            tree = self._grown_from()
            yield tree
            root = tree.root()
            note = self._signer.checkpoint(tree.size, root)
            self._db.execute("UPDATE head SET size = ?, note = ?", (tree.size, note))
        self._state.tree, self._state.root = tree, root

    def record_alone(
        self, make: Callable[[Snapshot], Header], also: Callable[[Connection, int], object] | None = None
    ) -> Entry:
        """Records, with no other record between, a header made from the ledger as it stands, and changes with it in one
        transaction what `also(connection, index)` changes. For the other modules of this package."""
        with self._commit_lock, self.database.in_words("nothing was recorded"):
            signer = self._signer
            try:
                with self._grown() as tree:
                    header = make(Snapshot(self._db))
                    pending = _Pending(header.encode(), b"", None)
                    self._put(tree, [pending])
                    if also is not None:
                        also(self._db, tree.size - 1)
            except BaseException:
                self._signer = signer
                raise
            return Entry(tree.size - 1, header, pending.leaf)

    def sign_from_now(self, signer: Signer) -> None:
        """Signs the head that is being written, and those after it, with another key (`compliance.rotation`)."""
        self._signer = signer

    def _grown_from(self) -> Tree:
        """The tree to grow: ours, or where another process wrote since, the one it signed."""
        view, ours = Snapshot(self._db), self._state.tree
        try:
            if view.size != ours.size:
                root = self.root_of(view)
                if view.size < ours.size:
                    raise VerifyError("its head is not the one that was signed last")
                ours = merkle.tree(view.node, view.size)
                if ours.root() != root:
                    raise VerifyError("its tree is not the one that was signed")
                self._signer = current_signer(self._chain, self._keys, self._signer)
        except VerifyError as error:
            raise ComplianceError(f"nothing was recorded: the ledger is damaged: {error} ({self.database.place})") from None
        return Tree(ours.size, ours.peaks)

    def erase(self, session: str) -> Entry:
        """Destroys the keys of a session and records that it was done; see `compliance.erasure`."""
        return erase(self, session)

    @contextmanager
    def transaction(self, doing: str) -> Iterator[Connection]:
        """A write transaction between two commits, for the other modules of this package; errors begin with `doing`."""
        with self._commit_lock, self.database.in_words(doing), transaction(self._db):
            yield self._db

    # ---- reading ----------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A view of the ledger as of now that does not move while it is open, for exports."""
        if self._closed:
            raise ComplianceError("the ledger is closed")
        with self.database.snapshot("the ledger cannot be read") as view:
            yield view

    def read(self, index: int, *, decrypt: bool = True) -> tuple[Header, Mapping[str, Json] | None]:
        """Header and body of a record, proved against the signed root first. The body is None where its key was
        destroyed, and where `decrypt` is False. Raises ComplianceError for a record that is not there or was
        changed."""
        with self.snapshot() as view:
            encoded, sealed, _, _ = view.entry(index, self.root_of(view))
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
            _, leaf, proof = view.proof(index, self.root_of(view))
            return format_receipt(index, leaf, proof, view.note)

    def prove(self, receipt: str) -> Proved:
        """The record that a receipt is about, once the receipt is verified, the ledger still holds that record (or,
        where it was pruned, its hash) unchanged, and the ledger of then is a prefix of the ledger of now; raises
        ComplianceError."""
        with self.snapshot() as view:
            root = self.root_of(view)
            try:
                parsed, then = verify_receipt(receipt, self._chain)
            except VerifyError as error:
                raise ComplianceError(f"the receipt does not hold: {error}") from None
            if then.size > view.size:
                problem = f"the receipt is of a ledger of {then.size} records, this one holds {view.size}: rolled back"
                raise ComplianceError(problem)
            encoded, leaf, _ = view.proof(parsed.index, root)
            if leaf != parsed.leaf or merkle.tree(view.node, then.size).root() != then.root:
                raise ComplianceError(f"the ledger is not the one the receipt of record {parsed.index} was given from")
            return Proved(parsed.index, None if encoded is None else Header.decode(encoded), leaf)

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
            return verify_snapshot(view, self._keys, self.database.damage, lambda: self._headers_from(view.size), progress)

    def _headers_from(self, start: int) -> Iterator[bytes]:
        with self.snapshot() as view:
            yield from (header for _, header, _ in view.entries(start))

    def checkpoint(self) -> str:
        """The signed head (C2SP tlog-checkpoint) with the cosignatures there are for it, kept in the ledger as
        published, to be kept elsewhere too."""
        with self._commit_lock, self.database.in_words("the checkpoint cannot be recorded"):
            if self._closed:
                raise ComplianceError("the ledger is closed")
            with transaction(self._db):
                self._unmoved()
                view = Snapshot(self._db)
                self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (view.size, self.published(view)))
                note: str = self._db.execute("SELECT note FROM checkpoint WHERE size = ?", (view.size,)).fetchone()[0]
            return note + "".join(line for _, line in view.cosignatures(view.size))

    def published(self, view: Snapshot) -> str:
        """The signed head with the second key's signature, where there is one: what leaves the box. Receipts have the
        first alone, to stay small enough for a QR code."""
        return view.note if self.second is None else view.note + self.second.line(note_signatures(view.note)[0])

    def settle_key(self) -> None:
        """Puts a new signing key in its place once its rotation is recorded."""
        with self.transaction("the key was changed, its file is not in place yet") as db:
            self.renew_chain(Snapshot(db))
            self._signer = current_signer(self._chain, self._keys)

    def empty_log(self) -> None:
        """Empties SQLite's write-ahead log, which still holds what was deleted."""
        with self._commit_lock, self.database.in_words("the deleted records are still in the database's files"):
            self.database.empty_log(self._db)

    def sign_bundle(self, text: str) -> str:
        """The signed note of a bundle's manifest, under a key name of its own."""
        if self._signer.vkey != self.vkey:
            self.settle_key()
        return self._signer.named(f"{self.origin}/bundle").sign(text)

    def close(self) -> None:
        """Closes the files; what was recorded stays recorded. May be called twice."""
        with self._commit_lock:
            if self._closed:
                return
            self._closed = True
            self._keys.close()
            self.database.close(self._db)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def root_of(self, view: Snapshot) -> bytes:
        """The root that the signed head of a snapshot states, its signature verified; raises VerifyError."""
        try:
            head = self._chain.open_checkpoint(view.note)
        except VerifyError:
            self.renew_chain(view)  # another process may have changed the key
            head = self._chain.open_checkpoint(view.note)
        if head.size != view.size:
            raise VerifyError(f"the signed head is of {head.size} records, the ledger states {view.size}")
        return head.root

    def renew_chain(self, view: Snapshot) -> None:
        """Takes the chain of keys from the ledger again, once its key was changed."""
        self._chain = current_chain(view)

    def _check_opening(self) -> None:
        with self.database.snapshot("the ledger cannot be opened") as view:
            root = self.root_of(view)
            self._state.tree, self._state.root = merkle.tree(view.node, view.size), root
            if self._state.tree.root() != root:
                raise VerifyError("its tree is not the one that was signed")
            if view.size < self._keys.seen:
                raise VerifyError(f"it holds {view.size} records and held {self._keys.seen} before: it was rolled back")
            if view.query("SELECT 1 FROM entry WHERE idx >= ? OR idx < 0 LIMIT 1", (view.size,)):
                raise VerifyError(f"record {view.size} is not signed for")
            start = max(0, view.size - OPENING_CHECK)
            for index, header, sealed in view.records(start):
                if header is not None and sealed is not None and entry_leaf(header, sealed) != view.node(0, index):
                    raise VerifyError(f"record {index} is not what was recorded")
