"""Held out: prompts that no model was trained on, one half to decide by, the other to measure with.

From `tests/gold` dev and, where they lie beside the repository, the held-out passages of the public question sets.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from factory.slm.data import LANGUAGES, MAX_STATEMENT, Encoder, Example, Item, gold_items, policy_statements, qa_items

STATEMENTS = 6
ROWS = 2000
"""Rows of a question set that are looked through; one passage in twenty is held out."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """An item in its language, as the model is shown it."""

    language: str
    item: Item
    example: Example


@dataclass(frozen=True, slots=True)
class Split:
    """`calibration` decides (importance), `test` measures."""

    calibration: tuple[HeldOut, ...]
    test: tuple[HeldOut, ...]


def held_out(tokenizer: Tokenizer, data: Path, policies: Path, gold: Path, each: int, seed: int = 0) -> Split:
    """At most `each` prompts a language for either half, half of them from the bank's questions where there are so many."""
    encoder = Encoder(tokenizer)
    bank = gold_items(gold, policy_statements(policies), "dev")
    halves: tuple[list[HeldOut], list[HeldOut]] = ([], [])
    for language in LANGUAGES:
        own = [item for item in bank if item.language == language and item.kind == f"gold-{language}"]
        public = qa_items(data, language, ROWS)[1]
        rng = random.Random(f"{seed} {language}")
        found: list[list[HeldOut]] = []
        for items in (own, public):
            rng.shuffle(items)
            found.append(_shown(items, language, encoder, rng, 2 * each))
        mixed = _alternating(*found)[: 2 * each]
        for half, part in zip(halves, (mixed[0::2], mixed[1::2]), strict=True):
            half.extend(part)
    return Split(tuple(halves[0]), tuple(halves[1]))


def _shown(items: Sequence[Item], language: str, encoder: Encoder, rng: random.Random, most: int) -> list[HeldOut]:
    shown: list[HeldOut] = []
    asked: set[str] = set()
    for item in items:
        if len(shown) == most:
            break
        if item.question in asked:  # the same question in both halves would be measured by what it decided
            continue
        asked.add(item.question)
        example = encoder.example(item, rng, STATEMENTS, MAX_STATEMENT) if len(item.others) > 1 else None
        if example is not None:
            shown.append(HeldOut(language, item, example))
    return shown


def _alternating(first: list[HeldOut], second: list[HeldOut]) -> list[HeldOut]:
    """Two of the one, two of the other, so that every second element is half of each."""
    mixed: list[HeldOut] = []
    for start in range(0, max(len(first), len(second)), 2):
        mixed += first[start : start + 2] + second[start : start + 2]
    return mixed
