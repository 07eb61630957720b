"""Identifiers: every finder that goes by form, checksum and nearby words, run over one normalised text."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from compliance.redaction import contact, credentials, name_cues, national, payment
from compliance.redaction.kin import Kin
from compliance.redaction.literals import fewest_digits
from compliance.redaction.nearby import ANCHOR, ANYWHERE, CODE, NUMBER, SHORTEST_CODE, SHORTEST_SOLID, SOLID, Nearby
from compliance.redaction.prefixes import characters, unbroken
from compliance.redaction.rule import Match, Rule

RULES: tuple[Rule, ...] = (
    *contact.RULES, *payment.RULES, national.MRZ, *credentials.RULES, *national.RULES, national.UNEXPLAINED, *name_cues.RULES,
)  # fmt: skip
TYPES: tuple[str, ...] = tuple(sorted({"IBAN", "CARD", "ADDRESS", "LOCATION", "ORGANIZATION", *(rule.type for rule in RULES)}))
"""Every type of finding: of the rules, and of the tagger of names."""

SHORTEST_IBAN_DIGITS = 2
SHORTEST_NAMED = 6


_KIN = tuple(Kin(begins, [(number, rule) for number, rule in enumerate(RULES) if rule.begins == begins]) for begins in (ANCHOR, NUMBER))


class Alone(NamedTuple):
    """A rule that may begin anywhere, with its place among all and what a text must have for it: so many digits `together` and at all, a
    row of CODE or SOLID characters so long, and one of the literals of its pattern and of its context."""

    number: int
    rule: Rule
    together: int
    digits: int
    code: int
    solid: int
    pieces: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, number: int, rule: Rule) -> Alone:
        """What the rule's pattern needs, read off it."""
        code = solid = 0
        if not rule.literals[0]:  # a literal is rarer
            code, solid = unbroken(rule.pattern, characters(CODE)), unbroken(rule.pattern, characters(SOLID))
        long = code if code >= SHORTEST_CODE else 0, solid if solid >= SHORTEST_SOLID else 0
        return cls(number, rule, rule.digits, fewest_digits(rule.pattern)[0], *long, *rule.literals)


_ALONE = tuple(Alone.of(number, rule) for number, rule in enumerate(RULES) if rule.begins == ANYWHERE)


def digits_together(text: str) -> int:
    """How many digits stand so close together, at most, that they may be one identifier."""
    return Nearby(text).digits_together


def find(text: str) -> Iterator[Match]:
    """Every identifier of a normalised text, overlapping ones included; `text` must have ASCII digits only."""
    nearby = Nearby(text)
    digits = nearby.digits_together
    if digits >= SHORTEST_IBAN_DIGITS:
        yield from payment.find_ibans(text, nearby)
    if digits >= payment.SHORTEST_CARD:
        yield from payment.find_cards(text)
    if digits >= SHORTEST_NAMED:
        yield from national.find_named(text, nearby)
    found: list[tuple[int, Match]] = []
    present, every = nearby.present, len(nearby.digits)
    longest_code, longest_solid = nearby.longest
    for number, rule, together, least, code, solid, pieces, words in _ALONE:
        if together > digits or least > every or code > longest_code or solid > longest_solid:
            continue
        if (pieces and pieces.isdisjoint(present)) or (words and words.isdisjoint(present)):
            continue
        if rule.digits or rule.context is None or nearby.spans(rule.context):  # words without digits are many, contexts few
            found += [(number, match) for match in rule.matches(text, nearby, None)]
    for kin in _KIN if digits else ():
        found += kin.find(text, nearby)
    yield from (match for _, match in sorted(found, key=itemgetter(0)))  # in the order of the rules, which decides between equals
