"""Speed: prompt and decode tokens a second of several files in turn, and the memory that each adds to a fresh process.

Files are measured in interleaved rounds, so that a busy machine slows all alike; the ratio to the first file is taken within a
round. With one thread the processor's time is counted, not the clock's. `python -m factory.slm.speed FILE` prints the memory.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as native

from factory.slm.runtime import Runtime
from factory.slm.tokenizer import SPECIAL

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over rounds: tokens a second of one thread's processor time, and the ratios to the first file's."""

    prompt: float
    decode: float
    prompt_ratio: float
    decode_ratio: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is read (`prompt` tokens) and written (`decode` tokens) in each of `rounds`."""

    prompt: int = 512
    decode: int = 64
    rounds: int = 5


def _once(runtime: Runtime, load: Load) -> tuple[float, float]:
    ids = [len(SPECIAL) + (7919 * place) % 200 for place in range(load.prompt + load.decode)]
    runtime.forget()
    begun = time.process_time()
    runtime.logits(ids[: load.prompt], load.prompt - 1)
    read = time.process_time()
    for place in range(load.prompt, len(ids)):
        runtime.logits(ids[: place + 1], place)
    written = time.process_time()
    return load.prompt / (read - begun), load.decode / (written - read)


def speeds(files: dict[str, Path], load: Load) -> dict[str, Speed]:
    """The speed of each file; ratios are to the first."""
    runtimes = {name: Runtime(path, context=load.prompt + load.decode) for name, path in files.items()}
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in files}
    try:
        for number in range(load.rounds + 1):
            for name, runtime in runtimes.items():
                taken = _once(runtime, load)
                if number:  # the first round only warms up
                    rounds[name].append(taken)
    finally:
        for runtime in runtimes.values():
            runtime.close()
    first = rounds[next(iter(files))]
    return {name: _medians(taken, first) for name, taken in rounds.items()}


def _medians(taken: list[tuple[float, float]], first: list[tuple[float, float]]) -> Speed:
    pairs = list(zip(taken, first, strict=True))
    return Speed(
        statistics.median(prompt for prompt, _ in taken), statistics.median(decode for _, decode in taken),
        statistics.median(mine[0] / other[0] for mine, other in pairs), statistics.median(mine[1] / other[1] for mine, other in pairs),
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def added_memory(path: Path, context: int = 2048) -> int:
    """Bytes of resident memory that opening a file and reading a prompt adds to a fresh process (Linux)."""
    done = subprocess.run(
        [sys.executable, "-m", "factory.slm.speed", str(path), str(context)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout)["bytes"])


def main() -> None:
    """Print the memory that one file adds to this process."""
    path, context = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    native.llama_backend_init()
    before = _resident()
    runtime = Runtime(path, context=context)
    ids = [len(SPECIAL) + place % 200 for place in range(512)]
    runtime.logits(ids[: context - 1], min(len(ids), context - 1) - 1)
    print(json.dumps({"bytes": _resident() - before}))
    runtime.close()


if __name__ == "__main__":
    main()
