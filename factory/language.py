"""Trains the n-gram model of short bank questions (models/language), and measures the detector on the gold sets.

    python -m factory.language --data ../shared/data      train, write models/language/language.npz (about a minute)
    python -m factory.language --evaluate                    accuracy a language on tests/gold/language, dev and test

Recipe: short snippets of sentences (1-8 words) of six Latin languages are lower-cased, most lose their accents, some get
a typo; character 1- to 5-grams and words are hashed into 2^15 buckets; a multinomial logistic regression is fitted and
kept as int8. The common words of each language become bitmaps; spaCy's stop words, minus every common word of a served
language, become the words that give an unserved language away.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import lzma
import random
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from app.language import LATIN, MODEL, LanguageDetector, features, fold, tokens

ROOT = Path(__file__).resolve().parent.parent
GOLD = ROOT / "tests" / "gold" / "language"
BUCKETS = 2**15
KNOWN_BITS = 2**16
KNOWN_WORDS = 5000
SNIPPETS = 22000
SPACY_NAMES = {"no": "nb"}


def read(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)


def corpora(data: Path) -> Iterator[tuple[str, str, str]]:
    """(source, language, sentence) of every Latin-language text there is for training."""
    for row in read(data / "parallel" / "sentences.jsonl.xz"):
        if row["finance"]:
            yield from (("parallel", code, row[code]) for code in LATIN if row.get(code))
    for row in read(data / "language" / "tatoeba_pairs.jsonl.xz"):
        if row["lang"] in LATIN:
            yield "spoken", row["lang"], row["text"]
        yield "spoken", "en", row["en"]
    for code in ("es", "fr", "it", "pt"):
        for row in read(data / "qa" / f"{code}.jsonl.xz"):
            yield "questions", code, row["question"]
    for row in read(data / "intents" / "customer_questions.jsonl.xz"):
        if row["lang"] == "en":
            yield "questions", "en", row["text"]
    for code in LATIN:
        with lzma.open(data / "law" / f"gdpr.{code}.txt.xz", "rt", encoding="utf8") as lines:
            yield from (("law", code, line) for line in lines if len(line) > 40)


def branch_words() -> tuple[dict[str, list[str]], dict[str, str]]:
    """The hand-written lists of models/language/words.toml."""
    listed = tomllib.loads((MODEL.parent / "words.toml").read_text(encoding="utf-8"))
    return {code: text.split() for code, text in listed["served"].items()}, dict(listed["unserved"])


def openings() -> dict[str, list[str]]:
    """How questions begin and words join, by hand; documentation seldom asks."""
    listed = tomllib.loads((MODEL.parent / "words.toml").read_text(encoding="utf-8"))["phrases"]
    return {code: [phrase.strip() for phrase in text.split("|")] for code, text in listed.items()}


def policies() -> Iterator[tuple[str, str, str]]:
    """The reference bank's own sentences, as far as they are written."""
    for code in LATIN:
        for path in sorted((ROOT / "knowledge" / "policies" / code).rglob("*.md")):
            body = path.read_text(encoding="utf-8").split("---", 2)[-1]
            yield from (("policies", code, line) for line in body.splitlines() if len(line) > 20)


def typo(word: str, rng: random.Random) -> str:
    """One letter dropped, doubled or swapped with its neighbour."""
    at = rng.randrange(len(word) - 1) if len(word) > 3 else 0
    if len(word) <= 3:
        return word
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] * 2 + word[at + 1 :] if kind == 1 else word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def typed(words: list[str], language: str, rng: random.Random) -> list[str]:
    """The words as a person types them: accents mostly lost, a typo now and then, German umlauts spelled out."""
    out = []
    spelled = language == "de" and rng.random() < 0.4
    for word in words:
        if spelled:
            word = word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
        word = word.replace("'", "") if rng.random() < 0.2 else word
        out.append(fold(typo(word, rng) if rng.random() < 0.06 else word))
    return out


def snippets(sentences: dict[str, dict[str, list[list[str]]]], rng: random.Random) -> Iterator[tuple[str, list[str]]]:
    """SNIPPETS a language: half from questions and speech, a third from the rest, the others from the hand lists."""
    hand, _ = branch_words()
    phrases = openings()
    for language in LATIN:
        groups = sentences[language]
        shares = {"questions": 3.0, "spoken": 3.0, "parallel": 3.0, "policies": 2.0, "law": 1.0}
        names = [name for name in shares if groups.get(name)]
        for _ in range(SNIPPETS):
            if rng.random() < 0.35:
                words = [rng.choice(hand[language]) for _ in range(rng.choice((1, 1, 2, 3, 4)))]
                words = (tokens(rng.choice(phrases[language])) if rng.random() < 0.5 else []) + words
                words = words[:-1] if rng.random() < 0.1 and len(words) > 2 else words
            else:
                sentence = rng.choice(groups[rng.choices(names, [shares[n] for n in names])[0]])
                length = rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8))
                start = rng.randrange(max(1, len(sentence) - length + 1))
                words = sentence[start : start + length]
            yield language, typed(words, language, rng)


def collect(data: Path, rng: random.Random) -> tuple[dict[str, dict[str, list[list[str]]]], dict[str, Counter[str]]]:
    """Sentences as words by language and source, and the folded word counts of each language."""
    sentences: dict[str, dict[str, list[list[str]]]] = {code: defaultdict(list) for code in LATIN}
    counts: dict[str, Counter[str]] = {code: Counter() for code in LATIN}
    for source, language, sentence in (*policies(), *corpora(data)):
        if source == "parallel" and rng.random() > 0.3:
            continue
        words = tokens(sentence)
        if words:
            sentences[language][source].append(words)
            weight = 1 if source in ("parallel", "law") else 3
            for word in words:
                counts[language][fold(word)] += weight
    return sentences, counts


def fit(rows: list[tuple[str, list[str]]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Weights (6, BUCKETS) float32 and bias (6,) of a multinomial logistic regression on hashed n-grams."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    index: list[int] = []
    value: list[float] = []
    ends = [0]
    for _, words in rows:
        counted = features(words, BUCKETS)
        norm = float(sum(counted.values())) ** 0.5
        index.extend(counted.keys())
        value.extend(count / norm for count in counted.values())
        ends.append(len(index))
    matrix = csr_matrix((np.asarray(value, np.float32), index, ends), shape=(len(rows), BUCKETS))
    labels = np.asarray([LATIN.index(language) for language, _ in rows])
    model = LogisticRegression(C=1.0, max_iter=250).fit(matrix, labels)
    return model.coef_.astype(np.float32), model.intercept_.astype(np.float32)


def common_words(counts: dict[str, Counter[str]]) -> dict[str, set[str]]:
    """The most frequent words of each language; a word that is 60 times rarer there than elsewhere is a loan."""
    hand, _ = branch_words()
    totals = {code: sum(counted.values()) for code, counted in counts.items()}
    common: dict[str, set[str]] = {}
    for code, counted in counts.items():
        chosen = {word for word, count in counted.most_common(KNOWN_WORDS) if count >= 6}
        for word in list(chosen):
            rate = counted[word] / totals[code]
            if max(other[word] / totals[name] for name, other in counts.items()) > 60 * rate:
                chosen.discard(word)
        common[code] = chosen | {fold(word) for word in hand[code]}
    return common


def bitmaps(common: dict[str, set[str]]) -> np.ndarray[Any, Any]:
    """(6, KNOWN_BITS / 8) uint8: a Bloom filter of one hash a language."""
    import zlib

    known = np.zeros((len(LATIN), KNOWN_BITS // 8), np.uint8)
    for row, code in enumerate(LATIN):
        for word in common[code]:
            bit = zlib.crc32(f"k:{word}".encode()) % KNOWN_BITS
            known[row, bit // 8] |= np.uint8(1 << (bit % 8))
    return known


def giveaways(common: dict[str, set[str]]) -> list[str]:
    """`nl een het …` lines: hand-written words and spaCy's stop words that no served language commonly uses."""
    _, hand = branch_words()
    lines = []
    for code, written in sorted(hand.items()):
        try:
            stop = importlib.import_module(f"spacy.lang.{SPACY_NAMES.get(code, code)}.stop_words").STOP_WORDS
        except (ImportError, AttributeError):
            stop = set()
        words = {w.casefold() for w in stop if w.isalpha() and len(w) > 1} | set(written.split())
        kept = sorted(w for w in words if not any(fold(w) in common[c] for c in LATIN))
        lines.append(f"{code} {' '.join(kept[:400])}")
    return lines


def train(data: Path, out: Path) -> None:
    """Writes the model; the same data and seed give the same bytes."""
    rng = random.Random(20260301)
    sentences, counts = collect(data, rng)
    for code in LATIN:
        print(code, {name: len(rows) for name, rows in sentences[code].items()}, file=sys.stderr)
    rows = list(snippets(sentences, rng))
    rng.shuffle(rows)
    weights, bias = fit(rows)
    scale = np.abs(weights).max(axis=1) / 127
    common = common_words(counts)
    np.savez_compressed(
        out,
        languages=np.asarray(LATIN),
        weights=np.round(weights / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=bias,
        known=bitmaps(common),
        unserved=np.asarray(giveaways(common)),
    )
    raw = out.read_bytes()
    print(f"{out}: {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}")


def gold(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLD / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def accuracy(detector: LanguageDetector, name: str, split: str) -> tuple[int, int, list[str]]:
    """(right, all, misses) of one gold file; for `unserved` the recognised language counts, not the answering one."""
    rows = [row for row in gold(name) if row["split"] == split]
    misses = []
    for row in rows:
        decision = detector.detect(row["text"])
        if "detected" in row:
            right = not decision.served and decision.language == row["language"]
        else:
            right = decision.served and decision.language == row["language"]
        if not right:
            misses.append(f"{row['text']!r}: {decision.detected} ({decision.reason} {decision.confidence:.2f})")
    return len(rows) - len(misses), len(rows), misses


def evaluate(show: str) -> None:
    """One line a language; misses are printed for the splits named in `show` only, so that test stays unread."""
    detector = LanguageDetector()
    for name in ("en", "es", "fr", "de", "pt", "it", "zh", "ar", "unserved"):
        for split in ("dev", "test"):
            right, total, misses = accuracy(detector, name, split)
            print(f"{name:9} {split:5} {right}/{total}  {100 * right / total:.1f} %")
            if split in show:
                print("".join(f"          {miss}\n" for miss in misses), end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--show", default="", help="splits whose misses are printed: dev, test or both")
    arguments = parser.parse_args()
    if arguments.evaluate:
        evaluate(arguments.show)
    else:
        train(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
