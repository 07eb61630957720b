"""What the factory's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from factory.slm.export_gguf import write_gguf
from factory.slm.tokenizer import load_tokenizer, train_tokenizer
from tests.factory.tiny import SHAPE, TEXTS, random_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads of so small models wait for each other longer than they compute when the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer and a model of random weights, `f16.gguf`."""
    path = tmp_path_factory.mktemp("small")
    train_tokenizer([text for text in TEXTS for _ in range(20)], SHAPE.vocabulary, path / "tokenizer.json")
    write_gguf(random_model(), load_tokenizer(path / "tokenizer.json"), path / "f16.gguf")
    return path
