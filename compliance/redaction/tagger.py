"""Tagger: names of persons, addresses, towns and organisations, found by a conditional random field trained in `factory/names`.

Lafferty, McCallum & Pereira 2001 (`field.py`). One model for eight languages: words of alphabetic scripts and single Chinese
characters are tokens alike, so that a text of two languages needs no decision between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from compliance.redaction.bound import Bound
from compliance.redaction.clusters import Clusters
from compliance.redaction.features import case_of
from compliance.redaction.field import OUTSIDE, Field, Weights
from compliance.redaction.gazetteer import NAMING, Gazetteer
from compliance.redaction.rule import Match
from compliance.redaction.tokens import is_arabic, is_han, pieces
from compliance.redaction.vocabulary import Known, Vocabulary

TYPES = ("PERSON", "ADDRESS", "LOCATION", "ORGANIZATION")
MODEL, NAMES, CLUSTERS = "tagger.npz", "gazetteer.tsv.gz", "clusters.txt.gz"
MAX_TOKENS = 400
"""A longer text is tagged in windows of so many tokens: the cost of a window does not grow with the text."""
OVERLAP = 40
MOST_SCORE = 0.5
"""A name that is certain counts less than the least certain rule: a checksum knows better what a number is."""
SURE = 0.9
"""From here on the field is believed whatever the word is."""
SURE_OF_COMPOUND = 0.7
"""From here on a compound that begins a sentence is believed a person: among several sentences German nouns are taken for names."""
MOST_SMALL_WORDS = 4
_STOPS = ".?!:\n¿¡"
_NOWHERE, _NEVER = ("", -2, -2, 0.0), ("", 1 << 30, 1 << 30, 0.0)
"""Stands for the span before the first."""
_NO_NAMES = frozenset({"على", "متى"})
"""As they are written, "on" and "when"; folded they are the names Ali and Matta."""
LEAST_SCORE, LEAST_CAPITAL, LEAST_CHINESE, LEAST_ARABIC = 0.35, 0.25, 0.65, 0.7
"""The least probability that a token belongs to a name, that one with a capital does where others have none, that a Chinese character
does, and that a word of Arabic does, where most names are ordinary words as well (chosen on the dev half of tests/gold/redaction, on
templates put aside and on the policy questions, the first two also with the score on presidio-research's sentences in view)."""
_LEAST = {"h": LEAST_CHINESE, "a": LEAST_ARABIC}
_LEAST_MIXED = _LEAST | dict.fromkeys(("X", "Xx", "XX"), LEAST_CAPITAL)
"""By shape, for texts without and with capitals."""


def masks(found: Iterable[Match]) -> list[tuple[int, int, str]]:
    """What rules found that is no name, as stretches without overlaps, in order: of two that overlap the surer one."""
    out: list[tuple[int, int, str]] = []
    for match in sorted(found, key=lambda item: (-item.score, item.start - item.end)):
        if match.type not in TYPES and not any(match.start < end and start < match.end for start, end, _ in out):
            out.append((match.start, match.end, match.type))
    return sorted(out)


def _may_name(words: Sequence[Known], known: Sequence[str], case: str) -> bool:
    """Whether any word of a text could make a span like a name: one of a naming class, or with a capital that neither its place nor a list
    explains. Half of the texts that name nobody have none and are not tagged; of 5,162 texts (dev half, synthetic set, templates) no name
    was lost by it."""
    for place, (word, letters) in enumerate(zip(words, known, strict=True)):
        text = word.text
        if not text[0].isalpha() or "P" in letters or text in _NO_NAMES:
            continue
        if NAMING.isdisjoint(letters):
            unexplained = not letters and len(text) > 1 and text[0].isupper() and place > 0 and words[place - 1].text not in _STOPS
            if unexplained and not _abbreviates(text, letters, case):
                return True
        elif is_han(text):
            if not ("1M" in letters or "2M" in letters):  # within an ordinary word of several characters it is no family name
                return True
        elif "M" not in letters or text[0].isupper() or is_arabic(text):
            return True
    return False


def _like_a_name(kind: str, words: Sequence[Known], known: Sequence[str], case: str) -> bool:
    """Whether a word of a span is a street's, has a capital, is known as a name and not as an ordinary word, or is not known at all:
    "i am fed up" and "i am nuria" differ in nothing else. An abbreviation that no list knows is none, nor is a small word alone, whatever
    knows it; where a script has no capitals, a name alone may be an ordinary word as well."""
    alone = len(words) == 1
    if alone and words[0].text.islower():
        return False
    for word, letters in zip(words, known, strict=True):
        if not word.text[0].isalpha() or "P" in letters:
            continue
        named = not NAMING.isdisjoint(letters)
        if (kind == "ADDRESS" and "R" in letters) or is_han(word.text):
            return True
        if _abbreviates(word.text, letters, case):
            continue
        if word.text[0].isupper() or (named and ("M" not in letters or (alone and is_arabic(word.text)))):
            return True
        if not (letters or word.cluster):
            return True
    return False


def _explained(words: Sequence[Known], known: Sequence[str], at: int) -> bool:
    """Whether a word that is written like a name may be so for another reason: two of these hold, that no list has it as a name, that it is
    an ordinary word, and that its capital begins a sentence."""
    word, letters = words[at], known[at]
    reasons = NAMING.isdisjoint(letters), "M" in letters or bool(word.cluster), at == 0 or words[at - 1].text in _STOPS
    return word.text[0].isupper() and sum(reasons) > 1


LONGEST_ABBREVIATION = 5
SHORTEST_HEAD, SHORTEST_TAIL = 5, 4
"""Letters of the parts of a compound."""
_JOINTS = ("", "s", "n", "en", "es", "e")
"""What may stand between them."""


def _without_label(words: Sequence[Known], known: Sequence[str], first: int, last: int) -> int:
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


def _like_a_clause(words: Sequence[Known], known: Sequence[str]) -> bool:
    """Whether a span has more small words than a name has: a text in a language that the field has not learnt."""
    small = [letters for word, letters in zip(words, known, strict=True) if len(word.text) > 1 and word.text.islower()]
    return len(small) > MOST_SMALL_WORDS and not any("O" in letters for letters in small)


def _public(words: Sequence[Known], known: Sequence[str]) -> bool:
    """Whether a Chinese span holds a public word, an Arabic one is nothing else (no capital tells a namesake of them), or one of another
    script is nothing else and no list has any of it as a name."""
    public = ["P" in letters for letters in known]
    if not any(public):
        return False
    return is_han(words[0].text) or (all(public) and (is_arabic(words[0].text) or all(map(_names_nobody, known))))


def _titled(words: Sequence[Known], known: Sequence[str], at: int) -> bool:
    """Whether a title stands before a word with a capital: whoever is called "Herr Zoll" is not the customs office."""
    return words[at].text[0].isupper() and any("T" in letters for letters in known[max(0, at - 2) : at])


def _of_person(words: Sequence[Known], known: Sequence[str], at: int) -> str:
    """The letters of a word, without those of a country, a region and what is nobody's where a title or another name stands before its
    capital: people are called Cornwall and Sachsen, and "Mrs Cornwall" is one of them."""
    letters, text = known[at], words[at].text
    if not at or not text[0].isupper() or text.isupper():  # "Ana García IBAN" goes on with a label
        return letters
    before = known[at - 1]
    phrase = "1P" in before or "2P" in before  # "Renault Clio"
    named = not (_NAMES.isdisjoint(before) or phrase or "K" in before) and words[at - 1].text[0].isupper()
    titled = "T" in before or (words[at - 1].text == "." and "T" in "".join(known[max(0, at - 2) : at - 1]))
    return _AS_PUBLIC.sub("", letters) if named or titled else letters


def _names_nobody(letters: str) -> bool:
    """Whether a public word is no name as well: as a part of a phrase if it stands in one ("Renault" in "Renault Clio"), else by itself."""
    phrase = "".join(_OF_PHRASE.findall(letters))
    return NAMING.isdisjoint(phrase) if "P" in phrase else NAMING.isdisjoint(letters)


_OF_PHRASE = re.compile(r"[12](\w)")
_NAMES, _PUBLIC, _AS_PUBLIC = frozenset("GS"), frozenset("PK"), re.compile(r"[12]?[PK]")


class NameTagger:
    """A finder of names. Thread-safe."""

    def __init__(self, field: Field, gazetteer: Gazetteer, clusters: Clusters) -> None:
        self.gazetteer = gazetteer
        self.clusters = clusters
        self._field = field
        self._vocabulary = Vocabulary(field, gazetteer, clusters)
        self._bound = Bound(field.labels, field.moves)
        self._outside = field.labels.index(OUTSIDE)
        numbers = {label: number for number, label in enumerate(field.labels)}
        self._begins = [numbers["B-" + kind] for kind in TYPES]
        self._goes_on = [numbers["I-" + kind] for kind in TYPES]

    @classmethod
    def load(cls, folder: Path) -> NameTagger:
        """From the folder that `factory.names` writes; raises ComplianceError where it cannot be read."""
        return cls(Field.load(folder / MODEL), Gazetteer.load(folder / NAMES), Clusters.load(folder / CLUSTERS))

    def find(self, text: str, found: Iterable[Match] = ()) -> Iterator[Match]:
        """Names in a normalised text, without overlaps, in order; what was `found` already is seen as what it is, not as digits."""
        written, spans = pieces(text, masks(found))
        words = list(map(self._vocabulary.__getitem__, written))
        phrases = self.gazetteer.phrases([word.folded for word in words])
        known = [word.classes for word in words]
        for place, letters in phrases.items():
            known[place] = letters + words[place].alone
        if not _PUBLIC.isdisjoint("".join(known)):
            known = [letters if _PUBLIC.isdisjoint(letters) else _of_person(words, known, at) for at, letters in enumerate(known)]
        if not _may_name(words, known, case_of([word.case for word in words])):
            return
        for start in range(0, max(1, len(words) - OVERLAP), MAX_TOKENS - OVERLAP):
            window = slice(start, start + MAX_TOKENS)
            yield from self._find(words[window], known[window], spans[window])

    def _find(self, words: Sequence[Known], known: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[Match]:
        case = case_of([word.case for word in words])
        least_of = _LEAST_MIXED if case == "m" else _LEAST
        least = [least_of.get(word.shape, LEAST_SCORE) for word in words]
        scores = self._field.scores_of(self._vocabulary.numbers(words, known, case, spans))
        found = list(self._spans(scores, least))
        for (_, _, before, _), (kind, first, last, score), (_, after, _, _) in zip(
            [_NOWHERE, *found], found, [*found[1:], _NEVER], strict=False
        ):
            if before + 1 < first == last < after - 1 and score < LEAST_SCORE and _explained(words, known, first):
                continue
            if kind == "PERSON":
                last = _without_label(words, known, first, last)
            inside = slice(first, last + 1)
            sure = score >= SURE and kind != "ADDRESS"
            titled = kind == "PERSON" and _titled(words, known, first)
            begins = first == 0 or words[first - 1].text in _STOPS
            if kind == "PERSON" and score < SURE_OF_COMPOUND and begins and not titled and self._compounded(words[inside], known[inside]):
                continue
            sound = sure or titled or _like_a_name(kind, words[inside], known[inside], case)
            if not sound or _like_a_clause(words[inside], known[inside]):
                continue
            if _public(words[inside], known[inside]) and not titled:
                continue
            yield Match(kind, spans[first][0], spans[last][1], MOST_SCORE * score, "tagger")

    def _compounded(self, words: Sequence[Known], known: Sequence[str]) -> bool:
        """Whether a span with a capital is a compound, with ordinary words before it at most, and no list has any of them as a name."""
        if not words[0].text[0].isupper() or not all(map(NAMING.isdisjoint, known)):
            return False
        *before, (last, _) = zip(words, known, strict=True)
        return self._compound(last.folded) and all("M" in letters for _, letters in before)

    def _compound(self, folded: str) -> bool:
        """Whether a word is two ordinary ones written as one, as German writes them, with a letter or two between ("Wartenummer")."""
        for at in range(SHORTEST_HEAD, len(folded) - SHORTEST_TAIL + 1):
            if self._is_ordinary(folded[at:]) and any(
                len(head) >= SHORTEST_HEAD and self._is_ordinary(head) for joint in _JOINTS if (head := folded[:at].removesuffix(joint))
            ):
                return True
        return False

    def _is_ordinary(self, folded: str) -> bool:
        letters = self.gazetteer.alone(folded)
        return "M" in letters or (not letters and folded in self.clusters)

    def _spans(self, scores: Weights, least: Sequence[float]) -> Iterator[tuple[str, int, int, float]]:
        """Spans as (type, first token, last token, score) of the tokens that are part of a name with their least probability."""
        if self._bound.rules_out(scores, least):
            return
        of = self._field.probabilities(scores)
        inside = 1 - of[:, self._outside]
        places = np.flatnonzero(inside >= least).tolist()
        if not places:
            return
        begins, goes_on = of[:, self._begins], of[:, self._goes_on]
        kinds = (begins + goes_on).argmax(axis=1)
        held: tuple[str, int, int, float] | None = None
        for at in places:
            kind, score = int(kinds[at]), float(inside[at])
            if held and held[2] == at - 1 and held[0] == TYPES[kind] and begins[at, kind] < goes_on[at, kind]:
                held = (held[0], held[1], at, min(score, held[3]))
                continue
            if held:
                yield held
            held = (TYPES[kind], at, at, score)
        if held:
            yield held
