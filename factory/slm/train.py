"""Training: the curriculum under a clock, resumable from its last checkpoint at any moment."""

from __future__ import annotations

import json
import math
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from tqdm import tqdm

from factory.slm.data import CURRICULUM, Encoder, Example, Sources, Stage, batches
from factory.slm.model import Decoder, Shape, initialise
from factory.slm.tokenizer import NONE, PAD, load_tokenizer, opening

NEGATIVES = 768


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained; `minutes` is the processor's time in steps for each of its threads, added up over resumed runs, so that a
    busy machine gives the same schedule; `steps` ends it earlier."""

    shape: Shape = field(default_factory=Shape)
    minutes: float = 120.0
    steps: int = 10**9
    tokens: int = 2048
    rate: float = 2e-3
    warm_up: int = 30
    choice_weight: float = 1.0
    label_weight: float = 0.5
    save_seconds: float = 45.0
    seed: int = 20261124
    bf16: bool = True


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0


def collate(examples: list[Example]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids (batch, length); the next-token targets, the choice targets and the label targets, each -1 where there is none."""
    length = max(len(e.prompt) + len(e.target) for e in examples)
    ids = torch.full((len(examples), length), PAD)
    copy = torch.full((len(examples), length), -1)
    choice, label = copy.clone(), copy.clone()
    for row, example in enumerate(examples):
        whole = torch.tensor(example.prompt + example.target)
        start = len(example.prompt)
        ids[row, : len(whole)] = whole
        copy[row, start : len(whole) - 1] = whole[start + 1 :]
        choice[row, start - 1] = whole[start]
        for number, end in enumerate(example.ends):
            label[row, end] = opening(number + 1) if number == example.gold else NONE
    return ids, copy, choice, label


def losses(model: Decoder, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Copying, choosing and label losses, and the shares of copied tokens and of choices that are right.

    The vocabulary is projected only where there is loss, and while copying only on the tokens of the batch and some
    random others (a copied token is one of the batch). The label loss teaches each closing label, one layer early,
    to say whether its statement answers: several signals an example instead of one.
    """
    ids, copy, choice, label = batch
    last, before = model(ids)
    picked = choice >= 0
    copied = copy >= 0
    ends = label >= 0
    at_choice = model.logits(last[picked]).float()
    shown = torch.cat((ids.flatten(), torch.randint(0, model.shape.vocabulary, (NEGATIVES,)))).unique()  # type: ignore[no-untyped-call]
    wanted = torch.searchsorted(shown, copy[copied])
    at_copy = F.linear(last[copied], model.embedding.weight[shown]).float()
    small = torch.arange(NONE, opening(9))
    at_label = F.linear(before[ends], model.embedding.weight[small]).float()
    choose = F.cross_entropy(at_choice, choice[picked])
    follow = F.cross_entropy(at_copy, wanted)
    sort = F.cross_entropy(at_label, label[ends] - NONE)
    right_copy = (at_copy.argmax(-1) == wanted).float().mean().item()
    right_choice = (at_choice.argmax(-1) == choice[picked]).float().mean().item()
    return follow, choose, sort, right_copy, right_choice


def stage_at(share: float) -> Stage:
    """The stage of the curriculum after `share` of the run."""
    return next(stage for stage in CURRICULUM if share < stage.until)


def save(path: Path, model: Decoder, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint whole or not at all."""
    partial = path.with_suffix(".partial")
    state = {
        "shape": model.shape.as_dict(), "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "step": progress.step, "seconds": progress.seconds, "tokens": progress.tokens,
    }
    torch.save(state, partial)
    os.replace(partial, path)


def load_model(path: Path) -> Decoder:
    """The model of a checkpoint."""
    state = torch.load(path, weights_only=True)
    whole = {"rope_base", "epsilon"}
    model = Decoder(Shape(**{k: v if k in whole else int(v) for k, v in state["shape"].items()}))
    model.load_state_dict(state["model"])
    return model.eval()


def train(recipe: Recipe, sources: Sources, folder: Path, meaning: Tensor | None = None) -> Progress:
    """Train in `folder` (tokenizer.json there; checkpoint.pt and train.jsonl are written), going on where it stopped."""
    torch.manual_seed(recipe.seed)
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    encoder = Encoder(tokenizer)
    model = Decoder(recipe.shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.01)
    progress = Progress()
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        progress = Progress(state["step"], state["seconds"], state["tokens"])
    else:
        initialise(model, recipe.seed, meaning)
    limit = recipe.minutes * 60
    bar = tqdm(total=int(limit), initial=int(progress.seconds), unit="s", mininterval=10, desc="slm")
    saved, queue, stage = time.monotonic(), list[list[Example]](), None
    while (share := max(progress.seconds / limit, progress.step / recipe.steps)) < 1:
        begun = time.process_time()
        if not queue or stage is not stage_at(share):
            stage = stage_at(share)
            rng = random.Random(f"{recipe.seed} {progress.step}")
            queue = batches(sources, encoder, recipe.shape.vocabulary, stage, recipe.tokens, rng)
        examples = queue.pop()
        cooling = 1.0 if share < 0.5 else 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * (share - 0.5) / 0.5))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (progress.step + 1) / recipe.warm_up) * cooling
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16):
            follow, choose, sort, right_copy, right_choice = losses(model, collate(examples))
        loss = follow + recipe.choice_weight * choose + recipe.label_weight * sort
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        took = (time.process_time() - begun) / torch.get_num_threads()
        count = sum(len(e.prompt) + len(e.target) for e in examples)
        progress = Progress(progress.step + 1, progress.seconds + took, progress.tokens + count)
        row = {
            "step": progress.step, "seconds": round(progress.seconds, 1), "tokens": progress.tokens, "copy": follow.item(),
            "choose": choose.item(), "labels": sort.item(), "copied": right_copy, "chosen": right_choice,
        }
        with (folder / "train.jsonl").open("a", encoding="utf8") as log:
            log.write(json.dumps(row) + "\n")
        bar.update(int(progress.seconds) - bar.n)
        bar.set_postfix_str(f"loss {loss.item():.2f} copied {right_copy:.2f} chosen {right_choice:.2f} {count / took:.0f} tokens/s")
        if time.monotonic() - saved > recipe.save_seconds:
            save(checkpoint, model, optimizer, progress)
            saved = time.monotonic()
    bar.close()
    save(checkpoint, model, optimizer, progress)
    return progress
