"""Trying how a model runs best: each way in a process of its own, and only what is clearly better is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.slm import bench
from app.slm.llama import Tuning

PLAIN = Tuning(sequences=2, threads=1)


def test_a_way_is_measured_in_a_process_of_its_own(babbler: Path) -> None:
    found = bench.attempt(babbler, PLAIN)
    assert found is not None
    assert found.tuning == PLAIN
    assert min(found.reading, found.alone, found.together, found.seconds) > 0
    assert found.resident > babbler.stat().st_size // 4


def test_a_way_that_does_not_work_is_left_out(babbler: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(babbler.read_bytes()[:100_000])
    assert bench.attempt(broken, PLAIN) is None
    assert bench.search(broken, PLAIN) is None


def test_the_best_way_is_found_and_little_gains_are_not_worth_a_change(babbler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(path: Path, tuning: Tuning) -> bench.Measured | None:
        speed = 100.0 * (2 if tuning.threads == 2 else 1) * (1.05 if tuning.flash_attention else 1)
        return None if tuning.repack else bench.Measured(tuning, speed, speed, speed, 1)

    monkeypatch.setattr(bench, "attempt", attempt)
    monkeypatch.setattr(bench, "cores", lambda: 3)
    tried: list[Tuning] = []
    found = bench.search(babbler, Tuning(), lambda tuning, measured: tried.append(tuning))
    assert found is not None
    assert (found.tuning.threads, found.tuning.flash_attention, found.tuning.repack, found.tuning.kv) == (2, False, False, "f16")
    assert {tuning.threads for tuning in tried[:3]} == {1, 2, 3}
