"""A second, post-quantum key signs what leaves the box, beside the first; readers that do not know it are not disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance import verify
from compliance.checkpoint import Signer
from compliance.cosigner import Cosigner
from compliance.errors import ComplianceError
from compliance.export import export_bundle
from compliance.ledger import Ledger
from compliance.second_key import add_second_key
from tests.compliance.ledgers import fill

mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")


@pytest.mark.parametrize("passphrase", [None, b"x"])
def test_published_checkpoints_and_bundles_carry_both_signatures(tmp_path: Path, passphrase: bytes | None) -> None:
    with Ledger.open(tmp_path / "ledger", passphrase=passphrase) as ledger:
        fill(ledger, 3)
        early = ledger.checkpoint()
        second = add_second_key(ledger)
        assert add_second_key(ledger) == second
        assert ledger.size == 4  # recorded once
    with Ledger.open(tmp_path / "ledger", passphrase=passphrase) as ledger:
        note = ledger.checkpoint()
        assert verify.open_checkpoint(note, ledger.vkey).size == 4
        assert verify.verify_cosignature(note, second) > 0
        with pytest.raises(verify.VerifyError, match="no cosignature"):
            verify.verify_cosignature(early, second)
        assert ledger.verify().problem is None
        assert len(ledger.receipt(1).encode()) < 2953  # still fits a QR code
        export_bundle(ledger, tmp_path / "bundle")
        report = verify.verify_path(tmp_path / "bundle", ledger.vkey, witnesses=[second])
        assert report.second == "holds (ML-DSA-44)"
        assert "second    the signature of the ledger's second key holds" in verify.describe(report, pinned=True)


def test_a_missing_or_false_second_signature_is_refused(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger") as ledger:
        fill(ledger, 2)
        add_second_key(ledger)
        with ledger.snapshot() as view:
            alone, both = view.note, ledger.published(view)
            events = [verify._Event(2, header, {"vkey": add_second_key(ledger)}, "second_key", ()) for _, header, _ in view.events()]
    assert verify._second_signature(events, both, ledger.origin).startswith("holds")
    with pytest.raises(verify.VerifyError, match="no cosignature of tellerbox/box"):
        verify._second_signature(events, alone, ledger.origin)
    raw = both.rpartition(" ")[2].strip()
    changed = ("B" if raw[2000] != "B" else "C").join((raw[:2000], raw[2001:]))
    with pytest.raises(verify.VerifyError, match="does not hold"):
        verify._second_signature(events, both.replace(raw, changed), ledger.origin)
    with pytest.raises(verify.VerifyError, match="of another log"):
        verify._second_signature(events, both, "tellerbox/other")


def test_a_cryptography_without_ml_dsa_says_so_and_verifies_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(tmp_path / "ledger") as ledger:
        fill(ledger, 2)
        add_second_key(ledger)
        export_bundle(ledger, tmp_path / "bundle")
        vkey = ledger.vkey
    with monkeypatch.context() as patched:
        patched.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
        report = verify.verify_path(tmp_path / "bundle", vkey)
        assert report.second.startswith("not checked: this version of `cryptography` has no ML-DSA")
        with pytest.raises(ComplianceError, match="needs ML-DSA"):
            Ledger.open(tmp_path / "ledger")
        with Ledger.open(tmp_path / "other") as other, pytest.raises(ComplianceError, match="needs ML-DSA"):
            add_second_key(other)


def test_a_note_takes_any_number_of_further_signers() -> None:
    first = Signer("tellerbox/b1", Ed25519PrivateKey.generate())
    others = [Signer("tellerbox/second", Ed25519PrivateKey.generate()), Cosigner("w.example", Ed25519PrivateKey.generate())]
    note = first.checkpoint(3, bytes(32), also=others)
    assert verify.open_checkpoint(note, first.vkey).size == 3
    assert verify.open_note(note, others[0].vkey) == verify.note_signatures(note)[0]
    assert verify.verify_cosignature(note, others[1].vkey) > 0
    assert [name for name, _, _ in verify.note_signatures(note)[1]] == ["tellerbox/b1", "tellerbox/second", "w.example"]
