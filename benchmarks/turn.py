"""What does a turn cost beside the model, step by step, and how does it grow with people who ask at once?

    python benchmarks/turn.py [--people 1,8,64] [--rounds 40] [--passages N] [--quick] [--json] [--plot FILE]

Questions of the dev split in eight languages, each in a session of its own, on the reference bank without a model (so that
the box quotes), or on copies of its policies with other figures, as many as make N passages. Milliseconds; each step is the
median over turns, `total` and `p95` are of the whole turn.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import report

from app import locales
from app.answer import Answer
from app.appliance import Appliance
from app.settings import Settings

GOLD = Path(__file__).resolve().parent.parent / "tests" / "gold"
STEPS = ("redact", "language", "guard", "search", "record", "total")


def questions(each: int) -> list[tuple[str, str]]:
    """`(language, question)`, the languages by turns."""
    lines = {code: (GOLD / code / "dev.jsonl").read_text("utf-8").splitlines()[:each] for code in locales.LANGUAGES}
    return [(code, str(json.loads(lines[code][place])["question"])) for place in range(each) for code in locales.LANGUAGES]


def measure(box: Appliance, asked: list[tuple[str, str]], people: int) -> report.Row:
    """Everybody asks their share, one question after another, all at once."""
    answers: list[Answer] = []
    gate = threading.Barrier(people + 1)

    def ask(share: list[tuple[str, str]]) -> None:
        gate.wait()
        answers.extend(box.ask(question, language=language) for language, question in share)

    threads = [threading.Thread(target=ask, args=(asked[number::people],)) for number in range(people)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    row: report.Row = {"people": people, "turns_s": len(answers) / took}
    for step in STEPS:
        row[step] = statistics.median(answer.timings_ms.get(step, 0.0) for answer in answers)
    totals = sorted(answer.timings_ms["total"] for answer in answers)
    return row | {"p95": totals[int(0.95 * len(totals))], "load": report.load()}


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--people", default="1,8,64")
    parser.add_argument("--rounds", type=int, default=40, help="questions a language")
    parser.add_argument("--passages", type=int, help="at least so many, by copies of the policies")
    options = parser.parse_args()
    if options.quick:
        options.people, options.rounds = "1,8", 5
    with TemporaryDirectory() as home, Appliance(Settings(home=Path(home), slm=False, people=64, waiting=64)) as box:
        asked = questions(options.rounds)
        if options.passages:
            from search import enough

            box.__dict__["policies"] = list(enough(box.policies, options.passages))  # in place of what it would read
        for language, question in asked[:16]:
            box.ask(question, language=language)
        rows = [measure(box, asked, people) for people in map(int, options.people.split(","))]
        rows = [{"passages": len(box.search.index.passages), **row} for row in rows]
    report.tell(rows, options.json)
    if options.plot:
        report.draw([row | {"way": "turn"} for row in rows], options.plot, "people", "total", "way")


if __name__ == "__main__":
    main()
