"""The commands that keep the ledger: witness by file, rotate, prune and hold, passphrases from where they may come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import TellerboxError
from app.settings import load_settings
from compliance.ledger import Ledger
from tests.compliance.ledgers import header

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Ledger.open(tmp_path / "home" / "ledger", branch="b1") as ledger:
        for month in (1, 2, 3):
            ledger.append(header(f"t{month}", f"s{month}", time=f"2020-{month:02d}-10T10:00:00.000Z"), {"text": "x"})
    return tmp_path / "home"


def audit(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"TELLERBOX_HOME": str(home), "TELLERBOX_BRANCH": "b1"} | environment
    command = [sys.executable, "-m", "app.cli", "audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=settings, cwd=PROJECT)


def test_holds_and_pruning(home: Path) -> None:
    assert audit(home, "hold", "add", "--turn", "t1", "--reason", "case 7").stdout == "hold 3\n"
    assert audit(home, "hold", "list").stdout == "3\tturn t1\tcase 7\n"
    refused = audit(home, "prune", "--before", "2999-01-01")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "records are kept for 12 months" in refused.stderr
    assert audit(home, "prune", "--before", "2020-03-01").stdout == "hold 3 keeps 1 records\n1 records pruned; recorded as 4\n"
    assert audit(home, "hold", "remove", "3").stdout == "hold 3 ended; recorded as 5\n"
    assert "6 records verified, 1 pruned" in audit(home, "verify").stdout


def test_a_witness_by_file_and_a_rotation(home: Path, tmp_path: Path) -> None:
    with Ledger.open(home / "ledger") as ledger:
        old = ledger.vkey
    request, answer, key = tmp_path / "request", tmp_path / "answer", tmp_path / "key"
    from compliance.witness import Witness

    witness = Witness.open(tmp_path / "state", "w.example/1", [old])
    key.write_text(witness.vkey + "\n")
    witness.close()
    assert audit(home, "cosign", "--witness-key", str(key), "--request", str(request)).returncode == 0
    answering = ("witness", "--state", str(tmp_path / "state"), "--name", "w.example/1", "--log-key", old)
    assert audit(home, *answering, "--request", str(request), "--answer", str(answer)).stdout.startswith("status 200")
    kept = audit(home, "cosign", "--witness-key", str(key), "--answer", str(answer))
    assert kept.stdout.startswith("the first 3 records were cosigned at 20")
    rotated = audit(home, "rotate")
    assert rotated.stdout.startswith("recorded as 3; publish the new key")
    assert old not in rotated.stdout
    assert "4 records verified; 1 checkpoints" in audit(home, "verify").stdout
    neither = audit(home, "cosign", "--witness-key", str(key))
    assert "give one of --witness, --request and --answer" in neither.stderr
    assert "HOST:PORT" in audit(home, *answering, "--listen", "nowhere").stderr


def test_the_passphrase_comes_from_the_environment_a_file_or_a_credential(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit(home, "verify", TELLERBOX_LEDGER_PASSPHRASE="pass word").returncode == 0
    assert "no passphrase was given" in audit(home, "verify").stderr
    (tmp_path / "tellerbox-ledger-passphrase").write_text("pass word\n")
    assert audit(home, "verify", CREDENTIALS_DIRECTORY=str(tmp_path)).returncode == 0
    monkeypatch.setenv("TELLERBOX_LEDGER_PASSPHRASE_FILE", str(tmp_path / "tellerbox-ledger-passphrase"))
    assert load_settings().ledger_secret() == b"pass word"
    assert "pass word" not in repr(load_settings(ledger_passphrase="pass word"))
    for content, words in ((b"\n", "is empty"), (None, "cannot be read")):
        path = tmp_path / "other"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setenv("TELLERBOX_LEDGER_PASSPHRASE_FILE", str(path))
        with pytest.raises(TellerboxError, match=words):
            load_settings().ledger_secret()
