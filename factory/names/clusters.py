"""Cluster the words of the eight languages by meaning: `python -m factory.names.clusters [--out models/names] [--extend]`.

Words of the documents and questions in the data folder, of the policies and of the templates are embedded with the box's own embedder
and grouped by k-means; `--extend` adds the ordinary words of Arabic to the groups that are there. Names are left out: a name must be told
by where it stands.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compliance.redaction.clusters import Clusters
from compliance.redaction.tagger import CLUSTERS
from compliance.redaction.tokens import Token, fold
from factory.names.corpus import SLOT
from factory.names.lexicon import HERE, LANGUAGES, ROOT
from factory.names.ordinary import ordinary_arabic
from knowledge.embedder import load_embedder

DATA = ROOT.parent / "shared" / "data"
GROUPS = 400
LEAST_COUNT = 4
MOST_CHARACTERS = 12_000_000
_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_A-ZÀ-ÖØ-Þ\u3400-\u9fff][^\W\d_\u3400-\u9fff]{1,24}(?![^\W\d_])")
"""A word without a capital: names are written with one, and Arabic, which has none, is taken whole."""


def words(language: str) -> list[str]:
    """Folded words of a language in use, each at least LEAST_COUNT times."""
    counts: Counter[str] = Counter()
    for text in _texts(language):
        counts.update(_WORD.findall(text))
    return sorted({fold(word) for word, count in counts.items() if count >= LEAST_COUNT})


def _texts(language: str) -> Iterator[str]:
    taken = 0
    for path, field in ((DATA / "docs" / f"{language}.jsonl.xz", "text"), (DATA / "qa" / f"{language}.jsonl.xz", "passage")):
        if path.is_file():
            with lzma.open(path, "rt", encoding="utf8") as file:
                for line in file:
                    text = str(json.loads(line)[field])
                    taken += len(text)
                    yield text
                    if taken > MOST_CHARACTERS:
                        break
    for path in (ROOT / "knowledge" / "policies" / language).glob("*/*.md"):
        yield path.read_text("utf-8")
    if language == "ar":
        yield from ["\n".join(ordinary_arabic())] * LEAST_COUNT
    templates = SLOT.sub(" ", (HERE / "templates" / f"{language}.txt").read_text("utf-8"))
    yield from [templates] * LEAST_COUNT  # every word of a template counts


def extended(clusters: Clusters, added: Sequence[str], encode: Callable[[list[str]], NDArray[np.float32]]) -> Clusters:
    """The clusters with more words, each in the one whose middle is nearest: a model that was trained on them keeps its meanings."""
    old = {word: cluster for word in sorted(clusters.words) for cluster in clusters.of([Token(word, word, 0, 0)])}
    names = sorted(set(old.values()))
    place = {name: number for number, name in enumerate(names)}
    members = encode(list(old))
    middles = np.zeros((len(names), members.shape[1]), np.float32)
    np.add.at(middles, [place[name] for name in old.values()], members)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    new = [word for word in sorted(set(added)) if word not in old]
    vectors = encode(new)
    nearest = (vectors @ middles.T).argmax(axis=1)
    sound = np.linalg.norm(vectors, axis=1) > 0
    return Clusters(old | {word: names[number] for word, number, known in zip(new, nearest, sound, strict=True) if known})


def main() -> None:
    """Write the clusters."""
    from sklearn.cluster import MiniBatchKMeans

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "names")
    parser.add_argument("--extend", action="store_true", help="add words to the clusters of models/names, nothing else")
    given = parser.parse_args()
    embedder = load_embedder(ROOT / "models" / "embedder")
    if given.extend:
        clusters = extended(
            Clusters.load(ROOT / "models" / "names" / CLUSTERS), [fold(word) for word in ordinary_arabic()], embedder.encode
        )
        clusters.save(given.out / CLUSTERS)
        print(f"{len(clusters):,} words, {(given.out / CLUSTERS).stat().st_size:,} bytes")
        return
    vocabulary = sorted({word for language in LANGUAGES for word in words(language)})
    vectors = embedder.encode(vocabulary)
    groups = MiniBatchKMeans(GROUPS, random_state=0, n_init=3, batch_size=4096, max_iter=60).fit_predict(vectors)
    known = np.linalg.norm(vectors, axis=1) > 0
    Clusters({word: f"{group:x}" for word, group, sound in zip(vocabulary, groups, known, strict=True) if sound}).save(given.out / CLUSTERS)
    print(f"{len(vocabulary):,} words in {GROUPS} clusters, {(given.out / CLUSTERS).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
