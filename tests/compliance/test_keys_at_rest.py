"""With a passphrase no key lies in clear on the disk; without it, or with a wrong one, nothing opens and nothing breaks."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from compliance import keyfiles
from compliance.errors import ComplianceError
from compliance.keyfiles import SIGNING, WRAPPING, KeyFiles
from compliance.ledger import Ledger
from tests.compliance.ledgers import fill


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfiles, "SCRYPT_COST", 2**14)


def key_bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "keys" / name).read_bytes() for name in (SIGNING, WRAPPING)}


def test_the_cost_is_what_owasp_asks_for_scrypt() -> None:
    source = Path(keyfiles.__file__).read_text(encoding="utf-8")
    assert "SCRYPT_COST = 2**17" in source


def test_a_new_ledger_with_a_passphrase_never_writes_a_key_in_clear(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger", passphrase=b"correct horse") as ledger:
        fill(ledger, 3)
        wrapping = ledger.keys.files.wrapping(create=False)
    for path in (tmp_path / "ledger").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert wrapping not in data
            assert wrapping.hex().encode() not in data
            assert b"PRIVATE KEY" not in data
            if os.name == "posix":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Ledger.open(tmp_path / "ledger", passphrase=b"correct horse") as again:
        assert again.read(0)[1] == {"question": "t 0"}
        assert again.verify().problem is None


def test_keys_that_lay_in_clear_are_encrypted_when_a_passphrase_is_first_given(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    with Ledger.open(folder) as ledger:
        fill(ledger, 2)
        vkey = ledger.vkey
    before = key_bytes(folder)
    Ledger.open(folder, passphrase=b"now").close()
    after = key_bytes(folder)
    assert all(data.startswith(b"{") and before[name] not in data for name, data in after.items())
    assert sorted(path.name for path in (folder / "keys").iterdir()) == ["sessions.sqlite", SIGNING, WRAPPING]
    with Ledger.open(folder, passphrase=b"now") as again:
        assert again.vkey == vkey
        assert again.read(1)[1] == {"question": "t 1"}
    assert key_bytes(folder) == after  # nothing is written anew once it is as it should be


@pytest.mark.parametrize("cut", [WRAPPING, SIGNING])
def test_an_encryption_that_was_cut_off_after_one_file_is_finished(tmp_path: Path, cut: str) -> None:
    folder = tmp_path / "ledger"
    with Ledger.open(folder) as ledger:
        fill(ledger, 1)
    plain = key_bytes(folder)
    Ledger.open(folder, passphrase=b"now").close()
    (folder / "keys" / cut).write_bytes(plain[cut])
    with pytest.raises(ComplianceError, match="passphrase of the ledger's keys is wrong"):
        Ledger.open(folder, passphrase=b"wrong")
    assert (folder / "keys" / cut).read_bytes() == plain[cut]  # a wrong passphrase never encrypts anything
    with Ledger.open(folder, passphrase=b"now") as again:
        assert again.verify().problem is None
    assert all(data.startswith(b"{") for data in key_bytes(folder).values())


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [
        (None, "encrypted and no passphrase was given"),
        (b"", "no passphrase was given"),
        (b"wrong", "passphrase of the ledger's keys is wrong"),
    ],
)
def test_without_the_right_passphrase_nothing_opens_and_nothing_changes(tmp_path: Path, passphrase: bytes | None, words: str) -> None:
    folder = tmp_path / "ledger"
    with Ledger.open(folder, passphrase=b"right") as ledger:
        fill(ledger, 2)
    before = key_bytes(folder)
    with pytest.raises(ComplianceError, match=words) as caught:
        Ledger.open(folder, passphrase=passphrase)
    assert "\n" not in str(caught.value)
    assert key_bytes(folder) == before
    with Ledger.open(folder, passphrase=b"right") as again:
        assert again.verify().problem is None


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"n": 16384', b'"n": 1073741824'),  # would take a terabyte
        lambda data: data.replace(b"encrypted-key/1", b"encrypted-key/9"),
        lambda data: data[:60],
        lambda data: b"{}",
        lambda data: data.replace(b'"r": 8', b'"r": 9'),
    ],
)
def test_a_damaged_encrypted_key_is_named(tmp_path: Path, change: object) -> None:
    folder = tmp_path / "ledger"
    Ledger.open(folder, passphrase=b"right").close()
    path = folder / "keys" / SIGNING
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ComplianceError, match=r"key file is damaged.*signing\.key"):
        Ledger.open(folder, passphrase=b"right")


def test_one_encrypted_key_cannot_stand_in_for_another(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    Ledger.open(folder, passphrase=b"right").close()
    shutil.copyfile(folder / "keys" / WRAPPING, folder / "keys" / SIGNING)
    with pytest.raises(ComplianceError, match="wrong, or the file was changed"):
        Ledger.open(folder, passphrase=b"right")


def test_a_key_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ledger"
    Ledger.open(folder).close()
    before = key_bytes(folder)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(keyfiles.os, "fsync", fail)
        with pytest.raises(ComplianceError, match="No space left"):
            encrypt(folder)
    assert key_bytes(folder) == before
    assert sorted(path.name for path in (folder / "keys").iterdir()) == ["sessions.sqlite", SIGNING, WRAPPING]
    Ledger.open(folder).close()


def encrypt(folder: Path) -> None:
    from compliance.store import in_words

    with in_words(folder, "the keys cannot be opened"):
        KeyFiles(folder / "keys", b"new").encrypt()
