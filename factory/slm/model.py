"""Model: a Llama-architecture decoder whose first two layers start as a circuit that can copy.

The start is structured, not pre-trained: the heads of layer 0 attend 1, 2 and 3 tokens back (RoPE phases over a constant
channel), those of layer 1 attend to where the last tokens stood before and pass on what came next (induction heads,
Olsson et al. 2022). Everything is trained afterwards.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

LOGIT_SCALE = 0.08
CONSTANT = 4.0
LOOK_BACK = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a model."""

    vocabulary: int = 16384
    width: int = 256
    layers: int = 5
    heads: int = 4
    head_dim: int = 64
    hidden: int = 512
    context: int = 2048
    rope_base: float = 1e6
    epsilon: float = 1e-5

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def rotation(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (length, head_dim / 2), of rotary position embedding."""
    rates = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
    angles = torch.arange(length).float()[:, None] * rates
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Layer(nn.Module):
    """Attention and a gated MLP, each behind an RMS norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = shape.heads * shape.head_dim
        self.shape = shape
        self.norm_1 = nn.RMSNorm(shape.width, shape.epsilon)
        self.norm_2 = nn.RMSNorm(shape.width, shape.epsilon)
        self.q = nn.Linear(shape.width, inner, bias=False)
        self.k = nn.Linear(shape.width, inner, bias=False)
        self.v = nn.Linear(shape.width, inner, bias=False)
        self.o = nn.Linear(inner, shape.width, bias=False)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        h = self.norm_1(x)
        split = (batch, length, self.shape.heads, self.shape.head_dim)
        q = _rotate(self.q(h).view(split).transpose(1, 2), cos, sin)
        k = _rotate(self.k(h).view(split).transpose(1, 2), cos, sin)
        v = self.v(h).view(split).transpose(1, 2)
        a = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(batch, length, -1))
        h = self.norm_2(x)
        out: Tensor = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return out


class Decoder(nn.Module):
    """Token ids (batch, length) in, hidden states (batch, length, width) out; `logits` projects with the tied embedding."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.epsilon)
        cos, sin = rotation(shape, shape.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The normed states after the last layer, and after the one before it."""
        x = self.embedding(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        before = x
        for layer in self.layers:
            before = x
            x = layer(x, cos, sin)
        return self.norm(x), self.norm(before)

    def logits(self, states: Tensor) -> Tensor:
        """(…, width) states to (…, vocabulary) scores."""
        return F.linear(states, self.embedding.weight)


def initialise(model: Decoder, seed: int, meaning: Tensor | None = None) -> None:
    """Fill in the start: half-random embeddings (`meaning`: (vocabulary, width / 2) float32) and the copying circuit."""
    generator = torch.Generator().manual_seed(seed)
    shape = model.shape
    with torch.no_grad():
        table = torch.randn(shape.vocabulary, shape.width, generator=generator)
        if meaning is not None:
            half = meaning.shape[1]
            table[:, -half:] = meaning / meaning.pow(2).mean().sqrt()
        table[:, 0] = CONSTANT
        model.embedding.weight.copy_(table)
        model.norm.weight.fill_(LOGIT_SCALE)
        for layer in model.layers:
            assert isinstance(layer, Layer)
            for name, weight in layer.named_parameters():
                if weight.ndim == 2:
                    small = 0.3 if name.startswith(("o.", "down.")) else 1.0
                    weight.copy_(torch.randn(weight.shape, generator=generator) * small * weight.shape[1] ** -0.5)
        if shape.layers > 1 and shape.heads > LOOK_BACK:
            _copying_circuit(model, generator)


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    basis: Tensor = torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0].T
    return basis


def _copying_circuit(model: Decoder, generator: torch.Generator) -> None:
    shape = model.shape
    first, second = model.layers[0], model.layers[1]
    assert isinstance(first, Layer)
    assert isinstance(second, Layer)
    dim, half = shape.head_dim, shape.head_dim // 2
    rates = shape.rope_base ** (-torch.arange(half).float() / half)
    fast = (rates > 0.02).float()
    read = _orthonormal(dim, shape.width, generator)
    read[:, 0] = 0
    write = _orthonormal(min(shape.width, LOOK_BACK * dim), shape.width, generator)
    per_head = write.shape[0] // LOOK_BACK
    outs = [write[i * per_head : (i + 1) * per_head] for i in range(LOOK_BACK)]
    amplitude = 1.8
    for back in range(1, LOOK_BACK + 1):
        rows = slice((back - 1) * dim, back * dim)
        for weight in (first.q.weight, first.k.weight):
            weight[rows] *= 0.05
        first.q.weight[rows, 0] = torch.cat((fast, torch.zeros(half))) * amplitude
        first.k.weight[rows, 0] = torch.cat((fast * (back * rates).cos(), fast * (back * rates).sin())) * amplitude
        first.v.weight[rows] = read
        first.o.weight[:, rows] = 0
        first.o.weight[:, (back - 1) * dim : (back - 1) * dim + per_head] = outs[back - 1].T
    slow = torch.nonzero(rates < 2e-3).flatten()
    places = torch.cat((slow, slow + half))
    whole = _orthonormal(shape.width, shape.width, generator)
    for head in range(shape.heads):
        rows = slice(head * dim, (head + 1) * dim)
        query = torch.zeros(len(places), shape.width)
        key = torch.zeros(len(places), shape.width)
        for back, strength in enumerate((1.6, 1.2, 0.9)):
            mix = torch.randn(len(places), per_head, generator=generator) * strength * (2.0 / len(places)) ** 0.5
            query += mix @ (read[:per_head] if back == 0 else outs[back - 1])
            key += mix @ outs[back]
        for weight, value in ((second.q.weight, query), (second.k.weight, key)):
            weight[rows] *= 0.05
            weight[rows.start + places] += value
        if shape.width == shape.heads * dim:
            second.v.weight[rows] = whole[rows]
            second.o.weight[:, rows] = whole[rows].T * 2.5
