"""Take records out of the box so that others can verify them: JSONL, and the bundle that carries its own verifier.

A JSONL export is one line that describes it (checkpoint, verifier key, range, the hashes left and right of the range)
and one line a record. With those hashes the whole range is rebuilt to the signed root, so a record that was left out,
added or changed is found (a compact-range proof over RFC 6962 §2.1). `compliance/verify.py` checks either form with
nothing of the box. Lines are built from bytes that are canonical JSON already; memory does not grow with the number of
records.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from compliance import verify
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header, canonical, utc_now
from compliance.store import Snapshot, in_words, sync_folder

Progress = Callable[[int, int], None]
PROGRESS_EVERY = 512


def export_jsonl(
    ledger: Ledger,
    out: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
) -> int:
    """Writes the records of a period to `out` as JSONL, whole or not at all, and records the export in the ledger;
    returns how many records. `since` is a day or an ISO 8601 time, inclusive; `until` a day, inclusive, or a time,
    exclusive; both UTC unless they say otherwise. With `decrypt` the redacted texts are in it, each with the key that
    proves it. The range is the unbroken run of records from the first to the last of the period. Raises
    ComplianceError, leaving no file."""
    with _drafted(out) as draft:
        with draft.open("xb") as file:
            period = _write_records(ledger, file.write, since, until, decrypt, progress)
            file.flush()
            os.fsync(file.fileno())
        _record(ledger, "jsonl", period, decrypt, draft, role)
    return period.count


def export_bundle(
    ledger: Ledger,
    out: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
) -> int:
    """Writes a bundle to `out`, a zip if it ends in .zip and a new folder otherwise: records.jsonl, the checkpoint, the
    verifier key, verify.py, a README for the auditor, and a signed manifest of their hashes. As `export_jsonl`
    otherwise."""
    if out.exists() and not out.name.endswith(".zip"):
        raise ComplianceError(f"{out} is there already: give a bundle a new name")
    with in_words(out, "the bundle cannot be written"), tempfile.TemporaryDirectory(dir=_parent(out)) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        with (folder / verify.RECORDS).open("xb") as file:
            period = _write_records(ledger, file.write, since, until, decrypt, progress)
        _write_rest(ledger, folder, period, decrypt)
        _record(ledger, "bundle", period, decrypt, folder / verify.MANIFEST, role)
        if out.name.endswith(".zip"):
            packed = Path(scratch) / "bundle.zip"
            with zipfile.ZipFile(packed, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for path in sorted(folder.iterdir()):
                    archive.write(path, path.name)
            _make_durable(packed)
            os.replace(packed, out)
        else:
            for path in folder.iterdir():
                _make_durable(path)
            os.replace(folder, out)
        sync_folder(_parent(out))
    return period.count


@dataclass(frozen=True, slots=True)
class _Period:
    """The records [first, first + count) of a ledger of `size` records with this signed head."""

    first: int
    count: int
    size: int
    note: str
    since: str | None
    until: str | None


def _write_records(
    ledger: Ledger,
    write: Callable[[bytes], object],
    since: str | None,
    until: str | None,
    decrypt: bool,
    progress: Progress | None,
) -> _Period:
    with ledger.snapshot() as view:
        period = _period(view, _instant(since, last=False), _instant(until, last=True))
        write(_description(ledger, view, period, decrypt) + b"\n")
        stop = period.first + period.count
        for done, (index, header, sealed) in enumerate(view.entries(period.first, stop), start=1):
            write(_line(ledger, index, header, sealed, decrypt))
            if progress and done % PROGRESS_EVERY == 0:
                progress(done, period.count)
        if progress:
            progress(period.count, period.count)
    return period


def _period(view: Snapshot, since: str | None, until: str | None) -> _Period:
    time = "json_extract(header, '$.time_utc')"
    found = view.query(
        f"SELECT min(idx), max(idx) FROM entry WHERE {time} >= ? AND {time} < ?",
        (since or "", until or "~"),
    )
    first, last = found[0]
    if first is None:
        return _Period(view.size, 0, view.size, view.note, since, until)
    return _Period(first, last + 1 - first, view.size, view.note, since, until)


def _description(ledger: Ledger, view: Snapshot, period: _Period, decrypt: bool) -> bytes:
    def hashes(start: int, stop: int) -> list[str]:
        return [_base64(view.node(level, index)) for level, index in verify.span(start, stop)]

    return canonical(
        {
            "export": "tellerbox/export/1",
            "origin": ledger.origin,
            "verifier_key": ledger.vkey,
            "checkpoint": period.note,
            "first": period.first,
            "count": period.count,
            "left": hashes(0, period.first),
            "right": hashes(period.first + period.count, period.size),
            "since": period.since,
            "until": period.until,
            "decrypted": decrypt,
            "made": utc_now(),
        }
    )


def _line(ledger: Ledger, index: int, header: bytes, sealed: bytes, decrypt: bool) -> bytes:
    """One record as canonical JSON, put together from parts that are canonical already."""
    start = b'{"header":' + header + b',"index":' + str(index).encode()
    if decrypt:
        if not sealed:
            return b'{"body":{},' + start[1:] + b',"sealed":""}\n'
        if found := ledger.disclose(header, sealed):
            key, body = found
            proof = f',"key":"{_base64(key)}","sealed":"{_base64(sealed)}"}}\n'.encode()
            return b'{"body":' + body + b"," + start[1:] + proof
        start = b'{"body":null,"erased":true,' + start[1:]
    digest = hashlib.sha256(sealed).hexdigest().encode()
    return start + b',"sealed_sha256":"' + digest + b'"}\n'


def _write_rest(ledger: Ledger, folder: Path, period: _Period, decrypt: bool) -> None:
    (folder / verify.CHECKPOINT).write_text(period.note, encoding="utf-8", newline="")
    (folder / verify.VERIFIER_KEY).write_text(ledger.vkey + "\n", encoding="utf-8", newline="")
    shutil.copyfile(Path(verify.__file__), folder / "verify.py")
    last = f"{period.first} to {period.first + period.count - 1}" if period.count else "none"
    texts = "the redacted texts are in it" if decrypt else "the texts are not in it, only their hashes"
    readme = _README.format(origin=ledger.origin, size=period.size, records=last, texts=texts, vkey=ledger.vkey)
    (folder / "README.txt").write_text(readme, encoding="utf-8", newline="")
    files = {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(folder.iterdir())}
    manifest = json.dumps({"bundle": "tellerbox/bundle/1", "files": files}, indent=1, sort_keys=True) + "\n"
    (folder / verify.MANIFEST).write_text(manifest, encoding="utf-8", newline="")
    note = ledger.sign_bundle(verify.manifest_text(hashlib.sha256(manifest.encode()).hexdigest()))
    (folder / verify.MANIFEST_NOTE).write_text(note, encoding="utf-8", newline="")


def _record(ledger: Ledger, form: str, period: _Period, decrypt: bool, path: Path, role: str) -> None:
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
            "sha256": _sha256(path),
        },
    )
    ledger.append(header, {})


def _instant(text: str | None, *, last: bool) -> str | None:
    """A day or a time as records write it; the end of a period named by a day is the next day's first moment."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if last and len(text.strip()) == len("2026-01-31"):
            moment += timedelta(days=1)
    except (ValueError, OverflowError):
        raise ComplianceError("a period is given as days (2026-01-31) or times (2026-01-31T09:00:00Z)") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _drafted(out: Path) -> Iterator[Path]:
    """A path beside `out` that takes its place when all went well, and is gone otherwise."""
    draft = _parent(out) / f".{out.name}.{secrets.token_hex(4)}"
    with in_words(out, "the export cannot be written"):
        if out.is_dir():
            raise ComplianceError(f"the export cannot be written: {out} is a folder")
        try:
            yield draft
            os.replace(draft, out)
            sync_folder(_parent(out))
        finally:
            draft.unlink(missing_ok=True)


def _parent(out: Path) -> Path:
    parent = out.absolute().parent
    if not parent.is_dir():
        raise ComplianceError(f"there is no folder {parent} to write to")
    return parent


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_README = """Records of a Tellerbox ledger
=============================

Ledger     {origin}, {size} records when this was made
Records    {records}; {texts}
Key        {vkey}

To verify, with Python 3.9 or later and `pip install cryptography`, offline:

    python verify.py

It ends with status 0 when the checkpoint is signed by the key above, every record is as it was
written, and none between the first and the last is missing; otherwise it names the first broken
thing. Two things it cannot know, so check them yourself:

- that the key is the branch's: compare it with the one the bank published, then run
      python verify.py --key '<that key>'
- that verify.py is honest: use a copy from a source you trust, with this folder as its argument.

records.jsonl    one line that describes the export, then one line a record: the header in clear, and
                 the hash of the sealed text; or, where texts are disclosed, the sealed text, the text
                 (`body`) and the key of that record alone, which proves that they are the same
checkpoint       the signed head of the ledger (C2SP tlog-checkpoint)
ledger.vkey      the public key (C2SP verifier key, Ed25519)
manifest.json    the sha256 of each file; manifest.note is its signature

The tree is that of RFC 6962 section 2.1. The data of a leaf is three lines, each ended by a newline:
`tellerbox/record/1`, the header as canonical JSON (RFC 8785), and the SHA-256 of the sealed text in
hexadecimal.
"""
