"""Engine: the model of the box, in a process of its own that is started again when it dies or hangs.

A model file that makes llama.cpp abort, or a decode that never ends, takes neither the ledger nor the box down: answers on
their way end as "failed", and whoever asked them gets the policies' own sentences.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from app.errors import Busy, TellerboxError
from app.slm import protocol
from app.slm.generation import Choice, Generation, Limits, Scoring
from app.slm.llama import Tuning, demand_gguf
from app.slm.process import Process
from app.slm.prompt import Message
from app.slm.worker import Options

__all__ = ["Busy", "Engine", "Tuning"]

log = logging.getLogger(__name__)

STALL_SECONDS = 15.0
"""A step that takes longer is taken for hung; the scheduler bounds its steps to a small part of this."""
START_SECONDS = 300.0
"""What reading a large model from a slow disk may take."""
LONGEST_PAUSE = 60.0
"""Between two starts of a model that dies again and again."""

R = TypeVar("R")


class Engine:
    """Answers up to `tuning.sequences` people at once; up to `waiting` more wait their turn. Fewer people and a shorter
    context than asked for are taken where `memory_bytes` (0: no cap) hold no more.

    With `wait` off, the model loads while others do: `wait_ready` tells when. Raises TellerboxError when the file is not a
    model that can be loaded.
    """

    def __init__(
        self, path: Path, tuning: Tuning | None = None, *, waiting: int = 16, prefix_bytes: int = 64 << 20,
        memory_bytes: int = 0, stall_seconds: float = STALL_SECONDS, wait: bool = True,
    ) -> None:  # fmt: skip
        demand_gguf(path)
        self._path = path
        self._tuning = tuning or Tuning()
        self._options = Options(str(path), self._tuning, prefix_bytes, memory_bytes)
        self._stall = stall_seconds
        self._ids = itertools.count(1)
        self._room = threading.BoundedSemaphore(self._tuning.sequences + waiting)
        self._changed = threading.Condition()
        self._running: dict[int, Generation] = {}
        self._replies: dict[int, protocol.Message | None] = {}
        self._ready: protocol.Ready | None = None
        self._why = ""
        self._alive_at = time.monotonic()
        self._seconds = 2.0
        self._process: Process | None = None
        self.starts = 0
        self._closed = threading.Event()
        self._owner = threading.Thread(target=self._own, name="slm", daemon=True)
        self._owner.start()
        threading.Thread(target=self._watch, name="slm-watchdog", daemon=True).start()
        if wait:
            self.wait_ready()

    # -- what callers use ----------------------------------------------------------------------------------------------

    def wait_ready(self) -> None:
        """Return when the model is loaded. Raises TellerboxError when it cannot be."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._why or self._closed.is_set(), START_SECONDS)
            if self._ready is None:
                raise TellerboxError(self._why or "the model is not loaded")

    @property
    def ready(self) -> bool:
        """Whether the model can be asked now."""
        return self._ready is not None

    @property
    def pid(self) -> int | None:
        """The process that holds the model, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    @property
    def context_size(self) -> int:
        """The most tokens of a prompt and its answer together."""
        return self._ready.context if self._ready else self._tuning.context

    def describe(self) -> str:
        """Architecture, size and quantization, as llama.cpp names them."""
        return self._ready.description if self._ready else ""

    def generate(self, messages: Sequence[Message], limits: Limits | None = None, person: str = "") -> Generation:
        """Start an answer (greedy) for a person, whose other answers share their place in line. Raises Busy when too many
        wait, TellerboxError when the prompt does not fit or the model cannot be asked."""
        limits = limits or Limits()
        number = next(self._ids)
        generation = Generation(limits, lambda: self._cancel(number))
        chat = [(message.role, message.content) for message in messages]
        self._begin(number, generation, protocol.Ask(number, person or str(number), chat, limits.tokens, limits.seconds))
        return generation

    def score(self, prompt: Sequence[int], tokens: Sequence[int], end: int | None = None, seconds: float = 120.0) -> list[Choice]:
        """Teacher forcing: the model's choice before each of `tokens` and after the last, `len(tokens) + 1` of them.

        The tokens are fed whatever the model would say, so that one difference does not make the rest differ; `end` is
        the token that ended the answer, if one did. Raises Busy when too many wait, TellerboxError when the tokens are
        not the model's, do not fit its context, or it takes longer than `seconds`.
        """
        number = next(self._ids)
        scoring = Scoring(Limits(0, seconds), lambda: self._cancel(number))
        self._begin(number, scoring, protocol.Score(number, list(prompt), list(tokens), end, seconds))
        if scoring.wait() != "scored":
            raise TellerboxError(f"the answer could not be gone over again ({scoring.finish})")
        return scoring.choices

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        """Token ids of a text; `special` reads control tokens written in it."""
        number = next(self._ids)
        return list(self._call(number, protocol.Tokenize(number, text, special), protocol.Tokens).tokens)

    def piece(self, token: int) -> str:
        """A token as text; bytes that are no text by themselves as U+FFFD, a token that there is not as nothing."""
        number = next(self._ids)
        return self._call(number, protocol.Piece(number, token), protocol.Text).text

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, through the model's own chat template."""
        number = next(self._ids)
        chat = [(message.role, message.content) for message in messages]
        return self._call(number, protocol.Render(number, chat), protocol.Text).text

    def health(self) -> protocol.Alive:
        """What the process says of itself. Raises TellerboxError when it does not answer."""
        number = next(self._ids)
        return self._call(number, protocol.Ping(number), protocol.Alive)

    def close(self) -> None:
        """End every answer and the process. Nothing is left running."""
        self._closed.set()
        process = self._process
        if process is not None:
            process.end()
        with self._changed:
            self._changed.notify_all()
        self._owner.join(timeout=10)

    # -- sending -------------------------------------------------------------------------------------------------------

    def _begin(self, number: int, generation: Generation, message: protocol.Message) -> None:
        if not self._room.acquire(blocking=False):
            busy = len(self._running) / self._tuning.sequences
            raise Busy("too many people are asking at once", max(1, min(60, round(self._seconds * busy))))
        with self._changed:
            self._running[number] = generation
        try:
            reply = self._call(number, message, protocol.Accepted)
        except TellerboxError:
            self._over(number, "failed")
            raise
        generation.text, generation.prompt = reply.text, list(reply.prompt)

    def _call(self, number: int, message: protocol.Message, kind: type[R]) -> R:
        """Send a message and wait for its reply. Raises TellerboxError when there is none, or it is a refusal."""
        if self._closed.is_set():
            raise TellerboxError("the model is closed")
        if self.starts <= 1:
            self.wait_ready()
        process = self._process
        if self._ready is None or process is None:
            raise TellerboxError("the model is being started again")
        with self._changed:
            self._replies[number] = None
        process.send(message)
        with self._changed:
            self._changed.wait_for(lambda: self._replies[number] is not None or self._process is not process, self._stall)
            reply = self._replies.pop(number)
        if isinstance(reply, protocol.Refused):
            raise TellerboxError(reply.why)
        if not isinstance(reply, kind):
            raise TellerboxError("the model does not answer")
        return reply

    def _cancel(self, number: int) -> None:
        process = self._process
        if process is not None and number in self._running:
            process.send(protocol.Cancel(number))

    # -- the thread that owns the process ------------------------------------------------------------------------------

    def _own(self) -> None:
        # This thread lives as long as the process may: the kernel kills a child with PR_SET_PDEATHSIG when the *thread* ends
        # that started it.
        pause = 0.0
        while not self._closed.wait(pause):
            began = time.monotonic()
            self._serve(Process(self._options))
            lived = time.monotonic() - began
            pause = 0.0 if lived > LONGEST_PAUSE else min(LONGEST_PAUSE, 2 * pause + 0.1)
            if self._why:
                return
            if not self._closed.is_set():
                log.error("the model's process ended; it is started again in %.1f s", pause)

    def _serve(self, process: Process) -> None:
        """Listen to one process until it ends, and clear up after it."""
        self._alive_at = time.monotonic()
        self.starts += 1
        with self._changed:
            self._process = process
        if self._closed.is_set():
            process.end()
        for message in process:
            self._hear(message)
        process.end()
        with self._changed:
            # A file that has never been loaded is at fault itself; one that has may be tried again.
            if self.starts == 1 and self._ready is None and not self._why and not self._closed.is_set():
                self._why = f"{self._path.name} cannot be loaded: llama.cpp gave up on it"
            self._process, self._ready = None, None
            self._changed.notify_all()
        for number in list(self._running):
            self._over(number, "failed")

    def _hear(self, message: protocol.Message) -> None:
        self._alive_at = time.monotonic()
        generation = self._running.get(getattr(message, "id", 0))
        match message:
            case protocol.Ready():
                self._tell(lambda: setattr(self, "_ready", message))
            case protocol.Unfit(why=why):
                self._tell(lambda: setattr(self, "_why", why))
            case protocol.Token() if generation:
                generation.emit(message.token, message.logprob, bytes.fromhex(message.piece))
            case protocol.Place() if generation:
                generation.move(message.place)
            case protocol.Scored() if isinstance(generation, Scoring):
                generation.choices = [Choice(*choice) for choice in message.choices]
            case protocol.Ended() if generation:
                generation.stop = None if message.stop is None else (message.stop[0], message.stop[1])
                generation.reused = message.reused
                self._over(message.id, message.finish)
            case protocol.Accepted() | protocol.Refused() | protocol.Tokens() | protocol.Text() | protocol.Alive():
                self._tell(lambda: self._reply(message.id, message))

    def _tell(self, change: object) -> None:
        assert callable(change)
        with self._changed:
            change()
            self._changed.notify_all()

    def _reply(self, number: int, message: protocol.Message) -> None:
        if number in self._replies:
            self._replies[number] = message

    def _over(self, number: int, finish: str) -> None:
        with self._changed:
            generation = self._running.pop(number, None)
        if generation is None:
            return
        self._room.release()
        if finish in ("stop", "length"):
            self._seconds += 0.2 * (time.monotonic() - generation.asked - self._seconds)
        generation.end(finish)

    # -- the watchdog --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Kill a process that does not answer, or is at one and the same step for too long."""
        while not self._closed.wait(min(1.0, self._stall / 3)):
            process = self._process
            if process is None or self._ready is None:
                continue
            try:
                hung = self.health().step_seconds > self._stall
            except TellerboxError:
                hung = time.monotonic() - self._alive_at > self._stall
            if hung and self._process is process and not self._closed.is_set():
                log.error("the model's process hangs and is killed")
                process.kill()
