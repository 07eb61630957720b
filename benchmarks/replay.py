"""How far does a log-probability move when an answer is gone over again, and is each token still the model's choice?

    python benchmarks/replay.py [--questions 25] [--together 4] [--json]

Takes the first questions of the dev split of each language, finds their statements, lets the model answer `together` at
a time (so that tokens are chosen in batches of every shape), then scores each answer by itself. Prints how many
positions there were, at how many another token is ahead now, and how far the log-probabilities moved: the tolerance of
`app/replay.py` must lie well above that.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from app import locales
from app.appliance import Appliance
from app.language import SERVED
from app.replay import TIE
from app.settings import Settings
from app.slm.generation import Generation, Limits
from app.slm.prompt import MAX_STATEMENTS, messages
from knowledge.search import Scope

GOLD = Path(__file__).resolve().parent.parent / "tests" / "gold"


def generations(box: Appliance, questions: int, together: int) -> list[Generation]:
    """What the model says to the first questions of each language."""
    asked = []
    for language in locales.LANGUAGES:
        lines = (GOLD / language / "dev.jsonl").read_text("utf-8").splitlines()[:questions]
        for question in (str(json.loads(line)["question"]) for line in lines):
            found = box.search.find(question, Scope(language, "customer", date.today(), box.settings.jurisdiction))
            statements = [item.statement.text for item in found.candidates[:MAX_STATEMENTS]]
            asked.append(messages(question, statements, locales.text(f"language.{language}", "en")))
    done: list[Generation] = []
    for begin in range(0, len(asked), together):
        running = [box.engine.generate(each, Limits(60, 300)) for each in asked[begin : begin + together]]
        for generation in running:
            for _ in generation:
                pass
        done += running
    return done


def measure(box: Appliance, said: list[Generation]) -> dict[str, float]:
    """Scores every answer by itself and compares."""
    moved: list[float] = []
    other = 0
    for generation in said:
        end = generation.stop[0] if generation.stop else None
        choices = box.engine.score(generation.prompt, generation.tokens, end)
        for token, recorded, now in zip(generation.tokens, generation.logprobs, choices, strict=False):
            other += now.token != token
            moved.append(abs((now.given or 0.0) - recorded))
        if generation.stop:
            other += not choices[-1].ends
            moved.append(abs((choices[-1].given or 0.0) - generation.stop[1]))
    moved.sort()
    return {
        "answers": len(said), "positions": len(moved), "other_choice": other,
        "moved_median": moved[len(moved) // 2], "moved_p99": moved[int(0.99 * len(moved))], "moved_most": moved[-1], "tie": TIE,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as home, Appliance(Settings(home=Path(home), model_languages=SERVED)) as box:
        found = measure(box, generations(box, options.questions, options.together))
    print(json.dumps(found) if options.json else "\n".join(f"{name:14} {value:.6g}" for name, value in found.items()))


if __name__ == "__main__":
    main()
