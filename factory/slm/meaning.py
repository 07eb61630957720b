"""Meaning: vectors for the tokens of the SLM whose weighted mean says what the project's own multilingual embedder says of a text.

The embedder is a mean of static vectors over tokens of its own; these are fitted to it on texts (the embedder teaches: the cosine
to its vectors, and which texts it finds near each other), so that the circuit of `circuit.py` can compare a question with a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from factory.slm.model import Meanings
from knowledge.embedder import Embedder, load_embedder

BATCH = 512
ROUNDS = 3
RATE = 0.05
SHARPNESS = 20.0


def load_meanings(folder: Path, tokenizer: Tokenizer, texts: Sequence[str], width: int, seed: int) -> Meanings | None:
    """Meanings of `width` dimensions after the embedder in `folder`; None without one."""
    if not (folder / "modules.json").exists():
        return None
    embedder = load_embedder(folder)
    targets = torch.from_numpy(embedder.encode(list(texts)))
    axes = torch.linalg.svd(targets[:: max(1, len(targets) // 20_000)], full_matrices=False)[2][:width]
    table = _fit(_start(embedder, tokenizer, axes, seed), tokenizer, texts, F.normalize(targets @ axes.T, dim=1), seed)
    norms = table.norm(dim=1)
    logs = norms.clamp_min(1e-3).log()
    return Meanings(F.normalize(table, dim=1), logs - logs.median())


def _start(embedder: Embedder, tokenizer: Tokenizer, axes: Tensor, seed: int) -> Tensor:
    """(vocabulary, width): what the embedder says of each token alone; small and random for bytes."""
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([number]).strip() for number in range(size)]
    texts = ["" if "\ufffd" in text else text for text in texts]
    found = torch.from_numpy(embedder.encode(texts)) @ axes.T * torch.from_numpy(embedder.weights(texts))[:, None]
    typical = found.norm(dim=1).median()
    noise = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed)) * typical * len(axes) ** -0.5
    start: Tensor = (found + 0.1 * noise) / typical
    return start


def _fit(table: Tensor, tokenizer: Tokenizer, texts: Sequence[str], targets: Tensor, seed: int) -> Tensor:
    """The table after some rounds over the texts."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch([" " + text for text in texts])]
    table = table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=RATE)
    generator = torch.Generator().manual_seed(seed)
    order = [int(number) for _ in range(ROUNDS) for number in torch.randperm(len(ids), generator=generator)]
    steps = range(0, len(order), BATCH)
    for step, start in enumerate(steps):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / len(steps))
        batch = [number for number in order[start : start + BATCH] if ids[number]]
        flat = torch.tensor([token for number in batch for token in ids[number]])
        starts = torch.tensor([0, *(len(ids[number]) for number in batch)]).cumsum(0)[:-1]
        said, meant = F.normalize(F.embedding_bag(flat, table, starts, mode="sum"), dim=1), targets[batch]
        # Which texts are near each other matters more than where they lie.
        itself = torch.full((len(batch),), -1e9).diag()
        near, nearest = (F.log_softmax(SHARPNESS * x @ x.T + itself, dim=1) for x in (said, meant))
        loss = F.kl_div(near, nearest, log_target=True, reduction="batchmean") + 5 * (1 - (said * meant).sum(1).mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return table.detach()
