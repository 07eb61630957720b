"""Recompute the copy of a box's ledger and compare it with what the box signed; name the first thing that is not so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from compliance.database import Database
from compliance.errors import ComplianceError
from compliance.fleet.box_copy import CopyView
from compliance.fleet.copies import Copies, reading
from compliance.verification import CHUNK, BrokenError, Progress
from compliance.verify import KEY_ID_BYTES, Tree, VerifyError, leaf_data, leaf_hash, whole_root

Entry: TypeAlias = tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class CopyVerification:
    """One copy: whose, how many records it holds, of how many its largest checkpoint is; `problem` is None or the first
    broken thing in one line."""

    origin: str
    place: str
    records: int = 0
    size: int = 0
    problem: str | None = None


def verify_copies(copies: Copies, box: str = "", progress: Progress | None = None) -> Iterator[CopyVerification]:
    """Verifies every copy, or that of one box (the name of its log, or of its branch); constant memory, never raises for
    damage to a copy. Raises ComplianceError where there is no copy of this box, or the store cannot be read."""
    found = False
    for database in copies.all():
        done = _verified(copies, database, progress, box)
        if done is not None:
            found = True
            yield done
    if box and not found:
        raise ComplianceError(f"there is no copy of the ledger of {box}")


def is_of(origin: str, box: str) -> bool:
    """Whether a log is the one that is meant: named in full, or by its branch."""
    return box in ("", origin, origin.removeprefix("tellerbox/"))


def _verified(copies: Copies, database: Database, progress: Progress | None, box: str) -> CopyVerification | None:
    origin, records, size = "", 0, 0
    try:
        with reading(copies, database) as view:
            if view is None or not is_of(view.origin, box):
                return None
            origin, records, size = view.origin, view.records, view.size
            _Recomputation(view, progress).run()
        if damage := database.damage():
            raise BrokenError(damage)
    except (BrokenError, VerifyError, ComplianceError) as error:
        return CopyVerification(origin, database.place, records, size, str(error))
    return CopyVerification(origin, database.place, records, size)


class _Recomputation:
    """Rebuilds the tree of a copy from its records, and compares it with the stored one and with every checkpoint."""

    def __init__(self, view: CopyView, progress: Progress | None) -> None:
        self._view, self._progress = view, progress
        self._tree = Tree()
        self._rotated: set[int] = set()
        self._bodies = 0
        # by size, what the first so many records must give: a root, with hashes that follow where the copy ended
        self._wanted: dict[int, list[tuple[int, tuple[bytes, ...], bytes]]] = {}

    def run(self) -> None:
        """Raises BrokenError, VerifyError or ComplianceError where something is not as it should be."""
        view = self._view
        if problem := view.schema_problem():
            raise BrokenError(problem)
        self._want()
        self._compare_roots()
        rows = view.entries()
        while some := list(islice(rows, CHUNK)):
            self._check(some)
            if self._progress:
                self._progress(self._tree.size, view.records)
        if self._tree.size != view.records:
            raise BrokenError(f"it holds {self._tree.size} records, and {view.records} were gathered")
        for level, count in view.level_counts().items():
            if level < 0 or count != view.records >> level:
                raise BrokenError(f"level {level} of the tree holds nodes that no record explains")
        if absent := self._rotated - set(view.rotations()):
            raise BrokenError(f"the rotation of keys in record {min(absent)} is missing from the keys")
        if view.counts()[1] != self._bodies:
            raise BrokenError("it holds sealed texts of records that are not there")

    def _want(self) -> None:
        chain, records = self._view.chain(), 0
        for number, each in enumerate(self._view.gatherings):
            if each.number != number:
                raise BrokenError(f"gathering {number} is missing")
            checkpoint = chain.open_checkpoint(each.note)
            if checkpoint.origin != self._view.origin or checkpoint.size != each.size:
                raise BrokenError(f"the checkpoint of gathering {each.number} is of another ledger")
            if not each.stop <= each.records or not records <= each.records <= self._view.records:
                raise BrokenError(f"gathering {each.number} states sizes that cannot be")
            records = each.records
            self._wanted.setdefault(each.stop, []).append((each.size, each.right, checkpoint.root))
            if each.size <= self._view.records:
                self._wanted.setdefault(each.size, []).append((each.size, (), checkpoint.root))

    def _compare_roots(self) -> None:
        for size, right, root in self._wanted.pop(self._tree.size, ()):
            if whole_root(Tree(self._tree.size, self._tree.peaks), size, right) != root:
                raise BrokenError(f"the first {self._tree.size} records are not those of the checkpoint of {size} records")

    def _check(self, rows: Sequence[Entry]) -> None:
        first = self._tree.size
        stored = self._view.nodes(0, first, first + len(rows))
        for at, row in enumerate(rows):
            if row[0] != first + at:
                raise BrokenError(f"record {first + at} is missing")
            kept = stored[at] if at < len(stored) else b""
            # pruned before it was gathered: the root commits to the hash that is left
            if (self._leaf(row) or kept) != kept or not kept:
                raise BrokenError(f"record {first + at} was changed")
        made: dict[int, list[tuple[int, bytes]]] = {}
        for leaf in stored:
            for level, place, digest in self._tree.push(leaf)[1:]:
                made.setdefault(level, []).append((place, digest))
            self._compare_roots()
        for level, nodes in made.items():
            if self._view.nodes(level, nodes[0][0], nodes[0][0] + len(nodes)) != [digest for _, digest in nodes]:
                raise BrokenError(f"a node of level {level} of the tree was changed")

    def _leaf(self, row: Entry) -> bytes | None:
        index, header, digest, key_id, body = row
        if header is None or digest is None:
            if header is not None or digest is not None or body is not None:
                raise BrokenError(f"record {index} was changed")
            return None
        if body is not None:
            self._bodies += 1
            if hashlib.sha256(body).digest() != digest or key_id != body[1 : 1 + KEY_ID_BYTES]:
                raise BrokenError(f"the sealed text of record {index} was changed")
        if b'"kind":"key_rotation"' in header and _kind(header) == "key_rotation":
            self._rotated.add(index)
        return leaf_hash(leaf_data(header, digest))


def _kind(header: bytes) -> object:
    try:
        members = json.loads(header)
    except ValueError:
        return None
    return members.get("kind") if isinstance(members, dict) else None
