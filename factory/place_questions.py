"""Questions that a place decides, and how the box answers them: `python -m factory.place_questions --half test`.

`tests/gold/places/<half>/<language>.tsv` holds lines `policy<TAB>right<TAB>wrong<TAB>question`, the n-th alike in every language, asked in
a branch in Spain on the day on which they were written. `right` are the statements that answer, counted from 0 as the box would quote them
(`other/policy#3` for one of another policy), `-` where none does; `wrong` are those that hold for another place than is asked about, and
would mislead. Whoever wrote them had not seen the code.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.answer import Answer
from app.appliance import Appliance
from app.evaluate import CAUTION, ask
from app.questions import Row
from app.settings import Settings
from factory.questions import WRITTEN, numbered, quotes_of
from knowledge.policy import LANGUAGES, Policy

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "tests" / "gold" / "places"
HOME = "ES"
COUNTED = ("right", "first", "other", "abstained", "misled", "misled first", "caution", "unanswerable", "answered all the same")


@dataclass(frozen=True, slots=True)
class PlaceQuestion:
    """`right` and `wrong` are texts of statements, as they stand in the policies of the question's language."""

    question: str
    language: str
    right: frozenset[str]
    wrong: frozenset[str]


def read_place_questions(policies: Sequence[Policy], half: str, language: str) -> list[PlaceQuestion]:
    """Those of one half, `dev` or `test`. Raises ValueError naming a line with a policy or a statement that there is not."""
    in_force = {(policy.id, policy.language): policy for policy in policies if policy.in_force(WRITTEN)}
    path = FOLDER / half / f"{language}.tsv"
    questions = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        policy, right, wrong, question = line.split("\t")
        try:
            texts = [frozenset(quotes_of(in_force, language, numbered(numbers, policy))) for numbers in (right, wrong)]
        except (KeyError, IndexError):
            raise ValueError(f"{path.name}, line {number}: no such statement") from None
        questions.append(PlaceQuestion(question, language, *texts))
    return questions


def judge(asked: PlaceQuestion, answer: Answer) -> Counter[str]:
    """What of COUNTED an answer counts for; `right` where one of the right statements was shown at all, `first` where it stood first."""
    shown = [item.quote for sentence in answer.sentences for item in sentence.evidence]
    answered = answer.outcome == "answered"
    marks = {
        "misled": any(quote in asked.wrong for quote in shown),
        "misled first": bool(shown) and shown[0] in asked.wrong,
        "caution": answered and any(sentence.key == CAUTION for sentence in answer.sentences),
    }
    if asked.right:
        right = answered and any(quote in asked.right for quote in shown)
        marks |= {"right": right, "first": right and shown[0] in asked.right, "other": answered and not right, "abstained": not answered}
    else:
        marks |= {"unanswerable": True, "answered all the same": answered}
    return Counter({name: int(held) for name, held in marks.items()})


def measure(box: Appliance, half: str, languages: Sequence[str] = LANGUAGES) -> Mapping[str, Counter[str]]:
    """By language, how the box answers; each question in a session of its own."""
    counts = {}
    for language in languages:
        counts[language] = Counter[str]()
        for asked in read_place_questions(box.index.policies, half, language):
            row = Row("", asked.question, language, as_of=WRITTEN, jurisdiction=HOME)
            if (answer := ask(box, row)) is not None:
                counts[language] += judge(asked, answer)
    return counts


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("dev", "test"), default="dev")
    parser.add_argument("--languages", nargs="*", default=LANGUAGES, choices=LANGUAGES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        values: dict[str, Any] = {"home": Path(home), "slm": False}
        counts = measure(Appliance(Settings(**values)), arguments.half, arguments.languages)
    total = sum(counts.values(), Counter())
    print("    " + "  ".join(COUNTED))
    for name, counted in (*counts.items(), ("all", total)):
        print(f"{name:4}" + "  ".join(f"{counted[column]:{len(column)}}" for column in COUNTED))


if __name__ == "__main__":
    main()
