"""Gazetteer: what is known of words before their sentence is read: given names, surnames, towns, countries, titles, ordinary words."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from compliance.errors import ComplianceError
from compliance.redaction.tokens import JOINED, Token, tokens, unjoined

CLASSES: Mapping[str, str] = {
    "given": "G", "surname": "S", "given_char": "g", "kunya": "U", "city": "C", "country": "K", "title": "T", "street": "R",
    "organisation": "O", "brand": "B", "common": "M", "public": "P",
}  # fmt: skip
"""What a word may be, each with the letter that stands for it in features and in the file."""
NAMING = frozenset("GSUCTROB")
"""Classes that make a text worth tagging: a word of it may begin a name."""


class Gazetteer:
    """Words and phrases of up to some tokens, each with its classes as a string of letters such as "GS"."""

    def __init__(self, entries: Mapping[tuple[str, ...], str]) -> None:
        self._classes = dict(entries)
        self._alone = {entry[0]: letters for entry, letters in entries.items() if len(entry) == 1}
        self._longest: dict[str, dict[str, int]] = {}
        for entry in entries:
            if len(entry) > 1:
                seconds = self._longest.setdefault(entry[0], {})
                seconds[entry[1]] = max(seconds.get(entry[1], 0), len(entry))

    def __len__(self) -> int:
        return len(self._classes)

    @classmethod
    def of(cls, lists: Iterable[tuple[str, Iterable[str]]]) -> Gazetteer:
        """From `(class name, phrases)`; raises KeyError for a class that is none of CLASSES."""
        found: dict[tuple[str, ...], set[str]] = {}
        for name, phrases in lists:
            letter = CLASSES[name]
            for phrase in phrases:
                key = tuple(token.folded for token in tokens(phrase))
                if key:
                    found.setdefault(key, set()).add(letter)
        return cls({key: "".join(sorted(letters)) for key, letters in found.items()})

    @classmethod
    def load(cls, path: Path) -> Gazetteer:
        """The file that `save` wrote; raises ComplianceError where it cannot be read."""
        try:
            lines = gzip.decompress(path.read_bytes()).decode().splitlines()
            pairs = (line.split("\t") for line in lines)
            return cls({tuple(phrase.split(" ")): letters for phrase, letters in pairs})
        except (OSError, ValueError, EOFError) as error:
            raise ComplianceError(f"the list of names cannot be read: {path} ({type(error).__name__})") from None

    def save(self, path: Path) -> None:
        """Writes `phrase<TAB>classes` lines, sorted, gzipped without a time stamp: equal lists give equal bytes."""
        lines = sorted(f"{' '.join(key)}\t{letters}\n" for key, letters in self._classes.items())
        path.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))

    def classes(self, words: Sequence[Token]) -> list[str]:
        """For each token the letters of the longest phrases it stands in: as they are for a phrase of one token, and with the
        token's part of a longer one before them: "1C" begins a town of several words, "2C" goes on with one."""
        folded = [word.folded for word in words]
        phrases = self.phrases(folded)
        return [phrases.get(place, "") + self.alone(word) or self.joined(word) for place, word in enumerate(folded)]

    def alone(self, folded: str) -> str:
        """The letters of a word as a phrase of one token."""
        return self._alone.get(folded, "")

    def joined(self, folded: str) -> str:
        """The letters of an Arabic word without what is joined to it ("and Ahmad", "for Ahmad" are one word with the name), after a "p"."""
        if folded[:1] not in JOINED:
            return ""
        return next(("p" + letters for bare in unjoined(folded) if (letters := self._alone.get(bare)) is not None), "")

    def phrases(self, folded: Sequence[str]) -> dict[int, str]:
        """By place the letters of the phrases of several tokens, for the tokens that stand in one."""
        found: dict[int, str] = {}
        covered = 0
        for place, seconds in enumerate(map(self._longest.get, folded[:-1])):
            # most first words of a phrase have another second word, and no phrase need be made to know that
            longest = seconds.get(folded[place + 1]) if seconds is not None else None
            if longest is None:
                continue
            for size in range(min(longest, len(folded) - place), 1, -1):
                letters = self._classes.get(tuple(folded[place : place + size]))
                if letters is not None and place + size > covered:
                    for offset in range(size):
                        part = "1" if offset == 0 else "2"
                        found[place + offset] = found.get(place + offset, "") + "".join(part + letter for letter in letters)
                    covered = place + size
                    break
        return found
