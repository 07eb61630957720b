"""Circuit: the start of a decoder that can already choose a statement and copy it, both often enough to learn the rest.

The start is structured, not pre-trained; everything is trained afterwards (a rate of 2e-3 destroys it, 4e-4 does not).
Dimensions of the residual stream are set aside for facts about a token (is it a label, of which statement, how much does it
mean), the rest hold who it is. By layer:

0. Three heads look 1, 2 and 3 tokens back (RoPE phases over a constant channel). The fourth attends to the nearest label
   and marks each token with its statement, or as part of the question.
1. Two heads sum up: a closing label gathers the meanings of its statement, the end of the question those of the question,
   each token by its weight in the embedder (a mean of static vectors, as the embedder itself makes it). One head looks for
   the same token earlier and notes in which statements it stands.
2. At the end of the question two heads attend to the closing label whose meaning is nearest, and one gathers the notes of
   the question's tokens. All three write the opening label of what they found.
3. Induction heads (Olsson et al. 2022): attend to where the last tokens stood before, pass on what came next.

Layers after it start at random.
"""

from __future__ import annotations

import torch
from torch import Tensor

from factory.slm.model import Decoder, Layer, Meanings, Shape
from factory.slm.tokenizer import ANSWER, LABELS, QUESTION, SPECIAL, closing, opening

LOGIT_SCALE = 0.08
CONSTANT = 4.0
LOOK_BACK = 3
FLAG = 3.0
"""The value of a channel that says what a token is."""
OPEN, CLOSED, ASKS, FIRST, WEIGHT, FILL = 1, 2, 3, 4, 5, 6
OPENS, CLOSES = slice(8, 16), slice(16, 24)
"""Which label a token is, one channel each."""
MARK, MARK_CLOSED = slice(24, 32), 32
"""Which statement a token stands in, and whether it stands after one: in the question."""
NOTES = slice(40, 48)
"""In which statements the same token stands."""
IDENTITY = 48
"""Where identity begins; meaning comes after it and goes to the end."""
MATCHED = 34
"""Dimensions of identity by which the same token is known; the rest of them carry the tokens before."""
SLOW = 2e-3
"""Pairs of a head that RoPE turns by less than this a token can compare contents at any distance."""
LABEL, BEHIND = {OPEN: 143.0, CLOSED: 140.0}, ((11, 60.0), (14, 150.0), (18, 200.0))
"""The score of a label however far away, and by which pairs of a head, and how much, it falls with the distance. An opening label that
stands two tokens after a closing one is nearer to what follows, and worth a little more."""
GATE, SINK, QUIET, SUM_GAIN, SAME, COPY, NEAR, NEAR_GAIN, NOTED_GAIN = 14.0, 9.0, 0.1, 4.0, 20.0, 6.1, 3.0, 1.0, 1.4
SURE, ELSEWHERE = 60.0, 25.0
"""Strengths, chosen by what the circuit chooses before any training: scores of what a head is for, of the first token, which says nothing
and takes the attention of those a head is not for (SINK, ELSEWHERE), and gains of outputs."""


def fits(shape: Shape) -> bool:
    """Whether a model has room for the whole circuit; a smaller one gets what copies."""
    return shape.width >= 256 and shape.heads > LOOK_BACK and shape.head_dim == 64 and shape.layers > 3


def meaning_width(shape: Shape) -> int:
    """Dimensions of meaning; two heads carry them."""
    return min(3 * shape.width // 8, 2 * shape.head_dim)


class _Head:
    """One head of a layer, by the rows of its projections."""

    def __init__(self, layer: Layer, number: int) -> None:
        shape = layer.shape
        self.rows = slice(number * shape.head_dim, (number + 1) * shape.head_dim)
        self.q, self.k, self.v = (part.weight[self.rows] for part in (layer.q, layer.k, layer.v))
        self.o = layer.o.weight[:, self.rows]
        self.rates = shape.rope_base ** (-torch.arange(shape.head_dim // 2).float() / (shape.head_dim // 2))
        self.scale = shape.head_dim**0.5

    def clear(self) -> None:
        """Scores and output of nothing."""
        self.q *= 0.05
        self.k *= 0.05
        self.v *= 0
        self.o *= 0

    def places(self) -> list[int]:
        """Dimensions that hardly turn, the slowest first."""
        half = len(self.rates)
        slow = [number for number in range(half - 1, -1, -1) if self.rates[number] < SLOW]
        return [place for number in slow for place in (number, number + half)]

    def score(self, place: int, query: tuple[int, float], key: tuple[int, float], value: float) -> None:
        """Add `value` to the score where the query's channel has its value and the key's channel its own."""
        strength = (abs(value) * self.scale) ** 0.5
        self.q[place, query[0]] += strength / query[1]
        self.k[place, key[0]] += (strength if value > 0 else -strength) / key[1]


def _marks(head: _Head) -> None:
    """Attend to the nearest label; what it is becomes the mark."""
    head.clear()
    half = len(head.rates)
    # -sin over several rates falls with the distance, near enough in a line.
    for flag, value in LABEL.items():
        for number in (half - 1, half - 2):
            strength = (value / 2 * head.scale) ** 0.5
            head.q[number, 0] = strength / CONSTANT
            head.k[number, flag] = strength / FLAG
        for number, fall in BEHIND:
            strength = (fall * head.scale) ** 0.5
            head.q[number, 0] = strength / CONSTANT
            head.k[number + half, flag] = -strength / FLAG
    for number in range(LABELS):
        head.v[number, OPENS.start + number] = 1.0
        head.o[MARK.start + number, number] = 1.0
    head.v[LABELS, CLOSED] = 1.0
    head.o[MARK_CLOSED, LABELS] = 1.0


def _sums(head: _Head, meaning: Tensor) -> None:
    """A closing label gathers its statement, the end of the question the question; `meaning`: (n, width) rows to read."""
    head.clear()
    places = head.places()
    for number in range(LABELS):
        head.score(places[number], (CLOSES.start + number, FLAG), (MARK.start + number, FLAG), GATE)
    head.score(places[8], (ASKS, FLAG), (MARK_CLOSED, FLAG), GATE)
    head.score(places[9], (0, CONSTANT), (FIRST, FLAG), SINK)
    head.score(places[10], (0, CONSTANT), (WEIGHT, 1.0), 1.0)
    head.v[: len(meaning)] = meaning
    head.o[:, : len(meaning)] = meaning.T * SUM_GAIN


def _same(head: _Head, identity: Tensor) -> None:
    """Find the same token; note the statements it stands in."""
    head.clear()
    places = head.places()
    factor = (SAME * head.scale / len(identity)) ** 0.5
    head.q[places] += identity * factor
    head.k[places] += identity * factor
    for number in range(LABELS):
        head.v[number, MARK.start + number] = 1.0
        head.o[NOTES.start + number, number] = 1.0


def _nearest(head: _Head, meaning: Tensor, table: Tensor) -> None:
    """The end of the question attends to the closing label of like meaning and writes its opening label."""
    head.clear()
    places = head.places()
    head.q[places[4 : 4 + len(meaning)]] += meaning * NEAR
    head.k[places[4 : 4 + len(meaning)]] += meaning * NEAR
    head.score(places[0], (ASKS, FLAG), (CLOSED, FLAG), SURE)
    head.score(places[1], (0, CONSTANT), (FIRST, FLAG), ELSEWHERE)
    for number in range(LABELS):
        head.v[number, CLOSES.start + number] = 1.0 / FLAG
        head.o[:, number] = table[opening(number + 1)] * NEAR_GAIN


def _noted(head: _Head, table: Tensor) -> None:
    """The end of the question gathers the notes of the question's tokens, the weighty ones more."""
    head.clear()
    places = head.places()
    head.score(places[0], (ASKS, FLAG), (MARK_CLOSED, FLAG), SURE)
    head.score(places[1], (0, CONSTANT), (FIRST, FLAG), ELSEWHERE)
    head.score(places[2], (0, CONSTANT), (WEIGHT, 1.0), 1.5)
    for number in range(LABELS):
        head.v[number, NOTES.start + number] = 1.0
        head.o[:, number] = table[opening(number + 1)] * NOTED_GAIN


def orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """(rows, columns) float32 with rows of length 1 at right angles."""
    basis: Tensor = torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0].T
    return basis


def _label_channels(table: Tensor, meaning: int, weights: Tensor | None) -> None:
    """Write into the embedding what each token is; `meaning`: where it begins."""
    table[:, 1:IDENTITY] = 0
    for number in range(LABELS):
        table[opening(number + 1), [OPEN, OPENS.start + number]] = FLAG
        table[closing(number + 1), [CLOSED, CLOSES.start + number]] = FLAG
    table[ANSWER, ASKS] = FLAG
    table[QUESTION, FIRST] = FLAG
    table[QUESTION, IDENTITY:] = 0
    if weights is not None:
        table[:, WEIGHT] = weights.clamp(-4, 2)
    table[: len(SPECIAL), WEIGHT] = -4
    table[: len(SPECIAL), meaning:] = 0
    # All tokens weigh the same before the norm, which would else scale the channels of some up.
    table[:, FILL] = (table.shape[1] - table.pow(2).sum(1)).clamp_min(0).sqrt()


def _look_back(layer: Layer, read: Tensor, outs: list[Tensor]) -> None:
    """Heads 0 to 2 attend 1, 2 and 3 tokens back and write who stood there."""
    amplitude = 1.8
    for back, out in enumerate(outs, 1):
        head = _Head(layer, back - 1)
        fast = (head.rates > 0.02).float()
        head.clear()
        head.q[:, 0] = torch.cat((fast, torch.zeros(len(fast)))) * amplitude
        head.k[:, 0] = torch.cat((fast * (back * head.rates).cos(), fast * (back * head.rates).sin())) * amplitude
        head.v[: len(read)] = read
        head.o[:, : len(read)] = out.T


def _induction(layer: Layer, read: Tensor, outs: list[Tensor], low: int, generator: torch.Generator) -> None:
    """Every head attends to where the last tokens stood before, and passes on who stands there: the dimensions from `low` on."""
    shape = layer.shape
    whole = orthonormal(shape.width, shape.width, generator)
    whole[:, :low] = 0
    for number in range(shape.heads):
        head = _Head(layer, number)
        kept = 4 if low == IDENTITY else 0  # a small head has no place to spare
        gates, places = head.places()[:kept], head.places()[kept:]
        query, key = torch.zeros(len(places), shape.width), torch.zeros(len(places), shape.width)
        for back, strength in enumerate((1.6, 1.2, 0.9)):
            mix = torch.randn(len(places), len(read), generator=generator) * strength * COPY * (2.0 / (len(places) * len(read))) ** 0.5
            query += mix @ (read if back == 0 else outs[back - 1])
            key += mix @ outs[back]
        head.clear()
        head.q[places] += query
        head.k[places] += key
        head.v[:] = whole[head.rows]
        head.o[:] = whole[head.rows].T * 2.5
        # Labels and the end of the question look at the first token, which says nothing: what they hold is not to be blurred.
        for place, flag in zip(gates, (ASKS, OPEN, CLOSED), strict=False):
            head.score(place, (flag, FLAG), (FIRST, FLAG), SURE)


def initialise(model: Decoder, seed: int, meanings: Meanings | None = None) -> None:
    """Fill in the start: random weights, the meanings of tokens, and the circuit as far as the model has room for it."""
    generator = torch.Generator().manual_seed(seed)
    shape = model.shape
    with torch.no_grad():
        table = torch.randn(shape.vocabulary, shape.width, generator=generator)
        if meanings is not None:
            width = meanings.vectors.shape[1]
            table[:, -width:] = meanings.vectors / meanings.vectors.pow(2).mean().sqrt()
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
            _build(model, generator, None if meanings is None else meanings.weights)


def _build(model: Decoder, generator: torch.Generator, weights: Tensor | None) -> None:
    shape, table = model.shape, model.embedding.weight
    chooses = fits(shape)
    low, high = (IDENTITY, shape.width - meaning_width(shape)) if chooses else (1, shape.width)
    basis = torch.zeros(high - low, shape.width)
    basis[:, low:high] = orthonormal(high - low, high - low, generator)
    matched = MATCHED if chooses else len(basis) // 4
    identity, rest = basis[:matched], basis[matched:]
    meaning = torch.eye(shape.width)[high:]
    known = torch.cat((identity, meaning))
    back = min(len(rest) // LOOK_BACK, shape.head_dim, len(known))
    outs = [rest[number * back : (number + 1) * back] for number in range(LOOK_BACK)]
    read = orthonormal(back, len(known), generator) @ known
    layers = [layer for layer in model.layers if isinstance(layer, Layer)]
    if chooses:
        for layer in layers:  # what is random does not blur the facts
            layer.down.weight[:low] = layer.down.weight[high:] = 0
            layer.o.weight[:low] = layer.o.weight[high:] = 0
            layer.down.weight[low:high] *= QUIET
            layer.o.weight[low:high] *= QUIET
    _look_back(layers[0], read, outs)
    _induction(layers[3 if chooses else 1], read, outs, low, generator)
    if chooses:
        _label_channels(table, high, weights)
        _marks(_Head(layers[0], LOOK_BACK))
        for number in (0, 1):
            _sums(_Head(layers[1], number), meaning[number::2])
            _nearest(_Head(layers[2], number), meaning[number::2][:30], table)
        _same(_Head(layers[1], 2), identity)
        _noted(_Head(layers[2], 2), table)
