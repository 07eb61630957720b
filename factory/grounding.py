"""Chooses grounding's support threshold: `python -m factory.grounding`.

Data: the reference bank's own statements, in every language. A sentence that should pass: a statement cut at its last comma or
semicolon (a model that says less). One that should not: another statement of the same policy, judged against this one alone
(a model that says something else in much the same words). Prints, for each threshold, how many of each pass all three checks
(words, figures, polarity).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.grounding import Grounding
from knowledge.embedder import load_embedder
from knowledge.passages import Passage, Statement, passages_of
from knowledge.policy import load_policies
from knowledge.search import Candidate

PROJECT = Path(__file__).resolve().parent.parent
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_CUT = re.compile(r"[,;，、；،؛]")


def shortened(text: str) -> str | None:
    """A statement without what stands after its last comma, if enough is left."""
    places = [match.start() for match in _CUT.finditer(text)]
    return text[: places[-1]] if places and places[-1] >= 25 else None


def cases(passages: Sequence[Passage], rng: random.Random) -> Iterator[tuple[str, str, Candidate, bool]]:
    """`(sentence, language, evidence, should pass)`."""
    by_policy: dict[str, list[tuple[Passage, Statement]]] = {}
    for passage in passages:
        by_policy.setdefault(passage.policy.source, []).extend((passage, statement) for statement in passage.statements)
    for pairs in by_policy.values():
        for passage, statement in pairs:
            evidence = Candidate(passage, statement, 1.0, ())
            language = passage.policy.language
            cut = shortened(statement.text)
            if cut:
                yield cut, language, evidence, True
            other = rng.choice(pairs)[1]
            if other is not statement and other.text != statement.text:
                yield other.text, language, evidence, False


def main() -> None:
    """Print the table."""
    passages = [passage for policy in load_policies(PROJECT / "knowledge" / "policies") for passage in passages_of(policy)]
    tried = list(cases(passages, random.Random(7)))
    print(f"{sum(good for *_, good in tried)} that should pass, {sum(not good for *_, good in tried)} that should not")
    for threshold in THRESHOLDS:
        grounding = Grounding(load_embedder(PROJECT / "models" / "embedder"), threshold)
        passed = [(grounding.judge(text, language, [evidence]).evidence is not None, good) for text, language, evidence, good in tried]
        right = sum(shown for shown, good in passed if good) / max(1, sum(good for _, good in passed))
        wrong = sum(shown for shown, good in passed if not good) / max(1, sum(not good for _, good in passed))
        print(f"{threshold:.1f}  shown though shorter {right:6.1%}   shown though another statement {wrong:7.3%}")


if __name__ == "__main__":
    main()
