"""What every export shares: the records of a period, a file that appears whole or not at all, the record of the export.

Records are read from one snapshot, a few hundred at a time, so that memory does not grow with their number and writers
go on meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias

from compliance.errors import ComplianceError
from compliance.instant import instant
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.retention import pruned_ranges
from compliance.store import Snapshot, in_words, sync_folder

Progress = Callable[[int, int], None]
AT_ONCE = 512
"""Records between two calls of `progress`, and between two look-ups of which keys are left."""


@dataclass(frozen=True, slots=True)
class Period:
    """The records [first, first + count) of a ledger of `size` records with this signed head; of `pruned` of them only
    the hashes are left. `published` is that head with the signature of the second key too, where there is one."""

    first: int
    count: int
    size: int
    note: str
    since: str | None
    until: str | None
    pruned: int = 0
    published: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the ledger keeps it; `erased`: it had a text and its key was destroyed."""

    index: int
    header: bytes
    sealed: bytes
    erased: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """A record that a pruning took out: its leaf hash (32 bytes) is what is left."""

    index: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """The records of one export, as of one moment; `decrypt`: the redacted texts were asked for; `sealed`: they were,
    sealed as they are stored, without their keys."""

    ledger: Ledger
    view: Snapshot
    period: Period
    decrypt: bool
    progress: Progress | None = None
    sealed: bool = False

    def records(self) -> Iterator[Stored]:
        """Every record of the period that was not pruned, in order; constant memory."""
        return (each for each in self.places() if isinstance(each, Stored))

    def places(self) -> Iterator[Stored | Pruned]:
        """Every record of the period, in order, the pruned ones among them; constant memory."""
        expected, stop = self.period.first, self.period.first + self.period.count
        for record in self._stored():
            yield from (self._pruned(index) for index in range(expected, record.index))
            yield record
            expected = record.index + 1
        yield from (self._pruned(index) for index in range(expected, stop))

    def _pruned(self, index: int) -> Pruned:
        if not self.view.is_pruned(index):
            raise ComplianceError(f"the ledger is damaged: record {index} is missing")
        return Pruned(index, self.view.node(0, index))

    def _stored(self) -> Iterator[Stored]:
        rows = self.view.entries(self.period.first, self.period.first + self.period.count)
        done = 0
        while some := list(islice(rows, AT_ONCE)):
            readable = self.ledger.readable([sealed for _, _, sealed in some])
            for (index, header, sealed), alive in zip(some, readable, strict=True):
                yield Stored(index, header, sealed, bool(sealed) and not alive)
            done += len(some)
            if self.progress and done < self.period.count:
                self.progress(done, self.period.count)
        if self.progress:
            self.progress(self.period.count, self.period.count)


Write: TypeAlias = "Callable[[Source, BinaryIO], object]"


def export_file(
    ledger: Ledger,
    out: Path,
    form: str,
    write: Write,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
) -> int:
    """Writes the records of a period to `out` in one format, whole or not at all, and records the export in the ledger;
    returns how many records it covers.

    `since` is a day or an ISO 8601 time, inclusive; `until` a day, inclusive, or a time, exclusive; both UTC unless they
    say otherwise. The range is the unbroken run of records from the first to the last of the period. Raises
    ComplianceError, leaving no file."""
    with drafted(out) as draft:
        with ledger.snapshot() as view, draft.open("xb") as file:
            period = replace(find_period(view, since, until), published=ledger.published(view))
            write(Source(ledger, view, period, decrypt, progress), file)
            file.flush()
            os.fsync(file.fileno())
        record_export(ledger, form, period, decrypt, draft, role)
    return period.count


def find_period(view: Snapshot, since: str | None, until: str | None) -> Period:
    """The records between two moments (see `export_file`); raises ComplianceError for what is neither day nor time."""
    start, stop = instant(since, last=False), instant(until, last=True)
    time = "json_extract(header, '$.time_utc')"
    found = view.query(
        f"SELECT min(idx), max(idx) FROM entry WHERE {time} >= ? AND {time} < ?",
        (start or "", stop or "~"),
    )
    ranges = [(found[0][0], found[0][1] + 1)] if found[0][0] is not None else []
    gone = [(each.first, each.stop) for each in pruned_ranges(view) if each.until >= (start or "") and each.since < (stop or "~")]
    if not ranges and not gone:
        return Period(view.size, 0, view.size, view.note, start, stop)
    first, after = min(each[0] for each in ranges + gone), max(each[1] for each in ranges + gone)
    left = view.query("SELECT count(*) FROM entry WHERE idx >= ? AND idx < ?", (first, after))[0][0]
    return Period(first, after - first, view.size, view.note, start, stop, after - first - left)


def record_export(ledger: Ledger, form: str, period: Period, decrypt: bool, path: Path, role: str, sealed: bool = False) -> None:
    """Records who took which records out, and the hash of what was written (of the manifest, for a bundle)."""
    header = Header.now(
        "export",
        branch=ledger.branch,
        role=role,
        facts={
            "format": form,
            "first": period.first,
            "count": period.count,
            "since": period.since,
            "until": period.until,
            "decrypted": decrypt,
            "sealed": sealed,
            "sha256": sha256_of(path),
        },
    )
    ledger.append(header, {})


@contextmanager
def drafted(out: Path) -> Iterator[Path]:
    """A path beside `out` that takes its place when all went well, and is gone otherwise."""
    draft = parent_of(out) / f".{out.name}.{secrets.token_hex(4)}"
    with in_words(out, "the export cannot be written"):
        if out.is_dir():
            raise ComplianceError(f"the export cannot be written: {out} is a folder")
        try:
            yield draft
            os.replace(draft, out)
            sync_folder(parent_of(out))
        finally:
            draft.unlink(missing_ok=True)


def parent_of(out: Path) -> Path:
    """The folder to write to; raises ComplianceError where there is none."""
    parent = out.absolute().parent
    if not parent.is_dir():
        raise ComplianceError(f"there is no folder {parent} to write to")
    return parent


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
