"""Resources: how many cores and how much memory are really ours, and what of a model's cache fits into them.

Containers are told less than the machine has (cgroup v2 `cpu.max` and `memory.max`, v1 `cpu.cfs_quota_us` and
`memory.limit_in_bytes`); more threads than cores make llama.cpp many times slower, more memory gets the box killed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.errors import TellerboxError
from app.slm.llama import KV_BITS, Dimensions, Tuning

CGROUPS = Path("/sys/fs/cgroup")
MOST_THREADS = 4
LEAST_CONTEXT = 512
"""Tokens below which no question with its evidence fits."""
COMPUTE_BYTES = 160 << 20
"""What llama.cpp takes beside weights and cache for batches of 256 (measured 90-150 MB up to 1.5 B parameters)."""
SHARE = 0.5
"""Of the memory there is, for the model's process, where no cap is set: the index, the ledger and the chat need the rest."""


def cores(cgroups: Path = CGROUPS) -> int:
    """Processor cores this process may use at the same time, at least 1."""
    try:
        have = len(os.sched_getaffinity(0))
    except AttributeError:
        have = os.cpu_count() or 1
    older = zip(_lines(cgroups, "cpu/cpu.cfs_quota_us"), _lines(cgroups, "cpu/cpu.cfs_period_us"), strict=False)
    for line in (*_lines(cgroups, "cpu.max"), *(" ".join(pair) for pair in older)):
        quota, _, period = line.partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            have = min(have, int(quota) // int(period))
    return max(1, have)


def threads(asked: int = 0, cgroups: Path = CGROUPS) -> int:
    """Threads to decode with: what is asked for, else as many as there are cores, at most four."""
    return asked or min(MOST_THREADS, cores(cgroups))


def repacks(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether weights may be laid out anew for this processor: a quarter less work for quantized ones. Not with AMX, with which
    llama.cpp crashed on Q8_0 weights, nor where the processor cannot be asked."""
    try:
        flags = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return False
    return "flags" in flags and "amx_" not in flags


def memory(cgroups: Path = CGROUPS) -> int:
    """Bytes of memory this process may use: the machine's, or less where a cgroup says so."""
    limits = [_machine_memory()]
    for name in ("memory.max", "memory.high", "memory/memory.limit_in_bytes"):
        limits += [int(line) for line in _lines(cgroups, name) if line.isdigit()]
    return min(limits)


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return sys.maxsize


def _lines(cgroups: Path, name: str) -> list[str]:
    """What a cgroup file says for this process's own group and for each group that holds it: every one of them limits."""
    found = []
    for folder in _own_groups(cgroups):
        with suppress(OSError, ValueError):
            found.append((folder / name).read_text("ascii").strip())
    return found


def _own_groups(cgroups: Path) -> list[Path]:
    own = Path()
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text("ascii").splitlines():
            if line.startswith("0::"):
                own = Path(line[3:].strip().lstrip("/"))
    return [cgroups / each for each in (own, *own.parents) if ".." not in each.parts]


def fit(tuning: Tuning, dimensions: Dimensions, cap: int) -> Tuning:
    """The tuning with as much context, then as many people, as `cap` bytes hold; 0: no cap.

    Raises TellerboxError when not even one person fits.
    """
    if not cap:
        return tuning
    room = cap - dimensions.weight_bytes - COMPUTE_BYTES
    cell = dimensions.cell_numbers * KV_BITS[tuning.kv] / 8
    for people in range(tuning.sequences, 0, -1):
        context = min(tuning.context, int(room / (people * cell)) // 256 * 256)
        if context >= min(LEAST_CONTEXT, tuning.context):
            return replace(tuning, sequences=people, context=context)
    needed = dimensions.weight_bytes + COMPUTE_BYTES + LEAST_CONTEXT * cell
    raise TellerboxError(f"the model needs {needed / 2**20:.0f} MB and may use {cap / 2**20:.0f} MB; raise TELLERBOX_MODEL_MEMORY_MB")
