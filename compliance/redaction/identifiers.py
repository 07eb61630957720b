"""Identifiers: every finder that goes by form, checksum and nearby words, run over one normalised text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compliance.redaction import contact, credentials, name_cues, national, payment
from compliance.redaction.rule import Match, Nearby, Rule

RULES: tuple[Rule, ...] = (
    *contact.RULES, *payment.RULES, national.MRZ, *credentials.RULES, *national.RULES, national.UNEXPLAINED, *name_cues.RULES,
)  # fmt: skip
TYPES: tuple[str, ...] = tuple(sorted({"IBAN", "CARD", "ADDRESS", "LOCATION", "ORGANIZATION", *(rule.type for rule in RULES)}))
"""Every type of finding: of the rules, and of the tagger of names."""

_NO_DIGITS = tuple(rule for rule in RULES if rule.digits == 0)
_CLOSE = re.compile(r"\d(?:\D{0,8}\d)*")
"""Digits with so little between them that they may be one identifier, its letters included."""
_NOT_DIGITS = re.compile(r"[^0-9]+")
SHORTEST_IBAN_DIGITS = 2
SHORTEST_NAMED = 6


def find(text: str) -> Iterator[Match]:
    """Every identifier of a normalised text, overlapping ones included; `text` must have ASCII digits only."""
    digits = max((len(_NOT_DIGITS.sub("", group)) for group in _CLOSE.findall(text)), default=0)
    if digits >= SHORTEST_IBAN_DIGITS:
        yield from payment.find_ibans(text)
    if digits >= payment.SHORTEST_CARD:
        yield from payment.find_cards(text)
    nearby = Nearby(text)
    if digits >= SHORTEST_NAMED:
        yield from national.find_named(text, nearby)
    for rule in RULES if digits else _NO_DIGITS:
        if rule.digits <= digits:
            yield from rule.find(text, nearby)
