"""Recompute a whole ledger from its records and name the first thing that is not as it was signed."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from compliance import merkle
from compliance.errors import ComplianceError
from compliance.keys import KeyFolder
from compliance.record import Header
from compliance.rotation import current_chain, rotations
from compliance.second_key import second_key
from compliance.store import ForeignDatabaseError, Snapshot, entry_leaf
from compliance.verify import KEY_ID_BYTES, KeyChain, Tree, VerifyError, carries, node_hash, span, verify_cosignature

Progress = Callable[[int, int], None]
CHUNK = 4096
"""How many records are hashed and compared at a time; a power of two, so that each chunk is a subtree."""
Row: TypeAlias = tuple[int, bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found: `problem` is None or the first broken thing in one line, at record `index` if it is one."""

    size: int
    root: str
    checkpoints: int
    erased: int
    pruned: int
    problem: str | None = None
    index: int | None = None

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.problem is None

    @property
    def summary(self) -> str:
        """One line for a person."""
        if self.problem is not None:
            return f"NOT VERIFIED: {self.problem}"
        texts = (f", {self.erased} erased" if self.erased else "") + (f", {self.pruned} pruned" if self.pruned else "")
        return f"{self.size} records verified{texts}; {self.checkpoints} checkpoints; root {self.root}"


class BrokenError(Exception):
    """The first broken thing; `index` is the record it was found at."""

    def __init__(self, problem: str, index: int | None = None) -> None:
        super().__init__(problem)
        self.index = index


def verify_snapshot(
    view: Snapshot,
    keys: KeyFolder,
    file_damage: Callable[[], str | None],
    later: Callable[[], Iterable[bytes]] = tuple,
    progress: Progress | None = None,
) -> Verification:
    """Verifies, in this order: the chain of keys, the signed head, every record against the stored tree (RFC 6962
    §2.1), the roots of the published checkpoints and of the rotations of keys, the head's root, the prunings, the keys,
    the database file itself. Constant memory; never raises for damage."""
    checkpoints = erased = pruned = 0
    root = ""
    try:
        chain = current_chain(view)
        head = chain.open_checkpoint(view.note)
        root = base64.b64encode(head.root).decode()
        if head.size != view.size:
            raise BrokenError(f"the signed head is of {head.size} records, the ledger states {view.size}")
        published = _published(view, chain)
        checkpoints = len(published)
        with ThreadPoolExecutor(1) as beside:  # SQLite reads its whole file, outside of Python's lock, meanwhile
            file_problem = beside.submit(file_damage)
            bodies = _Recomputation(view, keys, published, progress).run(head.root)
        pruned = bodies.pruned
        _check_prunings(view)
        _explain_missing(bodies.unexplained(), later)
        erased = sum(bodies.missing.values())
        if problem := view.schema_problem() or file_problem.result() or keys.damaged():
            raise BrokenError(problem)
    except BrokenError as error:
        return Verification(view.size, root, checkpoints, erased, pruned, str(error), error.index)
    except (VerifyError, ComplianceError) as error:
        return Verification(view.size, root, checkpoints, erased, pruned, str(error))
    except ForeignDatabaseError as error:
        return Verification(view.size, root, checkpoints, erased, pruned, str(error))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        problem = f"the database file is damaged ({type(error).__name__})"
        return Verification(view.size, root, checkpoints, erased, pruned, problem)
    return Verification(view.size, root, checkpoints, erased, pruned)


def _published(view: Snapshot, chain: KeyChain) -> dict[int, bytes]:
    """The root that each published checkpoint states, by its size."""
    found: dict[int, bytes] = {}
    second = second_key(view)
    for size, note in view.checkpoints():
        checkpoint = chain.open_checkpoint(note)
        if checkpoint.size != size or size > view.size:
            raise BrokenError(f"checkpoint {size} was published, and the ledger holds {view.size} records")
        for witness, line in view.cosignatures(size):
            verify_cosignature(note + line, witness)
        if second is not None and carries(note, second):
            verify_cosignature(note, second)
        found[size] = checkpoint.root
    return found


class _Recomputation:
    """Rebuilds the tree from the records, a chunk at a time, and compares it node by node with the stored one."""

    def __init__(self, view: Snapshot, keys: KeyFolder, published: Mapping[int, bytes], progress: Progress | None) -> None:
        self._view = view
        self._progress = progress
        self._tree = Tree()
        self._bodies = _Bodies(keys)
        self._wanted = [(size, root, f"checkpoint {size} is of other records") for size, root in published.items()]
        for each in rotations(view):
            self._wanted.append((each.size, each.root, f"the rotation of keys in record {each.size} is of other records"))
        self._wanted.sort(reverse=True)

    def run(self, root: bytes) -> _Bodies:
        """The bodies seen, once every record, node and published root is found to be as it was signed; raises
        BrokenError."""
        self._check_wanted(0)
        for rows, broken in _chunks(self._view):
            self._check(rows)
            if broken is not None:
                raise broken
            if self._progress:
                self._progress(self._tree.size, self._view.size)
        size = self._view.size
        for level, count in self._view.level_counts().items():
            if level < 0 or count != size >> level:
                raise BrokenError(f"level {level} of the tree holds nodes that no record explains")
        if self._tree.root() != root:
            raise BrokenError(f"the {size} records are not those that the head signed")
        if self._progress:
            self._progress(size, size)
        return self._bodies

    def _check(self, rows: Sequence[Row]) -> None:
        first = self._tree.size
        stop = first + len(rows)
        stored = self._view.nodes(0, first, stop)
        leaves = [
            entry_leaf(header, sealed)
            if header is not None and sealed is not None
            else (stored[index - first] if index - first < len(stored) else b"")  # pruned: the root commits to its hash
            for index, header, sealed in rows
        ]
        levels = [leaves]
        while len(levels[-1]) > 1:
            below = iter(levels[-1])
            levels.append(list(map(node_hash, below, below)))
        for level, hashes in enumerate(levels):
            kept = self._view.nodes(level, first >> level, (first >> level) + len(hashes)) if level else stored
            if kept != hashes:
                self._name_first(level, first >> level, hashes, kept)
        for level, place in span(first, stop):
            for above, at, digest in self._tree.push(levels[level][place - (first >> level)], level):
                if above >= len(levels) and self._view.node(above, at) != digest:
                    raise BrokenError(f"node {at} of level {above} was changed", stop - 1)
        self._check_wanted(stop)
        self._bodies.see(rows)

    def _name_first(self, level: int, first: int, made: Sequence[bytes], stored: Sequence[bytes]) -> None:
        for at, digest in enumerate(made):
            if at >= len(stored) or stored[at] != digest:
                place = first + at
                where = f"record {place} was changed" if level == 0 else f"node {place} of level {level} was changed"
                raise BrokenError(where, place << level)

    def _check_wanted(self, stop: int) -> None:
        """Compares the roots that were published for up to `stop` records, whose nodes are found sound by now."""
        while self._wanted and self._wanted[-1][0] <= stop:
            size, root, problem = self._wanted.pop()
            if merkle.tree(self._view.node, size).root() != root:
                raise BrokenError(problem, max(0, size - 1))


class _Bodies:
    """Which sealed bodies can still be read, and whether an erasure was recorded for those that cannot."""

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys
        self._first: dict[bytes, int] = {}
        self._erased: set[bytes] = set()
        self.missing: dict[bytes, int] = {}
        self.pruned = 0

    def see(self, rows: Sequence[Row]) -> None:
        """A chunk of records."""
        used = {sealed[1 : 1 + KEY_ID_BYTES] for _, _, sealed in rows if sealed}
        gone = used - self._keys.alive(used, doomed=True)
        for index, header, sealed in rows:
            if header is None or sealed is None:
                self.pruned += 1
                continue
            if b'"kind":"erasure"' in header:  # saves reading every header as JSON
                self._erased |= _erased_keys(header)
            if gone and sealed and (key_id := sealed[1 : 1 + KEY_ID_BYTES]) in gone:
                self.missing[key_id] = self.missing.get(key_id, 0) + 1
                self._first.setdefault(key_id, index)

    def unexplained(self) -> dict[bytes, int]:
        return {key_id: index for key_id, index in self._first.items() if key_id not in self._erased}


def _explain_missing(first: Mapping[bytes, int], later: Callable[[], Iterable[bytes]]) -> None:
    if first:
        erased = set().union(*(_erased_keys(header) for header in later()))
        for key_id, index in first.items():
            if key_id not in erased:
                raise BrokenError(f"the key of record {index} is missing and no erasure of it is recorded", index)


def _chunks(view: Snapshot) -> Iterator[tuple[list[Row], BrokenError | None]]:
    """The records in order, CHUNK at a time; the last chunk comes with what is broken after it, so that what is broken
    before it can be named first. Whole chunks are read at once; from the first that is not as it should be, or has
    pruned records, they are read one by one."""
    start = 0
    while start < view.size:
        rows = _whole_chunk(view, start)
        if rows is None:
            break
        yield rows, None
        start += len(rows)
    single: list[Row] = []
    try:
        for row in _records(view, start):
            single.append(row)
            if len(single) == CHUNK:
                yield single, None
                single = []
    except BrokenError as error:
        yield single, error
        return
    if single:
        yield single, None


def _whole_chunk(view: Snapshot, start: int) -> list[Row] | None:
    """The records from `start` on, up to the end or CHUNK of them, None where anything about them is odd."""
    stop = min(start + CHUNK, view.size)
    try:
        rows = view.query("SELECT idx, CAST(header AS BLOB), sealed FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop))
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    sound = len(rows) == stop - start and all(type(header) is bytes is type(sealed) for _, header, sealed in rows)
    return rows if sound else None


def _records(view: Snapshot, start: int) -> Iterator[Row]:
    expected = start
    try:
        if next(view.entries(-(2**63), 0), None) is not None:
            raise BrokenError("a record stands before the first", 0)
        for row in view.entries(start, 2**63 - 1):
            while expected < row[0] and view.is_pruned(expected):
                yield expected, None, None
                expected += 1
            if row[0] != expected:
                raise BrokenError(f"record {expected} is missing", expected)
            yield row
            expected += 1
    except (sqlite3.Error, UnicodeDecodeError, ComplianceError):
        raise BrokenError(f"record {expected} cannot be read: the file is damaged", expected) from None
    while expected < view.size and view.is_pruned(expected):
        yield expected, None, None
        expected += 1
    if expected != view.size:
        kind = "missing" if expected < view.size else "not signed for"
        raise BrokenError(f"record {min(expected, view.size)} is {kind}", min(expected, view.size))


def _check_prunings(view: Snapshot) -> None:
    """Whether every pruned range is one that a record of a pruning, which the tree commits to, names."""
    recorded = set()
    for index, header, _ in view.events():
        decoded = Header.decode(header)
        if decoded.kind == "prune":
            ranges = decoded.facts.get("ranges")
            for each in ranges if isinstance(ranges, list) else ():
                recorded.add((each[0], each[1], index))
    for row in view.pruned():
        if row not in recorded:
            raise BrokenError(f"record {row[0]} is marked as pruned, and no record of that is there", row[0])


def _erased_keys(header: bytes) -> set[bytes]:
    members = json.loads(header)
    if members["kind"] != "erasure":
        return set()
    return {bytes.fromhex(each) for each in members["facts"].get("keys", [])}
