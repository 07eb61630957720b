"""Lookahead: answers copy from their evidence, so what follows the last two or three tokens there is likely what is said next.

Saxena's prompt look-up decoding: the tokens proposed are read together with the last one, and those that the model would
have chosen itself are kept. Nothing else is ever said than without it. Reading several tokens costs more than reading one,
so no more are proposed than were right of late, and none for a while after a miss.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST = 7
FIRST = 2
REST = 8
"""Tokens without a proposal after one of which nothing was right."""


class Lookahead:
    """Proposals for one answer to `prompt`."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._prompt = prompt
        # The first place where two or three tokens stand: more follows there than at a later one.
        self._after: dict[tuple[int, ...], int] = {}
        for place in range(2, len(prompt)):
            for length in (2, 3):
                if place >= length:
                    self._after.setdefault(tuple(prompt[place - length : place]), place)
        self._width = FIRST
        self._rest = 0

    def propose(self, said: Sequence[int], room: int) -> list[int]:
        """What may follow `said`, at most `room` tokens; often nothing."""
        if self._rest:
            self._rest -= 1
            return []
        place = self._after.get(tuple(said[-3:])) or (self._after.get(tuple(said[-2:])) if len(said) > 1 else None)
        return [] if place is None else list(self._prompt[place : place + max(0, min(self._width, room))])

    def learn(self, proposed: int, right: int) -> None:
        """How many of the tokens proposed were what the model chose."""
        if right == proposed:
            self._width = min(MOST, 2 * self._width + 1)
        elif right:
            self._width = max(FIRST, right)
        else:
            self._width, self._rest = FIRST, REST
