"""Worker: the process that holds the model. It reads requests on its standard input and writes what happens on its output.

    python -m app.slm.worker OPTIONS.json

It ends when the box does, and whatever makes llama.cpp abort ends it and nothing else.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.crash import hide_messages, no_core_dump
from app.errors import TellerboxError
from app.slm import protocol
from app.slm.generation import Limits
from app.slm.llama import Llama, Tuning
from app.slm.prompt import Message, messages
from app.slm.resources import fit
from app.slm.scheduler import Scheduler, Task

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal this process gets when the thread that started it ends."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker is started with; `memory_bytes` caps it (0: not at all), `parent` is the process it must not outlive."""

    path: str
    tuning: Tuning
    prefix_bytes: int
    memory_bytes: int = 0
    parent: int = 0

    def encode(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Options:
        """The reverse of `encode`."""
        raw = json.loads(text)
        return cls(**raw | {"tuning": Tuning(**raw["tuning"])})


class Worker:
    """Takes requests in one thread and runs the scheduler in another; the pipe is written to under one lock."""

    def __init__(self, llama: Llama, wire: protocol.Wire, prefix_bytes: int) -> None:
        self._llama = llama
        self._wire = wire
        self._lock = threading.Lock()
        self._tasks: dict[int, Task] = {}
        self.scheduler = Scheduler(llama, self, prefix_bytes)

    # -- what the scheduler tells --------------------------------------------------------------------------------------

    def place(self, task: Task, place: int) -> None:
        self._hold(protocol.Place(task.id, place))

    def token(self, task: Task, token: int, logprob: float, piece: bytes) -> None:
        self._hold(protocol.Token(task.id, token, logprob, piece.hex()))

    def ended(self, task: Task, finish: str) -> None:
        self._tasks.pop(task.id, None)
        if task.given is not None and finish == "scored":
            self._hold(protocol.Scored(task.id, [(each.token, each.ends, each.logprob, each.given) for each in task.choices]))
        self._hold(protocol.Ended(task.id, finish, task.stop, task.reused))

    def step(self) -> None:
        with self._lock:
            self._wire.flush()

    def _hold(self, message: protocol.Message) -> None:
        with self._lock:
            self._wire.hold(message)

    def _send(self, message: protocol.Message) -> None:
        with self._lock:
            self._wire.send(message)

    # -- what the box asks ---------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Take requests until the box closes the pipe, then let the scheduler end."""
        try:
            for message in self._wire:
                try:
                    self._take(message)
                except TellerboxError as error:
                    self._send(protocol.Refused(getattr(message, "id", 0), str(error)))
                except (TypeError, ValueError, OverflowError):
                    # What a request holds may come from a record that another box wrote: a wrong kind of value there must
                    # not end the answers of everybody who is asking.
                    self._send(protocol.Refused(getattr(message, "id", 0), "the request makes no sense"))
        finally:
            self.scheduler.stop()

    def _take(self, message: protocol.Message) -> None:
        llama = self._llama
        match message:
            case protocol.Ask():
                self._ask(message)
            case protocol.Score():
                self._score(message)
            case protocol.Cancel(id=number):
                if task := self._tasks.get(number):
                    task.cancelled = True
            case protocol.Tokenize(id=number, text=text, special=special):
                self._send(protocol.Tokens(number, llama.tokenize(text, special)))
            case protocol.Render(id=number, messages=chat):
                self._send(protocol.Text(number, llama.render([Message(*each) for each in chat])))
            case protocol.Piece(id=number, token=token):
                self._send(protocol.Text(number, llama.piece(token).decode("utf-8", "replace")))
            case protocol.Ping(id=number):
                since, prefixes = self.scheduler.stepping_since, self.scheduler.prefixes
                seconds = 0.0 if since is None else time.monotonic() - since
                self._send(protocol.Alive(number, seconds, len(prefixes), prefixes.bytes))

    def _ask(self, ask: protocol.Ask) -> None:
        text = self._llama.render([Message(*each) for each in ask.messages])
        prompt = self._llama.tokenize(text)
        if not prompt or len(prompt) + ask.tokens > self._llama.tuning.context:
            self._send(protocol.Refused(ask.id, "the question and its evidence do not fit the model's context"))
            return
        self._send(protocol.Accepted(ask.id, text, prompt))
        self._submit(Task(ask.id, ask.person, prompt, Limits(ask.tokens, ask.seconds)))

    def _score(self, score: protocol.Score) -> None:
        given = [*score.tokens, *(() if score.end is None else (score.end,))]
        if not score.prompt or not all(isinstance(token, int) and 0 <= token < self._llama.vocab_size for token in (*score.prompt, *given)):
            self._send(protocol.Refused(score.id, "the tokens are not of this model"))
            return
        fed = [*score.prompt, *score.tokens]
        if len(fed) > self._llama.tuning.context:
            why = "the prompt and its tokens do not fit the model's context; raise TELLERBOX_CONTEXT_TOKENS"
            self._send(protocol.Refused(score.id, why))
            return
        self._send(protocol.Accepted(score.id, "", ()))
        self._submit(Task(score.id, f"replay {score.id}", fed, Limits(0, score.seconds), given, len(score.prompt) - 1))

    def _submit(self, task: Task) -> None:
        self._tasks[task.id] = task
        self.scheduler.submit(task)


def opening(llama: Llama) -> list[int]:
    """The tokens that every prompt of the box begins with: what two prompts that share no word of theirs have in common."""
    first, second = (llama.tokenize(llama.render(messages(text, [text], text))) for text in ("a b", "x y z"))
    common = next((place for place, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0)
    return first[:common]


def _end_with_parent(parent: int) -> None:
    """Be killed when the box dies, however it dies; at once when it is dead already."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _own_pipes() -> tuple[Any, Any]:
    """The two pipes, taken off standard input and output, so that nothing a library prints gets into them."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    return reader, writer


def main() -> None:
    options = Options.decode(sys.argv[1])
    _end_with_parent(options.parent)
    no_core_dump()
    hide_messages()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire = protocol.Wire(*_own_pipes())
    try:
        llama = Llama(Path(options.path), options.tuning, lambda tuning, found: fit(tuning, found, options.memory_bytes))
        worker = Worker(llama, wire, options.prefix_bytes)
        if options.prefix_bytes:
            worker.scheduler.warm(opening(llama))
        wire.send(protocol.Ready(llama.describe(), llama.tuning.context, llama.tuning.sequences, llama.vocab_size))
    except TellerboxError as error:
        wire.send(protocol.Unfit(str(error)))
        return
    threading.Thread(target=worker.serve, name="requests", daemon=True).start()
    with suppress(BrokenPipeError):
        worker.scheduler.run()
    llama.close()
    # Nothing is left to be done, and a thread that reads the pipe must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
