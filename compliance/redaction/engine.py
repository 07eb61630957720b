"""The redactor: every finder over one normalised text, resolved into spans of the original and into pseudonyms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from compliance.redaction.identifiers import TYPES, find
from compliance.redaction.normalise import Normalised, normalise
from compliance.redaction.rule import Match, compact
from compliance.vault import TOKEN, Vault


class Finder(Protocol):
    """Anything that proposes matches in a normalised text, such as a bank's own Presidio recognizers."""

    def find(self, text: str) -> Iterable[Match]: ...


class NameFinder(Protocol):
    """What proposes names in a normalised text in which something was found already: the tagger."""

    def find(self, text: str, found: Iterable[Match]) -> Iterable[Match]: ...


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
    """`text` is normalised and holds pseudonyms such as <IBAN_1>; `counts` says how many of each type there were.

    `pseudonyms` are those of the `findings`, one each.
    """

    text: str
    findings: tuple[Finding, ...]
    counts: tuple[tuple[str, int], ...]
    pseudonyms: tuple[str, ...]


class Redactor:
    """Finds identifiers of every country in a text of any language.

    `allow` are the bank's own public numbers, addresses and names, which stay; `names` finds persons, addresses, towns and
    organisations (without it only persons who introduce themselves are found); `finders` are tried beside the built-in rules.
    """

    def __init__(self, allow: Collection[str] = (), names: NameFinder | None = None, finders: Sequence[Finder] = ()) -> None:
        self._allow = frozenset(filter(None, (compact(value) for value in allow)))
        self._allow_ends = tuple(value for value in self._allow if value.isdigit())
        self._names = names
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
        pseudonyms = tuple(vault.pseudonym(match.type, normal.text[match.start : match.end]) for match in matches)
        for match, pseudonym in zip(matches, pseudonyms, strict=True):
            out += [normal.text[done : match.start], pseudonym]
            done = match.end
        out.append(normal.text[done:])
        counts = Counter(match.type for match in matches)
        findings = tuple(_to_original(normal, match) for match in matches)
        return Redacted("".join(out), findings, tuple(sorted(counts.items())), pseudonyms)

    def _matches(self, text: str) -> list[Match]:
        taken = [(match.start(), match.end()) for match in TOKEN.finditer(text)]
        found = list(find(text))
        for finder in self._finders:
            found += finder.find(text)
        if self._names is not None:
            found += self._names.find(text, [match for match in found if not self._allowed(compact(text[match.start : match.end]))])
        kept: list[Match] = []
        for match in sorted(found, key=lambda item: (-item.score, item.start - item.end, item.start)):
            for piece in _free(match, taken, text):
                if not self._allowed(compact(text[piece.start : piece.end])):
                    taken.append((piece.start, piece.end))
                    kept.append(piece)
        return list(_joined(sorted(kept, key=lambda item: item.start), text))

    def _allowed(self, value: str) -> bool:
        # A local form of a public number is public too.
        local = len(value) >= SHORTEST_LOCAL_NUMBER and value.isdigit()
        return value in self._allow or (local and any(end.endswith(value) for end in self._allow_ends))


SHORTEST_LOCAL_NUMBER = 7
WORDED = frozenset({"PERSON", "ADDRESS", "LOCATION", "ORGANIZATION"})
"""Types made of words: a part of one is still one, while a part of a number is none."""


def _free(match: Match, taken: Sequence[tuple[int, int]], text: str) -> Iterator[Match]:
    """What of a match is not taken by a better one: all or nothing of a number, of words a half that is left."""
    crossing = sorted(span for span in taken if match.start < span[1] and span[0] < match.end)
    if not crossing or match.type not in WORDED:
        if not crossing and match.start < match.end:
            yield match
        return
    place = match.start
    letters = max(1, sum(map(str.isalpha, text[match.start : match.end])))
    for start, end in (*crossing, (match.end, match.end)):
        left = text[place:start]
        if 2 * sum(map(str.isalpha, left)) >= letters:
            inset = len(left) - len(left.lstrip(_EDGES))
            yield replace(match, start=place + inset, end=place + len(left.rstrip(_EDGES)))
        place = max(place, end)


_EDGES = " \t\n,.;:()/-"


def _joined(matches: Iterable[Match], text: str) -> Iterator[Match]:
    """Names that a better finding of the same type cut in two, side by side, are one."""
    held: Match | None = None
    for match in matches:
        if held is not None and held.type == match.type == "PERSON" and text[held.end : match.start] in ("", " "):
            held = replace(held, end=match.end)
            continue
        if held is not None:
            yield held
        held = match
    if held is not None:
        yield held


def _to_original(normal: Normalised, match: Match) -> Finding:
    # The end is one past the last kept character, so that dropped characters after it stay outside.
    return Finding(match.type, normal.offsets[match.start], normal.offsets[match.end - 1] + 1, match.score, match.rule)
