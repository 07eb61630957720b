"""Does an export's memory grow with the ledger? Peak memory and rate of every format at two sizes, in one run.

    python benchmarks/exports.py [--records 100000 1000000] [--formats csv parquet …] [--folder DIR] [--json]

A turn is two records of the shape the box writes (about 1.5 kB together), in sessions of twenty turns over 60 days; a
hundred sessions are erased. Each export runs in a process of its own, whose peak resident memory is read before the
export begins and after it ends; the difference is what the export took.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from compliance.export import FORMATS, export
from compliance.ledger import Ledger
from compliance.record import Header, encode_body

BATCH = 4000
TURNS_A_SESSION = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
OUTCOMES = ("answered",) * 7 + ("abstained", "handed_off", "refused")


def records(turn: int, turns: int) -> Iterator[tuple[Header, dict[str, Any]]]:
    """The two records of a turn."""
    moment = START + timedelta(days=60) * (turn / turns)
    time_utc = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    language, outcome = LANGUAGES[turn * 7919 % 8], OUTCOMES[turn * 104729 % 10]
    place = {"policy": f"payments/p{turn % 54}", "version": "2026-03", "language": language, "sha256": "ab" * 32, "start": 10, "end": 90}
    opened = {"language": {"answer_in": language, "confidence": 0.99}, "redactions": {"IBAN": turn % 3}, "guard": {"category": None}}
    closed = {
        "outcome": outcome,
        "handoff": {"reason": "complaint", "urgent": False} if outcome == "handed_off" else None,
        "answerable": 0.83,
        "retrieved": [place | {"score": 0.9}] * 4,
        "model": {"name": "model", "sha256": "cd" * 32},
        "sentences": [{"origin": "quote", "evidence": [place | {"score": 1.0}]}] if outcome == "answered" else [],
        "rejected": [],
        "timings_ms": {"first_sentence": 5.0 + turn % 400, "total": 9.0 + turn % 900},
    }
    common = (f"{turn:016x}", f"s{turn // TURNS_A_SESSION}", "b1", "web", "customer", time_utc, turn)
    yield Header("turn_opened", *common, opened), {"question": "¿Cuánto cuesta una transferencia internacional?"}
    body = {"question": "¿Cuánto cuesta una transferencia internacional?", "answer": ["Cuesta 15 EUR."], "tokens": list(range(40))}
    yield Header("turn_closed", *common, closed), body


def fill(folder: Path, count: int) -> None:
    """A ledger of `count` records, thousands to a commit: what `append` does for the writers that share one, without
    the threads."""
    turns = count // 2
    with Ledger.open(folder, branch="b1") as ledger:
        made = (each for turn in range(turns) for each in records(turn, turns))
        while some := list(islice(made, BATCH)):
            ledger._write([ledger._sealed(header, header.encode(), encode_body(body)) for header, body in some])
        sessions = turns // TURNS_A_SESSION
        for session in range(0, sessions, max(1, sessions // 100)):
            ledger.erase(f"s{session}")


def peak_mb() -> float:
    """The most resident memory of this process since `forget_peak` (VmHWM of proc(5))."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    """Lets the peak be counted anew from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(folder: Path, form: str, out: Path, decrypt: bool, found: Any) -> None:
    """Runs one export in this process and reports what it took."""
    with Ledger.open(folder, branch="b1") as ledger:
        _warm_up(form)
        forget_peak()
        before, start = peak_mb(), time.perf_counter()
        count = export(ledger, out, form, decrypt=decrypt)
        seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.rglob("*")) if out.is_dir() else out.stat().st_size
    found.put({"records": count, "seconds": seconds, "per_s": count / seconds, "grew_mb": peak_mb() - before,
               "peak_mb": peak_mb(), "file_mb": size / 1e6})  # fmt: skip


def _warm_up(form: str) -> None:
    """Imports what the format needs, so that libraries do not count as growth."""
    if form == "parquet":
        import compliance.export.parquet
    elif form == "pdf":
        import compliance.report.audit_report  # noqa: F401


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=given) as name:
        yield Path(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--formats", nargs="+", choices=sorted(FORMATS), default=list(FORMATS))
    parser.add_argument("--folder", type=Path, help="where the ledgers are made (default: the temporary folder)")
    parser.add_argument("--decrypt", action="store_true", help="with the texts, for the formats that hold them")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with _folder(given.folder) as scratch:
        for count in given.records:
            start = time.perf_counter()
            fill(scratch / str(count), count)
            if not given.json:
                print(f"{count:,} records written in {time.perf_counter() - start:.0f} s", flush=True)
            for form in given.formats:
                queue: Any = spawn.Queue()
                decrypt = given.decrypt and form not in ("ocsf", "cef")
                process = spawn.Process(target=measure, args=(scratch / str(count), form, scratch / f"out.{count}.{form}", decrypt, queue))
                process.start()
                found = queue.get()
                process.join()
                if given.json:
                    print(json.dumps({"format": form, **{name: round(value, 2) for name, value in found.items()}}), flush=True)
                else:
                    print(f"{form:8} {found['records']:>9,} records  {found['seconds']:7.1f} s  {found['per_s']:8,.0f}/s"
                          f"  grew {found['grew_mb']:6.1f} MB to"
                          f" {found['peak_mb']:6.1f} MB  file {found['file_mb']:8.1f} MB", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
