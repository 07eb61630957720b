"""Append what is new in one bundle to the copy of its box's ledger, while the bundle is verified.

All happens in one transaction, in constant memory. What the bundle and the copy both hold must be identical; the hashes
left of the bundle's range must be those of the copy's tree; and where the copy grows past an earlier checkpoint, the
tree must have that checkpoint's root. Whoever shows the same box two histories is found out by one of the three.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from compliance import merkle
from compliance.database import Connection
from compliance.fleet.box_copy import CopyView, Gathering
from compliance.fleet.findings import Finding, RefusedError
from compliance.fleet.schema import VERSION
from compliance.record import utc_now
from compliance.store import insert
from compliance.verify import (
    KEY_ID_BYTES,
    KeyChain,
    Opening,
    Row,
    Tree,
    VerifyError,
    note_signatures,
    open_rotation,
    parse_checkpoint,
    whole_root,
)

AT_ONCE = 1000
"""Records that are written, or compared with the copy's, at a time."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Appending:
    """The observer of one bundle's verification (`compliance.verify.Observer`); `view` is the copy, None: there is none
    yet, and `begin_copy` makes its tables. Raises RefusedError where the bundle does not fit the copy."""

    def __init__(self, db: Connection, view: CopyView | None, begin_copy: Callable[[], None]) -> None:
        self._db, self._view, self._begin_copy = db, view, begin_copy
        self._held = view.records if view else 0
        self._tree = merkle.tree(view.node, self._held) if view else Tree()
        self._wanted = {each.size: _root(each.note) for each in view.gatherings} if view else {}
        self._known: list[bytes] = []
        self._known_from = 0
        self._rows: list[Row] = []
        self._nodes: list[tuple[int, int, bytes]] = []
        self._rotated: set[int] = set()
        self.opening: Opening | None = None
        self.appended = 0

    # ---- as the bundle is read --------------------------------------------------------------------------------

    def begin(self, opening: Opening) -> None:
        """Whether the bundle can be of the box, and continue what is held."""
        self.opening = opening
        if not _TIME.fullmatch(opening.made):
            raise RefusedError(Finding.BROKEN, "line 1 does not say when the bundle was made")
        if self._view is None:
            self._found(opening)
        else:
            self._check_keys(opening, self._view.chain())
            self._check_history(opening, self._view)
        if opening.first > self._held:
            missing = f"{self._held} to {opening.first - 1}"
            raise RefusedError(Finding.GAP, f"records {missing} were never gathered: gather a bundle that holds them first")
        if self._view is not None and merkle.tree(self._view.node, opening.first).peaks != list(opening.left):
            raise RefusedError(Finding.FORK, f"its first {opening.first} records are not those that were gathered")

    def _found(self, opening: Opening) -> None:
        if opening.first == 0:
            self._begin_copy()
            box = (opening.checkpoint.origin, opening.chain.keys[0][0], VERSION)
            self._db.execute("INSERT INTO box VALUES (?, ?, ?)", box)

    def _check_keys(self, opening: Opening, chain: KeyChain) -> None:
        known = self._view.rotations() if self._view else {}
        shown = {open_rotation(note).size: note for note in opening.rotations}
        for size, note in known.items():
            if size < opening.checkpoint.size and shown.get(size) != note:
                raise RefusedError(Finding.FORK, f"its keys were not changed after {size} records, as was gathered")
        if set(shown) <= set(known):
            try:
                chain.open_checkpoint(opening.note)
            except VerifyError as error:
                raise RefusedError(Finding.FORK, str(error)) from None

    def _check_history(self, opening: Opening, view: CopyView) -> None:
        size, root = opening.checkpoint.size, opening.checkpoint.root
        for each in view.gatherings:
            if each.made < opening.made and size < each.size:
                words = f"at {opening.made} it held {size} records, and {each.size} at {each.made}: the box was rolled back"
                raise RefusedError(Finding.ROLLED_BACK, words)
        if (size in self._wanted and self._wanted[size] != root) or (size <= self._held and merkle.tree(view.node, size).root() != root):
            raise RefusedError(Finding.FORK, f"its {size} records are not those that were gathered")

    def row(self, row: Row) -> None:
        """Compares a record that is held, and takes one that is not."""
        if row.index < self._held:
            if self._leaf(row.index) != row.leaf:
                raise RefusedError(Finding.FORK, f"record {row.index} is another than was gathered")
            return
        self._nodes += self._tree.push(row.leaf)
        self._rows.append(row)
        self.appended += 1
        wanted = self._wanted.get(self._tree.size)
        if wanted is not None and self._tree.root() != wanted:
            words = f"its first {self._tree.size} records are not those of a checkpoint that was gathered before"
            raise RefusedError(Finding.FORK, words)
        if b'"kind":"key_rotation"' in row.header and _kind(row.header) == "key_rotation":
            self._rotated.add(row.index)
        if len(self._rows) == AT_ONCE:
            self._flush()
        if b'"kind":"erasure"' in row.header and _kind(row.header) == "erasure":
            self._forget(row.header)

    def _leaf(self, index: int) -> bytes:
        """The leaf hash of a record that is held."""
        if not self._known_from <= index < self._known_from + len(self._known):
            assert self._view is not None
            self._known_from = index
            self._known = self._view.nodes(0, index, min(index + AT_ONCE, self._held))
        at = index - self._known_from
        return self._known[at] if at < len(self._known) else b""

    def _flush(self) -> None:
        entries = [(each.index, each.header.decode() or None, each.digest or None) for each in self._rows]
        bodies = [(each.index, each.sealed[1 : 1 + KEY_ID_BYTES], each.sealed) for each in self._rows if each.sealed]
        insert(self._db, "entry (idx, header, digest)", entries)
        insert(self._db, "sealed (idx, key_id, body)", bodies)
        insert(self._db, "node (level, idx, hash)", self._nodes)
        self._rows, self._nodes = [], []

    def _forget(self, header: bytes) -> None:
        """Deletes the sealed bodies whose keys an erasure at the box destroyed."""
        self._flush()
        keys = json.loads(header)["facts"].get("keys")
        for each in keys if isinstance(keys, list) else ():
            try:
                key_id = bytes.fromhex(each)
            except (TypeError, ValueError):
                continue
            self._db.execute("DELETE FROM sealed WHERE key_id = ?", (key_id,))

    # ---- when it is verified ----------------------------------------------------------------------------------

    def finish(self, manifest: str) -> Finding:
        """Writes the rest, and that the bundle was gathered, once it is verified; `manifest` is the SHA-256 of its
        manifest. What came of it."""
        opening = self.opening
        assert opening is not None
        stop, checkpoint = opening.first + opening.count, opening.checkpoint
        if not self.appended and self._view is not None and checkpoint.size <= self._view.size:
            return Finding.NOTHING_NEW
        self._flush()
        if self.appended and whole_root(Tree(self._tree.size, self._tree.peaks), checkpoint.size, opening.right) != checkpoint.root:
            raise RefusedError(Finding.FORK, f"with the copy's first {self._held} records it is not what the box signed")
        self._keep_rotations(opening)
        number = len(self._view.gatherings) if self._view else 0
        rest = b"".join(opening.right)
        kept = Gathering(
            number, utc_now(), opening.made, self._tree.size, checkpoint.size, stop, rest, opening.note, manifest
        )  # fmt: skip
        values = [getattr(kept, name) for name in Gathering.__slots__]
        self._db.execute(f"INSERT INTO gathering VALUES ({','.join('?' * len(values))})", values)
        return Finding.APPENDED if self.appended else Finding.CHECKPOINT

    def _keep_rotations(self, opening: Opening) -> None:
        shown = {open_rotation(note).size: note for note in opening.rotations}
        if absent := self._rotated - set(shown):
            raise RefusedError(Finding.BROKEN, f"the rotation of keys in record {min(absent)} is not named in line 1")
        known = self._view.rotations() if self._view else {}
        for size in sorted(set(shown) - set(known)):
            self._db.execute("INSERT INTO rotation VALUES (?, ?)", (size, shown[size]))


def _kind(header: bytes) -> object:
    return json.loads(header).get("kind")


def _root(note: str) -> bytes:
    return parse_checkpoint(note_signatures(note)[0]).root
