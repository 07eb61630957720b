"""The redactor: every finder over one normalised text, resolved into spans of the original and into pseudonyms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from compliance.redaction.identifiers import TYPES, find
from compliance.redaction.normalise import Normalised, normalise
from compliance.redaction.rule import Match, compact
from compliance.vault import TOKEN, Vault


class Finder(Protocol):
    """Anything that proposes matches in a normalised text: the tagger of names, a bank's own Presidio recognizers."""

    def find(self, text: str) -> Iterable[Match]: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that identifies a person; `start` and `end` are offsets into the original text, `rule` names what found it."""

    type: str
    start: int
    end: int
    score: float
    rule: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """`text` is normalised and holds pseudonyms such as <IBAN_1>; `counts` says how many of each type there were."""

    text: str
    findings: tuple[Finding, ...]
    counts: tuple[tuple[str, int], ...]


class Redactor:
    """Finds identifiers of every country in a text of any language.

    `allow` are the bank's own public numbers, addresses and names, which stay; `finders` are tried beside the built-in rules.
    """

    def __init__(self, allow: Collection[str] = (), finders: Sequence[Finder] = ()) -> None:
        self._allow = frozenset(filter(None, (compact(value) for value in allow)))
        self._allow_ends = tuple(value for value in self._allow if value.isdigit())
        self._finders = tuple(finders)

    @property
    def types(self) -> tuple[str, ...]:
        """Every type there may be a finding of."""
        return TYPES

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every finding, in order, without overlaps."""
        normal = normalise(text)
        return tuple(_to_original(normal, match) for match in self._matches(normal.text))

    def redact(self, text: str, vault: Vault | None = None) -> Redacted:
        """The text with pseudonyms; without a vault they are counted from 1 and kept nowhere. Redacting twice changes nothing."""
        normal = normalise(text)
        vault = vault or Vault()
        out: list[str] = []
        done = 0
        matches = self._matches(normal.text)
        for match in matches:
            out += [normal.text[done : match.start], vault.pseudonym(match.type, normal.text[match.start : match.end])]
            done = match.end
        out.append(normal.text[done:])
        counts = Counter(match.type for match in matches)
        return Redacted("".join(out), tuple(_to_original(normal, match) for match in matches), tuple(sorted(counts.items())))

    def _matches(self, text: str) -> list[Match]:
        taken = [(match.start(), match.end()) for match in TOKEN.finditer(text)]
        found = list(find(text))
        for finder in self._finders:
            found += finder.find(text)
        kept: list[Match] = []
        for match in sorted(found, key=lambda item: (-item.score, item.start - item.end, item.start)):
            inside = any(match.start < end and start < match.end for start, end in taken)
            if not inside and match.end > match.start and not self._allowed(compact(text[match.start : match.end])):
                taken.append((match.start, match.end))
                kept.append(match)
        return sorted(kept, key=lambda item: item.start)

    def _allowed(self, value: str) -> bool:
        # A local form of a public number is public too.
        local = len(value) >= SHORTEST_LOCAL_NUMBER and value.isdigit()
        return value in self._allow or (local and any(end.endswith(value) for end in self._allow_ends))


SHORTEST_LOCAL_NUMBER = 7


def _to_original(normal: Normalised, match: Match) -> Finding:
    # The end is one past the last kept character, so that dropped characters after it stay outside.
    return Finding(match.type, normal.offsets[match.start], normal.offsets[match.end - 1] + 1, match.score, match.rule)
