"""Clusters: words that are used alike in eight languages, as one number ("daughter", "hija", "Tochter"): what a context is about.

Word clusters as features of a tagger: Miller, Guinness & Zamanian 2004.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

from compliance.errors import ComplianceError
from compliance.redaction.tokens import JOINED, Token, unjoined


class Clusters:
    """Folded words, each with the name of its cluster."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, folded: object) -> bool:
        return folded in self._names

    @classmethod
    def load(cls, path: Path) -> Clusters:
        """The file that `save` wrote; raises ComplianceError where it cannot be read."""
        try:
            lines = gzip.decompress(path.read_bytes()).decode().splitlines()
            return cls({word: name for name, *words in (line.split(" ") for line in lines) for word in words})
        except (OSError, ValueError, EOFError) as error:
            raise ComplianceError(f"the word clusters cannot be read: {path} ({type(error).__name__})") from None

    def save(self, path: Path) -> None:
        """Writes a line a cluster, its name and its words, gzipped without a time stamp."""
        members: dict[str, list[str]] = {}
        for word, name in sorted(self._names.items()):
            members.setdefault(name, []).append(word)
        text = "".join(f"{name} {' '.join(words)}\n" for name, words in sorted(members.items()))
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    @property
    def words(self) -> frozenset[str]:
        """Every word that is in a cluster, folded."""
        return frozenset(self._names)

    def of(self, words: list[Token]) -> list[str]:
        """The cluster of each token, in Arabic also without what is joined to it; empty for a word that is in none."""
        return [self.of_word(word.folded) for word in words]

    def of_word(self, folded: str) -> str:
        """The cluster of one folded word."""
        name = self._names.get(folded, "")
        if name or folded[:1] not in JOINED:
            return name
        return next((found for bare in unjoined(folded) if (found := self._names.get(bare))), "")
