"""How long does the garbage collector stop a server that has loaded everything, as it is and with `app.resident.settle`?

    python benchmarks/pauses.py [--rounds 40] [--repeat 3] [--quick] [--json] [--plot FILE]

Questions of the dev split in eight languages to the box without a model, in a process that has Gradio's page as well. Milliseconds a
turn; `full` is how often everything was visited, `longest` the longest stop for any collection, `collecting` the sum of all stops.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import report
from turn import questions

from app.appliance import Appliance
from app.resident import settle
from app.settings import Settings
from app.web.server import complete, create_api

FULL = 2
"""The oldest generation."""


@contextmanager
def stops() -> Iterator[list[tuple[int, float]]]:
    """Generation and milliseconds of each collection meanwhile."""
    told: list[tuple[int, float]] = []
    began = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            told.append((info["generation"], (time.perf_counter() - began) * 1e3))

    gc.callbacks.append(note)
    try:
        yield told
    finally:
        gc.callbacks.remove(note)


def measure(box: Appliance, asked: list[tuple[str, str]], way: str) -> report.Row:
    """Ask everything, one after another."""
    times: list[float] = []
    with stops() as told:
        for language, question in asked:
            began = time.perf_counter()
            box.ask(question, language=language)
            times.append((time.perf_counter() - began) * 1e3)
    times.sort()
    row: report.Row = {"way": way, "turns": len(times)}
    row |= {f"p{share}": times[len(times) * share // 100] for share in (50, 95, 99)}
    row |= {"slowest": times[-1], "full": sum(generation == FULL for generation, _ in told)}
    row |= {"longest": max((took for _, took in told), default=0.0), "collecting": sum(took for _, took in told)}
    return row | {"load": report.load()}


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="questions a language")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is asked")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.repeat = 5, 1
    with TemporaryDirectory() as home, Appliance(Settings(home=Path(home), slm=False)) as box:
        complete(create_api(box), box)
        gc.unfreeze()
        asked = questions(options.rounds) * options.repeat
        for language, question in asked[: len(asked) // options.repeat]:
            box.ask(question, language=language)  # what is kept after a first time is not the collector's
        rows = [measure(box, asked, "as it is")]
        settle()
        rows.append(measure(box, asked, "settled"))
    report.tell(rows, options.json)
    if options.plot:
        report.draw(rows, options.plot, "way", "longest", "way")


if __name__ == "__main__":
    main()
