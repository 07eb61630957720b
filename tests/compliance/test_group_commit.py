"""Threads share writes: nothing is written twice or left out, each hears how its own went, nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from compliance.group_commit import GroupCommit


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_every_item_is_written_once_and_a_threads_items_in_order() -> None:
    written: list[tuple[int, int]] = []
    known: set[tuple[int, int]] = set()
    too_early: list[tuple[int, int]] = []

    def write(batch: Sequence[tuple[int, int]]) -> None:
        written.extend(batch)
        known.update(batch)

    group: GroupCommit[tuple[int, int]] = GroupCommit(write)

    def hand_in(writer: int) -> None:
        for n in range(300):
            group.submit((writer, n))
            if (writer, n) not in known:
                too_early.append((writer, n))

    run_all([threading.Thread(target=hand_in, args=(writer,)) for writer in range(8)])
    assert too_early == []
    assert sorted(written) == [(writer, n) for writer in range(8) for n in range(300)]
    for writer in range(8):
        own = [n for who, n in written if who == writer]
        assert own == sorted(own)


def test_batches_hold_what_all_writers_queued() -> None:
    sizes: list[int] = []

    def slow(batch: Sequence[int]) -> None:
        time.sleep(0.005)
        sizes.append(len(batch))

    group: GroupCommit[int] = GroupCommit(slow)
    run_all([threading.Thread(target=lambda: [group.submit(n) for n in range(40)]) for _ in range(8)])
    assert sum(sizes) == 320
    assert len(sizes) < 160  # more than two to a write; alone each would have had its own


def test_one_at_a_time_is_written() -> None:
    busy = threading.Lock()

    def alone(batch: Sequence[int]) -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.0005)
        busy.release()

    group: GroupCommit[int] = GroupCommit(alone)
    run_all([threading.Thread(target=lambda: [group.submit(n) for n in range(50)]) for _ in range(6)])


def test_a_failed_write_is_heard_by_all_of_its_batch_and_by_no_other() -> None:
    def write(batch: Sequence[int]) -> None:
        time.sleep(0.002)
        if any(each % 5 == 0 for each in batch):
            raise ValueError(sorted(batch))

    group: GroupCommit[int] = GroupCommit(write)
    wrong: list[int] = []

    def hand_in(start: int) -> None:
        for n in range(start, start + 25):
            try:
                group.submit(n)
                if n % 5 == 0:
                    wrong.append(n)
            except ValueError as error:
                if n not in error.args[0]:
                    wrong.append(n)

    run_all([threading.Thread(target=hand_in, args=(100 * k,)) for k in range(6)])
    assert wrong == []


def test_an_interrupted_leader_passes_the_lead_on() -> None:
    entered, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            entered.set()
            go_on.wait(30)
            raise KeyboardInterrupt
        written.extend(batch)

    group: GroupCommit[int] = GroupCommit(write)
    interrupted: list[BaseException] = []

    def lead() -> None:
        try:
            group.submit(0)
        except KeyboardInterrupt as error:
            interrupted.append(error)

    leader = threading.Thread(target=lead)
    leader.start()
    entered.wait(30)
    follower = threading.Thread(target=group.submit, args=(1,))
    follower.start()
    while not group._queue:
        time.sleep(0.001)
    go_on.set()
    leader.join(30)
    follower.join(30)
    group.submit(2)
    assert (len(interrupted), written) == (1, [1, 2])


def test_an_interrupted_follower_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    group: GroupCommit[int] = GroupCommit(lambda batch: None)
    with group._lock:
        group._led = True  # somebody leads

    class Interrupted:
        def acquire(self) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("compliance.group_commit._Waiting.__init__", lambda self, item: _fill(self, item, Interrupted()))
        with pytest.raises(KeyboardInterrupt):
            group.submit(1)
    assert group._queue == []
    with group._lock:
        group._pass_on()
    group.submit(2)


def _fill(waiting: object, item: int, turn: object) -> None:
    for name, value in (("item", item), ("turn", turn), ("leads", False), ("error", None)):
        setattr(waiting, name, value)
