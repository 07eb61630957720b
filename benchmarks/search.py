"""How do building the index and finding in it grow with the number of passages, and is what it proposes exact?

    python benchmarks/search.py [--passages 100,10000] [--questions 100] [--quick] [--json] [--plot FILE]

The reference bank's policies, each again and again under another id with other figures, until there are enough passages.
recall@10 is the share of the ten nearest passages, by a product of all vectors in numpy, that the dense index gives too. A
million passages need more memory than most machines have: the index keeps texts and vectors of every statement.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import count

import numpy as np
import report
from turn import questions

from app.settings import Settings
from app.slm.bench import resident
from knowledge.embedder import Embedder, load_embedder
from knowledge.index import Index, build
from knowledge.passages import passages_of
from knowledge.policy import Policy, load_policies
from knowledge.search import Scope, Search


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
    vectors = np.stack([index.dense.reconstruct(number) for number in range(index.dense.ntotal)])
    found = 0
    for vector in embedder.encode(asked):
        exact = set(np.argsort(-(vectors @ vector))[:10].tolist())
        found += len(exact & set(index.dense.search(vector[None], 10)[1][0].tolist()))
    return found / (10 * len(asked))


def measure(policies: list[Policy], embedder: Embedder, passages: int, asked: list[tuple[str, str]]) -> report.Row:
    """One size of the index."""
    chosen = list(enough(policies, passages))
    before, began = resident(), time.perf_counter()
    index = build(chosen, embedder)
    built = time.perf_counter() - began
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
        "passages": len(index.passages), "build_s": built, "memory_mb": (resident() - before) / 2**20,
        "ms_p50": statistics.median(times), "ms_p95": times[int(0.95 * len(times))],
        "recall@10": recall(index, embedder, [question for _, question in asked[:50]]), "load": report.load(),
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
