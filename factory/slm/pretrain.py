"""Pre-training: the next token of documents in every language, before the task is learnt.

    python -m factory pretrain [--preset cpu] && python -m factory train

Documents are `docs/<language>.jsonl.xz` of the data, one in twenty of them held out; of a language without any, its policies. Each row of a
step is a window of one language, every language as often, drawn by the seed and the step. The model begins as training would begin
(`circuit.py`); `train` goes on from what lies in `pretrained/`, with an optimizer and a schedule of its own.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from factory.slm.circuit import initialise
from factory.slm.data import LANGUAGES, Example, held_out
from factory.slm.loop import Progress, Recipe, run
from factory.slm.model import Decoder, Meanings
from factory.slm.tokenizer import EOS, SPECIAL

FOLDER = "pretrained"
MEASURES = "held_out.json"
WINDOW = 256
MEASURED = 24
"""Held-out windows a language that are measured."""

Tokens = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Pretraining:
    """How long, and how many characters of each language are read at most."""

    recipe: Recipe
    characters: int


@dataclass(frozen=True, slots=True)
class Documents:
    """Tokens of one language in a row, a document's end after each, for training and held out (the same ones where there are few);
    `per_token` is characters a token."""

    train: Tokens
    dev: Tokens
    per_token: float


def read_documents(data: Path, policies: Path, tokenizer: Tokenizer, characters: int) -> dict[str, Documents]:
    """By language; where less than two windows would be held out, all documents of the language are trained on and measured.

    Raises ValueError when a language has no text at all.
    """
    found: dict[str, Documents] = {}
    for language in LANGUAGES:
        kept: tuple[list[str], list[str]] = [], []
        read = 0
        for name, text in _texts(data, policies, language):
            kept[held_out(name)].append(text)
            read += len(text)
            if read >= characters:
                break
        train, dev = (_tokens(tokenizer, texts) for texts in kept)
        if len(dev) < 2 * WINDOW or len(train) < 2 * WINDOW:
            train = dev = np.concatenate([train, dev])
        if len(train) < 2 * WINDOW:
            raise ValueError(f"no documents in {language}: neither in {data / 'docs'} nor in {policies / language}")
        found[language] = Documents(train, dev, read / (len(train) if train is dev else len(train) + len(dev)))
    return found


def _texts(data: Path, policies: Path, language: str) -> Iterator[tuple[str, str]]:
    """Name and text of each document."""
    path = data / "docs" / f"{language}.jsonl.xz"
    if path.exists():
        with lzma.open(path, "rt", encoding="utf8") as lines:
            for line in lines:
                row = json.loads(line)
                yield str(row["path"]), str(row["text"])
        return
    for file in sorted((policies / language).rglob("*.md")):
        yield file.stem, file.read_text("utf8")


def _tokens(tokenizer: Tokenizer, texts: list[str]) -> Tokens:
    """What the texts are cut into, without the marks of the task that may stand in one."""
    rows = [np.array(encoding.ids, np.uint16) for encoding in tokenizer.encode_batch(texts)]
    ended = [np.append(row[row >= len(SPECIAL)], np.uint16(EOS)) for row in rows]
    return np.concatenate(ended) if ended else np.zeros(0, np.uint16)


class Windows:
    """A step's rows: `recipe.tokens` tokens in windows of WINDOW, of languages in turn."""

    def __init__(self, documents: dict[str, Documents], recipe: Recipe) -> None:
        self._streams = [documents[language].train for language in sorted(documents)]
        self._recipe = recipe

    def next(self, step: int, share: float) -> list[Example]:
        """The rows of a step; `share` of the run does not matter."""
        rng = np.random.default_rng((self._recipe.seed, step))
        rows = max(1, self._recipe.tokens // WINDOW)
        first = int(rng.integers(len(self._streams)))
        return [Example(_window(self._streams[(first + row) % len(self._streams)], rng), [], -1) for row in range(rows)]


def _window(stream: Tokens, rng: np.random.Generator) -> list[int]:
    start = int(rng.integers(len(stream) - WINDOW + 1))
    return [int(token) for token in stream[start : start + WINDOW]]


def next_token_loss(model: Decoder, ids: Tensor) -> Tensor:
    """Mean cross-entropy, in nats, of each token after the first of `ids` (batch, length)."""
    logits = model.logits(model(ids)[:, :-1]).float()
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


@torch.inference_mode()
def surprise(model: Decoder, documents: dict[str, Documents], windows: int = MEASURED) -> dict[str, float]:
    """Bits a character of held-out documents, by language."""
    found = {}
    for language, each in documents.items():
        starts = np.linspace(0, len(each.dev) - WINDOW, min(windows, len(each.dev) // WINDOW)).astype(int)
        ids = torch.from_numpy(np.stack([each.dev[start : start + WINDOW] for start in starts]).astype(np.int64))
        nats = float(np.mean([next_token_loss(model, row[None]).item() for row in ids]))
        found[language] = round(nats / math.log(2) / each.per_token, 3)
    return found


def pretrained(folder: Path) -> Path | None:
    """The checkpoint of a pre-training in `folder` that ran to its end; None where none was begun.

    Raises ValueError where one was begun and not ended: what was meant to be read whole is not begun with by chance.
    """
    out = folder / FOLDER
    if not out.is_dir():
        return None
    measured = out / MEASURES
    if not measured.exists() or "after" not in json.loads(measured.read_text("utf8")):
        raise ValueError(f"the pre-training in {out} is not at its end: run `python -m factory pretrain` again, or take the folder away")
    return out / "checkpoint.pt"


def pretrain(how: Pretraining, documents: dict[str, Documents], folder: Path, meanings: Meanings | None = None) -> Progress:
    """Train in `folder`/pretrained, going on where it stopped; `held_out.json` there tells bits a character before and after."""
    out = folder / FOLDER
    out.mkdir(parents=True, exist_ok=True)
    model = Decoder(how.recipe.shape)
    initialise(model, how.recipe.seed, meanings)
    measured = out / MEASURES
    if not (out / "checkpoint.pt").exists():
        measured.write_text(json.dumps({"before": surprise(model.eval(), documents)}, indent=1), "utf8")

    def loss_of(examples: list[Example]) -> tuple[Tensor, dict[str, float]]:
        loss = next_token_loss(model, torch.tensor([example.prompt for example in examples], device=how.recipe.device))
        return loss, {"loss": loss.item()}

    progress = run(model, how.recipe, Windows(documents, how.recipe), loss_of, out, "pre-training")
    before = json.loads(measured.read_text("utf8")) if measured.exists() else {}
    measured.write_text(json.dumps(before | {"after": surprise(model.to("cpu").eval(), documents)}, indent=1), "utf8")
    return progress
