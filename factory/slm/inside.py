"""Inside: what the model changes in the box's answers, against the same box quoting alone.

    python -m factory inside [--limit N]     # questions of tests/gold dev, both ways, on the exported model

For each language: how many sentences were shown, how many of them are the model's (they passed grounding), and how often the first
sentence, and the whole answer, hold every figure that the question needs; and whether the model adds anything. In which languages the
box asks it, `languages` of its entry in `app/slm/catalog.toml` says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.answer import Answer
from app.appliance import Appliance
from app.evaluate import ask, contains_all
from app.questions import Row, read_rows
from app.settings import Settings
from factory.slm.data import LANGUAGES


@dataclass(slots=True)
class Counts:
    """Over questions that were answered: sentences shown, those of the model; over those with known figures: right ones."""

    answered: int = 0
    sentences: int = 0
    by_model: int = 0
    known: int = 0
    first: int = 0
    whole: int = 0

    def add(self, row: Row, reply: Answer) -> None:
        """Count one answer."""
        shown = [sentence for sentence in reply.sentences if sentence.evidence]
        if reply.outcome != "answered" or not shown:
            return
        self.answered += 1
        self.sentences += len(shown)
        self.by_model += sum(sentence.origin == "model" for sentence in shown)
        if row.must_contain:
            self.known += 1
            self.first += contains_all(shown[:1], reply.language, row)
            self.whole += contains_all(shown, reply.language, row)


def count(box: Appliance, rows: Sequence[Row]) -> Counts:
    """Ask every row in a session of its own."""
    counts = Counts()
    for row in rows:
        reply = ask(box, row)
        if reply is not None:
            counts.add(row, reply)
    return counts


def inside(model: Path, gold: Path, out: Path, limit: int | None = None) -> dict[str, dict[str, dict[str, int]]]:
    """Both ways by language; written to `out` as JSON."""
    out.parent.mkdir(parents=True, exist_ok=True)  # before minutes of asking
    found: dict[str, dict[str, dict[str, int]]] = {}
    for way, slm in (("quotes", False), ("model", True)):
        with TemporaryDirectory() as home, Appliance(_settings(home, model, slm)) as box:
            for language in LANGUAGES:
                rows = [row for row in read_rows(gold / language / "dev.jsonl") if row.expected == "answered"][:limit]
                counts = count(box, rows)
                found.setdefault(language, {})[way] = {name: getattr(counts, name) for name in Counts.__slots__}
                print(language, way, found[language][way], flush=True)
    out.write_text(json.dumps(found, indent=1), encoding="utf8")
    return found


def _settings(home: str, model: Path, slm: bool) -> Settings:
    values: dict[str, Any] = {"home": Path(home), "model": str(model.resolve()), "slm": slm}
    return Settings(**values)


def adds(ways: dict[str, dict[str, int]]) -> bool:
    """Whether the model makes more answers of a language right, whole or in their first sentence, and none of the two fewer."""
    gains = [ways["model"][name] - ways["quotes"][name] for name in ("first", "whole")]
    return min(gains) >= 0 and max(gains) > 0


def table(found: dict[str, dict[str, dict[str, int]]]) -> str:
    """A row a language, in Markdown."""
    lines = [
        "| language | answered | by the model | first right: with model | quotes | answer right: with model | quotes "
        "| sentences an answer: with model | quotes | adds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for language, ways in found.items():
        with_model, quoting = ways["model"], ways["quotes"]
        cells = [str(with_model["answered"]), _share(with_model["by_model"], with_model["sentences"])]
        for name in ("first", "whole"):
            cells += [_share(way[name], way["known"]) for way in (with_model, quoting)]
        cells += [f"{way['sentences'] / max(way['answered'], 1):.2f}" for way in (with_model, quoting)]
        cells.append("yes" if adds(ways) else "no")
        lines.append(f"| {language} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else ""
