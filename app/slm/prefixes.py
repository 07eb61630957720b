"""Prefixes: states of the model after prompts read before, so that a prompt that begins alike costs only its rest.

The system prompt begins every prompt and stays; of the others, the one not used longest goes first when the budget is full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORTH = 16
"""Tokens from which on putting a state back is cheaper than reading them again (measured: about 1 ms against 10 ms a token)."""
NEW = 0.75
"""A prompt of which at least this share was found here is not kept once more."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The state after `tokens`, as llama.cpp saved it."""

    tokens: npt.NDArray[np.int32]
    state: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.state) + self.tokens.nbytes


class Prefixes:
    """Prefix states, at most `budget` bytes of them."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self._kept: OrderedDict[bytes, Prefix] = OrderedDict()
        self._pinned: Prefix | None = None

    def __len__(self) -> int:
        return len(self._kept) + (self._pinned is not None)

    def pin(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep a prefix for good (the system prompt), when it fits the budget at all."""
        prefix = Prefix(np.asarray(tokens, np.int32), state)
        if state and prefix.size <= self.budget:
            self._pinned = prefix
            self.bytes += prefix.size

    def longest(self, prompt: Sequence[int]) -> tuple[int, bytes]:
        """How many tokens of a prompt a kept state begins with, and that state: (0, b"") when it is not worth it.

        Never the whole prompt: its last token must be read for the first one of the answer.
        """
        asked = np.asarray(prompt, np.int32)
        best, found, found_key = WORTH - 1, None, None
        candidates = list(self._kept.items())
        if self._pinned is not None:
            candidates.append((b"", self._pinned))
        for key, prefix in candidates:
            common = min(_common(prefix.tokens, asked), len(asked) - 1)
            if common > best or (common == best and found is not None and prefix.size < found.size):
                best, found, found_key = common, prefix, key
        if found is None:
            return 0, b""
        if found_key:
            self._kept.move_to_end(found_key)
        return best, found.state

    def wants(self, prompt: Sequence[int], reused: int) -> bool:
        """Whether a prompt is new enough to be kept, given how many of its tokens were found here."""
        return self.budget > 0 and reused < NEW * len(prompt) and len(prompt) >= WORTH

    def keep(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep the state after `tokens`; others are dropped until it fits, and it is not kept when it never would."""
        prefix = Prefix(np.asarray(tokens, np.int32), state)
        key = prefix.tokens.tobytes()
        fixed = self._pinned.size if self._pinned is not None else 0
        if not state or key in self._kept or prefix.size > self.budget - fixed:
            return
        while self.bytes + prefix.size > self.budget:
            self.bytes -= self._kept.popitem(last=False)[1].size
        self._kept[key] = prefix
        self.bytes += prefix.size


def _common(first: npt.NDArray[np.int32], second: npt.NDArray[np.int32]) -> int:
    length = min(len(first), len(second))
    differ = np.flatnonzero(first[:length] != second[:length])
    return int(differ[0]) if len(differ) else length
