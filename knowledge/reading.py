"""Reading: what search needs to know of a passage's words whatever is asked; read when a question first comes near the passage."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from knowledge.embedder import Embedder, Pieces
from knowledge.passages import Passage, Statement
from knowledge.places import Places, everywhere, places
from knowledge.quantities import quantities
from knowledge.terms import terms


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """Features (0-1) of a statement that no question changes."""

    row: float
    length: float
    many_figures: float
    example: float


@dataclass(frozen=True, slots=True)
class PassageRead:
    """`head` the terms of title and heading, `bags` those of each statement; `pieces` of the headings, then of each statement."""

    head: frozenset[str]
    bags: tuple[frozenset[str], ...]
    facts: tuple[StatementFacts, ...]
    pieces: tuple[Pieces, ...]


def read_passage(passage: Passage, embedder: Embedder) -> PassageRead:
    """Reads one passage."""
    language, head = passage.policy.language, headings(passage)
    texts = [statement.text for statement in passage.statements]
    pieces = embedder.pieces([head, *texts])
    return PassageRead(
        frozenset(terms(head, language)),
        tuple(frozenset(terms(text, language)) for text in texts),
        tuple(_facts_of(statement, language, example) for statement, example in zip(passage.statements, examples(passage), strict=True)),
        tuple(pieces),
    )


def places_of(passage: Passage) -> tuple[Places, ...]:
    """The places of each statement: those that it names, else the countries and zones that the headings above it name.

    "Other countries" are others than those that the statement before named.
    """
    language = passage.policy.language
    above = places(headings(passage), language)
    found: list[Places] = []
    for statement in passage.statements:
        said = places(statement.text, language)
        if said.others and not said.named and found and found[-1].named:
            said = replace(said, named=everywhere() - found[-1].named, abroad=False)
        found.append(
            replace(
                said, named=said.named or above.named, sepa=said.sepa or above.sepa, international=said.international or above.international
            )
        )
    return tuple(found)


def headings(passage: Passage) -> str:
    """What stands above a passage: the title of its policy, and its own headings."""
    return f"{passage.policy.title} {passage.heading}"


def _facts_of(statement: Statement, language: str, example: bool) -> StatementFacts:
    text = statement.text
    many = len(quantities(text, language)) > 3
    return StatementFacts(float(statement.kind == "row"), min(len(text), 400) / 400, float(many), float(example))


_EXAMPLE = re.compile(
    r"(?:worked |practical )?example|ejemplo|exemple|(?:rechen|praxis)?beispiel|exemplo|esempio|(?:计算)?(?:示例|举例|例如|例子)|مثال",
    re.IGNORECASE,
)


def examples(passage: Passage) -> list[bool]:
    """Which statements are of a worked example, from its beginning to the end of its paragraph: right, but seldom the rule asked for."""
    told: list[bool] = []
    for number, statement in enumerate(passage.statements):
        between = passage.policy.text[passage.statements[number - 1].end : statement.start] if number else ""
        # A paragraph may be broken into lines; a list item or a row begins anew.
        goes_on = "\n" not in between or (statement.kind == "sentence" and between.count("\n") == 1)
        before = told[-1] if told else bool(_EXAMPLE.match(_line_before(passage, statement)))
        told.append((goes_on and before) or bool(_EXAMPLE.match(statement.text)))
    return told


def _line_before(passage: Passage, statement: Statement) -> str:
    """What stands before a statement in its line: a paragraph that is long is cut into two passages."""
    text = passage.policy.text
    return text[text.rfind("\n", 0, statement.start) + 1 : statement.start].lstrip(" \t-*+•")
