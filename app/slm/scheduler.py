"""Scheduler: many answers at once from one model, in the one thread that may decode.

Each step reads one token for every running answer and a share of the prompts that are being read, in one batch. What a
step may cost bounds how long anyone waits for the next word; answers that run long give way to those in line.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.slm.generation import Choice, Limits
from app.slm.line import Line
from app.slm.llama import Llama
from app.slm.lookahead import Lookahead
from app.slm.prefixes import Prefixes

STEP_SECONDS = 0.3
"""What a step with running answers in it may take: a person reads five words a second."""
LEAST_ROWS = 64
"""Rows of prompts read in a step however slow the model: a row costs twice as much in batches of fewer."""
SLICE = 48
"""Tokens an answer may have at a stretch while others wait: about two sentences."""


class Listener(Protocol):
    """Whom the scheduler tells what happens to a task; called in the scheduler's thread."""

    def place(self, task: Task, place: int) -> None: ...

    def token(self, task: Task, token: int, logprob: float, piece: bytes) -> None: ...

    def ended(self, task: Task, finish: str) -> None: ...

    def step(self) -> None: ...


@dataclass(eq=False, slots=True)
class Task:
    """One answer to be made, or (with `given`) tokens to be gone over: `choices` are then the model's, from `first` on.

    `given` ends with the token that ended the answer, if one did: `prompt` holds what is fed, and that one is not.
    """

    id: int
    person: str
    prompt: Sequence[int]
    limits: Limits
    given: Sequence[int] | None = None
    first: int = 0
    choices: list[Choice] = field(default_factory=list)
    stop: tuple[int, float] | None = None
    reused: int = 0
    cancelled: bool = False
    asked: float = field(default_factory=time.monotonic)
    said: list[int] = field(default_factory=list)
    parked: bytes = b""
    place: int = 0
    lookahead: Lookahead | None = None

    @property
    def late(self) -> bool:
        return time.monotonic() - self.asked > self.limits.seconds

    @property
    def wanted_from(self) -> int:
        """The first position after which the model's choice is needed."""
        return len(self.prompt) + len(self.said) - 1 if self.given is None else self.first


@dataclass(slots=True)
class _Slot:
    """A sequence of the model: `pending` tokens of its task are still to be read, from `position` on; the last of them are
    `draft` where they are only guessed."""

    sequence: int
    task: Task | None = None
    position: int = 0
    pending: Sequence[int] = ()
    rows: range = range(0)
    stretch: int = 0
    draft: Sequence[int] = ()

    @property
    def answering(self) -> bool:
        """Whether the next token of an answer comes of the next step."""
        return len(self.pending) == 1 + len(self.draft)


class Scheduler:
    """Runs tasks; `submit` and `cancel` may be called from any thread, `run` is the thread that owns the model."""

    def __init__(
        self, llama: Llama, listener: Listener, prefix_bytes: int = 0, slice_tokens: int = SLICE, look_ahead: bool = True
    ) -> None:
        self.llama = llama
        self._look_ahead = look_ahead and llama.forgets_in_part
        self.prefixes = Prefixes(prefix_bytes)
        self.stepping_since: float | None = None
        self._listener = listener
        self._slice = slice_tokens
        self._slots = [_Slot(sequence) for sequence in range(llama.tuning.sequences)]
        self._inbox: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._line: Line[Task] = Line()
        self._row_seconds = 0.0
        self._stopping = False

    # -- from any thread -----------------------------------------------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Stand in line."""
        self._inbox.put(task)

    def stop(self) -> None:
        """End `run` after the step it is at."""
        self._stopping = True
        self._inbox.put(None)

    # -- the owner thread ----------------------------------------------------------------------------------------------

    def warm(self, prompt: Sequence[int]) -> None:
        """Read what every prompt begins with, once, and keep its state for good."""
        slot = self._slots[0]
        size = self.llama.tuning.batch
        for start in range(0, len(prompt), size):
            part = prompt[start : start + size]
            self.llama.put(0, part, start, slot.sequence, len(prompt))
            began = time.monotonic()
            if not self.llama.decode(len(part)):
                break
            self._learn(len(part), time.monotonic() - began)
        else:
            self.prefixes.pin(prompt, self.llama.save(slot.sequence))
        self.llama.forget(slot.sequence)

    def run(self) -> None:
        """Serve until `stop`; what runs then ends as "failed"."""
        while not self._stopping:
            self._take_in(block=not self._running() and not self._line)
            self._sweep()
            self._give_way()
            self._admit()
            if self._running() and not self._stopping:
                self.stepping_since = time.monotonic()
                self._step()
                self.stepping_since = None
            self._listener.step()
        for slot in self._running():
            self._finish(slot, "failed")
        for task in list(self._line):
            self._listener.ended(task, "failed")
        self._listener.step()

    def _running(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.task is not None]

    def _take_in(self, block: bool) -> None:
        while True:
            try:
                task = self._inbox.get(block=block)
            except queue.Empty:
                return
            block = False
            if task is not None:
                self._line.add(task)

    def _sweep(self) -> None:
        for slot in self._running():
            task = slot.task
            if task is not None and (task.cancelled or task.late):
                self._finish(slot, "cancelled" if task.cancelled else "timeout")
        for task in [each for each in self._line if each.cancelled or each.late]:
            self._line.remove(task)
            self._listener.ended(task, "cancelled" if task.cancelled else "timeout")

    def _give_way(self) -> None:
        """Put aside the answer that has run longest at a stretch, one for each task in line that finds no place."""
        free = len(self._slots) - len(self._running())
        long = [slot for slot in self._running() if slot.stretch >= self._slice and slot.task and slot.task.given is None]
        long.sort(key=lambda slot: -slot.stretch)
        for slot in long[: max(0, len(self._line) - free)]:
            task, state = slot.task, self.llama.save(slot.sequence)
            assert task is not None
            if state:
                task.parked = state
                slot.task = None
                self.llama.forget(slot.sequence)
                self._line.add(task)

    def _admit(self) -> None:
        for slot in self._slots:
            if slot.task is None and self._line:
                self._place(slot, self._line.next())
        for place, task in enumerate(self._line, 1):
            if task.place != place and not task.said:
                task.place = place
                self._listener.place(task, place)

    def _place(self, slot: _Slot, task: Task) -> None:
        fed = [*task.prompt, *task.said]
        slot.task, slot.stretch = task, 0
        if task.parked and self.llama.restore(slot.sequence, task.parked):
            slot.position = len(fed) - 1
        else:
            slot.position = self._reuse(slot, task, fed)
        task.parked = b""
        slot.pending = fed[slot.position :]
        if task.place:
            task.place = 0
            self._listener.place(task, 0)

    def _reuse(self, slot: _Slot, task: Task, fed: Sequence[int]) -> int:
        # Going over an answer again is done without what was kept, so that a replay hangs on nothing but the record.
        common, state = (0, b"") if task.given is not None else self.prefixes.longest(fed)
        if common and self.llama.restore(slot.sequence, state):
            if self.llama.forget(slot.sequence, common):
                task.reused = common
                return common
            self.llama.forget(slot.sequence)
        return 0

    # -- one step ------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        active = self._running()
        rows = 0
        for slot in active:
            slot.rows = range(0)
        if len(active) == 1:
            self._guess(active[0])
        for slot, take in self._shares(active):
            assert slot.task is not None
            wanted_from = slot.position if slot.draft else slot.task.wanted_from
            self.llama.put(rows, slot.pending[:take], slot.position, slot.sequence, wanted_from)
            wanted = max(0, min(take, slot.position + take - wanted_from))
            slot.rows = range(rows + take - wanted, rows + take)
            slot.position += take
            slot.pending = slot.pending[take:]
            rows += take
        began = time.monotonic()
        if not self.llama.decode(rows):
            for slot in active:
                self._finish(slot, "failed")
            return
        self._learn(rows, time.monotonic() - began)
        for slot in active:
            if slot.task is not None and slot.task.given is not None:
                self._compare(slot, slot.task, slot.task.given)
            elif slot.task is not None and slot.rows:
                self._choose(slot, slot.task)

    def _shares(self, active: Sequence[_Slot]) -> list[tuple[_Slot, int]]:
        """Rows of the next batch: one for each running answer, then equal shares of what is left for the prompts, of which
        the shorter take less and the longer the more."""
        shares = [(slot, len(slot.pending)) for slot in active if slot.answering]
        reading = sorted((slot for slot in active if not slot.answering), key=lambda slot: len(slot.pending))
        room = self.llama.tuning.batch - sum(take for _, take in shares)
        if shares and self._row_seconds:
            room = min(room, max(LEAST_ROWS, int(STEP_SECONDS / self._row_seconds)))
        for left, slot in zip(range(len(reading), 0, -1), reading, strict=True):
            take = min(len(slot.pending), max(1, room // left))
            if take <= room:
                shares.append((slot, take))
                room -= take
        return shares

    def _learn(self, rows: int, seconds: float) -> None:
        """What a row of a prompt costs here, as a moving mean over batches of prompts."""
        if rows >= LEAST_ROWS:
            cost = seconds / rows
            self._row_seconds = cost if not self._row_seconds else 0.8 * self._row_seconds + 0.2 * cost

    def _guess(self, slot: _Slot) -> None:
        """For someone who asks alone, read what may be said next together with what was said last. With several people the
        rows of a batch are filled by them, and each token more costs what a guess saves."""
        task = slot.task
        if not self._look_ahead or task is None or task.given is not None or not (slot.answering and task.said):
            return
        if task.lookahead is None:
            task.lookahead = Lookahead(task.prompt)
        slot.draft = task.lookahead.propose(task.said, task.limits.tokens - len(task.said) - 1)
        slot.pending = [*slot.pending, *slot.draft]

    def _choose(self, slot: _Slot, task: Task) -> None:
        draft, slot.draft = slot.draft, ()
        right = 0
        for row in slot.rows[-1 - len(draft) :]:
            token, logprob, _ = self.llama.choice(row)
            if not self._say(slot, task, token, logprob):
                return
            if right == len(draft) or draft[right] != token:
                break
            right += 1
        if draft and task.lookahead is not None:
            task.lookahead.learn(right)
            slot.position -= len(draft) - right
            self.llama.forget(slot.sequence, slot.position)

    def _say(self, slot: _Slot, task: Task, token: int, logprob: float) -> bool:
        """One more token of an answer; False when it was the last."""
        if self.llama.ends(token):
            task.stop = (token, logprob)
            self._finish(slot, "stop")
            return False
        task.said.append(token)
        slot.pending = [token]
        slot.stretch += 1
        self._listener.token(task, token, logprob, self.llama.piece(token))
        if len(task.said) >= task.limits.tokens or task.cancelled:
            self._finish(slot, "cancelled" if task.cancelled else "length")
            return False
        return True

    def _compare(self, slot: _Slot, task: Task, given: Sequence[int]) -> None:
        for row in slot.rows:
            place = len(task.choices)
            there = given[place] if place < len(given) else None
            token, logprob, other = self.llama.choice(row, there)
            task.choices.append(Choice(token, self.llama.ends(token), logprob, None if there is None else other))
        if not slot.pending:
            self._finish(slot, "scored")

    def _finish(self, slot: _Slot, why: str) -> None:
        task, slot.task, slot.pending, slot.draft = slot.task, None, (), ()
        assert task is not None
        self._listener.ended(task, why)
        read = why in ("stop", "length") and task.given is None and self.prefixes.wants(task.prompt, task.reused)
        if read and self.llama.forget(slot.sequence, len(task.prompt)):
            self.prefixes.keep(task.prompt, self.llama.save(slot.sequence))
        self.llama.forget(slot.sequence)
