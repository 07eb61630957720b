"""What is really ours: cores and memory from cgroups, and a context that fits a cap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import TellerboxError
from app.slm.engine import Engine
from app.slm.llama import KV_BITS, Dimensions, Tuning
from app.slm.resources import COMPUTE_BYTES, LEAST_CONTEXT, cores, fit, memory, repacks, threads
from app.slm.tuned import Tuned, load_tuned, save_tuned


def test_a_containers_share_of_the_processor_counts(tmp_path: Path) -> None:
    have = len(os.sched_getaffinity(0))
    assert cores(tmp_path) == have
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores(tmp_path) == have
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cores(tmp_path) == 1
    assert threads(0, tmp_path) == 1
    assert threads(3, tmp_path) == 3


def test_the_older_way_to_say_it_counts_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert cores(tmp_path) == 1
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1000000")
    assert memory(tmp_path) == 1_000_000


def test_the_lowest_limit_on_memory_counts(tmp_path: Path) -> None:
    machine = memory(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text("4000000\n")
    (tmp_path / "memory.high").write_text("3000000\n")
    assert memory(tmp_path) == 3_000_000


def test_weights_are_not_laid_out_anew_where_that_has_crashed(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    assert not repacks(info)
    info.write_text("flags : avx2 avx512f\n")
    assert repacks(info)
    info.write_text("flags : avx2 avx512f amx_tile amx_int8\n")
    assert not repacks(info)


@given(
    st.integers(1, 64), st.integers(256, 32_768), st.sampled_from(sorted(KV_BITS)), st.integers(1, 1 << 31), st.integers(1, 1 << 18),
    st.integers(1, 1 << 34),
)  # fmt: skip
def test_what_is_chosen_fits_the_cap_or_is_refused(people: int, context: int, kv: str, weights: int, numbers: int, cap: int) -> None:
    asked, dimensions = Tuning(context, people, kv=kv), Dimensions(weights, numbers)
    try:
        chosen = fit(asked, dimensions, cap)
    except TellerboxError:
        assert weights + COMPUTE_BYTES + min(LEAST_CONTEXT, context) * numbers * KV_BITS[kv] / 8 > cap - 256 * numbers * KV_BITS[kv] / 8
        return
    cells = chosen.context * chosen.sequences * numbers * KV_BITS[kv] / 8
    assert weights + COMPUTE_BYTES + cells <= cap
    assert chosen.context <= context
    assert chosen.sequences <= people
    assert fit(asked, dimensions, 0) == asked


def test_a_model_under_a_cap_says_what_it_took(babbler: Path) -> None:
    cap = babbler.stat().st_size + COMPUTE_BYTES + 4 * 600 * 2 * 2 * 128 * 2
    engine = Engine(babbler, Tuning(context=2048, sequences=4), memory_bytes=cap)
    try:
        assert 512 <= engine.context_size < 2048
    finally:
        engine.close()
    with pytest.raises(TellerboxError, match="MODEL_MEMORY"):
        Engine(babbler, memory_bytes=1 << 20)


def test_what_was_measured_counts_for_its_model_and_its_box_only(tmp_path: Path) -> None:
    tuned = Tuned("a" * 64, 2, 1, False, "f16", False)
    assert load_tuned(tmp_path, "a" * 64, 2) is None
    path = save_tuned(tmp_path, tuned)
    assert load_tuned(tmp_path, "a" * 64, 2) == tuned
    assert load_tuned(tmp_path, "b" * 64, 2) is None
    assert load_tuned(tmp_path, "a" * 64, 4) is None
    path.write_text("{}")
    with pytest.raises(TellerboxError, match="damaged"):
        load_tuned(tmp_path, "a" * 64, 2)
