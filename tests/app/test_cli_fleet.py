"""The fleet commands: gather bundles, list the boxes, verify the copies; status 1 where something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from compliance.export import export_bundle
from compliance.ledger import Ledger
from tests.compliance.ledgers import fill

PROJECT = Path(__file__).parents[2]


def tellerbox(home: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"TELLERBOX_HOME": str(home), "TELLERBOX_BRANCH": "office"} | environment
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=settings, cwd=PROJECT)


def test_gather_list_and_verify(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Ledger.open(tmp_path / "box", branch="b1") as box, Ledger.open(tmp_path / "other", branch="b1") as other:
        fill(box, 3)
        fill(other, 5)
        bundle, forged = tmp_path / "bundle", tmp_path / "forged.zip"
        export_bundle(other, forged)
        key = tmp_path / "key"
        key.write_text(box.vkey)
    exported = tellerbox(tmp_path / "elsewhere", "audit", "export", "--out", tmp_path / "none", "--sealed")
    assert "sealed texts are exported in a bundle alone" in exported.stderr
    (tmp_path / "branch").mkdir()
    (tmp_path / "box").rename(tmp_path / "branch" / "ledger")
    exported = tellerbox(
        tmp_path / "branch", "audit", "export", "--format", "bundle", "--sealed", "--out", bundle, TELLERBOX_BRANCH="b1"
    )
    assert exported.stdout == f"3 records exported to {bundle}\n"

    done = tellerbox(home, "fleet", "gather", bundle, "--key", key)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert done.stdout == f"{bundle}: appended: tellerbox/b1: 3 records appended, up to record 2 of 3\n"
    refused = tellerbox(home, "fleet", "gather", forged, bundle, "--json")
    assert (refused.returncode, refused.stderr.strip()) == (1, "tellerbox: 1 of 2 bundles were refused")
    assert [json.loads(line)["finding"] for line in refused.stdout.splitlines()] == ["another_box", "nothing_new"]

    shown = tellerbox(home, "fleet", "list").stdout
    assert shown.startswith("b1\t3 of 3 records\tmade 20")
    assert "0 days silent\tcosigned by nobody" in shown
    (box_row,) = [json.loads(line) for line in tellerbox(home, "fleet", "list", "--json").stdout.splitlines()]
    assert (box_row["branch"], box_row["records"], box_row["sealed"]) == ("b1", 3, 3)

    verified = tellerbox(home, "fleet", "verify", "b1", "--store", home / "fleet")
    assert (verified.returncode, verified.stdout) == (0, "tellerbox/b1: 3 records verified, the last checkpoint is of 3\n")
    assert "no copy of the ledger of b9" in tellerbox(home, "fleet", "verify", "b9").stderr
    (copy,) = (home / "fleet").iterdir()
    raw = bytearray(copy.read_bytes())
    at = raw.index(b'"role":"customer"')
    raw[at + 8 : at + 16] = b"officers"
    copy.write_bytes(raw)
    broken = tellerbox(home, "fleet", "verify")
    assert (broken.returncode, broken.stderr.strip()) == (1, "tellerbox: 1 of 1 copies do not verify")
    assert "NOT VERIFIED: record" in broken.stdout
    with Ledger.open(home / "ledger", branch="office") as ledger:
        assert [each.header.facts["finding"] for each in ledger.find()] == ["appended", "another_box", "nothing_new"]
