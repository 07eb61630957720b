"""A gathering that is killed, has no room, meets another or a hostile file leaves each copy as it was, or whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from benchmarks.exports import records
from compliance import verify
from compliance.database import FILE
from compliance.errors import ComplianceError
from compliance.fleet import Finding, appending
from compliance.fleet.appending import Appending
from compliance.ledger import Ledger
from compliance.record import encode_body
from tests.compliance.fleet.office import Office
from tests.compliance.ledgers import fill

PROJECT = Path(__file__).resolve().parents[3]
GATHER = """
import os, sys
from pathlib import Path
from compliance.fleet import copies_at, gather
from compliance.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]), branch="office")
os.write(1, b"ready\\n")
for done in gather(ledger, copies_at(sys.argv[2]), [Path(each) for each in sys.argv[3:]]):
    os.write(1, f"{done.finding} {done.records}\\n".encode())
"""


def fill_fast(box: Ledger, count: int) -> None:
    """Many records in one commit."""
    made = (each for turn in range(count // 2) for each in records(turn, count // 2))
    while some := list(islice(made, 2000)):
        box._write([box._sealed(each, each.encode(), encode_body(body)) for each, body in some])


@pytest.mark.slow
def test_a_gathering_that_is_killed_leaves_the_state_before_or_after(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        small = office.bundle(box)
        fill_fast(box, 3000)
        large = office.bundle(box)
    office.ledger.close()
    chance, sizes = random.Random(6), set()
    for kill in range(20):
        command = [sys.executable, "-c", GATHER, str(office.root / "office"), office.place, str(large if kill else small)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == b"ready\n"
            if kill:
                time.sleep(chance.uniform(0, 0.7))
                running.send_signal(signal.SIGKILL)
            said = running.stdout.read().split()
        held = len(office.rows())
        sizes.add(held)
        assert held in (3, 3004)
        assert not said or held == int(said[1])
        assert office.problems() == [None]
        assert held == 3004 or office.sealed().keys() == {0, 1, 2}
    assert 3 in sizes
    with Ledger.open(office.root / "office", branch="office") as office.ledger:
        assert office.gathered(large).finding in (Finding.APPENDED, Finding.NOTHING_NEW)
        assert office.ledger.verify().problem is None
    assert len(office.rows()) == 3004
    assert office.problems() == [None]


def test_what_the_own_ledger_cannot_record_is_not_gathered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with office.box() as box:
        fill(box, 3)
        bundle, other = office.bundle(box), office.bundle(box)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "_put", full)
        with pytest.raises(ComplianceError, match="nothing was gathered from bundle-0: nothing was recorded"):
            office.gather(bundle, other)
    assert office.rows() == []
    assert office.gathered(bundle).finding is Finding.APPENDED


def test_a_store_without_room_keeps_its_old_state_and_the_bundle_is_not_blamed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with office.box() as box:
        fill(box, 3)
        office.gather(office.bundle(box))
        fill(box, 3, "later")
        bundle = office.bundle(box)
    before = office.rows()
    sqlite = Path(office.place).is_dir()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full") if sqlite else psycopg.errors.DiskFull

    with monkeypatch.context() as patched:
        patched.setattr(Appending, "_flush", full)
        done = office.gathered(bundle)
    assert (done.finding, done.finding.wrong) == (Finding.FAILED, True)
    assert done.message.startswith("nothing was gathered: ")
    assert office.rows() == before
    assert office.findings() == ["appended", "failed"]
    assert office.gathered(bundle).appended == 4


def test_two_gatherings_at_once_append_each_record_once(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        office.gather(office.bundle(box))
        fill_fast(box, 600)
        bundle = office.bundle(box)
    done: list[str] = []
    threads = [threading.Thread(target=lambda: done.append(str(office.gathered(bundle).finding))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(done) == ["appended", "nothing_new", "nothing_new"]
    assert len(office.rows()) == 604
    assert office.problems() == [None]


def test_memory_does_not_grow_with_the_bundle(files: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "AT_ONCE", 100)
    peaks, sizes = [], []
    for name, count in (("b1", 1_000), ("b2", 6_000)):
        with files.box(name) as box:
            fill_fast(box, count)
            bundle = files.bundle(box, zipped=True)
        sizes.append(zipfile.ZipFile(bundle).getinfo(verify.RECORDS).file_size)
        tracemalloc.start()
        assert files.gathered(bundle).appended == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] - sizes[0] > 5_000_000
    assert peaks[1] - peaks[0] < 3_000_000, peaks  # files are hashed a megabyte at a time, whatever their size


def test_a_line_without_end_is_refused_before_it_fills_the_memory(files: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with files.box() as box:
        fill(box, 3)
        bundle = files.bundle(box, zipped=True)
        monkeypatch.setattr(verify, "MAX_LINE", 256)  # shorter than any record
        done = files.gathered(bundle)
    assert (done.finding, "not JSON" in done.message) == (Finding.BROKEN, True)


def test_a_zip_that_is_damaged_or_locked_is_refused(files: Office) -> None:
    with files.box() as box:
        fill(box, 3)
        bundle = files.bundle(box, zipped=True)
    raw = bundle.read_bytes()
    chance = random.Random(3)
    for n in range(30):
        damaged = bytearray(raw)
        for _ in range(20):
            damaged[chance.randrange(len(raw))] ^= 0x55
        path = files.root / f"damaged-{n}.zip"
        path.write_bytes(damaged)
        assert files.gathered(path).finding in (Finding.BROKEN, Finding.ANOTHER_BOX)
    with zipfile.ZipFile(files.root / "twice.zip", "w") as archive, zipfile.ZipFile(bundle) as whole:
        for name in [*whole.namelist(), verify.RECORDS]:
            archive.writestr(name, whole.read(name))
    assert files.gathered(files.root / "twice.zip").finding is Finding.BROKEN
    assert files.rows() == []


def test_a_copy_that_was_removed_while_it_is_written_is_not_called_gathered(files: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with files.box() as box:
        fill(box, 3)
        files.gather(files.bundle(box))
        fill(box, 2, "later")
        bundle = files.bundle(box)
    finish = Appending.finish

    def removed(self: Appending, manifest: str) -> Finding:
        for path in (files.root / "fleet").iterdir():
            os.unlink(path)
        return finish(self, manifest)

    monkeypatch.setattr(Appending, "finish", removed)
    done = files.gathered(bundle)
    assert (done.finding, "was removed while in use" in done.message) == (Finding.FAILED, True)


def test_the_head_offices_own_ledger_is_beside_the_copies_and_is_none(files: Office) -> None:
    files.ledger.close()
    assert (files.root / "office" / FILE).exists()
    assert files.problems() == []
