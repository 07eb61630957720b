"""How many durable records a second, with 1 and 8 writers, against plain SQLite with one commit a record, in the same
run?

    python benchmarks/ledger.py [--seconds 5] [--folder DIR] [--fsync-ms 3] [--json]

Both write the same canonical JSON (about 3 kB, a turn with its sentences and log-probabilities) with WAL and
synchronous=FULL; the peer neither seals, hashes, nor signs. Rounds alternate, so that a busy disk harms both alike;
medians are printed. Then, on a ledger of --records: time of a receipt, rate of verify, bytes a record.

What group commit gains is the price of an fsync, which here may be a virtual disk's that answers from memory.
--fsync-ms N makes every fsync and fdatasync of both take N ms longer (a library preloaded in front of libc's, compiled
with cc), as on the flash of a small box; with --folder on tmpfs, whose fsync is free, N is the whole latency.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from compliance.database import FILE
from compliance.ledger import Ledger
from compliance.record import Header, canonical

BODY = {
    "question": "¿Cuánto cuesta una transferencia internacional? " * 4,
    "answer": ["Una transferencia internacional cuesta 15 EUR y tarda dos días hábiles."] * 4,
    "tokens": list(range(1000, 1160)),
    "logprobs": [-((n * 7919) % 1000) / 997 for n in range(160)],
}
FACTS = {
    "outcome": "answered",
    "retrieved": [{"policy": f"payments/p{n}", "sha256": "ab" * 32, "score": 0.5} for n in range(4)],
}


def header(turn: str, session: str) -> Header:
    return Header.now("turn_closed", turn=turn, session=session, branch="b1", channel="kiosk", role="customer", facts=FACTS)


def rate(write: Callable[[int, int], None], writers: int, seconds: float) -> float:
    """Calls of write(writer, number) that returned, a second, from `writers` threads."""
    done = [0] * writers
    begin = threading.Barrier(writers + 1)
    end = [0.0]

    def work(writer: int) -> None:
        begin.wait()
        while time.perf_counter() < end[0]:
            write(writer, done[writer])
            done[writer] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    end[0] = start + seconds
    begin.wait()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start)


class Plain:
    """The peer: a table, one commit a record; each thread has its own connection."""

    def __init__(self, path: Path) -> None:
        self.path, self.own = path, threading.local()
        self.connect().execute("CREATE TABLE record (id INTEGER PRIMARY KEY, header TEXT, body TEXT)")

    def connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def append(self, writer: int, number: int) -> None:
        if not hasattr(self.own, "db"):
            self.own.db = self.connect()
        values = (header(f"t{number}", f"s{writer}").encode().decode(), canonical(BODY).decode())
        self.own.db.execute("INSERT INTO record (header, body) VALUES (?, ?)", values)


def compare(folder: Path, seconds: float, rounds: int) -> dict[str, float]:
    plain, ledger = Plain(folder / "plain.sqlite"), Ledger.open(folder / "rates")

    def append(writer: int, number: int) -> None:
        ledger.append(header(f"t{number}", f"s{writer}"), BODY)

    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for writers in (1, 8):
            for name, write in (("plain", plain.append), ("ledger", append)):
                found.setdefault(f"{name}_{writers}", []).append(rate(write, writers, seconds / rounds))
    ledger.close()
    return {name: statistics.median(values) for name, values in found.items()}


def measure(folder: Path, records: int) -> dict[str, float]:
    with Ledger.open(folder / "measured") as ledger:
        write = [
            threading.Thread(target=lambda w=w: [ledger.append(header(f"t{w}-{n}", f"s{w}-{n // 10}"), BODY) for n in range(records // 16)])
            for w in range(16)
        ]
        for thread in write:
            thread.start()
        for thread in write:
            thread.join()
        size = ledger.size
        times = []
        for n in range(200):
            start = time.perf_counter()
            ledger.receipt(n * size // 200)
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        result = ledger.verify()
        rate = size / (time.perf_counter() - start)
        assert result.ok, result.problem
    total = (folder / "measured" / FILE).stat().st_size
    return {
        "records": size,
        "receipt_ms": statistics.median(times) * 1e3,
        "verify_per_s": rate,
        "bytes_per_record": total / size,
    }


SLOW_FSYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void late(void) { struct timespec t = {0, %d}; nanosleep(&t, 0); }
int fsync(int f) { late(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(f); }
int fdatasync(int f) { late(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(f); }
"""


def with_slow_fsync(milliseconds: float) -> None:
    """Starts this program again with every fsync so much later; returns in the new process alone."""
    if os.environ.get("SLOW_FSYNC_MS") == str(milliseconds):
        return
    folder = Path(tempfile.mkdtemp())
    (folder / "slow.c").write_text(SLOW_FSYNC % int(milliseconds * 1e6))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", folder / "slow.so", folder / "slow.c", "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(folder / "slow.so"), "SLOW_FSYNC_MS": str(milliseconds)}
    result = subprocess.run([sys.executable, *sys.argv], env=environment)
    shutil.rmtree(folder)
    sys.exit(result.returncode)


def fsync_ms(folder: Path) -> float:
    """The median milliseconds of an fdatasync after a write of 8 kB, as a commit makes it."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(8192))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each of the four")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=8000)
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: the temporary folder)")
    parser.add_argument("--fsync-ms", type=float, default=0, help="make every fsync of both so much later")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.fsync_ms:
        with_slow_fsync(given.fsync_ms)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = {"fsync_ms": fsync_ms(Path(folder))}
        found |= compare(Path(folder), given.seconds, given.rounds) | measure(Path(folder), given.records)
    found |= {f"ratio_{n}": found[f"ledger_{n}"] / found[f"plain_{n}"] for n in (1, 8)}
    found["ratio_8_to_plain_1"] = found["ledger_8"] / found["plain_1"]
    if given.json:
        print(json.dumps({name: round(value, 3) for name, value in found.items()}))
        return
    for name, value in found.items():
        print(f"{name:20} {value:12,.2f}")


if __name__ == "__main__":
    main()
