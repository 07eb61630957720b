"""Tokenizer: byte-level BPE over the eight languages, with the labels of statements as tokens of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

PAD, EOS, QUESTION, ANSWER, NONE = 0, 1, 2, 3, 4
LABELS = 8
CONTROL = ("<|endoftext|>", "<|im_end|>", "<q>", "<a>")
USER_DEFINED = ("<none>", *(f"[{k}]" for k in range(1, LABELS + 1)), *(f"[/{k}]" for k in range(1, LABELS + 1)))
SPECIAL = CONTROL + USER_DEFINED

PATTERN = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The regular expression of llama.cpp's pre-tokenizer "qwen35"; it keeps the marks of Arabic with their letters."""


def opening(k: int) -> int:
    """The id of `[k]`, k from 1."""
    return len(CONTROL) + k


def closing(k: int) -> int:
    """The id of `[/k]`, k from 1."""
    return len(CONTROL) + LABELS + k


def _split(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _special() -> list[AddedToken]:
    return [AddedToken(text, special=text in CONTROL, normalized=False) for text in SPECIAL]


def tokenizer_of(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """The tokenizer with these tokens and merges, as learnt before."""
    tokenizer = _split(models.BPE(vocabulary, merges))
    tokenizer.add_special_tokens([token for token in _special() if token.special])
    tokenizer.add_tokens([token for token in _special() if not token.special])
    return tokenizer


def train_tokenizer(texts: Iterable[str], size: int, path: Path) -> Tokenizer:
    """Learn `size` tokens from `texts` and write `path` (tokenizer.json)."""
    tokenizer = _split(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=_special(), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in `path`."""
    return Tokenizer.from_file(str(path))
