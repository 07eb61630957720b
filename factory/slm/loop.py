"""Loop: steps under a schedule, with a progress bar, resumable from the last checkpoint after a kill at any moment.

Training, distillation and the healing of a pruned model are the same loop over other losses.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from factory.slm.data import CURRICULUM, Encoder, Example, Sources, Stage, batches
from factory.slm.model import Decoder, Shape


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained; `minutes` is the processor's time in steps for each of its threads, added up over resumed runs, so that a
    busy machine gives the same schedule (on a GPU: the clock's); `steps` ends it earlier. `device` is as torch names it."""

    shape: Shape = field(default_factory=Shape)
    minutes: float = 120.0
    steps: int = 10**9
    tokens: int = 3072
    rate: float = 4e-4
    warm_up: int = 30
    choice_weight: float = 1.5
    save_seconds: float = 45.0
    seed: int = 20261124
    bf16: bool = True
    device: str = "cpu"
    curriculum: tuple[Stage, ...] = CURRICULUM


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0


Loss = Callable[[list[Example]], tuple[Tensor, dict[str, float]]]
"""The loss of a batch, and what to log of it."""


def on(device: str, tensors: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The same tensors on a device."""
    a, b, c = (tensor.to(device) for tensor in tensors)
    return a, b, c


class Feeding(Protocol):
    """What gives the batches of a run."""

    def next(self, step: int, share: float) -> list[Example]:
        """The batch of a step, after `share` (0-1) of the run."""


class Feed:
    """Batches of the stage that the run is in; a resumed run draws new ones, from a seed of the step it resumes at."""

    def __init__(self, sources: Sources, encoder: Encoder, recipe: Recipe) -> None:
        self._sources, self._encoder, self._recipe = sources, encoder, recipe
        self._queue: list[list[Example]] = []
        self._stage: Stage | None = None

    def next(self, step: int, share: float) -> list[Example]:
        """The batch of a step, after `share` of the run."""
        stage = next(stage for stage in self._recipe.curriculum if share < stage.until)
        if not self._queue or stage is not self._stage:
            self._stage = stage
            rng = random.Random(f"{self._recipe.seed} {step}")
            recipe = self._recipe
            self._queue = batches(self._sources, self._encoder, recipe.shape.vocabulary, stage, recipe.tokens, rng)
        return self._queue.pop()


def save(path: Path, model: Decoder, optimizer: torch.optim.Optimizer | None, progress: Progress) -> None:
    """Write a checkpoint whole or not at all."""
    partial = path.with_suffix(".partial")
    state = {
        "shape": model.shape.as_dict(), "model": model.state_dict(), "optimizer": optimizer.state_dict() if optimizer else None,
        "step": progress.step, "seconds": progress.seconds, "tokens": progress.tokens,
    }
    torch.save(state, partial)
    os.replace(partial, path)


def load_model(path: Path) -> Decoder:
    """The model of a checkpoint, on the processor."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    whole = {"rope_base", "epsilon"}
    model = Decoder(Shape(**{k: v if k in whole else int(v) for k, v in state["shape"].items()}))
    model.load_state_dict(state["model"])
    return model.eval()


def _resume(checkpoint: Path, log: Path, model: Decoder, optimizer: torch.optim.Optimizer) -> Progress:
    """Where the checkpoint stands; the log loses what was done after it, and a line that a kill cut."""
    if not checkpoint.exists():
        log.unlink(missing_ok=True)
        return Progress()
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if log.exists():
        kept = []
        for line in log.read_text("utf8").splitlines():
            try:
                if json.loads(line)["step"] <= state["step"]:
                    kept.append(line + "\n")
            except json.JSONDecodeError:
                break
        log.write_text("".join(kept), encoding="utf8")
    return Progress(state["step"], state["seconds"], state["tokens"])


def _rate(recipe: Recipe, step: int, share: float) -> float:
    cooling = 1.0 if share < 0.5 else 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * (share - 0.5) / 0.5))
    return recipe.rate * min(1.0, (step + 1) / recipe.warm_up) * cooling


class _Clock:
    """Seconds of work in a step: of the processor for each thread, or of the clock where another device works."""

    def __init__(self, device: str) -> None:
        self._read = time.process_time if device == "cpu" else time.monotonic
        self._threads = torch.get_num_threads() if device == "cpu" else 1
        self._begun = self._read()

    def seconds(self) -> float:
        return (self._read() - self._begun) / self._threads


def run(model: Decoder, recipe: Recipe, feed: Feeding, loss_of: Loss, folder: Path, name: str) -> Progress:
    """Optimise `model` in place; `folder` gets checkpoint.pt and train.jsonl, and a run there goes on where it was saved."""
    torch.manual_seed(recipe.seed)
    model.to(recipe.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.01)
    checkpoint, log_path = folder / "checkpoint.pt", folder / "train.jsonl"
    progress = _resume(checkpoint, log_path, model, optimizer)
    limit, saved = recipe.minutes * 60, time.monotonic()
    bar = tqdm(total=100.0, mininterval=10, desc=name, bar_format="{desc}: {n:.0f}%|{bar:20}| {elapsed} gone, {remaining} left {postfix}")
    with log_path.open("a", encoding="utf8") as log:
        while (share := max(progress.seconds / limit, progress.step / recipe.steps)) < 1:
            clock = _Clock(recipe.device)
            examples = feed.next(progress.step, share)
            loss, figures = _step(model, optimizer, recipe, examples, loss_of, _rate(recipe, progress.step, share))
            took, count = clock.seconds(), sum(len(e.prompt) + len(e.target) for e in examples)
            progress = Progress(progress.step + 1, progress.seconds + took, progress.tokens + count)
            row = {"step": progress.step, "seconds": round(progress.seconds, 1), "tokens": progress.tokens, **figures}
            log.write(json.dumps(row) + "\n")
            log.flush()
            speed = progress.tokens / max(progress.seconds, 1e-9)
            bar.set_postfix_str(f"step {progress.step} loss {loss:.2f} {speed:.0f} tokens/s", refresh=False)
            bar.update(100 * min(1.0, max(progress.seconds / limit, progress.step / recipe.steps)) - bar.n)
            if time.monotonic() - saved > recipe.save_seconds:
                save(checkpoint, model, optimizer, progress)
                saved = time.monotonic()
    bar.close()
    save(checkpoint, model, optimizer, progress)
    return progress


def _step(
    model: Decoder, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: list[Example], loss_of: Loss, rate: float
) -> tuple[float, dict[str, float]]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast(torch.device(recipe.device).type, dtype=torch.bfloat16, enabled=recipe.bf16):
        loss, figures = loss_of(examples)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item(), figures
