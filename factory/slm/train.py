"""Training: the losses of copying and choosing, along the curriculum."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from factory.slm.circuit import initialise
from factory.slm.data import Encoder, Example, Sources
from factory.slm.loop import Feed, Progress, Recipe, load_model, on, run
from factory.slm.model import Decoder, Meanings
from factory.slm.tokenizer import PAD, load_tokenizer

NEGATIVES = 768


def collate(examples: list[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids (batch, length); the next-token targets and the choice targets, each -1 where there is none."""
    length = max(len(e.prompt) + len(e.target) for e in examples)
    ids = torch.full((len(examples), length), PAD)
    copy = torch.full((len(examples), length), -1)
    choice = copy.clone()
    for row, example in enumerate(examples):
        whole = torch.tensor(example.prompt + example.target)
        start = len(example.prompt)
        ids[row, : len(whole)] = whole
        copy[row, start : len(whole) - 1] = whole[start + 1 :]
        choice[row, start - 1] = whole[start]
    return ids, copy, choice


def losses(model: Decoder, batch: tuple[Tensor, Tensor, Tensor], states: Tensor | None = None) -> tuple[Tensor, Tensor, float, float]:
    """Copying and choosing losses, and the shares of copied tokens and of choices that are right.

    The vocabulary is projected only where there is loss, and while copying only on the tokens of the batch and some
    random others (a copied token is one of the batch). `states`: what the model made of the batch, if that is known.
    """
    ids, copy, choice = batch
    last = model(ids) if states is None else states
    picked, copied = choice >= 0, copy >= 0
    at_choice = model.logits(last[picked]).float()
    shown = torch.cat((ids.flatten(), torch.randint(0, model.shape.vocabulary, (NEGATIVES,), device=ids.device))).unique()  # type: ignore[no-untyped-call]
    wanted = torch.searchsorted(shown, copy[copied])
    at_copy = F.linear(last[copied], model.embedding.weight[shown]).float()
    choose = F.cross_entropy(at_choice, choice[picked])
    follow = F.cross_entropy(at_copy, wanted)
    right_copy = (at_copy.argmax(-1) == wanted).float().mean().item()
    right_choice = (at_choice.argmax(-1) == choice[picked]).float().mean().item()
    return follow, choose, right_copy, right_choice


def train(
    recipe: Recipe, sources: Sources, folder: Path, meanings: Meanings | None = None, begun: Path | None = None
) -> Progress:
    """Train in `folder` (tokenizer.json there; checkpoint.pt and train.jsonl are written), going on where it stopped.

    It begins as a circuit, or with the weights of the checkpoint `begun`. Raises ValueError when they are of another shape.
    """
    encoder = Encoder(load_tokenizer(folder / "tokenizer.json"))
    model = Decoder(recipe.shape)
    initialise(model, recipe.seed, meanings)
    if begun is not None:
        pretrained = load_model(begun)
        if pretrained.shape != recipe.shape:
            raise ValueError(f"{begun} is a model of another shape: pre-train it anew, or take it away")
        model.load_state_dict(pretrained.state_dict())

    def loss_of(examples: list[Example]) -> tuple[Tensor, dict[str, float]]:
        batch = on(recipe.device, collate(examples))
        follow, choose, right_copy, right_choice = losses(model, batch)
        loss = follow + recipe.choice_weight * choose
        figures = {"copy": follow.item(), "choose": choose.item(), "copied": right_copy, "chosen": right_choice}
        return loss, figures

    return run(model, recipe, Feed(sources, encoder, recipe), loss_of, folder, "slm")
