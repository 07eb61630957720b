"""Meaning: a start for half of the embedding, taken from the vectors of the project's own multilingual embedder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor


def token_meanings(tokenizer: Tokenizer, table: Tensor, other: Tokenizer, width: int, seed: int) -> Tensor:
    """(vocabulary, width) float32: the mean of `table` over each token's text as `other` splits it; random where it has none."""
    size = tokenizer.get_vocab_size()
    generator = torch.Generator().manual_seed(seed)
    centred = table[:, :width].float()
    centred = centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-6)
    found = torch.randn(size, width, generator=generator) * width**-0.5
    for number in range(size):
        text = tokenizer.decode([number]).strip()
        pieces = [i for i in other.encode(text).ids if i != 0] if text and "\ufffd" not in text else []
        if pieces:
            found[number] = centred[pieces].mean(0) + 0.1 * found[number]
    return found / found.norm(dim=1, keepdim=True).clamp_min(1e-6)


def load_meanings(folder: Path, tokenizer: Tokenizer, width: int, seed: int) -> Tensor | None:
    """From the newest run of the embedder in `folder` (build/embedder), or None."""
    runs = sorted(folder.glob("run-*/state.pt"), key=lambda p: p.stat().st_mtime)
    if not runs or not (runs[-1].parent / "tokenizer.json").exists():
        return None
    table = torch.load(runs[-1], weights_only=True, map_location="cpu")["table"]
    return token_meanings(tokenizer, table, Tokenizer.from_file(str(runs[-1].parent / "tokenizer.json")), width, seed)
