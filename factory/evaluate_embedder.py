"""Evaluation of the embedder: general sentences, unseen documents, the reference bank, and milliseconds.

    python -m factory.evaluate_embedder --model models/embedder --data ../shared/data --policies knowledge/policies \\
        --gold tests/gold [--split test] [--out build/embedder/scores.json]

R@k is the share of questions whose right text is among the first k. Policies are found by their best passage; a
question is asked of the policies of its own language, and of each other language. BM25 alone is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from factory.embedder_corpus import LANGUAGES, Corpus, bare, read_corpus, read_rows
from knowledge.embedder import load_embedder
from knowledge.passages import passages_of
from knowledge.policy import load_policies
from knowledge.terms import terms

Vectors = npt.NDArray[np.float32]
Scores = dict[str, Any]


def recall(queries: Vectors, texts: Vectors, right: npt.NDArray[np.int64], most: int = 1) -> float:
    """Share of queries whose text `right[i]` is among the `most` nearest."""
    hits = 0
    for start in range(0, len(queries), 1024):
        scores = queries[start : start + 1024] @ texts.T
        wanted = right[start : start + 1024]
        own = scores[np.arange(len(wanted)), wanted]
        hits += int(((scores > own[:, None]).sum(axis=1) < most).sum())
    return round(hits / max(len(queries), 1), 3)


def tatoeba(model: Any, data: Path) -> Scores:
    """R@1 of the English translation among 1,000, and back; by language. Tatoeba is never trained on."""
    rows = list(read_rows(data / "language" / "tatoeba_pairs.jsonl.xz"))
    out: Scores = {}
    for code in LANGUAGES[1:]:
        mine = [row for row in rows if row["lang"] == code]
        if mine:
            texts, english = model.encode([row["text"] for row in mine]), model.encode([row["en"] for row in mine])
            order = np.arange(len(mine))
            out[code] = {"to_en": recall(texts, english, order), "from_en": recall(english, texts, order)}
    return out


def tatoeba_met(data: Path, lexicon: Sequence[Path]) -> dict[str, int]:
    """How many of a language's pairs of Tatoeba also stand in the aligned texts that were trained on, marks and case aside."""
    trained = {code: set[tuple[str, str]]() for code in LANGUAGES[1:]}
    for path in (data / "parallel" / "sentences.jsonl.xz", *lexicon):
        for row in read_rows(path):
            for code in trained:
                if row.get(code):
                    trained[code].add((bare(row.get("en", "")), bare(row[code])))
    met = dict.fromkeys(trained, 0)
    for row in read_rows(data / "language" / "tatoeba_pairs.jsonl.xz"):
        met[row["lang"]] += (bare(row["en"]), bare(row["text"])) in trained[row["lang"]]
    return met


def documents(model: Any, corpus: Corpus) -> Scores:
    """R@1 of the English sentence among all held-out ones (documents that were not trained on)."""
    out: Scores = {}
    english = model.encode([group.texts["en"] for group in corpus.held_out_groups])
    for code in LANGUAGES[1:]:
        rows = [number for number, group in enumerate(corpus.held_out_groups) if code in group.texts]
        if rows:
            texts = model.encode([corpus.held_out_groups[number].texts[code] for number in rows])
            out[code] = recall(texts, english, np.array(rows))
    return out


def passages(model: Any, corpus: Corpus) -> Scores:
    """R@1 and R@5 of the passage of a held-out question, in its own language."""
    out: Scores = {}
    for code in LANGUAGES:
        pairs = [pair for pair in corpus.held_out_pairs if pair.language == code]
        if pairs:
            unique = list(dict.fromkeys(pair.passage for pair in pairs))
            place = {text: number for number, text in enumerate(unique)}
            right = np.array([place[pair.passage] for pair in pairs])
            questions, texts = model.encode([pair.question for pair in pairs]), model.encode(unique)
            r1, r5 = recall(questions, texts, right), recall(questions, texts, right, 5)
            out[code] = {"n": len(pairs), "r1": r1, "r5": r5}
    return out


@dataclass(frozen=True, slots=True)
class Library:
    """Passages of the reference bank in one language: what is embedded, and the policy each is from."""

    texts: list[str]
    policies: list[str]


def libraries(folder: Path) -> dict[str, Library]:
    """By language, the passages of the newest version of each policy under `folder`.

    A language with less than nine tenths of the policies is left out: among few policies the right one is easy to find.
    """
    out: dict[str, Library] = {}
    newest = {(policy.language, policy.id): policy for policy in sorted(load_policies(folder), key=lambda p: p.version)}
    for (language, name), policy in sorted(newest.items()):
        library = out.setdefault(language, Library([], []))
        for passage in passages_of(policy):
            library.texts.append(f"{passage.heading}. {passage.text}")
            library.policies.append(name)
    most = max((len(set(library.policies)) for library in out.values()), default=0)
    return {code: library for code, library in out.items() if len(set(library.policies)) >= 0.9 * most}


def gold_questions(folder: Path, split: str) -> dict[str, list[tuple[str, str]]]:
    """By language, (question, policy) of the gold rows that name a policy, but for those understood only with what was asked before."""
    out: dict[str, list[tuple[str, str]]] = {}
    for language in LANGUAGES:
        rows = read_rows(folder / language / f"{split}.jsonl")
        found = [(str(row["question"]), str(row["policy"])) for row in rows if row.get("policy") and row.get("category") != "follow-up"]
        if found:
            out[language] = found
    return out


def first_places(scores: npt.NDArray[np.floating[Any]], policies: Sequence[str], right: Sequence[str]) -> list[int]:
    """For each query, the place of the right policy when policies are ranked by their best passage; -1 if absent."""
    names = sorted(set(policies))
    owner = np.array([names.index(name) for name in policies])
    best = np.full((len(scores), len(names)), -np.inf)
    for column in range(len(names)):
        best[:, column] = scores[:, owner == column].max(axis=1)
    places = []
    for row, name in enumerate(right):
        if name not in names:
            places.append(-1)
            continue
        places.append(int((best[row] > best[row, names.index(name)]).sum()))
    return places


def _rates(places: Sequence[int]) -> Scores:
    known = [place for place in places if place >= 0]
    count = max(len(known), 1)
    r1, r5 = (sum(place < most for place in known) / count for most in (1, 5))
    return {"n": len(known), "r1": round(r1, 3), "r5": round(r5, 3)}


def reference_bank(model: Any, policies: Path, gold: Path, split: str) -> Scores:
    """R@1 and R@5 of the right policy: own language, other languages (mean), BM25 in the own language."""
    shelves = libraries(policies)
    questions = gold_questions(gold, split)
    vectors = {language: model.encode(shelf.texts) for language, shelf in shelves.items()}
    out: Scores = {}
    for language, rows in questions.items():
        asked = model.encode([question for question, _ in rows])
        right = [policy for _, policy in rows]
        result: Scores = {}
        across: list[int] = []
        for other, shelf in shelves.items():
            places = first_places(asked @ vectors[other].T, shelf.policies, right)
            if other == language:
                result["same"] = _rates(places)
                words = bm25(shelf.texts, [question for question, _ in rows], language)
                result["bm25"] = _rates(first_places(words, shelf.policies, right))
            else:
                across += places
                result[f"in_{other}"] = _rates(places)
        if across:
            result["across"] = _rates(across)
        out[language] = result
    return out


def bm25(texts: Sequence[str], queries: Sequence[str], language: str) -> npt.NDArray[np.float32]:
    """`(queries, texts)` BM25 scores over the terms of the lexical search (stems; pairs of Chinese characters)."""
    import bm25s

    index = bm25s.BM25()
    index.index([terms(text, language) for text in texts], show_progress=False)
    known = set(index.vocab_dict)
    scores = np.zeros((len(queries), len(texts)), np.float32)
    for row, query in enumerate(queries):
        found = [term for term in terms(query, language) if term in known]
        if found:
            scores[row] = index.get_scores(found)
    return scores


def latency(model: Any, rounds: int = 2000) -> Scores:
    """Milliseconds to encode one question, one at a time: median and 95th percentile."""
    question = "How much does it cost to send 500 euros to a bank account in another country?"
    model.encode([question])
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        model.encode([question])
        times.append((time.perf_counter() - begun) * 1000)
    return {"p50_ms": round(float(np.percentile(times, 50)), 4), "p95_ms": round(float(np.percentile(times, 95)), 4)}


def evaluate(model_folder: Path, data: Path, policies: Path, gold: Path, split: str, lexicon: Sequence[Path] = ()) -> Scores:
    """Everything that can be measured with what is there; what is absent is named under `skipped`."""
    model = load_embedder(model_folder)
    size = sum(path.stat().st_size for path in model_folder.rglob("*") if path.is_file())
    scores: Scores = {"sha256": model.sha256, "dim": model.dim, "bytes": size, "latency": latency(model)}
    skipped = []
    if data.is_dir():
        corpus = read_corpus(data)
        scores["tatoeba_r1"] = tatoeba(model, data)
        scores["tatoeba_met"] = tatoeba_met(data, lexicon)
        scores["documents_r1"] = documents(model, corpus)
        scores["passages"] = passages(model, corpus)
    else:
        skipped.append(f"Tatoeba, documents, passages: no data at {data}")
    questions = gold_questions(gold, split)
    if not any((policies / language).is_dir() for language in LANGUAGES):
        skipped.append(f"reference bank: no policies at {policies}")
    elif not questions:
        skipped.append(f"reference bank: no {split}.jsonl with policies under {gold}")
    else:
        scores["split"] = split
        scores["bank"] = reference_bank(model, policies, gold, split)
        absent = [code for code in LANGUAGES if "same" not in scores["bank"].get(code, {})]
        if absent:
            skipped.append(f"reference bank, policies or {split} questions not complete yet in: {' '.join(absent)}")
    scores["skipped"] = skipped
    return scores


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedder"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--policies", type=Path, default=Path("knowledge/policies"))
    parser.add_argument("--gold", type=Path, default=Path("tests/gold"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--lexicon", type=Path, default=Path("build/embedder/lexicon"), help="the aligned texts that were trained on")
    parser.add_argument("--out", type=Path, default=Path("build/embedder/scores.json"))
    options = parser.parse_args()
    scores = evaluate(options.model, options.data, options.policies, options.gold, options.split, sorted(options.lexicon.glob("*.jsonl")))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(scores, indent=1) + "\n", "utf-8")
    for line in scores["skipped"]:
        print(f"skipped: {line}")
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
