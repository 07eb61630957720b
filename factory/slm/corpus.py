"""Corpus of the tokenizer: a fair share of each language, from policies, questions, customers' messages and documents."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator
from pathlib import Path

from factory.slm.data import LANGUAGES

CHARACTERS = 1_200_000
QUESTION_CHARACTERS = 1_000_000


def _rows(path: Path) -> Iterator[dict[str, object]]:
    if path.exists():
        with lzma.open(path, "rt", encoding="utf8") as lines:
            for line in lines:
                yield json.loads(line)


def tokenizer_texts(data: Path, policies: Path, gold: Path, seed: int = 0) -> Iterator[str]:
    """Texts to learn tokens from; what is absent is left out."""
    rng = random.Random(seed)
    for path in sorted(policies.rglob("*.md")):
        yield from [path.read_text(encoding="utf8")] * 2
    for language in LANGUAGES:
        last, count = "", 0
        for row in _rows(data / "qa" / f"{language}.jsonl.xz"):
            if row["passage"] != last:
                last = str(row["passage"])
                count += len(last)
                yield last
            yield str(row["question"])
            if count > QUESTION_CHARACTERS:
                break
        questions = gold / language / "train.jsonl"
        if questions.exists():
            yield from (str(json.loads(line)["question"]) for line in questions.read_text(encoding="utf8").splitlines())
    yield from (str(row["text"]) for row in _rows(data / "intents" / "customer_questions.jsonl.xz") if rng.random() < 0.3)
    seen = dict.fromkeys(LANGUAGES, 0)
    for number, row in enumerate(_rows(data / "parallel" / "sentences.jsonl.xz")):
        for language in LANGUAGES:
            if number % 4 == 0 and language in row and seen[language] < CHARACTERS:
                seen[language] += len(str(row[language]))
                yield str(row[language])
