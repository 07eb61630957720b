"""How well names and identifiers are found: `python -m factory.names.evaluate [--half dev|test|both] [--models DIR] [--faults] [--json]`.

`--questions` counts the policy questions (tests/gold/<language>, train and dev) in which an ordinary word is masked as a name, and the
sayings (`factory/concepts`) of the concepts that were put aside.

The gold messages (tests/gold/redaction) are split by line: odd lines are the dev half, to which thresholds were fitted and whose faults
were read; even lines are the test half, read by nobody who made the finder. `--templates` scores the tagger alone on templates and
names that were put aside from training and gazetteer.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

from compliance.redaction.clusters import Clusters
from compliance.redaction.engine import Redactor
from compliance.redaction.field import Field
from compliance.redaction.identifiers import find
from compliance.redaction.tagger import CLUSTERS, MODEL, NameTagger
from factory.names.corpus import Filler, templates
from factory.names.gazetteer import gazetteer
from factory.names.lexicon import LANGUAGES, ROOT
from factory.names.sayings import concepts
from factory.names.scores import NAMES as KINDS
from factory.names.scores import Count, Marked, Score, read_gold, score

GOLD = ROOT / "tests" / "gold" / "redaction"
PUBLIC = ("+34 900 100 200", "help@alborada.example")
"""The bank's own line and address in the gold messages."""
HALVES = {"dev": (0,), "test": (1,), "both": (0, 1)}
ASKED = ("train", "dev")
"""The splits of the policy questions that are read; a word that is masked in one cannot be searched."""
_TOWNS = (
    "london brussels lisbon paris marseille nice lille toulouse bordeaux cork lima boston tokyo prague sevilla seville valencia",
    "londres bruselas lisboa parís marsella niza burdeos tokio praga",
    "bruxelles lisbonne séville valence",
    "brüssel lissabon nizza tokio prag",
    "bruxelas marselha tóquio sevilha valência",
    "londra lisbona parigi marsiglia tolosa siviglia",
    "伦敦 纽约 布鲁塞尔 里斯本 巴黎 马赛 尼斯 里尔 图卢兹 波尔多 利马 波士顿 东京 布拉格 塞维利亚 瓦伦西亚",
    "لندن نيويورك بروكسل لليشبونة بلشبونة بباريس مرسيليا نيس ليل بتولوز بوردو كورك ليما ببوسطن براغ إشبيلية فالنسيا بلندن",
)
_SAID = (
    "dubai heathrow magaluf galway québec zurich zürich barajas teneriffa wien münchen madrid guarulhos berlino malpensa lugano rimini "
    "milano jamie karen carla tom 小李 الشارقة"
)
"""Likewise of the sayings of concepts."""
_OTHERS = {"ana", "anna", "安娜", "لآنا", "آنا", "new york", "nueva york", "nova iorque"}
NAMED = frozenset(town for line in (*_TOWNS, _SAID) for town in line.split()) | _OTHERS
"""Whom and what some of them do name, as they write it: masked rightly. Every one was read in its question."""


def gold(language: str, half: str) -> list[Marked]:
    """The messages of one half: lines 1, 3, 5 … are dev, 2, 4, 6 … test."""
    rows = read_gold(GOLD / f"{language}.txt")
    return [row for number, row in enumerate(rows) if number % 2 in HALVES[half]]


def score_gold(redactor: Redactor, language: str, half: str) -> Score:
    """The whole redactor on gold messages."""
    return score(gold(language, half), lambda text: [(found.type, found.start, found.end) for found in redactor.find(text)])


def score_templates(models: Path, language: str, fills: int = 4) -> Score:
    """The tagger alone on sentences whose templates and names it has never seen, with a gazetteer that lacks those names."""
    tagger = NameTagger(Field.load(models / MODEL), gazetteer(release=False), Clusters.load(models / CLUSTERS))
    filler = Filler(language, random.Random(7), held_out=True)
    rows = [filler.fill(template) for template in templates(language, held_out=True) for _ in range(fills)]
    marked = [Marked(row.text, row.spans) for row in rows]
    return score(marked, lambda text: [(found.type, found.start, found.end) for found in tagger.find(text, find(text))])


def questions(language: str) -> list[tuple[str, str]]:
    """The policy questions of a language as (split, question)."""
    folder = ROOT / "tests" / "gold" / language
    return [
        (split, json.loads(line)["question"]) for split in ASKED for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()
    ]


def masked_ordinary(redactor: Redactor, text: str) -> list[str]:
    """What is masked in a text as a name that is none."""
    masked = [text[found.start : found.end] for found in redactor.find(text) if found.type in KINDS]
    return [value for value in masked if value.casefold() not in NAMED and not NAMED.issuperset(value.casefold().split())]


def masked_questions(redactor: Redactor, language: str) -> list[tuple[str, str, list[str]]]:
    """The policy questions in which something is masked as a name that is none, as (split, question, what is masked)."""
    return [(split, text, wrong) for split, text in questions(language) if (wrong := masked_ordinary(redactor, text))]


def masked_concepts(redactor: Redactor, language: str) -> list[tuple[str, list[str]]]:
    """The sayings of the concepts put aside in which something is masked as a name that is none, as (saying, what is masked)."""
    return [(text, wrong) for text in concepts(language, aside=True) if (wrong := masked_ordinary(redactor, text))]


def summary(result: Score) -> dict[str, object]:
    """The figures of a score as JSON."""

    def of(count: Count) -> dict[str, object]:
        whole = round(count.whole / count.marked, 3) if count.marked else None
        figures = {"recall": count.recall, "precision": count.precision, "f2": count.f2}
        shown: dict[str, object] = {"marked": count.marked, "whole": whole}
        return shown | {name: round(value, 3) for name, value in figures.items()}

    return {
        "names": of(result.names), "strong": of(result.strong), "all": of(result.total), "clean": result.clean, "touched": result.touched,
        "types": {kind: of(count) for kind, count in sorted(result.types.items())},
    }  # fmt: skip


def _print(title: str, result: Score) -> None:
    print(f"{title}: clean messages touched {result.touched} of {result.clean}")
    rows = [("names", result.names), ("strong", result.strong), ("all", result.total)]
    for name, count in [*rows, *sorted(result.types.items())]:
        whole = count.whole / count.marked if count.marked else 1.0
        shown = f"recall {count.recall:.3f} (whole {whole:.3f})  precision {count.precision:.3f}  F2 {count.f2:.3f}"
        print(f"  {name:13} {count.marked:4} marked  {shown}")


def _print_questions(redactor: Redactor, languages: Sequence[str]) -> None:
    for language in languages:
        masked = masked_questions(redactor, language)
        counts = ", ".join(f"{sum(row[0] == split for row in masked)} in {split}" for split in ASKED)
        print(f"{language}: {len(masked)} of {len(questions(language))} questions ({counts})")
        for split, text, values in masked:
            print(f"    {split} {values} in {text!r}")
        said = masked_concepts(redactor, language)
        print(f"  and {len(said)} of {len(concepts(language, aside=True))} sayings of concepts put aside")
        for text, values in said:
            print(f"    aside {values} in {text!r}")


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, default="dev")
    parser.add_argument("--models", type=Path, default=ROOT / "models" / "names")
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument(
        "--questions", action="store_true", help="the policy questions of train and dev in which an ordinary word is masked"
    )
    parser.add_argument("--templates", action="store_true", help="the tagger alone, on what was put aside")
    parser.add_argument("--faults", action="store_true", help="with what was missed and what was masked wrongly (never of the test half)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.faults and given.half != "dev":
        parser.error("faults are shown of the dev half alone: who reads the test half has none any more")
    redactor = Redactor(allow=PUBLIC, names=NameTagger.load(given.models))
    if given.questions:
        _print_questions(redactor, given.languages)
        return
    results = {
        language: score_templates(given.models, language) if given.templates else score_gold(redactor, language, given.half)
        for language in given.languages
    }
    if given.json:
        print(json.dumps({language: summary(result) for language, result in results.items()}))
        return
    for language, result in results.items():
        _print(language, result)
        if given.faults:
            for title, faults in (("missed", result.missed), ("wrong", result.wrong)):
                for kind, value, text in faults:
                    print(f"    {title} {kind} {value!r} in {text!r}")


if __name__ == "__main__":
    main()
