"""Group commit: many threads hand in what is to be written, one of them writes it all, and each hears how it went.

Who finds nobody writing leads: it takes what is queued, writes it in one go (one fsync for all), wakes those it wrote
for, and hands the lead to one whose item came meanwhile. Where several threads write, it first waits for those that
wrote a moment ago to come back, at most half as long as a write takes: otherwise batches would alternate between one
item and all the others. A single writer never waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
LONGEST_WAIT = 0.005
"""Seconds."""


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    """An item and the thread that handed it in, which sleeps until `turn` is released: it was written, or it leads."""

    item: T
    turn: threading.Lock = field(default_factory=_held)
    leads: bool = False
    error: BaseException | None = None


class GroupCommit(Generic[T]):
    """Calls `write` with batches of the items that threads hand in, one batch at a time, in the order they came."""

    def __init__(self, write: Callable[[Sequence[T]], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._enough = threading.Condition(self._lock)
        self._queue: list[_Waiting[T]] = []
        self._led = False
        self._expected = 1
        self._seconds = 0.0

    def submit(self, item: T) -> None:
        """Returns once `write` has returned for a batch that holds the item; raises what it raised."""
        waiting = _Waiting(item)
        with self._lock:
            self._queue.append(waiting)
            if not self._led:
                self._led = waiting.leads = True
            elif len(self._queue) >= self._expected:
                self._enough.notify()
        if not waiting.leads:
            self._sleep(waiting)
        if waiting.leads:
            self._lead(waiting)
        if waiting.error is not None:
            raise waiting.error

    def _sleep(self, waiting: _Waiting[T]) -> None:
        try:
            waiting.turn.acquire()
        except BaseException:  # interrupted: nobody may wait for this thread to lead
            with self._lock:
                if waiting in self._queue:
                    self._queue.remove(waiting)
                if waiting.leads:
                    self._pass_on()
            raise

    def _lead(self, leader: _Waiting[T]) -> None:
        batch: list[_Waiting[T]] = []
        failure: BaseException | None = None
        try:
            batch = self._gather()
            start = time.perf_counter()
            self._write([each.item for each in batch])
            self._seconds = time.perf_counter() - start
        except BaseException as error:
            failure = error
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                if leader in self._queue:
                    self._queue.remove(leader)
                self._expected = len(batch) + len(self._queue)
                self._pass_on()
            for each in batch:
                each.error = failure
                if each is not leader:
                    each.turn.release()

    def _gather(self) -> list[_Waiting[T]]:
        with self._enough:
            if len(self._queue) < self._expected:
                self._enough.wait_for(lambda: len(self._queue) >= self._expected, min(LONGEST_WAIT, self._seconds / 2))
            batch, self._queue = self._queue, []
        return batch

    def _pass_on(self) -> None:
        """Wakes who leads next, with the lock held; a leader keeps the lead until it was passed on."""
        if self._queue:
            self._queue[0].leads = True
            self._queue[0].turn.release()
        else:
            self._led = False
