"""Runtime: a GGUF read by llama.cpp as the box reads it, one text at a time, for measuring.

It uses the box's own `app.slm.llama`, with weights as they lie in the file (`repack` off: with AMX, llama.cpp crashed on Q8_0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.slm.llama import Llama, Tuning

BATCH = 256


class Runtime:
    """One sequence, decoded greedily; what was read before is not read again while the beginning stays the same."""

    def __init__(self, path: Path, context: int = 2048, threads: int = 1) -> None:
        self._llama = Llama(path, Tuning(context=context, sequences=1, batch=BATCH, threads=threads))
        self._held: list[int] = []
        self.context = context

    def tokenize(self, text: str) -> list[int]:
        """Token ids; control tokens written in the text are read."""
        return self._llama.tokenize(text)

    def _read(self, ids: Sequence[int], wanted_from: int) -> list[npt.NDArray[np.float32]]:
        """Read what of `ids` is not held yet; the logits after every position from `wanted_from` on."""
        same = self._same(ids, wanted_from)
        self._llama.forget(0, same)
        rows: list[npt.NDArray[np.float32]] = []
        for start in range(same, len(ids), BATCH):
            part = list(ids[start : start + BATCH])
            self._llama.put(0, part, start, 0, wanted_from)
            if not self._llama.decode(len(part)):
                raise RuntimeError(f"llama.cpp could not read {len(ids)} tokens in a context of {self.context}")
            rows += [self._llama.scores(row) for row in range(len(part)) if start + row >= wanted_from]
        self._held = list(ids)
        return rows

    def _same(self, ids: Sequence[int], most: int) -> int:
        """How many tokens at the beginning of `ids` are held, at most `most`."""
        limit = min(len(self._held), len(ids), most)
        if self._held[:limit] == list(ids[:limit]):
            return limit
        return next(place for place in range(limit) if self._held[place] != ids[place])

    def logits(self, ids: Sequence[int], wanted_from: int) -> npt.NDArray[np.float32]:
        """`(len(ids) - wanted_from, vocabulary)` float32: what is expected after each position from `wanted_from` on."""
        return np.stack(self._read(ids, wanted_from))

    def complete(self, ids: Sequence[int], most: int) -> str:
        """What follows, greedily, labels included; ends at an end token, after `most` tokens or with the context."""
        said: list[int] = []
        rows = self._read(ids, len(ids) - 1)
        while len(said) < most and len(ids) + len(said) < self.context:
            token = int(rows[-1].argmax())
            if self._llama.ends(token):
                break
            said.append(token)
            rows = self._read([*ids, *said], len(ids) + len(said) - 1)
        return b"".join(self._llama.piece(token) for token in said).decode("utf8", "replace")

    def forget(self) -> None:
        """Hold nothing, so that the next text is read whole."""
        self._held = []
        self._llama.forget(0)

    def close(self) -> None:
        """Free the model."""
        self._llama.close()
