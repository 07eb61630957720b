"""Generation: one answer of the model on its way from the engine to whoever asked, or one that is gone over again."""

from __future__ import annotations

import codecs
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

_END = object()


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one answer; `seconds` counts from the moment it was asked for."""

    tokens: int = 160
    seconds: float = 20.0


class Generation:
    """One answer on its way: iterate over it for pieces of text; `cancel()` when the person leaves.

    After the last piece, `finish` is "stop", "length", "timeout", "cancelled" or "failed", and `tokens` and `logprobs`
    hold what the model chose; after "stop", `stop` is the token that ended it, with its log-probability. `text` is the
    prompt as it was rendered and `prompt` its tokens.
    """

    def __init__(self, prompt: list[int], limits: Limits, text: str = "") -> None:
        self.prompt = prompt
        self.limits = limits
        self.text = text
        self.asked = time.monotonic()
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.stop: tuple[int, float] | None = None
        self.finish = ""
        self._pieces: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def cancel(self) -> None:
        """Stop at the next step of the scheduler."""
        self._cancelled.set()

    def __iter__(self) -> Iterator[str]:
        while True:
            piece = self._pieces.get()
            if piece is _END:
                return
            yield str(piece)

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def late(self) -> bool:
        return time.monotonic() - self.asked > self.limits.seconds

    def emit(self, token: int, logprob: float, piece: bytes) -> None:
        """Called by the engine for each token."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        text = self._decoder.decode(piece)
        if text:
            self._pieces.put(text)

    def end(self, finish: str) -> None:
        """Called by the engine once."""
        self.finish = finish
        rest = self._decoder.decode(b"", final=True)
        if rest:
            self._pieces.put(rest)
        self._pieces.put(_END)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model says at one position of a given text: `token` is its choice, `ends` whether that ends the answer,
    `logprob` the log-probability of it, `given` that of the token that stands there (None where none does)."""

    token: int
    ends: bool
    logprob: float
    given: float | None


class Scoring(Generation):
    """Teacher forcing on its way through the scheduler: the prompt and the given tokens are fed, none is chosen.

    `end` is the token that ended the answer, which is looked at and not fed.
    """

    def __init__(self, prompt: list[int], tokens: list[int], end: int | None, limits: Limits) -> None:
        super().__init__([*prompt, *tokens], limits)
        self.given = tokens if end is None else [*tokens, end]
        self.first = len(prompt) - 1
        self.choices: list[Choice] = []
