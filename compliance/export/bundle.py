"""The bundle: an export that carries its own proof and its own verifier, as a folder or a zip.

records.jsonl, the checkpoint, the verifier key, `verify.py`, a README for the auditor, and a signed manifest of their
hashes. `compliance/verify.py` checks it with nothing of the box.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from compliance import verify
from compliance.errors import ComplianceError
from compliance.export.jsonl import write_jsonl
from compliance.export.period import Period, Progress, Source, find_period, parent_of, record_export, sha256_of
from compliance.ledger import Ledger
from compliance.store import in_words, sync_folder


def export_bundle(
    ledger: Ledger,
    out: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    sealed: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
) -> int:
    """Writes a bundle to `out`, a zip if it ends in .zip and a new folder otherwise; as `export_file` otherwise. With
    `sealed` the texts are in it as they are stored, for a head office that keeps a copy: no key is."""
    if decrypt and sealed:
        raise ComplianceError("an export holds the texts either decrypted or sealed")
    if out.exists() and not out.name.endswith(".zip"):
        raise ComplianceError(f"{out} is there already: give a bundle a new name")
    with in_words(out, "the bundle cannot be written"), tempfile.TemporaryDirectory(dir=parent_of(out)) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        with ledger.snapshot() as view, (folder / verify.RECORDS).open("xb") as file:
            period = replace(find_period(view, since, until), published=ledger.published(view))
            write_jsonl(Source(ledger, view, period, decrypt, progress, sealed), file)
        _write_rest(ledger, folder, period, _TEXTS[decrypt, sealed])
        record_export(ledger, "bundle", period, decrypt, folder / verify.MANIFEST, role, sealed)
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
        sync_folder(parent_of(out))
    return period.count


_TEXTS = {
    (False, False): "the texts are not in it, only their hashes",
    (True, False): "the redacted texts are in it",
    (False, True): "the texts are in it sealed, and nobody can read them without the box's keys",
}


def _write_rest(ledger: Ledger, folder: Path, period: Period, texts: str) -> None:
    (folder / verify.CHECKPOINT).write_text(period.published, encoding="utf-8", newline="")
    (folder / verify.VERIFIER_KEY).write_text(ledger.vkey + "\n", encoding="utf-8", newline="")
    shutil.copyfile(Path(verify.__file__), folder / "verify.py")
    last = f"{period.first} to {period.first + period.count - 1}" if period.count else "none"
    readme = _README.format(origin=ledger.origin, size=period.size, records=last, texts=texts, vkey=ledger.vkey)
    (folder / "README.txt").write_text(readme, encoding="utf-8", newline="")
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(folder.iterdir())}
    manifest = json.dumps({"bundle": "tellerbox/bundle/1", "files": files}, indent=1, sort_keys=True) + "\n"
    (folder / verify.MANIFEST).write_text(manifest, encoding="utf-8", newline="")
    note = ledger.sign_bundle(verify.manifest_text(hashlib.sha256(manifest.encode()).hexdigest()))
    (folder / verify.MANIFEST_NOTE).write_text(note, encoding="utf-8", newline="")


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


_README = """Records of a Tellerbox ledger
=============================

Ledger     {origin}, {size} records when this was made
Records    {records}; {texts}
Key        {vkey}

To verify, with Python 3.9 or later and `pip install cryptography`, offline:

    python verify.py

It ends with status 0 when the checkpoint is signed by the key above, every record is as it was
written, and none between the first and the last is missing; otherwise it names the first broken
thing. Three things it cannot know, so check them yourself:

- that the key is the branch's: compare it with one the bank published (the first or any later one;
  changes of the key are in the ledger, signed by both), then run
      python verify.py --key '<that key>'
- that the ledger was not rolled back or shown to you in another version than to others: where the
  branch has a witness, demand its signature with the key that the witness's owner gave you
      python verify.py --key '<that key>' --witness-key '<key of the witness>'
- that verify.py is honest: use a copy from a source you trust, with this folder as its argument.

records.jsonl    one line that describes the export, then one line a record: the header in clear, and
                 the hash of the sealed text, or the sealed text itself; where texts are disclosed, with the
                 text (`body`) and the key of that record alone, which proves that they are the same. A
                 pruned record is its leaf hash alone; the recorded prunings are in the first line
checkpoint       the signed head of the ledger (C2SP tlog-checkpoint)
ledger.vkey      the public key (C2SP verifier key, Ed25519)
manifest.json    the sha256 of each file; manifest.note is its signature

The tree is that of RFC 6962 section 2.1. The data of a leaf is three lines, each ended by a newline:
`tellerbox/record/1`, the header as canonical JSON (RFC 8785), and the SHA-256 of the sealed text in
hexadecimal.
"""
