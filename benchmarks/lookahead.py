"""What does reading several tokens of one answer at once cost, and so how many guesses must be right for looking ahead to win?

    python benchmarks/lookahead.py [--model FILE] [--threads 1] [--quick] [--json] [--plot FILE]

Seconds of processor time of a decode of 1 to 8 rows of one sequence at 400 tokens of context, against a decode of one row.
With r of k guesses right a step says r + 1 tokens: looking ahead wins where r + 1 is more than the ratio.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import gettempdir

import report

from app.slm.llama import Llama, Tuning
from app.slm.resources import repacks
from factory.slm.shapes import make

POSITION = 400


def cost(llama: Llama, rows: int, times: int) -> float:
    """Median milliseconds of processor time of a decode of so many rows."""
    spent = []
    for _ in range(times):
        llama.forget(0, POSITION)
        llama.put(0, [100 + row for row in range(rows)], POSITION, 0, POSITION)
        began = time.process_time()
        llama.decode(rows)
        for row in range(rows):
            llama.choice(row)
        spent.append(1000 * (time.process_time() - began))
    return statistics.median(spent)


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    shape = "tiny" if options.quick else "qwen2.5-0.5b"
    path = options.model or make(shape, "Q4_0", Path(gettempdir()) / f"tellerbox-{shape}-Q4_0.gguf")
    llama = Llama(path, Tuning(512, 1, 256, options.threads, repack=repacks()))
    for start in range(0, POSITION, 200):
        llama.put(0, range(100, 300), start, 0, POSITION)
        llama.decode(200)
    cost(llama, 1, 3)
    rows: list[report.Row] = []
    for count in (1, 2, 3, 4, 6, 8):
        spent = cost(llama, count, 4 if options.quick else 12)
        rows.append({"rows": count, "guesses": count - 1, "cpu_ms": spent, "x one row": spent / (rows[0]["cpu_ms"] if rows else spent)})
    llama.close()
    report.tell(rows, options.json)
    if options.plot:
        report.draw([row | {"way": "decode"} for row in rows], options.plot, "rows", "cpu_ms", "way")


if __name__ == "__main__":
    main()
