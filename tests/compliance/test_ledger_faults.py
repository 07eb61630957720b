"""When the disk fills or fails, a key is wrong, a file is gone or the box is killed: clear words, and nothing
acknowledged lost.

A killed process is not a power cut: what fsync promises is left to the disk.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compliance import store
from compliance.database import FILE
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header

PROJECT = Path(__file__).resolve().parents[2]


def header(turn: str = "t1", session: str = "s1") -> Header:
    return Header.now("turn_closed", turn=turn, session=session)


def made(folder: Path, count: int = 3) -> Path:
    with Ledger.open(folder) as ledger:
        for n in range(count):
            ledger.append(header(f"t{n}"), {"text": str(n)})
    return folder


def run(script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=PROJECT)


# ---- killed -------------------------------------------------------------------------------------------------------

KILLED = """
import os, sys, threading
from pathlib import Path
from compliance.ledger import Ledger
from compliance.record import Header
ledger = Ledger.open(Path(sys.argv[1]))
def write(writer):
    n = 0
    while True:
        session, length = f"{sys.argv[2]}-{writer}-{n // 7}", n * 37 % 3000
        entry = ledger.append(Header.now("turn_closed", turn=f"{session}-{n}", session=session), {"text": "x" * length})
        os.write(1, f"{entry.index} {entry.header.turn} {length}\\n".encode())
        if n % 7 == 6 and writer == 0:
            ledger.erase(session)
            os.write(1, f"erased {session}\\n".encode())
        if n % 11 == 0:
            ledger.checkpoint()
        n += 1
for writer in range(4):
    threading.Thread(target=write, args=(writer,)).start()
"""


def killed_once(folder: Path, mark: str, seconds: float) -> list[str]:
    """What a writing process acknowledged before it was killed, `seconds` after its first words."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(folder), mark], stdout=subprocess.PIPE, cwd=PROJECT) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
    lines = (first + rest).decode().split("\n")
    return lines[:-1]  # the last one may have been cut off


def check_acknowledged(ledger: Ledger, lines: list[str]) -> int:
    erased = {line.split()[1] for line in lines if line.startswith("erased ")}
    records = [line.split() for line in lines if not line.startswith("erased ")]
    for index, turn, length in records:
        read, body = ledger.read(int(index))
        assert read.turn == turn
        begun = any(each.header.kind == "erasure" for each in ledger.find(session=read.session))
        assert (body is None) if read.session in erased else (body is None) == begun
        assert body is None or body == {"text": "x" * int(length)}
    return len(records)


def check_kills(folder: Path, kills: int) -> None:
    chance = random.Random(kills)
    acknowledged = 0
    for kill in range(kills):
        lines = killed_once(folder, f"k{kill}", chance.uniform(0, 0.15))
        with Ledger.open(folder) as ledger:
            acknowledged += check_acknowledged(ledger, lines)
            if kill % 8 == 7 or kill == kills - 1:
                assert ledger.verify().problem is None
            assert ledger.size >= acknowledged
    assert acknowledged >= kills


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_writer_killed_200_times_loses_no_acknowledged_record(tmp_path: Path) -> None:
    """TELLERBOX_TEST_KILLS=5000 for a night's run."""
    check_kills(tmp_path / "ledger", int(os.environ.get("TELLERBOX_TEST_KILLS", "200")))


KEEPING = """
import os, sys, threading
from datetime import datetime, timedelta, UTC
from pathlib import Path
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.retention import add_hold, prune
from compliance.rotation import rotate
ledger = Ledger.open(Path(sys.argv[1]))
def write():
    n = 0
    while True:
        entry = ledger.append(Header.now("turn_closed", turn=f"{sys.argv[2]}-{n}", session=f"{sys.argv[2]}-{n // 5}"), {"text": "x" * 300})
        os.write(1, f"{entry.index} {entry.header.turn}\\n".encode())
        n += 1
threading.Thread(target=write).start()
while ledger.size == 0:
    pass
while True:
    rotate(ledger)
    add_hold(ledger, turn=ledger.find(last=40)[0].header.turn or f"{sys.argv[2]}-0", reason="kept")
    ledger.checkpoint()
    prune(ledger, (datetime.now(UTC) - timedelta(milliseconds=30)).isoformat(), months=0)
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_ledger_killed_while_its_keys_change_and_its_records_are_pruned_opens_and_verifies(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    made(folder, 1)
    chance = random.Random(7)
    receipt = ""
    rotations = pruned = 0
    for kill in range(40):
        with subprocess.Popen([sys.executable, "-c", KEEPING, str(folder), f"k{kill}"], stdout=subprocess.PIPE, cwd=PROJECT) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.12))
            writer.send_signal(signal.SIGKILL)
            lines = (first + writer.stdout.read()).decode().split("\n")[:-1]
        with Ledger.open(folder) as ledger:
            result = ledger.verify()
            assert result.problem is None
            assert result.size > int(lines[-1].split()[0])
            with ledger.snapshot() as view:
                gone = [line for line in lines if view.is_pruned(int(line.split()[0]))]
            for line in set(lines) - set(gone):
                assert ledger.read(int(line.split()[0]))[0].turn == line.split()[1]
            assert not receipt or ledger.prove(receipt).index >= 0
            receipt = ledger.receipt(int(lines[0].split()[0]))
            rotations, pruned = len(ledger.chain.keys) - 1, result.pruned
    assert rotations >= 20
    assert pruned >= 100


# ---- no room ------------------------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
from pathlib import Path
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header
ledger = Ledger.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
done = 0
try:
    while done < 10_000:
        ledger.append(Header.now("turn_closed", turn=f"t{done}", session="s1"), {"text": "x" * 2000})
        done += 1
except ComplianceError as error:
    print(error)
    try:
        ledger.append(Header.now("turn_closed", turn="never", session="s1"), {"text": "x" * 2000})
    except ComplianceError as again:
        print(again)
print(done)
"""


def test_a_file_that_may_not_grow_stops_writing_and_loses_nothing(tmp_path: Path) -> None:
    result = run(LIMITED, str(tmp_path / "ledger"))
    assert result.stderr == ""
    first, again, done = result.stdout.splitlines()
    assert first.startswith("nothing was recorded: ")
    assert again.startswith("nothing was recorded: ")
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert ledger.size == int(done) > 10
        assert ledger.verify().problem is None
        assert ledger.find(turn="never") == []
        assert ledger.append(header(), {"text": "room again"}).index == int(done)


FULL = """
import sys
from pathlib import Path
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.export import export_jsonl
from compliance.record import Header
disk = Path(sys.argv[1])
filler = disk / "filler"
filler.write_bytes(b"x" * 300_000)
ledger = Ledger.open(disk / "ledger")
done, errors = 0, []
while len(errors) < 3:
    try:
        ledger.append(Header.now("turn_closed", turn=f"t{done}", session=f"s{done // 9}"), {"text": "x" * 2000})
        done += 1
    except ComplianceError as error:
        errors.append(str(error))
print(errors[0])
try:
    export_jsonl(ledger, disk / "out.jsonl", decrypt=True)
except ComplianceError as error:
    print(error)
print(sorted(path.name for path in disk.iterdir()))
assert ledger.verify().problem is None, ledger.verify()
filler.unlink()
assert ledger.append(Header.now("turn_closed", turn="after", session="s1"), {"text": "room again"}).index == done
ledger.close()
with Ledger.open(disk / "ledger") as ledger:
    assert ledger.size == done + 1 and ledger.verify().problem is None
    assert all(ledger.read(n)[0].turn == f"t{n}" for n in range(done))
print("kept", done)
"""

READ_ONLY = """
import subprocess, sys
from pathlib import Path
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
folder = Path(sys.argv[1]) / "ledger"
Ledger.open(folder).close()
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
for tried in (folder, Path(sys.argv[1]) / "new"):
    try:
        Ledger.open(tried)
    except ComplianceError as error:
        print(error)
"""


def mounted(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script on a disk of one megabyte of its own, where this system lets one be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    prefix = (
        "unshare",
        "-rm",
        "sh",
        "-c",
        'mount -t tmpfs -o size=1m none "$0" && shift && exec "$@"',
        str(disk),
        "--",
    )
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no file system be mounted")
    return run(script, str(disk), prefix=prefix)


def test_a_full_disk_stops_writing_and_loses_nothing(tmp_path: Path) -> None:
    result = mounted(tmp_path, FULL)
    assert result.stderr == ""
    append, export, files, kept = result.stdout.splitlines()
    assert append.startswith("nothing was recorded")
    assert "full" in append
    assert export.startswith("the export cannot be written: ")
    assert files == "['filler', 'ledger']"  # no half export is left
    assert int(kept.split()[1]) > 10


def test_a_read_only_disk_is_refused_on_opening(tmp_path: Path) -> None:
    result = mounted(tmp_path, READ_ONLY)
    assert result.stderr == ""
    for line in result.stdout.splitlines():
        assert "cannot be opened: " in line
        assert "read-only" in line.lower()
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_is_refused_on_opening(tmp_path: Path) -> None:
    folder = made(tmp_path / "ledger")
    for each in (folder / FILE, folder / "keys", folder):
        each.chmod(0o500 if each.is_dir() else 0o400)
    try:
        with pytest.raises(ComplianceError, match=r"read-only|ermission"):
            Ledger.open(folder)
    finally:
        for each in (folder, folder / "keys", folder / FILE):
            each.chmod(0o700)


class FailingDisk:
    """A connection whose commits fail as those on a failing disk do, while `failing`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db, self.failing = db, True

    def __getattr__(self, name: str) -> object:
        return getattr(self.db, name)

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.failing:
            time.sleep(0.05)
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return self.db.execute(sql, *values)


def test_every_writer_of_a_commit_that_failed_hears_of_it(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger") as ledger:
        ledger.append(header(), {"text": "sound"})
        disk = FailingDisk(ledger._db)
        ledger._db = disk  # type: ignore[assignment]
        heard: list[str] = []

        def write(n: int) -> None:
            try:
                ledger.append(header(f"w{n}"), {"text": "lost"})
            except ComplianceError as error:
                heard.append(str(error))

        threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(heard) == 6
        assert all(each.startswith("nothing was recorded: the disk failed, or is full") for each in heard)
        assert ledger.size == 1
        disk.failing = False
        assert ledger.append(header(), {"text": "sound again"}).index == 1
        assert ledger.verify().problem is None


# ---- a disk that fails now and then -------------------------------------------------------------------------------

FAULTY = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/* fails one in sixteen writes and syncs of the ledger's files, once the file FAULTS_ARMED names is there */
static unsigned seed;
static int fails(int file) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, ".sqlite") || access(getenv("FAULTS_ARMED"), F_OK)) return 0;
    if (!seed) seed = (unsigned)atoi(getenv("FAULTS_SEED"));
    if (rand_r(&seed) % 16) return 0;
    errno = rand_r(&seed) % 2 ? EIO : ENOSPC;
    return 1;
}
#define REAL(name) dlsym(RTLD_NEXT, name)
ssize_t pwrite(int f, const void *b, size_t n, off_t o) {
    if (fails(f)) return -1;
    return ((ssize_t (*)(int, const void *, size_t, off_t))REAL("pwrite"))(f, b, n, o);
}
ssize_t pwrite64(int f, const void *b, size_t n, off_t o) {
    if (fails(f)) return -1;
    return ((ssize_t (*)(int, const void *, size_t, off_t))REAL("pwrite64"))(f, b, n, o);
}
int fsync(int f) { if (fails(f)) return -1; return ((int (*)(int))REAL("fsync"))(f); }
int fdatasync(int f) { if (fails(f)) return -1; return ((int (*)(int))REAL("fdatasync"))(f); }
"""

WRITING = """
import sys, threading
from pathlib import Path
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header
ledger = Ledger.open(Path(sys.argv[1]))
Path(sys.argv[2]).touch()
done, failed = [], []
def write(writer):
    for n in range(40):
        turn, session = f"{sys.argv[3]}-{writer}-{n}", f"{sys.argv[3]}-{writer}-{n // 9}"
        try:
            done.append((ledger.append(Header.now("turn_closed", turn=turn, session=session), {"text": "x" * 1500}).index, turn))
            if n % 13 == 12:
                ledger.erase(session)
        except ComplianceError as error:
            failed.append(str(error))
threads = [threading.Thread(target=write, args=(each,)) for each in range(3)]
for each in threads: each.start()
for each in threads: each.join()
Path(sys.argv[2]).unlink()
for index, turn in done: print(index, turn)
for each in failed: print(each, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler on Linux")
def test_no_acknowledged_record_is_lost_on_a_disk_that_fails_now_and_then(tmp_path: Path) -> None:
    (tmp_path / "faulty.c").write_text(FAULTY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "faulty.so", tmp_path / "faulty.c", "-ldl"], check=True)
    folder, armed = tmp_path / "ledger", tmp_path / "armed"
    made(folder, 1)
    acknowledged = failures = 0
    for seed in range(1, 21):
        environment = os.environ | {"LD_PRELOAD": str(tmp_path / "faulty.so"), "FAULTS_ARMED": str(armed), "FAULTS_SEED": str(seed)}
        command = [sys.executable, "-c", WRITING, str(folder), str(armed), f"r{seed}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=PROJECT, env=environment)
        assert result.returncode == 0, result.stderr
        errors = result.stderr.splitlines()
        assert all(": the disk is full (" in line or ": the disk failed, or is full (" in line for line in errors)
        with Ledger.open(folder) as ledger:
            assert ledger.verify().problem is None
            for line in result.stdout.splitlines():
                index, turn = line.split()
                assert ledger.read(int(index))[0].turn == turn
                acknowledged += 1
        failures += len(errors)
    assert acknowledged >= 100
    assert failures >= 100


# ---- two writers, missing and foreign files -------------------------------------------------------------------------


def test_a_ledger_that_another_process_holds_for_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "ledger")
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    with Ledger.open(folder) as ledger:
        other = sqlite3.connect(folder / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ComplianceError, match=r"^nothing was recorded: another process holds it"):
            ledger.append(header(), {"text": "x"})
        with pytest.raises(ComplianceError, match="another process holds it"):
            Ledger.open(folder)
        assert ledger.read(0)[1] == {"text": "0"}  # reading goes on
        other.execute("ROLLBACK")
        assert ledger.append(header(), {"text": "x"}).index == 3
        other.close()


def test_a_ledger_moved_or_replaced_while_open_takes_no_more_records(tmp_path: Path) -> None:
    folder = made(tmp_path / "ledger")
    with Ledger.open(folder) as ledger:
        ledger.append(header(), {"text": "x"})
        (folder / FILE).rename(folder / "moved")
        with pytest.raises(ComplianceError, match="removed while in use"):
            ledger.append(header(), {"text": "x"})
        shutil.copyfile(folder / "moved", folder / FILE)
        with pytest.raises(ComplianceError, match="replaced while in use"):
            ledger.append(header(), {"text": "x"})


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda f: (f / FILE).unlink(), "the ledger is missing"),
        (lambda f: (f / FILE).write_bytes(b""), "the ledger is missing"),
        (lambda f: (f / FILE).write_bytes(b"not a database at all" * 500), "damaged"),
        (lambda f: (f / FILE).write_bytes((f / FILE).read_bytes()[:9000]), "damaged|malformed"),
        (lambda f: (f / "keys" / "signing.key").unlink(), r"key of the ledger is missing: .*signing\.key"),
        (lambda f: (f / "keys" / "signing.key").write_text("x"), r"signing key is damaged.*signing\.key"),
        (lambda f: (f / "keys" / "wrapping.key").unlink(), r"key of the ledger is missing: .*wrapping\.key"),
        (lambda f: (f / "keys" / "wrapping.key").write_text("zz"), r"wrapping key is damaged.*wrapping\.key"),
        (lambda f: (f / "keys" / "wrapping.key").write_text(secrets.token_hex(32)), r"wrapping\.key is not the key"),
        (lambda f: (f / "keys" / "sessions.sqlite").unlink(), r"session keys are missing: .*sessions\.sqlite"),
        (lambda f: (f / "keys" / "sessions.sqlite").write_bytes(b"x" * 5000), r"damaged.*sessions\.sqlite"),
        (lambda f: shutil.rmtree(f / "keys"), "missing"),
    ],
)  # fmt: skip
def test_what_is_missing_or_foreign_is_named_and_nothing_is_made_in_its_place(
    tmp_path: Path, harm: Callable[[Path], object], words: str
) -> None:
    folder = made(tmp_path / "ledger")
    harm(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ComplianceError, match=words) as caught:
        Ledger.open(folder)
    assert "\n" not in str(caught.value)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name}
    assert after == {path: data for path, data in before.items() if "sqlite" not in path.name}


def test_the_signing_key_of_another_ledger_is_refused(tmp_path: Path) -> None:
    folder, other = made(tmp_path / "ledger"), made(tmp_path / "other")
    shutil.copyfile(other / "keys" / "signing.key", folder / "keys" / "signing.key")
    with pytest.raises(ComplianceError, match=r"signing\.key is not the key of this ledger"):
        Ledger.open(folder)


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "ledger")
    db = sqlite3.connect(folder / FILE)
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(ComplianceError, match="version 7, is of a newer Tellerbox"):
        Ledger.open(folder)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file")
    with pytest.raises(ComplianceError, match="cannot be opened"):
        Ledger.open(tmp_path / "ledger")


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_creation_that_was_cut_off_is_finished(tmp_path: Path, cut: int) -> None:
    """The first start makes the database file, the keys, then the schema: stop after each."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    if cut >= 1:
        (folder / FILE).touch()
    if cut >= 2:
        store.connect(folder / FILE).close()
    if cut >= 3:
        whole = made(tmp_path / "whole", 0)
        (folder / "keys").mkdir()
        shutil.copyfile(whole / "keys" / "signing.key", folder / "keys" / "signing.key")
    with Ledger.open(folder) as ledger:
        assert ledger.append(header(), {"text": "x"}).index == 0
        assert ledger.verify().ok
