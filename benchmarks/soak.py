"""Does the box hold for long: is memory flat, does no turn fail, and is every answer in the ledger?

    python benchmarks/soak.py [--minutes 1] [--full] [--people 8] [--quick] [--json] [--plot FILE]

So many people ask questions of the dev split without a pause, each in a session of a few questions, with the default model.
--full takes ten minutes, --minutes 30 half an hour. A row a tenth of the time; at the end the ledger is verified and its
records are counted against the answers. Ends with an error when one is missing.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import report
from startup import held
from turn import questions

from app.appliance import Appliance
from app.language import SERVED
from app.settings import Settings


class Soak:
    """People who ask until told to stop."""

    def __init__(self, box: Appliance) -> None:
        self.box = box
        self.answers: list[str] = []
        self.errors: list[str] = []
        self.over = threading.Event()

    def person(self, number: int) -> None:
        asked = itertools.cycle(questions(40)[number:])
        while not self.over.is_set():
            session = self.box.start_session()
            for language, question in itertools.islice(asked, 4):
                try:
                    self.answers.append(self.box.ask(question, session=session, language=language).turn)
                except Exception as error:
                    self.errors.append(type(error).__name__)
            self.box.sessions.end(session.id)


def run(box: Appliance, people: int, seconds: float) -> tuple[Soak, list[report.Row]]:
    """Rows of memory and answers over time."""
    soak, rows = Soak(box), []
    threads = [threading.Thread(target=soak.person, args=(number,)) for number in range(people)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for tenth in range(1, 11):
        soak.over.wait(max(0.0, began + tenth * seconds / 10 - time.monotonic()))
        assert box.engine.pid is not None
        rows.append({
            "minutes": (time.monotonic() - began) / 60, "answers": len(soak.answers), "errors": len(soak.errors),
            "box_and_model_mb": held_by_us() / 2**20, "model_starts": box.engine.starts, "load": report.load(),
        })  # fmt: skip
    soak.over.set()
    for thread in threads:
        thread.join()
    return soak, rows


def held_by_us() -> int:
    """Bytes of this process and the model's."""
    import os

    return held(os.getpid())


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--people", type=int, default=8)
    options = parser.parse_args()
    minutes = 0.2 if options.quick else max(10.0, options.minutes) if options.full else options.minutes
    with TemporaryDirectory() as home, Appliance(Settings(home=Path(home), model_languages=SERVED)) as box:
        box.warm()
        soak, rows = run(box, options.people, 60 * minutes)
        verified = box.ledger.verify()
        closed = {entry.header.turn for entry in box.ledger.find() if entry.header.kind == "turn_closed"}
    report.tell(rows, options.json)
    missing = len(set(soak.answers) - closed)
    print(f"{len(soak.answers)} answers, {missing} not in the ledger, {len(soak.errors)} errors; {verified.summary}", file=sys.stderr)
    if options.plot:
        report.draw([row | {"way": "soak"} for row in rows], options.plot, "minutes", "box_and_model_mb", "way")
    if missing or soak.errors or not verified.ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
