"""Meaning: a start for half of the embedding, taken from the vectors of the project's own multilingual embedder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from knowledge.embedder import load_embedder


def load_meanings(folder: Path, tokenizer: Tokenizer, width: int, seed: int) -> Tensor | None:
    """(vocabulary, width) float32 rows of length 1 from the embedder in `folder`, random for bytes; None without one."""
    if not (folder / "modules.json").exists():
        return None
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([number]).strip() for number in range(size)]
    texts = ["" if "\ufffd" in text else text for text in texts]
    vectors = torch.from_numpy(load_embedder(folder).encode(texts))
    known = vectors.norm(dim=1, keepdim=True) > 0
    axes = torch.linalg.svd(vectors[known[:, 0]][:8000], full_matrices=False)[2][:width]
    found = vectors @ axes.T
    noise = torch.randn(size, width, generator=torch.Generator().manual_seed(seed)) * width**-0.5
    found = torch.where(known, found + 0.1 * noise, noise)
    rows: Tensor = found / found.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return rows
