"""Bench: tries how the model in use runs best on this box.

Each way is tried in a process of its own, so that one in which llama.cpp aborts (some weights on some processors) is only
left out. What counts is what a turn costs: reading a prompt of 400 tokens, then 60 tokens of an answer beside the others'.

    python -m app.slm.bench GGUF TUNING.json       measures one way and prints it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.slm.llama import Llama, Tuning
from app.slm.process import PROJECT
from app.slm.resources import cores

PROMPT_TOKENS, ANSWER_TOKENS = 400, 60
READ_TOKENS, STEPS, ROUNDS = 512, 16, 2
TIMEOUT_SECONDS = 300
WORTH = 0.9
"""What is not faster by more than a tenth is not worth leaving what is known to be safe."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way: tokens a second of processor time a thread, read, and answered by one person alone and by all at once; bytes
    resident."""

    tuning: Tuning
    reading: float
    alone: float
    together: float
    resident: int

    @property
    def seconds(self) -> float:
        """What a turn costs a person when everyone asks at once."""
        return PROMPT_TOKENS / self.reading + ANSWER_TOKENS * self.tuning.sequences / self.together


def measure(path: Path, tuning: Tuning) -> Measured:
    """Measure one way in this process."""
    llama = Llama(path, replace(tuning, context=READ_TOKENS + STEPS + 8))
    try:
        prompt = [(7 * place) % (llama.vocab_size // 2) + 50 for place in range(READ_TOKENS)]
        _read(llama, prompt[: tuning.batch], 0)
        # The best of each, for what else ran at the time only ever makes it slower.
        rounds = [_round(llama, prompt) for _ in range(ROUNDS)]
        reading, alone, together = (round(max(rates), 1) for rates in zip(*rounds, strict=True))
        return Measured(tuning, reading, alone, together, resident())
    finally:
        llama.close()


def _round(llama: Llama, prompt: Sequence[int]) -> tuple[float, float, float]:
    people = llama.tuning.sequences
    for sequence in range(people):
        llama.forget(sequence)
    began = _clock(llama)
    _read(llama, prompt, 0)
    reading = READ_TOKENS / (_clock(llama) - began)
    alone = _answer(llama, 1, READ_TOKENS)
    llama.forget(0, READ_TOKENS)
    state = llama.save(0)
    for sequence in range(1, people):
        llama.restore(sequence, state)
    return reading, alone, _answer(llama, people, READ_TOKENS)


def _read(llama: Llama, prompt: Sequence[int], sequence: int) -> None:
    size = llama.tuning.batch
    for start in range(0, len(prompt), size):
        part = prompt[start : start + size]
        llama.put(0, part, start, sequence, len(prompt) - 1)
        if not llama.decode(len(part)):
            raise RuntimeError("llama.cpp could not decode")


def _answer(llama: Llama, people: int, position: int) -> float:
    began = _clock(llama)
    tokens = [100] * people
    for step in range(STEPS):
        for person in range(people):
            llama.put(person, [tokens[person]], position + step, person, 0)
        if not llama.decode(people):
            raise RuntimeError("llama.cpp could not decode")
        tokens = [llama.choice(row)[0] for row in range(people)]
    return STEPS * people / (_clock(llama) - began)


def _clock(llama: Llama) -> float:
    """Seconds of processor time a thread: what a quiet box would take, whatever else runs on this one now."""
    return time.process_time() / llama.tuning.threads


def resident(pid: int | str = "self") -> int:
    """Bytes of memory a process holds now, 0 where the platform does not tell."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def attempt(path: Path, tuning: Tuning) -> Measured | None:
    """Measure one way in a process of its own; None when it ends in any other way than well."""
    command = [sys.executable, "-m", "app.slm.bench", str(path), json.dumps(asdict(tuning))]
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1", "PYTHONPATH": str(PROJECT)}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=TIMEOUT_SECONDS, env=environment, check=True, text=True, stdin=subprocess.DEVNULL
        )
        raw = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    return Measured(**raw | {"tuning": Tuning(**raw["tuning"])})


def search(path: Path, start: Tuning, tell: Callable[[Tuning, Measured | None], None] = lambda *_: None) -> Measured | None:
    """The best way found, one question after another: how many threads, flash attention, weights laid out anew, and a
    smaller cache. None when not even the plainest works."""
    plain = replace(start, flash_attention=False, kv="f16", repack=False)
    best: Measured | None = None
    for count in range(1, min(cores(), 8) + 1):
        best = _better(path, replace(plain, threads=count), best, tell)
    for change in ({"flash_attention": True}, {"repack": True}, {"flash_attention": True, "kv": "q8_0"}):
        if best is not None:
            best = _better(path, replace(best.tuning, **change), best, tell)
    return best


def _better(path: Path, tuning: Tuning, best: Measured | None, tell: Callable[[Tuning, Measured | None], None]) -> Measured | None:
    found = attempt(path, tuning)
    tell(tuning, found)
    if found is None or (best is not None and found.seconds > WORTH * best.seconds):
        return best
    return found


def main() -> None:
    measured = measure(Path(sys.argv[1]), Tuning(**json.loads(sys.argv[2])))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
