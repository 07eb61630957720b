"""Spelling: the policy word that a mistyped word of a question most likely meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

MIN_LENGTH = 5


class Spelling:
    """The words of the policies of one language, and the nearest of them to a word that is not among them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._count = Counter(word for word in words if word.isalpha())
        self._by_length: dict[int, list[str]] = {}
        for word in self._count:
            self._by_length.setdefault(len(word), []).append(word)
        self._known: dict[str, str | None] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._count

    def nearest(self, word: str) -> str | None:
        """The most frequent policy word one edit away (one letter more, less, other, or two swapped); None if there is none.

        Words shorter than MIN_LENGTH are left alone: too many short words lie one edit apart.
        """
        if len(word) < MIN_LENGTH or not word.isalpha() or word in self._count:
            return None
        if word not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            near = [
                candidate
                for length in (len(word) - 1, len(word), len(word) + 1)
                for candidate in self._by_length.get(length, ())
                if one_edit_apart(word, candidate)
            ]
            self._known[word] = max(near, key=lambda candidate: (self._count[candidate], candidate), default=None)
        return self._known[word]


def one_edit_apart(left: str, right: str) -> bool:
    """Damerau-Levenshtein distance of exactly 1 (optimal string alignment)."""
    if abs(len(left) - len(right)) > 1 or left == right:
        return False
    start = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        start += 1
    left_tail, right_tail = left[start:], right[start:]
    if len(left) == len(right):
        swapped = left_tail[:2] == right_tail[:2][::-1] and left_tail[2:] == right_tail[2:]
        return left_tail[1:] == right_tail[1:] or swapped
    return left_tail[1:] == right_tail or left_tail == right_tail[1:]
