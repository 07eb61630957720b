"""Questions written for the search to learn from: `factory/questions/<language>.tsv` and `factory/basics/<language>.tsv`.

A line is `policy<TAB>numbers<TAB>question`. `numbers` are those statements of the policy, counted from 0 as the box would quote
them, each of which answers the question (`other/policy#3` for one of another policy); `-` where no policy of the reference bank does: near
misses of the policy that is named, or, named `none`, what is no business of the policies. None is about a policy that the test questions
are about.

`questions` ask about any statement in words far from it, in each language others. `basics` are what customers ask first, short and without
circumstances ("What does a transfer cost?"), the n-th alike in every language: what holds in special cases alone is no answer to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from app.questions import Row
from knowledge.passages import passages_of
from knowledge.policy import Policy
from knowledge.search import best_language

FOLDER = Path(__file__).with_name("questions")
BASICS = Path(__file__).with_name("basics")
NONE, UNANSWERED = "none", "-"
CROSSED = 3
WRITTEN = date(2026, 11, 28)
"""The day of the policies that the writers read: a later version may count its statements otherwise."""


def read_questions(policies: Sequence[Policy], folder: Path = FOLDER) -> list[Row]:
    """Every question, by language and line, asked on the day of writing by whom and where its policy is for.

    Every third answered one comes again with its policy left out in its own language, so that another must answer. Raises ValueError
    naming the line that is wrong: no policy of that name and language, or no statement of that number.
    """
    in_force = {(policy.id, policy.language): policy for policy in policies if policy.in_force(WRITTEN)}
    return [row for path in sorted(folder.glob("*.tsv")) for row in _rows(path, in_force)]


def _rows(path: Path, policies: Mapping[tuple[str, str], Policy]) -> Iterator[Row]:
    language, kind = path.stem, "basic" if path.parent.name == BASICS.name else "written"
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        name, numbers, question = [*(part.strip() for part in line.split("\t")), "", ""][:3]
        policy = policies.get((name, language))
        if not question or (policy is None and (name != NONE or numbers != UNANSWERED)):
            raise ValueError(f"{path.name}, line {number}: not `policy<TAB>numbers<TAB>question`")
        row = Row(f"{language}-{kind}-{language}-{number}", question, language, answerable=False, category="unanswerable", as_of=WRITTEN)
        if policy is None:
            yield row
            continue
        role, country = ("teller" if policy.audience == "teller" else "customer"), (policy.jurisdiction or (None,))[0]
        row = replace(row, category="near-miss", role=role, jurisdiction=country)
        if numbers == UNANSWERED:
            yield row
            continue
        places = numbered(numbers, name)
        try:
            quotes = quotes_of(policies, language, places)
        except (KeyError, IndexError):
            raise ValueError(f"{path.name}, line {number}: {name} has no statement {numbers}") from None
        also = frozenset(other for other, _ in places) - {name}
        row = replace(row, answerable=True, must_quote=quotes, policy=name, also=also, category="answerable")
        yield row
        if kind == "basic":
            continue
        spoken = best_language({code for id_, code in policies if id_ == name} - {language} or {language}, language)
        if number % CROSSED == 0 and spoken != language:
            away = frozenset({f"{language}:{name}"})
            other = quotes_of(policies, spoken, places)
            yield replace(row, id=f"{row.id}-cross", category="cross-language", must_quote=other, exclude=away)


def numbered(numbers: str, policy: str) -> list[tuple[str, int]]:
    """Policies and numbers of statements, from `3,other/policy#4`; -1 for what is no number, nothing for `-`."""
    if numbers == UNANSWERED:
        return []
    parts = (each.strip().rpartition("#") for each in numbers.split(","))
    return [(other or policy, int(digits) if digits.isdecimal() else -1) for other, _, digits in parts]


def quotes_of(policies: Mapping[tuple[str, str], Policy], language: str, places: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """The statements of those numbers as they stand in the policies, by id and language; the n-th says the same in every language.

    Raises KeyError for a policy and IndexError for a statement that there is not.
    """
    quotes = []
    for name, number in places:
        policy = policies[name, language]
        said = [policy.text[item.start : item.end] for passage in passages_of(policy) for item in passage.statements]
        if number < 0:
            raise IndexError(number)
        quotes.append(said[number])
    return tuple(quotes)
