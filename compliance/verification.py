"""Recompute a whole ledger from its records and name the first thing that is not as it was signed."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from compliance.errors import ComplianceError
from compliance.keys import KeyFolder
from compliance.store import Snapshot, entry_leaf
from compliance.verify import KEY_ID_BYTES, Tree, VerifyError, open_checkpoint

Progress = Callable[[int, int], None]
PROGRESS_EVERY = 4096


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found: `problem` is None or the first broken thing in one line, at record `index` if it is one."""

    size: int
    root: str
    checkpoints: int
    erased: int
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
        texts = f", {self.erased} erased" if self.erased else ""
        return f"{self.size} records verified{texts}; {self.checkpoints} checkpoints; root {self.root}"


class BrokenError(Exception):
    """The first broken thing; `index` is the record it was found at."""

    def __init__(self, problem: str, index: int | None = None) -> None:
        super().__init__(problem)
        self.index = index


def verify_snapshot(
    view: Snapshot,
    vkey: str,
    keys: KeyFolder,
    later: Callable[[], Iterable[bytes]] = tuple,
    progress: Progress | None = None,
) -> Verification:
    """Verifies, in this order: the signed head, every record against the stored tree (RFC 6962 §2.1), the roots of the
    published checkpoints, the head's root, the keys, the database file itself. Constant memory; never raises for
    damage."""
    checkpoints = erased = 0
    root = ""
    try:
        head = open_checkpoint(view.note, vkey)
        root = base64.b64encode(head.root).decode()
        if head.size != view.size:
            raise BrokenError(f"the signed head is of {head.size} records, the ledger states {view.size}")
        published = _published(view, vkey)
        checkpoints = len(published)
        missing, first_missing = _recompute(view, head.root, published, keys, progress)
        _explain_missing(first_missing, later)
        erased = sum(missing.values())
        if problem := view.file_problem() or keys.damaged():
            raise BrokenError(problem)
    except BrokenError as error:
        return Verification(view.size, root, checkpoints, erased, str(error), error.index)
    except (VerifyError, ComplianceError) as error:
        return Verification(view.size, root, checkpoints, erased, str(error))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        problem = f"the database file is damaged ({type(error).__name__})"
        return Verification(view.size, root, checkpoints, erased, problem)
    return Verification(view.size, root, checkpoints, erased)


def _published(view: Snapshot, vkey: str) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for size, note in view.checkpoints():
        checkpoint = open_checkpoint(note, vkey)
        if checkpoint.size != size or size > view.size:
            raise BrokenError(f"checkpoint {size} was published, and the ledger holds {view.size} records")
        found[size] = checkpoint.root
    return found


def _recompute(
    view: Snapshot, root: bytes, published: Mapping[int, bytes], keys: KeyFolder, progress: Progress | None
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Rebuilds the tree from the records; returns, for each key that is gone, how many records it leaves unreadable,
    and the first of them for each such key whose erasure no record names."""
    tree, levels, bodies = Tree(), _Levels(view), _Bodies(keys)
    if published.get(0, tree.root()) != tree.root():
        raise BrokenError("checkpoint 0 is not of an empty ledger")
    for index, header, sealed in _records(view):
        for level, place, digest in tree.push(entry_leaf(header, sealed)):
            if levels.take(level) != (place, digest):
                where = f"record {index} was changed" if level == 0 else f"node {place} of level {level} was changed"
                raise BrokenError(where, index)
        if index + 1 in published and published[index + 1] != tree.root():
            raise BrokenError(f"checkpoint {index + 1} is of other records", index)
        bodies.see(index, header, sealed)
        if progress and (index + 1) % PROGRESS_EVERY == 0:
            progress(index + 1, view.size)
    if (surplus := levels.surplus()) is not None:
        raise BrokenError(f"level {surplus} of the tree holds nodes that no record explains")
    if tree.root() != root:
        raise BrokenError(f"the {view.size} records are not those that the head signed")
    if progress:
        progress(view.size, view.size)
    return bodies.missing, bodies.unexplained()


class _Bodies:
    """Which sealed bodies can still be read, and whether an erasure was recorded for those that cannot."""

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys
        self._readable: set[bytes] = set()
        self._first: dict[bytes, int] = {}
        self._erased: set[bytes] = set()
        self.missing: dict[bytes, int] = {}

    def see(self, index: int, header: bytes, sealed: bytes) -> None:
        self._erased |= _erased_keys(header)
        if not sealed:
            return
        key_id = sealed[1 : 1 + KEY_ID_BYTES]
        if key_id in self._readable:
            return
        if key_id not in self.missing and self._keys.alive((key_id,), doomed=True):
            if len(self._readable) >= PROGRESS_EVERY:
                self._readable.clear()  # a session's records stand close together: forgetting costs little
            self._readable.add(key_id)
            return
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


def _records(view: Snapshot) -> Iterator[tuple[int, bytes, bytes]]:
    expected = 0
    try:
        for row in view.entries(-(2**63), 2**63 - 1):
            if row[0] != expected:
                extra = f"record {row[0]} stands where record {expected} should" if row[0] < expected else ""
                raise BrokenError(extra or f"record {expected} is missing", expected)
            yield row
            expected += 1
    except (sqlite3.Error, UnicodeDecodeError, ComplianceError):
        raise BrokenError(f"record {expected} cannot be read: the file is damaged", expected) from None
    if expected != view.size:
        kind = "missing" if expected < view.size else "not signed for"
        raise BrokenError(f"record {min(expected, view.size)} is {kind}", min(expected, view.size))


class _Levels:
    """The stored nodes, level by level, read in step with the rebuilt ones."""

    def __init__(self, view: Snapshot) -> None:
        self._view = view
        self._open: dict[int, Iterator[tuple[int, bytes]]] = {}

    def take(self, level: int) -> tuple[int, bytes] | None:
        if level not in self._open:
            self._open[level] = self._view.level(level)
        return next(self._open[level], None)

    def surplus(self) -> int | None:
        for level in sorted(self._open):
            if self.take(level) is not None:
                return level
        known = self._view.level_numbers()
        return next((level for level in known if level not in self._open), None)


def _erased_keys(header: bytes) -> set[bytes]:
    if b'"kind":"erasure"' not in header:  # saves reading every header as JSON
        return set()
    members = json.loads(header)
    if members["kind"] != "erasure":
        return set()
    return {bytes.fromhex(each) for each in members["facts"].get("keys", [])}
