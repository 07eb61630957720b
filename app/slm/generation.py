"""Generation: one answer of the model on its way from the engine to whoever asked, or one that is gone over again."""

from __future__ import annotations

import codecs
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_END = object()
GRACE_SECONDS = 2.0
"""How long after its time an answer may still be told that it is late by the engine, before it ends by itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one answer; `seconds` counts from the moment it was asked for."""

    tokens: int = 160
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class InLine:
    """The place in the line for the model; 0: the answer has begun."""

    place: int


def _nothing() -> None:
    return


class Generation:
    """One answer on its way: iterate over it for pieces of text; `cancel()` when the person leaves.

    After the last piece, `finish` is "stop", "length", "timeout", "cancelled" or "failed", and `tokens` and `logprobs`
    hold what the model chose; after "stop", `stop` is the token that ended it, with its log-probability. `text` is the
    prompt as it was rendered, `prompt` its tokens, and `reused` how many of those a kept state spared. `model` names the
    model where it is not the one of the box. `place` is the place in line, 0 from when it has begun.
    """

    def __init__(self, limits: Limits, on_cancel: Callable[[], None] = _nothing) -> None:
        self.limits = limits
        self.text = ""
        self.prompt: Sequence[int] = ()
        self.model = ""
        self.asked = time.monotonic()
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.stop: tuple[int, float] | None = None
        self.finish = ""
        self.reused = 0
        self.place = 0
        self._on_cancel = on_cancel
        self._events: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._ending = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def cancel(self) -> None:
        """Stop at the next step of the scheduler; nothing when it has ended."""
        if not self.finish:
            self._on_cancel()

    def __iter__(self) -> Iterator[str]:
        return (event for event in self.events() if isinstance(event, str))

    def events(self) -> Iterator[str | InLine]:
        """Pieces of text, and before the first of them the place in line whenever it changes."""
        while True:
            left = self.limits.seconds + GRACE_SECONDS - (time.monotonic() - self.asked)
            try:
                event = self._events.get(timeout=max(0.0, left))
            except queue.Empty:
                # An engine that hangs must not keep a person waiting until somebody notices.
                self.cancel()
                self.end("timeout")
                continue
            if event is _END:
                return
            assert isinstance(event, str | InLine)
            yield event

    def wait(self) -> str:
        """Read to the end, leaving the pieces aside; gives `finish`."""
        for _ in self.events():
            pass
        return self.finish

    def move(self, place: int) -> None:
        """Called by the engine when the place in line changes."""
        self.place = place
        self._events.put(InLine(place))

    def emit(self, token: int, logprob: float, piece: bytes) -> None:
        """Called by the engine for each token."""
        if self.finish:
            return
        self.tokens.append(token)
        self.logprobs.append(logprob)
        text = self._decoder.decode(piece)
        if text:
            self._events.put(text)

    def say(self, text: str) -> None:
        """Called by a back end that tells text and no tokens."""
        if not self.finish:
            self._events.put(text)

    @property
    def late(self) -> bool:
        return time.monotonic() - self.asked > self.limits.seconds

    def end(self, finish: str) -> None:
        """Called by the engine; only the first call counts."""
        with self._ending:
            if self.finish:
                return
            self.finish = finish
        rest = self._decoder.decode(b"", final=True)
        if rest:
            self._events.put(rest)
        self._events.put(_END)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model says at one position of a given text: `token` is its choice, `ends` whether that ends the answer,
    `logprob` the log-probability of it, `given` that of the token that stands there (None where none does)."""

    token: int
    ends: bool
    logprob: float
    given: float | None


class Scoring(Generation):
    """Teacher forcing on its way through the scheduler: the prompt and the given tokens are fed, none is chosen."""

    def __init__(self, limits: Limits, on_cancel: Callable[[], None] = _nothing) -> None:
        super().__init__(limits, on_cancel)
        self.choices: list[Choice] = []
