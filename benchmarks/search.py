"""How do building the index and finding in it grow with the number of passages, and is what it proposes exact?

    python benchmarks/search.py [--passages 100,10000] [--questions 100] [--quick] [--json] [--plot FILE]

The reference bank's policies, each again and again under another id with other figures, until there are enough passages.
recall@10 is the share of the ten passages that the dense index gives which are as near as the tenth nearest by a product of all vectors
in numpy (copies of a policy lie at the same distance). Statement vectors lie on disk where they are many, as on a box that has saved
its index; `disk_mb` is what the saved index takes.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import report
from turn import questions

from app.settings import Settings
from app.slm.bench import resident
from knowledge.embedder import Embedder, load_embedder
from knowledge.index import Index, open_index
from knowledge.nearest import Allowed, nearest
from knowledge.passages import passages_of
from knowledge.policy import Policy, load_policies
from knowledge.search import Scope, Search

TIE = 1e-3
"""Cosines nearer than this are as near: a large index keeps its vectors in half the space."""


def enough(policies: list[Policy], passages: int) -> Iterator[Policy]:
    """Policies with at least so many passages."""
    have = 0
    for again in count():
        for policy in policies:
            if have >= passages:
                return
            text = policy.text if not again else re.sub(r"\d+", lambda found, by=again: str(int(found[0][:15]) + by), policy.text)
            made = replace(policy, id=f"{policy.id}-{again}" if again else policy.id, text=text, source=f"{policy.source}#{again}")
            have += len(passages_of(made))
            yield made


def recall(index: Index, embedder: Embedder, asked: list[str]) -> float:
    """Of the ten nearest passages."""
    queries = embedder.encode(asked)
    exact = np.empty((len(asked), 0), np.float32)
    for start in range(0, len(index.passages), 10_000):
        texts = [f"{passage.heading}. {passage.text}" for passage in index.passages[start : start + 10_000]]
        near = np.concatenate([exact, queries @ embedder.encode(texts).T], axis=1)
        exact = -np.sort(-near, axis=1)[:, :10]
    everything = Allowed(np.ones(len(index.passages), np.bool_))
    found = 0
    for query, best in zip(queries, exact, strict=True):
        found += sum(score >= best[-1] - TIE for score in nearest(index.dense, query, 10, everything).values())
    return found / (10 * len(asked))


def measure(policies: list[Policy], embedder: Embedder, passages: int, asked: list[tuple[str, str]]) -> report.Row:
    """One size of the index."""
    chosen = list(enough(policies, passages))
    before, began = resident(), time.perf_counter()
    with TemporaryDirectory() as folder:
        index = open_index(chosen, embedder, Path(folder))
        built = time.perf_counter() - began
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        return _asked(index, embedder, asked, before) | {"build_s": built, "disk_mb": disk / 2**20, "load": report.load()}


def _asked(index: Index, embedder: Embedder, asked: list[tuple[str, str]], before: int) -> report.Row:
    search = Search(index)
    for language, question in asked:
        search.find(question, Scope(language, "customer", date.today(), "ES"))
    times = []
    for language, question in asked:
        began = time.perf_counter()
        search.find(question, Scope(language, "customer", date.today(), "ES"))
        times.append(1000 * (time.perf_counter() - began))
    times.sort()
    return {
        "passages": len(index.passages), "memory_mb": (resident() - before) / 2**20, "ms_p50": statistics.median(times),
        "ms_p95": times[int(0.95 * len(times))], "recall@10": recall(index, embedder, [question for _, question in asked[:50]]),
    }  # fmt: skip


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--passages", default="100,10000")
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    if options.quick:
        options.passages, options.questions = "100,1000", 16
    settings = Settings()
    embedder, policies = load_embedder(settings.models / "embedder"), load_policies(settings.policies, lambda text: "en")
    asked = questions(-(-options.questions // 8))
    rows = [measure(policies, embedder, passages, asked) for passages in map(int, options.passages.split(","))]
    report.tell(rows, options.json)
    if options.plot:
        report.draw([row | {"way": "search"} for row in rows], options.plot, "passages", "ms_p50", "way", log=True)


if __name__ == "__main__":
    main()
