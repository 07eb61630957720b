"""Identifiers: every finder that goes by form, checksum and nearby words, run over one normalised text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from compliance.redaction import contact, credentials, name_cues, national, payment
from compliance.redaction.rule import ANYWHERE, Match, Nearby, Rule, Words

RULES: tuple[Rule, ...] = (
    *contact.RULES, *payment.RULES, national.MRZ, *credentials.RULES, *national.RULES, national.UNEXPLAINED, *name_cues.RULES,
)  # fmt: skip
TYPES: tuple[str, ...] = tuple(sorted({"IBAN", "CARD", "ADDRESS", "LOCATION", "ORGANIZATION", *(rule.type for rule in RULES)}))
"""Every type of finding: of the rules, and of the tagger of names."""

_CLOSE = re.compile(r"\d(?:\D{0,8}\d)*")
"""Digits with so little between them that they may be one identifier, its letters included."""
_NOT_DIGITS = re.compile(r"[^0-9]+")
SHORTEST_IBAN_DIGITS = 2
SHORTEST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Kin:
    """Rules that begin at the same places and look for the same words near, each with its place among all rules; `any` matches where one of
    them does, so that a number is mostly tried once and not by each."""

    rules: Sequence[tuple[int, Rule]]
    any: re.Pattern[str]
    begins: str
    context: Words | None
    digits: int

    def find(self, text: str, nearby: Nearby, digits: int) -> Iterator[tuple[int, Match]]:
        """What the rules find, each match with the place of its rule among all."""
        if self.context is not None and not nearby.may_have(self.context):
            return
        places = [place for place in nearby.starts(self.begins, self.digits) if self.any.match(text, place)]
        if not places or (self.context is not None and not nearby.spans(self.context)):
            return
        for number, rule in self.rules:
            if rule.digits <= digits and (fitting := [place for place in places if rule.pattern.match(text, place)]):
                starts = set(nearby.starts(rule.begins, rule.digits))
                for match in rule.matches(text, nearby, [place for place in fitting if place in starts]):
                    yield number, match


def _kin() -> Iterator[Kin]:
    groups: dict[tuple[str, Words | None], list[tuple[int, Rule]]] = {}
    for number, rule in enumerate(RULES):
        if rule.begins != ANYWHERE:
            groups.setdefault((rule.begins, rule.context), []).append((number, rule))
    for (begins, context), rules in groups.items():
        alternatives = (f"(?{'i' if rule.pattern.flags & re.IGNORECASE else ''}:{rule.pattern.pattern})" for _, rule in rules)
        yield Kin(tuple(rules), re.compile("|".join(alternatives)), begins, context, min(rule.digits for _, rule in rules))


_KIN = tuple(_kin())
_ALONE = tuple((number, rule, rule.digits, *rule.literals) for number, rule in enumerate(RULES) if rule.begins == ANYWHERE)
"""The other rules, each with its place, its digits, and the literals of which its pattern and its context need one."""


def digits_together(text: str) -> int:
    """How many digits stand so close together, at most, that they may be one identifier."""
    return max((len(_NOT_DIGITS.sub("", group)) for group in _CLOSE.findall(text)), default=0)


def find(text: str) -> Iterator[Match]:
    """Every identifier of a normalised text, overlapping ones included; `text` must have ASCII digits only."""
    digits = digits_together(text)
    if digits >= SHORTEST_IBAN_DIGITS:
        yield from payment.find_ibans(text)
    if digits >= payment.SHORTEST_CARD:
        yield from payment.find_cards(text)
    nearby = Nearby(text)
    if digits >= SHORTEST_NAMED:
        yield from national.find_named(text, nearby)
    found: list[tuple[int, Match]] = []
    present = nearby.present
    for number, rule, least, pieces, words in _ALONE:
        if least > digits or (pieces and pieces.isdisjoint(present)) or (words and words.isdisjoint(present)):
            continue
        if rule.may_match(nearby):
            found += [(number, match) for match in rule.matches(text, nearby, None)]
    for kin in _KIN if digits else ():
        if kin.digits <= digits:
            found += kin.find(text, nearby, digits)
    yield from (match for _, match in sorted(found, key=itemgetter(0)))  # in the order of the rules, which decides between equals
