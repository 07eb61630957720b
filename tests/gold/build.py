"""Builds tests/gold/<lang>/{train,dev,test}.jsonl from the sources in tests/gold/source: `python -m tests.gold.build`.

A fact (which policy answers, and with which figures) is the same in every language, so it is written once, in
`facts.tsv`; the questions are written natively, one file a language. Splits go by policy: no policy of the dev or test
questions has a training question in any language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.passages import passages_of
from knowledge.policy import Policy, load_policies
from knowledge.search import best_language

HERE = Path(__file__).parent
SOURCE = HERE / "source"
LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
SPLITS = ("train", "dev", "test")

DEV = frozenset(
    "accounts/fees accounts/switching accounts/bereavement cards/debit cards/disputes cash/cheques-fr payments/sepa-transfer "
    "payments/foreign-exchange lending/early-repayment savings/savings-account digital/strong-authentication "
    "service/data-protection service/opening-hours accounts/dormant service/vulnerable-customers".split()
)
TEST = frozenset(
    "accounts/closing accounts/non-residents accounts/basic-payment-account cards/lost-card payments/instant-transfer "
    "payments/international-transfer lending/personal-loan lending/arrears-and-hardship lending/insurance-with-loans "
    "savings/deposit-guarantee savings/tax-certificates-de digital/fraud-and-phishing service/accessibility "
    "cash/large-cash teller/suspicious-activity".split()
)

TODAY = date(2026, 11, 24)
Row = dict[str, Any]
Quoted = tuple[str, str]


def split_of(policy: str) -> str:
    """The split that every question about a policy belongs to."""
    return "dev" if policy in DEV else "test" if policy in TEST else "train"


def facts() -> dict[str, Row]:
    """Facts by id: policy, the figures an answer must hold (one for each alternative), and how to ask (role, day, country)."""
    out: dict[str, Row] = {}
    for line in (SOURCE / "facts.tsv").read_text("utf-8").splitlines():
        id_, policy, figures, options = [*line.split("\t"), "", ""][:4]
        fact: Row = {"policy": policy, "must_contain": [item for item in figures.split(";") if item]}
        fact |= dict(pair.split("=") for pair in options.split() if pair)
        out[id_] = fact
    return out


@cache
def _shelves() -> dict[tuple[str, str], list[Quoted]]:
    """The statements of the policies in force today, by policy and language; the n-th says the same in each language."""
    in_force = [policy for policy in load_policies(HERE.parents[1] / "knowledge" / "policies") if policy.in_force(TODAY)]
    return {(policy.id, policy.language): statements_of(policy) for policy in in_force}


def statements_of(policy: Policy) -> list[Quoted]:
    """What the box would quote of a policy, in its order: text as it is read, and as it stands in the file."""
    return [(item.text, policy.text[item.start : item.end]) for passage in passages_of(policy) for item in passage.statements]


@cache
def _said() -> dict[str, list[str]]:
    """The English statements that answer facts without figures, by fact."""
    said: dict[str, list[str]] = {}
    for id_, text in _pairs(SOURCE / "says.tsv"):
        said.setdefault(id_, []).append(text)
    return said


def quotes(id_: str, policy: str, language: str) -> list[str]:
    """How the statements that answer a fact stand in the policy in a language; none where figures tell an answer."""
    english = [text for text, _ in _shelves()[policy, "en"]]
    return [_shelves()[policy, language][english.index(text)][1] for text in _said().get(id_, [])]


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            if line.strip():
                id_, _, text = line.partition("\t")
                yield id_, text


def _answerable(language: str) -> Iterator[tuple[str, Row]]:
    known = facts()
    for id_, question in _pairs(SOURCE / f"{language}.tsv"):
        fact = known[id_]
        row = _row(id_, question, language, "answerable", answerable=True) | fact
        yield split_of(fact["policy"]), _quoting(row, id_, language)


def _cross(language: str) -> Iterator[tuple[str, Row]]:
    """Questions whose policy is left out in the language they are asked in, so that another language must answer."""
    for number, (split, row) in enumerate(_answerable(language)):
        if number % 3 == 0 and "as_of" not in row:
            fact, spoken = row["id"].removeprefix(f"{language}-"), best_language(set(LANGUAGES) - {language}, language)
            crossed = _quoting(row | {"id": f"{row['id']}-cross-{language}", "category": "cross-language"}, fact, spoken)
            yield split, crossed | {"exclude": [f"{language}:{row['policy']}"]}


def _unanswerable(language: str) -> Iterator[tuple[str, Row]]:
    path = SOURCE / f"none.{language}.txt"
    for number, question in enumerate(path.read_text("utf-8").splitlines()):
        yield SPLITS[number % 3], _row(f"none-{number + 1}", question, language, "unanswerable", answerable=False)


def _near_misses(language: str) -> Iterator[tuple[str, Row]]:
    """What sounds like a policy's subject and no policy answers; split by that policy. `near.tsv` says what is asked."""
    subjects = {id_: rest.split("\t")[0] for id_, rest in _pairs(SOURCE / "near.tsv")}
    for id_, question in _pairs(SOURCE / f"near.{language}.tsv"):
        yield split_of(subjects[id_]), _row(id_, question, language, "near-miss", answerable=False)


def _fixed(language: str) -> Iterator[tuple[str, Row]]:
    """What needs a fixed outcome whatever the policies say: the guard's questions, with the outcome of their category."""
    from app.guard import OUTCOMES

    for number, line in enumerate((HERE / "guard" / f"{language}.jsonl").read_text("utf-8").splitlines()):
        raw = json.loads(line)
        if raw["category"] is not None:
            outcome = OUTCOMES[raw["category"]]
            yield raw["split"], _row(f"fixed-{number + 1}", raw["text"], language, "fixed", outcome=outcome)


def _follow_ups(language: str) -> Iterator[tuple[str, Row]]:
    """Lines `fact<TAB>first question | second question`: the second is understood only with the first, but in the lines of
    `switches.txt`, where it is about something else."""
    known = facts()
    switches = {int(line) for line in (SOURCE / "switches.txt").read_text("utf-8").split()}
    for number, (id_, both) in enumerate(_pairs(SOURCE / f"follow.{language}.tsv")):
        first, _, second = both.partition(" | ")
        category = "new-subject" if number + 1 in switches else "follow-up"
        row = _row(f"follow-{number + 1}", second, language, category, answerable=True) | known[id_]
        yield split_of(known[id_]["policy"]), _quoting(row, id_, language) | {"history": [first]}


def _quoting(row: Row, id_: str, language: str) -> Row:
    wanted = quotes(id_, row["policy"], language)
    return row | {"must_quote": wanted} if wanted else row


def _row(id_: str, question: str, language: str, category: str, **more: Any) -> Row:
    return {"id": f"{language}-{id_}", "question": question, "language": language, "category": category, **more}


def build(language: str) -> dict[str, list[Row]]:
    """The rows of one language by split."""
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for source in (_answerable, _unanswerable, _near_misses, _fixed, _follow_ups, _cross):
        for split, row in source(language):
            rows[split].append(row)
    return rows


def text_of(rows: list[Row]) -> str:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> None:
    """Write every file."""
    for language in LANGUAGES:
        folder = HERE / language
        folder.mkdir(exist_ok=True)
        for split, rows in build(language).items():
            (folder / f"{split}.jsonl").write_text(text_of(rows), "utf-8")


if __name__ == "__main__":
    main()
