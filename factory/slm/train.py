"""Training: the losses of copying, choosing and labels, along the curriculum."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from factory.slm.data import Encoder, Example, Sources
from factory.slm.loop import Feed, Progress, Recipe, on, run
from factory.slm.model import Decoder, initialise
from factory.slm.tokenizer import NONE, PAD, load_tokenizer, opening

NEGATIVES = 768


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


def losses(
    model: Decoder, batch: tuple[Tensor, Tensor, Tensor, Tensor], states: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Copying, choosing and label losses, and the shares of copied tokens and of choices that are right.

    The vocabulary is projected only where there is loss, and while copying only on the tokens of the batch and some
    random others (a copied token is one of the batch). The label loss teaches each closing label, one layer early,
    to say whether its statement answers: several signals an example instead of one. `states`: what the model made of
    the batch, if that is known.
    """
    ids, copy, choice, label = batch
    last, before = model(ids) if states is None else states
    picked = choice >= 0
    copied = copy >= 0
    ends = label >= 0
    at_choice = model.logits(last[picked]).float()
    shown = torch.cat((ids.flatten(), torch.randint(0, model.shape.vocabulary, (NEGATIVES,), device=ids.device))).unique()  # type: ignore[no-untyped-call]
    wanted = torch.searchsorted(shown, copy[copied])
    at_copy = F.linear(last[copied], model.embedding.weight[shown]).float()
    small = torch.arange(NONE, opening(9), device=ids.device)
    at_label = F.linear(before[ends], model.embedding.weight[small]).float()
    choose = F.cross_entropy(at_choice, choice[picked])
    follow = F.cross_entropy(at_copy, wanted)
    sort = F.cross_entropy(at_label, label[ends] - NONE)
    right_copy = (at_copy.argmax(-1) == wanted).float().mean().item()
    right_choice = (at_choice.argmax(-1) == choice[picked]).float().mean().item()
    return follow, choose, sort, right_copy, right_choice


def train(recipe: Recipe, sources: Sources, folder: Path, meaning: Tensor | None = None) -> Progress:
    """Train in `folder` (tokenizer.json there; checkpoint.pt and train.jsonl are written), going on where it stopped."""
    encoder = Encoder(load_tokenizer(folder / "tokenizer.json"))
    model = Decoder(recipe.shape)
    initialise(model, recipe.seed, meaning)

    def loss_of(examples: list[Example]) -> tuple[Tensor, dict[str, float]]:
        batch = on(recipe.device, collate(examples))
        follow, choose, sort, right_copy, right_choice = losses(model, batch)
        loss = follow + recipe.choice_weight * choose + recipe.label_weight * sort
        figures = {"copy": follow.item(), "choose": choose.item(), "labels": sort.item(), "copied": right_copy, "chosen": right_choice}
        return loss, figures

    return run(model, recipe, Feed(sources, encoder, recipe), loss_of, folder, "slm")
