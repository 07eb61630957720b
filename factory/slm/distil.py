"""Distillation: a student learns what a larger teacher expects next (Hinton et al. 2015), where the teacher was taught too.

The loss is T² KL(teacher ‖ student) of the distributions at temperature T over the whole vocabulary, at the choice of a
statement and at the copied tokens, beside the losses of training itself with a weight. A student of another width starts from
the copying circuit with the principal axes of the teacher's embedding; one of the same width starts from the teacher's layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from factory.slm.circuit import initialise
from factory.slm.data import Encoder, Example, Sources
from factory.slm.loop import Feed, Progress, Recipe, on, run
from factory.slm.model import Decoder, Meanings, Shape
from factory.slm.train import collate, losses


@dataclass(frozen=True, slots=True)
class Distillation:
    """How a student is taught: `temperature` softens both distributions, `hard` is the weight of training's own losses."""

    recipe: Recipe
    temperature: float = 2.0
    hard: float = 0.5


def axes_of_meaning(teacher: Decoder, width: int) -> Tensor:
    """(vocabulary, width) float32: the teacher's embedding along its strongest directions, without the constant channel."""
    table = teacher.embedding.weight.detach()[:, 1:].float()
    axes: Tensor = torch.linalg.svd(table - table.mean(0), full_matrices=False)[2][:width]
    rows: Tensor = table @ axes.T
    return rows


def student_of(teacher: Decoder, shape: Shape, seed: int) -> Decoder:
    """A model of `shape` to be taught. Raises ValueError when it has another vocabulary than its teacher."""
    if shape.vocabulary != teacher.shape.vocabulary:
        raise ValueError("teacher and student must share their vocabulary: what is learnt is a distribution over it")
    student = Decoder(shape)
    axes = axes_of_meaning(teacher, shape.width // 2)
    initialise(student, seed, Meanings(axes, torch.zeros(len(axes))))
    return student


def divergence(said: Tensor, expected: Tensor, temperature: float) -> Tensor:
    """Mean T² KL(expected ‖ said), nats; both are logits (positions, vocabulary)."""
    a, b = (F.log_softmax(logits.float() / temperature, dim=-1) for logits in (said, expected))
    return F.kl_div(a, b, log_target=True, reduction="batchmean") * temperature**2


def distil(
    teacher: Decoder, student: Decoder, tokenizer: Tokenizer, sources: Sources, how: Distillation, folder: Path, name: str = "distil"
) -> Progress:
    """Teach `student` in place; `folder` gets checkpoint.pt and train.jsonl, and a run there goes on where it was saved."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = how.recipe
    teacher.to(recipe.device).eval().requires_grad_(False)

    def loss_of(examples: list[Example]) -> tuple[Tensor, dict[str, float]]:
        batch = on(recipe.device, collate(examples))
        ids, copy, choice = batch
        with torch.no_grad():
            told = teacher(ids)
        states = student(ids)
        choosing, copying = (
            divergence(student.logits(states[wanted]), teacher.logits(told[wanted]), how.temperature)
            for wanted in (choice >= 0, copy >= 0)
        )
        follow, choose, right_copy, right_choice = losses(student, batch, states)
        hard = follow + recipe.choice_weight * choose
        figures = {"choice_kl": choosing.item(), "copy_kl": copying.item(), "copied": right_copy, "chosen": right_choice}
        return choosing + copying + how.hard * hard, figures

    progress = run(student, recipe, Feed(sources, Encoder(tokenizer), recipe), loss_of, folder, name)
    student.to("cpu").eval()
    return progress
