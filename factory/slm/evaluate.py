"""Evaluation: what the shipped GGUF chooses and copies, per language, against always taking the first in BM25 order.

Sets: held-out passages of the public question sets; questions of tests/gold dev with statements of their policy.
Each item has up to 6 statements; one item in six is shown without the one that answers. Decoding is greedy.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from factory.slm.data import LANGUAGES, Item, gold_items, policy_statements, qa_items
from factory.slm.export_gguf import exported
from factory.slm.runtime import Runtime
from factory.slm.tokenizer import opening

ANSWER = 140
"""Tokens of an answer at most."""
_TERM = re.compile(r"[\u4e00-\u9fff]|\w+")


@dataclass(slots=True)
class Tally:
    """Counts over one language of one set."""

    answerable: int = 0
    unanswerable: int = 0
    chosen: int = 0
    copied: int = 0
    followed: int = 0
    labelled: int = 0
    none_said: int = 0
    none_right: int = 0
    first: int = 0
    told: int = 0

    def row(self) -> dict[str, float | int | None]:
        """Rates, with None where nothing was counted."""

        def rate(part: int, whole: int) -> float | None:
            return round(part / whole, 3) if whole else None

        return {
            "answerable": self.answerable, "unanswerable": self.unanswerable,
            "choice": rate(self.chosen, self.answerable), "bm25_first": rate(self.first, self.answerable),
            "copied_exactly": rate(self.copied, self.labelled),
            "chosen_and_copied": rate(self.followed, self.answerable),
            "copied_when_told_label": rate(self.told, self.answerable),
            "none_precision": rate(self.none_right, self.none_said), "none_recall": rate(self.none_right, self.unanswerable),
        }


def _bm25_first(question: str, statements: list[str]) -> int:
    terms = [_TERM.findall(text.lower()) for text in statements]
    mean = sum(map(len, terms)) / len(terms) or 1.0
    known = Counter(term for words in terms for term in set(words))

    def score(words: list[str]) -> float:
        counts, total = Counter(words), 0.0
        for term in set(_TERM.findall(question.lower())):
            if counts[term]:
                rarity = math.log(1 + (len(terms) - known[term] + 0.5) / (known[term] + 0.5))
                total += rarity * counts[term] * 2.2 / (counts[term] + 1.2 * (0.25 + 0.75 * len(words) / mean))
        return total

    scores = [score(words) for words in terms]
    return scores.index(max(scores))


def judge(runtime: Runtime, item: Item, rng: random.Random, tally: Tally) -> str:
    """Ask one item, count what came, give the answer back."""
    others = rng.sample(item.others, min(5, len(item.others)))
    gold = item.gold if item.gold is not None and rng.random() > 1 / 6 else None
    statements = others + ([gold] if gold is not None else [])
    rng.shuffle(statements)
    first = _bm25_first(item.question, statements)
    content = "".join(f"[{k}] {text} [/{k}]\n" for k, text in enumerate(statements, 1)) + f"{item.question} [{first + 1}]"
    ids = runtime.tokenize(f"<q>{content.strip()}<a>")
    if len(ids) > 1500:
        return ""
    answer = runtime.complete(ids, ANSWER).strip()
    match = re.match(r"\[(\d)\] ?(.*)", answer, re.DOTALL)
    said = int(match[1]) - 1 if match else -1
    if said >= len(statements):
        said = -1
    tally.none_said += said < 0
    if said >= 0 and match is not None:
        tally.labelled += 1
        exact = match[2].strip() == statements[said].strip()
        tally.copied += exact
    if gold is None:
        tally.unanswerable += 1
        tally.none_right += said < 0
        return answer
    place = statements.index(gold)
    tally.answerable += 1
    tally.chosen += said == place
    tally.followed += said == place and match is not None and match[2].strip() == gold.strip()
    tally.told += runtime.complete([*ids, opening(place + 1)], ANSWER).strip() == gold.strip()
    tally.first += first == place
    return answer


def evaluate(folder: Path, out: Path, data: Path, policies: Path, gold: Path, limit: int) -> dict[str, object]:
    """Measure at most `limit` items a language and set; writes evaluation.json and answers.jsonl in `folder`."""
    path = exported(folder, out)
    runtime = Runtime(path)
    statements = policy_statements(policies)
    dev = [item for item in gold_items(gold, statements, "dev") if len(item.others) > 1]
    result: dict[str, object] = {}
    with (folder / "answers.jsonl").open("w", encoding="utf8") as answers:
        for name in ("gold dev", "held-out questions"):
            for language in LANGUAGES:
                if name == "gold dev":
                    own = [i for i in dev if i.language == language and i.kind == f"gold-{language}"]
                    items = own or [i for i in dev if i.language == language and i.kind == "gold-en"]
                else:
                    items = [i for i in qa_items(data, language)[1] if len(i.others) > 1]
                rng = random.Random(f"{name} {language}")
                rng.shuffle(items)
                tally = Tally()
                for item in items[:limit]:
                    answer = judge(runtime, item, rng, tally)
                    answers.write(json.dumps([name, language, item.question, item.gold, answer], ensure_ascii=False) + "\n")
                if items:
                    across = name == "gold dev" and not items[0].kind.endswith(f"-{language}")
                    result[f"{name}: {language}{' over en' if across else ''}"] = tally.row()
                    print(name, language, tally.row(), flush=True)
    (folder / "evaluation.json").write_text(json.dumps(result, indent=1), encoding="utf8")
    (folder / "evaluated.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    return result
