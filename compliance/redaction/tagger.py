"""Tagger: names of persons, addresses, towns and organisations, found by a conditional random field trained in `factory/names`.

Lafferty, McCallum & Pereira 2001; run by CRFsuite. One model for eight languages: words of alphabetic scripts and single Chinese
characters are tokens alike, so that a text of two languages needs no decision between them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pycrfsuite

from compliance.errors import ComplianceError
from compliance.redaction.clusters import Clusters
from compliance.redaction.gazetteer import NAMING, Gazetteer, may_name
from compliance.redaction.rule import Match
from compliance.redaction.tokens import Token, is_arabic, is_han, tokens

TYPES = ("PERSON", "ADDRESS", "LOCATION", "ORGANIZATION")
MODEL, NAMES, CLUSTERS = "tagger.crfsuite", "gazetteer.tsv.gz", "clusters.txt.gz"
MAX_TOKENS = 400
"""A longer text is tagged in windows of so many tokens: the cost of a window does not grow with the text."""
OVERLAP = 40
MOST_SCORE = 0.5
"""A name that is certain counts less than the least certain rule: a checksum knows better what a number is."""
SURE = 0.9
"""From here on the field is believed whatever the word is."""
MOST_SMALL_WORDS = 4
LEAST_SCORE = 0.5
LEAST_ARABIC = 0.3
"""The least probability that a token belongs to a name, and that an Arabic word does, which has no capital to tell by (chosen on the
dev half of tests/gold/redaction: there .3 finds 4 points more and is wrong 1 point more often)."""


def masks(found: Iterable[Match]) -> list[tuple[int, int, str]]:
    """What rules found that is no name, as stretches without overlaps, in order: of two that overlap the surer one."""
    out: list[tuple[int, int, str]] = []
    for match in sorted(found, key=lambda item: (-item.score, item.start - item.end)):
        if match.type not in TYPES and not any(match.start < end and start < match.end for start, end, _ in out):
            out.append((match.start, match.end, match.type))
    return sorted(out)


def features(words: Sequence[Token], known: Sequence[str], clusters: Sequence[str]) -> list[list[str]]:
    """What the field sees of each token: the word, its shape, classes and cluster, and those of its neighbours."""
    shapes = [_shape(word.text) for word in words]
    case = _case(words)
    out: list[list[str]] = []
    last = len(words) - 1
    for at, word in enumerate(words):
        folded, shape, letters = word.folded, shapes[at], known[at]
        found = ["w=" + folded, "s=" + shape, "k=" + letters, "c=" + case, f"sk={shape}|{letters}|{case}"]
        if clusters[at]:
            found.append("q=" + clusters[at])
        if is_han(word.text):
            found.append("han")
        elif len(folded) > 3:
            found += ("e3=" + folded[-3:], "e2=" + folded[-2:], "b3=" + folded[:3])
            if shape == "a":
                found += _arabic(folded)
        if at:
            before = words[at - 1]
            glued = "g" if before.end == word.start else ""
            found += (
                "w-1=" + before.folded, "k-1=" + known[at - 1], f"s-1={shapes[at - 1]}{glued}", f"w-1,0={before.folded}|{folded}",
                f"k-1,0={known[at - 1]}|{letters}", f"w-1,sk={before.folded}|{shape}|{letters}",
            )  # fmt: skip
            if clusters[at - 1]:
                found += ("q-1=" + clusters[at - 1], f"q-1,sk={clusters[at - 1]}|{shape}|{letters}")
        else:
            found.append("first")
        if at > 1:
            found += (
                "w-2=" + words[at - 2].folded, "k-2=" + known[at - 2], f"w-2,-1={words[at - 2].folded}|{words[at - 1].folded}",
                f"w-2,-1,s={words[at - 2].folded}|{words[at - 1].folded}|{shape}",
            )  # fmt: skip
            if clusters[at - 2]:
                found += ("q-2=" + clusters[at - 2], f"q-2,-1={clusters[at - 2]}|{clusters[at - 1]}")
        if at > 2:
            found.append("w-3=" + words[at - 3].folded)
        if at < last:
            after = words[at + 1]
            glued = "g" if word.end == after.start else ""
            found += (
                "w+1=" + after.folded, "k+1=" + known[at + 1], f"s+1={shapes[at + 1]}{glued}", f"w0,1={folded}|{after.folded}",
                f"k0,1={letters}|{known[at + 1]}", f"s0,1={shape}|{shapes[at + 1]}",
            )  # fmt: skip
            if clusters[at + 1]:
                found += ("q+1=" + clusters[at + 1], f"q+1,sk={clusters[at + 1]}|{shape}|{letters}")
        else:
            found.append("last")
        if at < last - 1:
            found += ("w+2=" + words[at + 2].folded, "k+2=" + known[at + 2], f"w+1,2={words[at + 1].folded}|{words[at + 2].folded}")
            if clusters[at + 2]:
                found.append("q+2=" + clusters[at + 2])
        out.append(found)
    return out


_ARTICLE = "ال"
_JOINED = "وفبلك"


def _arabic(folded: str) -> tuple[str, ...]:
    """What an Arabic word is made of: article and nisba ("al-…i", as of many family names); the word without what is joined to it."""
    article = "+" if folded.startswith(_ARTICLE) else "-"
    bare = folded.removeprefix(_ARTICLE) if article == "+" else folded[1:] if folded[0] in _JOINED else folded
    return (f"b2={folded[:2]}", f"al={article}{folded[-1]}{min(len(folded), 8)}", "bare=" + bare)


def _shape(text: str) -> str:
    first = text[0]
    if is_han(text):
        return "h"
    if first.isdigit():
        return f"d{min(len(text), 6)}"
    if not first.isalpha():
        return text
    if not text.islower() and not text.isupper() and not first.isupper():
        return "a" if text.lower() == text.upper() else "xX"
    if text.islower():
        return "x"
    return "X" if len(text) == 1 else "XX" if text.isupper() else "Xx"


def _case(words: Sequence[Token]) -> str:
    """Whether a text uses capitals as writers do: "m" mixed, "l" none, "u" nothing else, "-" a script without them."""
    letters = [word.text for word in words if word.text[0].isalpha() and word.text.lower() != word.text.upper()]
    if not letters:
        return "-"
    if all(text.islower() for text in letters):
        return "l"
    return "u" if all(text.isupper() for text in letters) else "m"


def _like_a_name(kind: str, words: Sequence[Token], known: Sequence[str], meant: Sequence[str], case: str) -> bool:
    """Whether a word of a span is a street's, has a capital, is known as a name and not as an ordinary word, or is not known at all:
    "i am fed up" and "i am nuria" differ in nothing else. An abbreviation that no list knows is none."""
    for word, letters, cluster in zip(words, known, meant, strict=True):
        if not word.text[0].isalpha() or "P" in letters:
            continue
        named = not NAMING.isdisjoint(letters)
        if (kind == "ADDRESS" and "R" in letters) or is_han(word.text):
            return True
        if _abbreviates(word.text, letters, case):
            continue
        if word.text[0].isupper() or (named and "M" not in letters) or not (letters or cluster):
            return True
    return False


LONGEST_ABBREVIATION = 5


def _without_label(words: Sequence[Token], known: Sequence[str], first: int, last: int) -> int:
    """The last token of a person's name without a number of theirs that a rule found, and its label: "Ana García, IBAN ES91…"."""
    end = last
    while end > first and ("P" in known[end] or words[end].folded.startswith("<")):
        end -= 1
    if end == last:
        return last
    while end > first and not words[end].text[0].isalpha():
        end -= 1
    return end


def _abbreviates(text: str, letters: str, case: str) -> bool:
    """Whether a word is written in capitals among others that are not, and no list knows it as a name."""
    return case == "m" and text.isupper() and text != text.lower() and len(text) <= LONGEST_ABBREVIATION and NAMING.isdisjoint(letters)


def _like_a_clause(words: Sequence[Token], known: Sequence[str]) -> bool:
    """Whether a span has more small words than a name has: a text in a language that the field has not learnt."""
    small = [letters for word, letters in zip(words, known, strict=True) if len(word.text) > 1 and word.text.islower()]
    return len(small) > MOST_SMALL_WORDS and not any("O" in letters for letters in small)


class NameTagger:
    """A finder of names. Thread-safe."""

    def __init__(self, model: Path, gazetteer: Gazetteer, clusters: Clusters) -> None:
        self.gazetteer = gazetteer
        self.clusters = clusters
        self._lock = threading.Lock()
        self._field = pycrfsuite.Tagger()
        try:
            self._field.open(str(model))
        except (OSError, ValueError) as error:
            raise ComplianceError(f"the tagger of names cannot be read: {model} ({type(error).__name__})") from None
        self._labels = frozenset(self._field.labels())

    @classmethod
    def load(cls, folder: Path) -> NameTagger:
        """From the folder that `factory.names` writes; raises ComplianceError where it cannot be read."""
        return cls(folder / MODEL, Gazetteer.load(folder / NAMES), Clusters.load(folder / CLUSTERS))

    def find(self, text: str, found: Iterable[Match] = ()) -> Iterator[Match]:
        """Names in a normalised text, without overlaps, in order; what was `found` already is seen as what it is, not as digits."""
        words = tokens(text, masks(found))
        known = self.gazetteer.classes(words)
        if not may_name(words, known):
            return
        meant = self.clusters.of(words)
        for start in range(0, max(1, len(words) - OVERLAP), MAX_TOKENS - OVERLAP):
            window = slice(start, start + MAX_TOKENS)
            yield from self._find(words[window], known[window], meant[window])

    def _find(self, words: Sequence[Token], known: Sequence[str], meant: Sequence[str]) -> Iterator[Match]:
        case = _case(words)
        least = [LEAST_ARABIC if is_arabic(word.text) else LEAST_SCORE for word in words]
        for kind, first, last, score in self._spans(features(words, known, meant), least):
            if kind == "PERSON":
                last = _without_label(words, known, first, last)
            inside = slice(first, last + 1)
            sure = score >= SURE and kind != "ADDRESS"
            sound = sure or _like_a_name(kind, words[inside], known[inside], meant[inside], case)
            if not sound or _like_a_clause(words[inside], known[inside]):
                continue
            yield Match(kind, words[first].start, words[last].end, MOST_SCORE * score, "tagger")

    def _spans(self, seen: list[list[str]], least: Sequence[float]) -> list[tuple[str, int, int, float]]:
        """Spans as (type, first token, last token, score) of the tokens that are part of a name with their least probability."""
        with self._lock:
            self._field.set(seen)
            outside = [self._field.marginal("O", at) for at in range(len(seen))]
            if all(1 - each < enough for each, enough in zip(outside, least, strict=True)):
                return []
            inside = {
                at: {label: self._field.marginal(label, at) for label in self._labels if label != "O"}
                for at, each in enumerate(outside)
                if 1 - each >= least[at]
            }
        spans: list[tuple[str, int, int, float]] = []
        for at in sorted(inside):
            of = inside[at]
            by_type = {kind: of.get("B-" + kind, 0.0) + of.get("I-" + kind, 0.0) for kind in TYPES}
            kind = max(by_type, key=by_type.__getitem__)
            begins = of.get("B-" + kind, 0.0) >= of.get("I-" + kind, 0.0)
            score = 1 - outside[at]
            if spans and spans[-1][2] == at - 1 and spans[-1][0] == kind and not begins:
                spans[-1] = (kind, spans[-1][1], at, min(score, spans[-1][3]))
            else:
                spans.append((kind, at, at, score))
        return spans
