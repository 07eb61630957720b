"""Pruning: layers, heads and MLP neurons taken out whole, those first that matter least on held-out prompts.

Layers go one at a time, each time the one whose absence raises the loss least. Heads and neurons are ranked by the mean over
prompts of |Σ activation · gradient|, the first-order change of the loss without them (Michel et al. 2019; Molchanov et al. 2019).
Every layer keeps the same number of heads and neurons: a GGUF of the Llama architecture, and batched kernels, need that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from factory.slm.data import Example
from factory.slm.model import Decoder, Layer, Shape


@dataclass(frozen=True, slots=True)
class Cut:
    """How much is taken out: whole layers, heads of every layer, and the share of MLP neurons that stays."""

    name: str
    layers: int = 0
    heads: int = 0
    hidden: float = 1.0

    def shape_of(self, shape: Shape) -> Shape:
        """What is left of a shape. Rows stay multiples of 256 (K-quants), or of 32 in small models. Raises ValueError when
        nothing would be left."""
        step = 256 if shape.hidden % 256 == 0 else 32
        hidden = max(step, round(shape.hidden * self.hidden / step) * step)
        left = replace(shape, layers=shape.layers - self.layers, heads=shape.heads - self.heads, hidden=min(shape.hidden, hidden))
        if left.layers < 1 or left.heads < 1:
            raise ValueError(f"the cut {self.name} leaves nothing of {shape.layers} layers of {shape.heads} heads")
        return left


def loss_on(model: Decoder, example: Example) -> Tensor:
    """Mean cross-entropy, nats, of the tokens of the target."""
    whole = torch.tensor([example.prompt + example.target])
    start = len(example.prompt)
    states = model(whole[:, :-1])
    return F.cross_entropy(model.logits(states[0, start - 1 :]), whole[0, start:])


def mean_loss(model: Decoder, examples: Sequence[Example]) -> float:
    """The mean of `loss_on` over examples."""
    with torch.no_grad():
        return sum(loss_on(model, example).item() for example in examples) / len(examples)


def layer_importance(model: Decoder, examples: Sequence[Example]) -> list[float]:
    """For each layer, by how many nats the loss rises without it (negative: it gets better)."""
    layers = list(model.layers)
    whole = mean_loss(model, examples)
    rises = []
    try:
        for number in range(len(layers)):
            model.layers = nn.ModuleList(layers[:number] + layers[number + 1 :])
            rises.append(mean_loss(model, examples) - whole)
    finally:
        model.layers = nn.ModuleList(layers)
    return rises


def unit_importance(model: Decoder, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """(layers, heads) and (layers, hidden) float32: how much the loss changes, to first order, without a head or a neuron."""
    shape = model.shape
    heads, neurons = torch.zeros(shape.layers, shape.heads), torch.zeros(shape.layers, shape.hidden)
    inputs: list[tuple[Tensor, int, str]] = []

    def keep(x: Tensor, number: int, part: str) -> None:
        x.retain_grad()
        inputs.append((x, number, part))

    model.requires_grad_(True)  # a teacher's weights may be frozen
    hooks = []
    for number, layer in enumerate(model.layers):
        for part in ("o", "down"):
            module = layer.get_submodule(part)
            hooks.append(module.register_forward_pre_hook(lambda _, x, number=number, part=part: keep(x[0], number, part)))
    try:
        for example in examples:
            inputs.clear()
            model.zero_grad(set_to_none=True)
            loss_on(model, example).backward()  # type: ignore[no-untyped-call]
            for x, number, part in inputs:
                assert x.grad is not None
                change = (x * x.grad).detach().sum((0, 1))
                if part == "o":
                    heads[number] += change.view(shape.heads, shape.head_dim).sum(1).abs()
                else:
                    neurons[number] += change.abs()
    finally:
        model.zero_grad(set_to_none=True)
        for hook in hooks:
            hook.remove()
    return heads / len(examples), neurons / len(examples)


def cut(model: Decoder, how: Cut, examples: Sequence[Example]) -> tuple[Decoder, tuple[int, ...]]:
    """A smaller copy, decided on `examples`, and the numbers of the layers that it keeps."""
    kept = list(range(model.shape.layers))
    part = model
    for _ in range(how.layers):
        rises = layer_importance(part, examples)
        kept.pop(rises.index(min(rises)))
        part = _with_layers(model, kept)
    goal = how.shape_of(model.shape)
    heads, neurons = unit_importance(part, examples)
    smaller = Decoder(goal)
    smaller.embedding.load_state_dict(part.embedding.state_dict())
    smaller.norm.load_state_dict(part.norm.state_dict())
    with torch.no_grad():
        for number, (old, new) in enumerate(zip(part.layers, smaller.layers, strict=True)):
            assert isinstance(old, Layer)
            assert isinstance(new, Layer)
            _copy_units(old, new, _strongest(heads[number], goal.heads), _strongest(neurons[number], goal.hidden))
    return smaller.eval(), tuple(kept)


def _strongest(importance: Tensor, count: int) -> Tensor:
    return importance.topk(count).indices.sort().values


def _with_layers(model: Decoder, kept: Sequence[int]) -> Decoder:
    part = Decoder(replace(model.shape, layers=len(kept)))
    part.embedding, part.norm = model.embedding, model.norm
    part.layers = nn.ModuleList(model.layers[number] for number in kept)
    return part.eval()


def _copy_units(old: Layer, new: Layer, heads: Tensor, neurons: Tensor) -> None:
    dim = old.shape.head_dim
    rows = (heads[:, None] * dim + torch.arange(dim)).flatten()
    for part in ("q", "k", "v"):
        new.get_submodule(part).get_parameter("weight").copy_(old.get_submodule(part).get_parameter("weight")[rows])
    new.o.weight.copy_(old.o.weight[:, rows])
    new.gate.weight.copy_(old.gate.weight[neurons])
    new.up.weight.copy_(old.up.weight[neurons])
    new.down.weight.copy_(old.down.weight[:, neurons])
    new.norm_1.weight.copy_(old.norm_1.weight)
    new.norm_2.weight.copy_(old.norm_2.weight)
