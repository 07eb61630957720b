"""Lookahead: answers copy from their evidence, so what follows there on what was just said is likely what is said next.

Saxena's prompt look-up decoding: the tokens proposed are read together with the last one, and those that the model would
have chosen itself are kept. Nothing else is ever said than without it. Reading eight tokens costs as much as five read one
by one, three as much as three (benchmarks/lookahead.py), so only a copy that is well under way is worth guessing on.
"""

from __future__ import annotations

from collections.abc import Sequence

MATCH = 6
"""Tokens that must have been copied already."""
MOST = 7
ENOUGH = 4
"""Guesses that must be right for a step to have been worth it."""
REST = 8
"""Tokens without a proposal after a step that was not."""


class Lookahead:
    """Proposals for one answer to `prompt`."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._prompt = prompt
        self._after: dict[tuple[int, ...], int] = {}
        for place in range(MATCH, len(prompt) - ENOUGH + 1):
            # The first place where the tokens stand: more follows there than at a later one.
            self._after.setdefault(tuple(prompt[place - MATCH : place]), place)
        self._rest = 0

    def propose(self, said: Sequence[int], room: int) -> list[int]:
        """What may follow `said`, at most `room` tokens; most often nothing."""
        if self._rest:
            self._rest -= 1
            return []
        place = self._after.get(tuple(said[-MATCH:]))
        return [] if place is None or room < ENOUGH else list(self._prompt[place : place + min(MOST, room)])

    def learn(self, right: int) -> None:
        """How many of the tokens proposed were what the model chose."""
        self._rest = 0 if right >= ENOUGH else REST
