"""The signing key changes, and everything either key signed still verifies, whichever key an auditor trusts."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from compliance import verify
from compliance.errors import ComplianceError
from compliance.export import export_bundle, export_jsonl
from compliance.keyfiles import NEXT_SIGNING, SIGNING
from compliance.ledger import Ledger
from compliance.rotation import rotate
from compliance.store import Snapshot
from tests.compliance.ledgers import Store, fill, header


def test_a_rotated_ledger_verifies_and_its_old_receipts_and_checkpoints_with_it(store: Store) -> None:
    with store.open() as ledger:
        fill(ledger, 5)
        first, receipt, checkpoint = ledger.vkey, ledger.receipt(2), ledger.checkpoint()
        entry = rotate(ledger)
        assert (entry.index, entry.header.kind) == (5, "key_rotation")
        second = ledger.vkey
        assert second != first
        fill(ledger, 3, "later")
        rotate(ledger)
        fill(ledger, 1, "last")
        ledger.checkpoint()
        assert ledger.verify().problem is None
        assert ledger.prove(receipt).header == ledger.read(2)[0]
        assert verify.open_checkpoint(checkpoint, first).size == 5
    with store.open() as again:
        assert [key for key, _ in again.chain.keys] == [first, second, again.vkey]
        assert again.prove(receipt).index == 2
        assert again.append(header(), {}).index == 11
        assert again.verify().problem is None


def test_the_old_private_key_is_gone(store: Store) -> None:
    with store.open() as ledger:
        old = (store.folder() / "keys" / SIGNING).read_bytes()
        rotate(ledger)
    files = [path for path in (store.folder()).rglob("*") if path.is_file()]
    assert all(old.split(b"\n")[1] not in path.read_bytes() for path in files)
    assert NEXT_SIGNING not in {path.name for path in files}


@pytest.mark.parametrize("name", ["bundle", "bundle.zip", "records.jsonl"])
def test_an_export_verifies_when_pinned_to_the_oldest_the_newest_or_any_key_between(store: Store, tmp_path: Path, name: str) -> None:
    with store.open() as ledger:
        fill(ledger, 4)
        old_receipt = ledger.receipt(1)
        keys = [ledger.vkey]
        for _ in range(2):
            rotate(ledger)
            fill(ledger, 2, ledger.vkey[-6:-1])
            keys.append(ledger.vkey)
        since = "2000-01-01"
        (export_jsonl if name.endswith("jsonl") else export_bundle)(ledger, tmp_path / name, since=since, decrypt=True)
    (tmp_path / "receipt").write_text(old_receipt, encoding="utf-8")
    for key in keys:
        assert verify.verify_path(tmp_path / name, key).count == 10
        assert verify.main([str(tmp_path / name), "--key", key, "--receipt", str(tmp_path / "receipt")]) == 0
    with store.open("other") as other, pytest.raises(verify.VerifyError, match="no signature of"):
        verify.verify_path(tmp_path / name, other.vkey)


def test_a_bundle_of_a_period_without_the_rotation_still_shows_it(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger") as ledger:
        ledger.append(header(time="2026-01-05T10:00:00.000Z"), {"text": "x"})
        first = ledger.vkey
        rotate(ledger)
        assert export_bundle(ledger, tmp_path / "bundle", since="2026-01-05", until="2026-01-05") == 1
    report = verify.verify_path(tmp_path / "bundle", first)
    assert next(key for key, _ in report.chain.keys) == first
    command = [sys.executable, "-I", "verify.py", "--key", first]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "bundle")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "key was changed 1 times" in shown.stdout


def rotation(old: Ledger, new: Ledger, size: int = 1) -> verify.Rotation:
    return verify.Rotation(old.origin, size, bytes(32), old.vkey, new.vkey)


def test_a_key_vouches_for_no_other_without_both_signatures(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a") as old, Ledger.open(tmp_path / "b") as new:
        text = verify.rotation_text(rotation(old, new))
        named = f"{old.origin}/rotation"
        both = old.signer.named(named).sign(text, also=[new.signer.named(named)])
        assert verify.open_rotation(both) == rotation(old, new)
        for only in (old, new):
            with pytest.raises(verify.VerifyError, match="no signature"):
                verify.open_rotation(only.signer.named(named).sign(text))
        with pytest.raises(verify.VerifyError, match="no signature"):
            verify.open_rotation(old.signer.sign(text, also=[new.signer]))  # signed under another name


def test_a_retired_key_signs_nothing_that_came_after_it(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger") as ledger:
        fill(ledger, 3)
        old = ledger.signer
        rotate(ledger)
        assert ledger.chain.open_checkpoint(old.checkpoint(3, bytes(32))).size == 3
        with pytest.raises(verify.VerifyError, match="retired after 3"):
            ledger.chain.open_checkpoint(old.checkpoint(4, bytes(32)))


def test_a_forked_or_broken_chain_is_refused(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a") as a, Ledger.open(tmp_path / "b") as b, Ledger.open(tmp_path / "c") as c:
        for chain in ([rotation(a, b), rotation(a, c, 2)], [rotation(a, b, 2), rotation(b, c, 2)], [rotation(b, c), rotation(a, b, 2)]):
            with pytest.raises(verify.VerifyError, match="does not follow"):
                verify.key_chain(a.vkey, chain)
        assert [key for key, _ in verify.key_chain(c.vkey, [rotation(a, b), rotation(b, c, 2)]).keys] == [a.vkey, b.vkey, c.vkey]


def test_a_rotation_cut_off_before_or_after_its_record_leaves_a_ledger_that_opens(store: Store) -> None:
    with store.open("before") as ledger:
        fill(ledger, 2)
        ledger.keys.files.stage_signing()  # and killed before the record
    with store.open("before") as ledger:
        rotate(ledger)
        assert ledger.verify().problem is None
    folder = store.folder("after")
    with store.open("after") as ledger:
        fill(ledger, 2)
        old = (folder / "keys" / SIGNING).read_bytes()
        rotate(ledger)
    (folder / "keys" / SIGNING).rename(folder / "keys" / NEXT_SIGNING)  # as if killed before the file took its place
    (folder / "keys" / SIGNING).write_bytes(old)
    with store.open("after") as ledger:
        assert ledger.append(header(), {}).index == 3
        assert ledger.verify().problem is None
        assert not (folder / "keys" / NEXT_SIGNING).exists()


def test_processes_that_share_a_ledger_follow_a_rotation(store: Store) -> None:
    with store.open() as first, store.open() as second:
        fill(first, 2)
        rotate(first)
        assert second.receipt(0)
        assert second.append(header("from-second"), {"text": "x"}).index == 3
        rotate(second)
        assert first.append(header("from-first"), {"text": "x"}).index == 5
        assert first.vkey == second.vkey
        assert first.verify().problem is None
        assert verify.open_checkpoint(second.checkpoint(), second.vkey).size == 6


def test_a_rotation_that_cannot_be_recorded_leaves_the_old_key_in_use(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.open() as ledger:
        fill(ledger, 1)
        before = ledger.vkey

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full") if store.server is None else psycopg.errors.DiskFull

        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "_put", full)
            with pytest.raises(ComplianceError, match="nothing was recorded"):
                rotate(ledger)
        assert ledger.vkey == before
        assert ledger.append(header(), {}).index == 1
        assert verify.open_checkpoint(ledger.checkpoint(), before).size == 2
        assert ledger.verify().problem is None


def test_an_inserted_rotation_is_found(tmp_path: Path) -> None:
    """Whoever holds the disk, but not the old key, cannot make the ledger go on under a key of his own."""
    folder = tmp_path / "ledger"
    with Ledger.open(folder) as ledger:
        fill(ledger, 2)
    with Ledger.open(tmp_path / "other") as other:
        shutil.copyfile(tmp_path / "other" / "keys" / SIGNING, folder / "keys" / SIGNING)
        db = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
        head = verify.parse_checkpoint(verify.note_signatures(Snapshot(db).note)[0])
        forged = verify.rotation_text(verify.Rotation(head.origin, head.size, head.root, "x", other.vkey))
        facts = {"note": other.signer.named(f"{head.origin}/rotation").sign(forged)}
        made = header(kind="key_rotation")
        encoded = type(made)(**{**{name: getattr(made, name) for name in made.__slots__}, "facts": facts}).encode()
        db.execute("INSERT INTO entry (idx, header, sealed) VALUES (2, ?, x'')", (encoded.decode(),))
        db.close()
    with pytest.raises(ComplianceError, match="damaged"):
        Ledger.open(folder)
