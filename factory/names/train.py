"""Train the tagger of names: `python -m factory.names.train [--preset smoke] [--out models/names]`, after `factory.names.clusters`.

Sentences are filled from the templates (each anew with other names), beside sentences that hold none: the reference bank's policies and
training questions, and customers' questions from the data folder where it is there. The gazetteer that ships lists every name;
the scores of `factory.names.evaluate` come from a gazetteer without the names put aside.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pycrfsuite

from compliance.redaction.clusters import Clusters
from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.identifiers import find
from compliance.redaction.tagger import CLUSTERS, MODEL, NAMES, features, masks
from compliance.redaction.tokens import Token, tokens
from factory.names.corpus import Filler, Labelled, roughen, templates
from factory.names.lexicon import LANGUAGES, gazetteer_lists

ROOT = Path(__file__).parents[2]
QUESTIONS = ROOT.parent / "shared" / "data" / "intents" / "customer_questions.jsonl.xz"
SENTENCES = ROOT.parent / "shared" / "data" / "parallel" / "sentences.jsonl.xz"
LEAST_CHARACTERS, MOST_CHARACTERS = 20, 220
_INVENTED = re.compile(r"contoso|fabrikam|adventure ?works|litware|northwind|trey|usmf", re.I)
SEED = 20261126
C1, C2 = 0.08, 0.02
MORE = {"ar": 2.0, "zh": 1.5}
"""Scripts without capitals give the tagger less to go by: their templates are filled more often."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How much is trained: sentences a template, plain sentences a language, passes of the optimiser."""

    fills: int
    plain: int
    iterations: int


PRESETS = {"release": Preset(22, 1000, 150), "smoke": Preset(1, 60, 12)}


@cache
def gazetteer(*, release: bool) -> Gazetteer:
    """The list that ships, or the one to train and measure with: without the names put aside and the unlisted ones."""
    parts = frozenset({"listed", "unlisted", "held_out"}) if release else frozenset({"listed"})
    return Gazetteer.of([*gazetteer_lists(parts), ("common", _ordinary())])


def _ordinary() -> set[str]:
    """Words in use without a capital, in the policies and in the documents of the clusters, whatever lists they are also in. Arabic
    and Chinese have no capitals to tell by."""
    words = set(Clusters.load(ROOT / "models" / "names" / CLUSTERS).words)
    for path in sorted((ROOT / "knowledge" / "policies").glob("*/*/*.md")):
        body = path.read_text("utf-8").split("---", 2)[-1]
        words.update(word for word in re.findall(r"(?<![\w.!?] )\b[^\W\d_]{3,}\b", body) if word.islower())
    return {word for word in words if word.lower() != word.upper()}


def plain_sentences(language: str, most: int, rng: random.Random) -> list[Labelled]:
    """Sentences of the bank without any name; `most` at most of each source."""
    found: list[str] = []
    for path in sorted((ROOT / "knowledge" / "policies" / language).glob("*/*.md")):
        found += [line.strip("#|- *") for line in path.read_text("utf-8").split("---", 2)[-1].splitlines() if len(line) > 12]
    sources = [found, _questions(language), _customers(language), _documents(language)]
    return [
        roughen(Labelled(text, (), language), rng)
        for source in sources
        for text in rng.sample(source, min(most if source is not sources[-1] else most // 3, len(source)))
    ]


def _questions(language: str) -> list[str]:
    rows = map(json.loads, (ROOT / "tests" / "gold" / language / "train.jsonl").read_text("utf-8").splitlines())
    return [row["question"] for row in rows if row["category"] in ("answerable", "unanswerable")]


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


def _documents(language: str) -> list[str]:
    """Sentences of business documents in which no word is written like a name that we know: theirs hold invented persons and firms."""
    known = gazetteer(release=True)
    out: list[str] = []
    for row in _document_rows():
        text = row.get(language, "")
        if MOST_CHARACTERS >= len(text) >= LEAST_CHARACTERS and not _INVENTED.search(text):
            words = tokens(text)
            letters = known.classes(words)
            if not any(word.text[0].isupper() and not {"G", "S", "C"}.isdisjoint(each) for word, each in zip(words, letters, strict=True)):
                out.append(text)
    return out


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
            for _ in range(round(preset.fills * MORE.get(language, 1)) if "{" in template else max(1, preset.fills // 6)):
                yield filler.fill(template)
        yield from plain_sentences(language, preset.plain, rng)


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
            trainer.append(features(words, known.classes(words), clusters.of(words)), labels)
            count += 1
    began = time.perf_counter()
    print(f"training on {count} sentences", flush=True)
    trainer.train(str(out / MODEL))
    return time.perf_counter() - began


def main() -> None:
    """Train, and write the model with its gazetteer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="release")
    parser.add_argument("--c1", type=float, default=C1)
    parser.add_argument("--c2", type=float, default=C2)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "names")
    given = parser.parse_args()
    preset = PRESETS[given.preset]
    clusters = Clusters.load(given.out / CLUSTERS)
    seconds = train(given.out, preset, sentences(preset, random.Random(SEED)), gazetteer(release=False), clusters, given.c1, given.c2)
    gazetteer(release=True).save(given.out / NAMES)
    for name in (MODEL, NAMES):
        path = given.out / name
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}  {path.stat().st_size:,} bytes")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
