"""Train the tagger of names: `python -m factory.names.train [--preset smoke] [--out models/names]`, after `factory.names.clusters`.

Sentences are filled from the templates (each anew with other names), beside sentences that hold none: the reference bank's policies and
training questions, what people at a bank call things, everyday phrases, and customers' questions from the data folder where it is there.
The gazetteer that ships lists every name; the scores of `factory.names.evaluate` come from a gazetteer without the names put aside.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
import re
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pycrfsuite

from compliance.redaction.clusters import Clusters
from compliance.redaction.features import columns
from compliance.redaction.field import Field, written
from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.identifiers import find
from compliance.redaction.tagger import CLUSTERS, MODEL, NAMES, masks
from compliance.redaction.tokens import Token, tokens
from factory.names.corpus import Filler, Labelled, roughen, templates
from factory.names.gazetteer import gazetteer
from factory.names.lexicon import LANGUAGES, ROOT
from factory.names.sayings import concepts, names_something, training_questions
from factory.phrases import read_phrases

QUESTIONS = ROOT.parent / "shared" / "data" / "intents" / "customer_questions.jsonl.xz"
SENTENCES = ROOT.parent / "shared" / "data" / "parallel" / "sentences.jsonl.xz"
EVERYDAY = ROOT.parent / "shared" / "data" / "language" / "tatoeba_pairs.jsonl.xz"
PASSAGES = ROOT.parent / "shared" / "data" / "qa"
LEAST_CHARACTERS, MOST_CHARACTERS = 20, 220
_INVENTED = re.compile(r"contoso|fabrikam|adventure ?works|litware|northwind|trey|usmf", re.I)
SEED = 20261126
C1, C2 = 0.08, 0.02
MORE = {"ar": 1.7, "zh": 1.7}
"""Scripts without capitals give the tagger less to go by: their templates are filled more often."""
EMPTY = {"ar": 0.7, "zh": 0.4}
EMPTY_ELSEWHERE = 1 / 6
"""How often a template without a slot is repeated, to one fill of another."""
CUSTOMERS = {"ar": 7}
"""How many times as many questions of customers are taken as of other plain sentences: most Arabic names are ordinary words in them."""
AGAIN = {"ar": 6}
"""How often the policies and the training questions of the bank are repeated."""
CONCEPTS = {"ar": 3, "zh": 2}
"""How often what people at a bank call things is repeated, all of it: their own words for it are in no other source."""
FRAMES = {"ar": 9, "zh": 20}
FRAMES_ELSEWHERE = 4
MOST_FRAMES = 300
"""How often an everyday sentence about somebody is filled, where a template is filled 14 times (few are in Chinese), and how many are."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How much is trained: sentences a template, plain sentences a language, passes of the optimiser; and other numbers of sentences a
    template and of plain ones where there are capitals; whether everyday phrases are among the plain ones."""

    fills: int
    plain: int
    iterations: int
    latin: int = 0
    latin_plain: int = 0
    phrases: bool = True

    def plain_of(self, language: str) -> int:
        """Plain sentences of each source of this language."""
        return self.plain if language in MORE else self.latin_plain or self.plain

    def a_template(self, language: str) -> int:
        """Sentences a template of this language, before its own share."""
        return self.fills if language in MORE else self.latin or self.fills


PRESETS = {"release": Preset(14, 1500, 100), "smoke": Preset(1, 60, 12)}


def plain_sentences(language: str, most: int, rng: random.Random, everyday: bool = True) -> list[Labelled]:
    """Sentences of the bank without any name, `most` at most of each source, and the phrases of every day where they are wanted."""
    found: list[str] = []
    for path in sorted((ROOT / "knowledge" / "policies" / language).glob("*/*.md")):
        found += [line.strip("#|- *") for line in path.read_text("utf-8").split("---", 2)[-1].splitlines() if len(line) > 12]
    again = AGAIN.get(language, 1)
    sources = [(source * again, most * again) for source in (found, _nobodys(training_questions(language)))]
    said = _nobodys(concepts(language, aside=False)) * CONCEPTS.get(language, 1)
    sources.append((said, len(said)))
    sources += [(_customers(language), most * CUSTOMERS.get(language, 1)), (_everyday(language), most), (_passages(language), most)]
    phrases = _phrases(language) if everyday else []
    sources.append((phrases, len(phrases)))
    documents = most * 2 if language == "de" else most // 3  # there are no passages in German
    sources.append((_documents(language, documents, rng), documents))
    return [roughen(Labelled(text, (), language), rng) for source, share in sources for text in rng.sample(source, min(share, len(source)))]


def _nobodys(texts: Iterable[str]) -> list[str]:
    """The texts in which nothing is listed as a name alone."""
    return [text for text in texts if not names_something(text)]


def _customers(language: str) -> list[str]:
    """Banking77 and ArBanking77: questions of customers that name nobody."""
    if not QUESTIONS.is_file():
        return []
    with lzma.open(QUESTIONS, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows if row["lang"] == language and "anking77" in row["source"]]


@cache
def _document_rows() -> list[dict[str, str]]:
    if not SENTENCES.is_file():
        return []
    with lzma.open(SENTENCES, "rt", encoding="utf8") as file:
        return [row for row in map(json.loads, file) if row.get("finance")]


def _documents(language: str, most: int, rng: random.Random) -> list[str]:
    """Sentences of business documents in which no word is written like a name that we know: theirs hold invented persons and firms. Only
    as many are looked at as it takes to find `most`."""
    known = gazetteer(release=True)
    rows, out = _document_rows(), set[str]()
    for row in rng.sample(rows, len(rows)):
        text = row.get(language, "")
        if MOST_CHARACTERS >= len(text) >= LEAST_CHARACTERS and not _INVENTED.search(text):
            words = tokens(text)
            letters = known.classes(words)
            if not any(word.text[0].isupper() and not {"G", "S", "C"}.isdisjoint(each) for word, each in zip(words, letters, strict=True)):
                out.add(text)
        if len(out) == most:
            break
    return sorted(out)


_CAPITAL = re.compile(r"(?<!^)\b(?!I\b)[A-ZÀ-ÖØ-Þ]")
_FIRST = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def _nameless(texts: Iterable[str]) -> list[str]:
    """The texts in which no word has a capital but the first, where that one stands without a capital in another of them."""
    kept = sorted({text for text in texts if not _CAPITAL.search(text)})
    small = {word for text in kept for word in _FIRST.findall(text) if word.islower()}
    return [text for text in kept if not (first := _FIRST.search(text)) or first[0] == "I" or first[0].lower() in small]


def _everyday(language: str) -> list[str]:
    """Sentences of Tatoeba that name nobody, as their English side tells."""
    if not EVERYDAY.is_file():
        return []
    with lzma.open(EVERYDAY, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    nameless = frozenset(_nameless(row["en"] for row in rows))
    return sorted(nameless if language == "en" else {row["text"] for row in rows if row["lang"] == language and row["en"] in nameless})


def _phrases(language: str) -> list[str]:
    """The project's own everyday sentences that name nobody, as their English side tells."""
    groups = [group.texts for group in read_phrases() if language in group.texts]
    nameless = frozenset(_nameless(texts["en"] for texts in groups))
    return sorted({texts[language] for texts in groups if texts["en"] in nameless})


_STOCK = {
    "GIVEN": "Tom Mary Maria María Marie Sami Layla سامي ليلى توم ماري مارية 汤姆 湯姆 玛丽 瑪麗 瑪莉",
    "CITY": "Boston بوسطن 波士顿 波士頓",
}
"""Whom Tatoeba's sentences tell of, and where they live, as each language writes it."""
_PEOPLE = re.compile(r"\b(?:Tom|Mary|Sami|Layla|Boston)\b")


def _stock_name(names: str) -> re.Pattern[str]:
    either = "|".join(names.split())
    return re.compile(rf"(?<![^\W\u4e00-\u9fff])([وفبلك]{{0,2}})(?:{either})(?![^\W\u4e00-\u9fff])")


_STOCK_NAMES = {slot: _stock_name(names) for slot, names in _STOCK.items()}


def everyday_frames(language: str) -> list[str]:
    """Sentences of Tatoeba in which Tom, Mary, Sami or Layla does something, with a slot for each: verbs and orders of words that no
    template has. The English side tells how many names there are and that there are no others."""
    if not EVERYDAY.is_file():
        return []
    with lzma.open(EVERYDAY, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    nameless = frozenset(_nameless(_PEOPLE.sub("they", row["en"]) for row in rows))
    frames: set[str] = set()
    for row in rows:
        text, filled = row["en" if language == "en" else "text"], 0
        people = len(_PEOPLE.findall(row["en"]))
        if language not in (row["lang"], "en") or not people or _PEOPLE.sub("they", row["en"]) not in nameless or "{" in text:
            continue
        for slot, name in _STOCK_NAMES.items():
            text, count = name.subn(rf"\1{{{'PERSON' if language == 'zh' and slot == 'GIVEN' else slot}}}", text)
            filled += count
        if filled == people and (language == "de" or not _CAPITAL.search(re.sub(r"\{\w+\}", "they", text))):
            frames.add(text)
    return sorted(frames)


def _passages(language: str) -> list[str]:
    """Sentences of encyclopedic passages that name nobody. German and the scripts without capitals do not show which do."""
    path = PASSAGES / f"{language}.jsonl.xz"
    if language in ("de", "zh", "ar") or not path.is_file():
        return []
    with lzma.open(path, "rt", encoding="utf8") as file:
        passages = {str(json.loads(line)["passage"]) for line in file}
    sentences = (text for passage in passages for text in _SENTENCE.split(passage))
    return _nameless(text for text in sentences if MOST_CHARACTERS >= len(text) >= LEAST_CHARACTERS)


def labelled_tokens(row: Labelled) -> tuple[list[Token], list[str]]:
    """Tokens and their labels: B- where a name begins, I- inside, O elsewhere."""
    words = tokens(row.text, masks(find(row.text)))
    labels = ["O"] * len(words)
    for kind, start, end in row.spans:
        inside = [at for at, word in enumerate(words) if word.start < end and start < word.end]
        for at in inside:
            labels[at] = ("B-" if at == inside[0] else "I-") + kind
    return words, labels


def sentences(preset: Preset, rng: random.Random) -> Iterator[Labelled]:
    """What the tagger is trained on."""
    for language in LANGUAGES:
        filler = Filler(language, rng)
        for template in templates(language, held_out=False):
            share = MORE.get(language, 1) if "{" in template else EMPTY.get(language, EMPTY_ELSEWHERE)
            for _ in range(max(1, int(preset.a_template(language) * share))):
                yield filler.fill(template)
        frames = everyday_frames(language)
        for frame in rng.sample(frames, min(MOST_FRAMES, len(frames))):
            for _ in range(max(1, preset.fills * FRAMES.get(language, FRAMES_ELSEWHERE) // 14)):
                yield filler.fill(frame)
        yield from plain_sentences(language, preset.plain_of(language), rng, preset.phrases)


def train(
    out: Path, preset: Preset, rows: Iterable[Labelled], known: Gazetteer, clusters: Clusters, c1: float = C1, c2: float = C2
) -> float:
    """Writes the model and the gazetteer that ships to `out`; returns the seconds it took."""
    out.mkdir(parents=True, exist_ok=True)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    settings = {"c1": c1, "c2": c2, "max_iterations": preset.iterations, "feature.minfreq": 3, "feature.possible_transitions": True}
    trainer.set_params(settings)
    count = 0
    for row in rows:
        words, labels = labelled_tokens(row)
        if words:
            trainer.append(written(columns(words, known.classes(words), clusters.of(words))), labels)
            count += 1
    began = time.perf_counter()
    print(f"training on {count} sentences", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagger.crfsuite"
        trainer.train(str(path))
        read_crfsuite(path.read_bytes()).save(out / MODEL)
    return time.perf_counter() - began


def read_crfsuite(data: bytes) -> Field:
    """The field in a model file of CRFsuite (its `crf1d_model.c`): weights by number, and two constant databases that say what the numbers
    mean. Its own `dump` cannot be read back where a feature holds a line break."""
    features_at, labels_at, attributes_at = struct.unpack_from("<3I", data, 28)
    count = struct.unpack_from("<I", data, features_at + 8)[0]
    kind = np.dtype([("type", "<u4"), ("source", "<u4"), ("target", "<u4"), ("weight", "<f8")])
    labels, attributes = _constants(data, labels_at), _constants(data, attributes_at)
    weights: dict[str, dict[str, float]] = {}
    moves: dict[tuple[str, str], float] = {}
    for move, source, target, weight in np.frombuffer(data, kind, count, features_at + 12).tolist():
        if move:
            moves[labels[source], labels[target]] = weight
        else:
            weights.setdefault(attributes[source], {})[labels[target]] = weight
    return Field.of(labels, weights, moves)


def _constants(data: bytes, start: int) -> list[str]:
    """The strings of a CQDB, by number."""
    count, table = struct.unpack_from("<II", data, start + 16)
    out = []
    for place in struct.unpack_from(f"<{count}I", data, start + table):
        size = struct.unpack_from("<I", data, start + place + 4)[0]
        out.append(data[start + place + 8 : start + place + 8 + size - 1].decode())
    return out


def main() -> None:
    """Train, and write the model with its gazetteer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="release")
    parser.add_argument("--c1", type=float, default=C1)
    parser.add_argument("--c2", type=float, default=C2)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "names")
    parser.add_argument("--seed", type=int, default=SEED, help="of the names that templates are filled with")
    parser.add_argument("--fills", type=int, default=0, help="sentences a template, where other than the preset's")
    parser.add_argument("--plain", type=int, default=0, help="plain sentences of each source, likewise")
    parser.add_argument("--latin", type=int, default=0, help="sentences a template in Latin script, where other than elsewhere")
    parser.add_argument("--latin-plain", type=int, default=0, help="plain sentences of each source in Latin script, likewise")
    parser.add_argument("--iterations", type=int, default=0, help="passes of the optimiser, where other than the preset's")
    parser.add_argument("--no-phrases", action="store_true", help="without the everyday phrases")
    given = parser.parse_args()
    preset = replace(PRESETS[given.preset], phrases=not given.no_phrases)
    other = {name: getattr(given, name) for name in ("fills", "plain", "latin", "latin_plain", "iterations") if getattr(given, name)}
    preset = replace(preset, **other)
    clusters = Clusters.load(given.out / CLUSTERS)
    seconds = train(given.out, preset, sentences(preset, random.Random(given.seed)), gazetteer(release=False), clusters, given.c1, given.c2)
    gazetteer(release=True).save(given.out / NAMES)
    for name in (MODEL, NAMES):
        path = given.out / name
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}  {path.stat().st_size:,} bytes")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
