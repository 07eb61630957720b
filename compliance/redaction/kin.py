"""Kin: rules whose matches begin at the same places. At most places most of them are ruled out together, by the digits that follow.

A rule whose every match holds nine digits in eleven characters need not be tried where the ninth digit from there on stands further off,
nor one that begins with three letters where a digit is the second character. What each rule needs is read off its pattern
(`literals.fewest_digits`, `prefixes.prefix`).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence

from compliance.redaction.literals import fewest_digits
from compliance.redaction.nearby import ANCHOR, Nearby, Words
from compliance.redaction.prefixes import ASCII, OTHER, prefix
from compliance.redaction.rule import Match, Rule

FURTHEST = 64
"""Characters after which digits are not looked at; a rule that may reach further is not ruled out by them."""
PAIR, PREFIX = 2, 6
"""Characters from a place on that rule out some rules: the first two together, then each."""


class Kin:
    """Rules that begin at anchors or at numbers (`Rule.begins`), each with its place among all rules. Sets of them are bits of a number."""

    def __init__(self, begins: str, rules: Iterable[tuple[int, Rule]]) -> None:
        self._begins = begins
        self._rules = tuple(rules)
        every = range(len(self._rules))
        needs = [fewest_digits(rule.pattern) for _, rule in self._rules]
        free = [fewest == 0 or width > FURTHEST for fewest, width in needs]
        self._free = _bits(each for each in every if free[each])
        most = max((fewest for fewest, _ in needs), default=0)
        bound = [(0, 0) if free[each] else needs[each] for each in every]
        self._reaching = tuple(
            tuple(_bits(each for each in every if bound[each][0] == count and bound[each][1] > off) for off in range(FURTHEST))
            for count in range(1, most + 1)
        )
        """By how many digits there are, then by how far off the last of them is: the rules that so many may be enough for."""
        self._furthest = max((width for fewest, width in needs if fewest and width <= FURTHEST), default=0)
        prefixes = [prefix(rule.pattern, PREFIX) for _, rule in self._rules]
        self._prefix = tuple(
            (
                {chr(code): _bits(each for each in every if prefixes[each][place] >> code & 1) for code in range(ASCII)},
                _bits(each for each in every if prefixes[each][place] & OTHER),
            )
            for place in range(PREFIX)
        )
        """By place from where a match begins: the rules that allow a character there, and those that allow any beyond ASCII."""
        first, second = (allowing for allowing, _ in self._prefix[:PAIR])
        self._pairs = {one + other: some & more for one, some in first.items() for other, more in second.items()}
        """The same of the first two characters at once, by which most places are told; of ASCII alone."""
        most = max((rule.digits for _, rule in self._rules), default=0)
        self._with = tuple(_bits(each for each in every if self._rules[each][1].digits <= count) for count in range(most + 1))
        contexts = {rule.context for _, rule in self._rules if rule.context is not None}
        self._contexts: Sequence[tuple[Words, int]] = [
            (context, _bits(each for each in every if self._rules[each][1].context is context)) for context in contexts
        ]

    def find(self, text: str, nearby: Nearby) -> Iterator[tuple[int, Match]]:
        """What the rules find, each match with the place of its rule among all."""
        possible = self._of_digits(nearby.digits_together)
        for context, asking in self._contexts:
            if not nearby.may_have(context):
                possible &= ~asking
        fitting: dict[int, list[int]] = {}
        padded = text + "\n" * PREFIX
        for place, following in nearby.anchors if self._begins == ANCHOR else ((place, None) for place in nearby.numbers):
            pair = padded[place : place + PAIR]
            allowed = self._pairs.get(pair)
            bits = possible & (self._allowed(pair) if allowed is None else allowed)
            if following is not None and bits:
                bits &= self._of_digits(following)
            if not bits:
                continue
            for (allowing, others), character in zip(self._prefix[PAIR:], padded[place + PAIR : place + PREFIX], strict=True):
                bits &= allowing.get(character, others)
                if not bits:
                    break
            else:
                bits &= self._within_reach(place, nearby.digits)
            while bits:
                each = (bits & -bits).bit_length() - 1
                bits &= bits - 1
                if self._rules[each][1].pattern.match(text, place):
                    fitting.setdefault(each, []).append(place)
        for each, places in fitting.items():
            number, rule = self._rules[each]
            for match in rule.matches(text, nearby, places):
                yield number, match

    def _allowed(self, pair: str) -> int:
        """The rules whose match may begin with two characters, whatever these are."""
        (first, other_first), (second, other_second) = self._prefix[:PAIR]
        return first.get(pair[0], other_first) & second.get(pair[1], other_second)

    def _of_digits(self, count: int) -> int:
        return self._with[min(count, len(self._with) - 1)]

    def _within_reach(self, place: int, digits: Sequence[int]) -> int:
        bits, first = self._free, bisect.bisect_left(digits, place)
        for reaching, digit in zip(self._reaching, digits[first : first + len(self._reaching)], strict=False):
            off = digit - place
            if off >= self._furthest:
                break
            bits |= reaching[off]
        return bits


def _bits(members: Iterable[int]) -> int:
    return sum(1 << each for each in members)
