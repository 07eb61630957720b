"""Concepts: what people at a bank call things, in eight languages (`factory/concepts/<language>.tsv`).

A line is `concept<TAB>kind<TAB>text`. Kinds: `gloss` (English alone: what the concept is), `term` (a name of it), `rule` (what a policy
might state, without figures) and `ask` (what a customer or teller says). The texts were written for this project from general
knowledge of banking, not from the reference bank's policies or questions (docs/decisions/0016).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("concepts")
KINDS = ("gloss", "term", "rule", "ask")


@dataclass(frozen=True, slots=True)
class Saying:
    """A text in a language, the concept it is about, and its kind (of KINDS)."""

    concept: str
    kind: str
    language: str
    text: str


def read_concepts(folder: Path = FOLDER) -> list[Saying]:
    """Every saying, by language and line. Raises ValueError naming the line that is wrong."""
    sayings: list[Saying] = []
    for path in sorted(folder.glob("*.tsv")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            parts = line.split("\t")
            if len(parts) != 3 or parts[1] not in KINDS or not all(part.strip() for part in parts):
                raise ValueError(f"{path.name}, line {number}: not `concept<TAB>kind<TAB>text`")
            sayings.append(Saying(parts[0], parts[1], path.stem, parts[2].strip()))
    return sayings
