"""Does gathering take memory that grows with the bundle, and how long does it take? Verifying alone beside gathering, in one run.

    python -m benchmarks.fleet [--records 100000 1000000] [--into postgresql://…] [--folder DIR] [--json]

The records are those of `benchmarks/exports.py`, in a zip with their sealed texts. Each step runs in a process of its own,
whose peak resident memory is read before it begins and after it ends: `verify.py` on the bundle, which is what has to be
done in any case; gathering it as a box's first; gathering it again, which finds nothing new; and `fleet verify`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.exports import fill, forget_peak, peak_mb
from compliance.export import export_bundle
from compliance.fleet import copies_at, gather, verify_copies
from compliance.ledger import Ledger
from compliance.verify import verify_path


def verified(bundle: Path, place: str, office: Path) -> str:
    return str(verify_path(bundle).count)


def gathered(bundle: Path, place: str, office: Path) -> str:
    with Ledger.open(office, branch="office") as ledger:
        (done,) = gather(ledger, copies_at(place), [bundle])
    return f"{done.finding}, {done.appended} appended"


def recomputed(bundle: Path, place: str, office: Path) -> str:
    (done,) = verify_copies(copies_at(place), "b1")
    return done.problem or f"{done.records} records"


STEPS: tuple[tuple[str, Callable[[Path, str, Path], str]], ...] = (
    ("verify.py", verified), ("gather", gathered), ("gather again", gathered), ("fleet verify", recomputed),
)  # fmt: skip


def measure(step: Callable[[Path, str, Path], str], bundle: Path, place: str, office: Path, found: Any) -> None:
    """Runs one step in this process and reports what it took."""
    forget_peak()
    before, start = peak_mb(), time.perf_counter()
    outcome = step(bundle, place, office)
    found.put({"outcome": outcome, "seconds": time.perf_counter() - start, "grew_mb": peak_mb() - before})


def run(scratch: Path, count: int, into: str) -> list[dict[str, Any]]:
    """Every step over a bundle of `count` records."""
    spawn = multiprocessing.get_context("spawn")
    making = spawn.Process(target=fill, args=(scratch / f"box-{count}", count))
    making.start()
    making.join()
    with Ledger.open(scratch / f"box-{count}", branch="b1") as box:
        bundle = scratch / f"{count}.zip"
        records = export_bundle(box, bundle, sealed=True)
    rows = []
    for name, step in STEPS:
        found = spawn.Queue()
        process = spawn.Process(target=measure, args=(step, bundle, into or str(scratch / f"fleet-{count}"), scratch / "office", found))
        process.start()
        row = found.get()
        process.join()
        rows.append({"step": name, "records": records, "bundle_mb": bundle.stat().st_size / 1e6, **row})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--into", default="", help="a postgresql:// URL of a database without copies (one size only); else SQLite")
    parser.add_argument("--folder", type=Path, help="where all is made (default: the temporary folder)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.into and len(given.records) != 1:
        parser.error("with --into give one size")
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        for count in given.records:
            for row in run(Path(scratch), count, given.into):
                if given.json:
                    print(json.dumps(row), flush=True)
                else:
                    rate = row["records"] / row["seconds"]
                    print(f"{row['records']:>9} records, {row['bundle_mb']:.0f} MB  {row['step']:<13} {row['seconds']:7.1f} s "
                          f"{rate:9.0f}/s  grew {row['grew_mb']:5.1f} MB  ({row['outcome']})", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
