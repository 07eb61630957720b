"""Translations that stand unaligned in the data, found with a first embedder and given to the second.

    python -m factory.mining --model models/embedder --data ../shared/data --out build/embedder/lexicon/mined.jsonl

ArBanking77 translates Banking77's questions, SQuAD-es and SQuAD-it those of SQuAD: same questions, no common number. A
question and a candidate are a pair when each stands out from its other neighbours by a margin (Artetxe & Schwenk 2019).
"""

from __future__ import annotations

import argparse
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from factory.embedder_corpus import LANGUAGES, SENTENCE_END, Corpus, read_corpus, write_rows
from knowledge.embedder import Vectors, load_embedder


def margins(one: Vectors, other: Vectors, neighbours: int = 4) -> Vectors:
    """`(n, m)` cosine divided by the mean of both sides' nearest neighbours."""
    scores = one @ other.T
    near = min(neighbours, len(other))
    rows = np.sort(scores, axis=1)[:, -near:].mean(axis=1)
    columns = np.sort(scores, axis=0)[-min(neighbours, len(one)) :].mean(axis=0)
    return np.asarray(scores / np.maximum(rows[:, None] / 2 + columns[None, :] / 2, 1e-6), np.float32)


def matches(model: Any, texts: Sequence[str], english: Sequence[str], least: float, mutual: bool) -> Iterator[tuple[int, int]]:
    """(text, English text) whose margin is `least` or more; with `mutual`, each is the other's best."""
    if not texts or not english:
        return
    found = margins(model.encode(list(texts)), model.encode(list(english)))
    best = found.argmax(axis=1)
    back = found.argmax(axis=0)
    for number, place in enumerate(best):
        if found[number, place] >= least and (not mutual or back[place] == number):
            yield number, int(place)


def mined_rows(model: Any, corpus: Corpus) -> Iterator[dict[str, str]]:
    """Arabic and English questions of one intent, then Spanish and Italian questions of SQuAD."""
    by_intent: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for said in corpus.utterances:
        if said.intent:
            by_intent[said.intent][said.language].append(said.text)
    for _, texts in sorted(by_intent.items()):
        for number, place in matches(model, texts["ar"], texts["en"], 1.0, mutual=False):
            yield {"en": texts["en"][place], "ar": texts["ar"][number]}
    english = [pair.question for pair in corpus.pairs if pair.language == "en"]
    english_spans = [pair.passage for pair in corpus.pairs if pair.language == "en"]
    for code in ("es", "it"):
        questions = [pair.question for pair in corpus.pairs if pair.language == code]
        spans = [pair.passage for pair in corpus.pairs if pair.language == code]
        for number, place in matches(model, questions, english, 1.2, mutual=True):
            yield {"en": english[place], code: questions[number]}
            yield {"en": first_sentence(english_spans[place]), code: first_sentence(spans[number])}


def first_sentence(text: str) -> str:
    """The sentence that holds the answer: a pair's passage begins with it."""
    return SENTENCE_END.split(text, maxsplit=1)[0]


def law_rows(model: Any, data: Path) -> Iterator[dict[str, str]]:
    """Paragraphs of the General Data Protection Regulation, found again in the other languages near the same place."""
    lines = {code: _law(data / "law" / f"gdpr.{code}.txt.xz") for code in LANGUAGES}
    english = lines.get("en", [])
    rows: list[dict[str, str]] = [{"en": line} for line in english]
    for code, others in lines.items():
        if code == "en" or not others or not english:
            continue
        scores = model.encode(english) @ model.encode(others).T
        away = np.abs(np.arange(len(english))[:, None] * len(others) / len(english) - np.arange(len(others))[None, :])
        scores = np.where(away < 60, scores, -1.0)
        best, back = scores.argmax(axis=1), scores.argmax(axis=0)
        for number, place in enumerate(best):
            if back[place] == number and scores[number, place] > 0.5:
                rows[number][code] = others[int(place)]
    yield from (row for row in rows if len(row) > 1)


def _law(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with lzma.open(path, "rt", encoding="utf8") as file:
        return [line.strip() for line in file if 20 <= len(line.strip()) <= 500]


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedder"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/embedder/lexicon/mined.jsonl"))
    options = parser.parse_args()
    model = load_embedder(options.model)
    rows = [*mined_rows(model, read_corpus(options.data)), *law_rows(model, options.data)]
    print(f"{write_rows(options.out, rows)} pairs into {options.out}")


if __name__ == "__main__":
    main()
