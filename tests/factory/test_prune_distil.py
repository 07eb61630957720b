"""Pruning takes what does nothing and leaves the rest as it was; a student comes nearer to its teacher."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from factory.slm.data import Sources
from factory.slm.distil import distil, divergence, student_of
from factory.slm.export_gguf import write_gguf
from factory.slm.model import Decoder, Layer
from factory.slm.presets import PRESETS
from factory.slm.prune import Cut, cut, layer_importance, mean_loss, unit_importance
from factory.slm.read_gguf import read_gguf
from factory.slm.runtime import Runtime
from factory.slm.tokenizer import load_tokenizer
from tests.factory.tiny import SHAPE, examples, items, random_model


def test_a_layer_that_does_nothing_goes_first(folder: Path) -> None:
    model = random_model()
    idle = model.layers[2]
    assert isinstance(idle, Layer)
    with torch.no_grad():
        idle.o.weight.zero_()
        idle.down.weight.zero_()
    rises = layer_importance(model, examples(folder))
    assert rises[2] == pytest.approx(0, abs=1e-5)
    smaller, kept = cut(model, Cut("one", layers=1), examples(folder))
    if min(rises) == rises[2]:
        assert kept == (0, 1)
    assert smaller.shape.layers == 2
    assert len(model.layers) == 3


def test_heads_and_neurons_that_do_nothing_go_without_a_trace(folder: Path) -> None:
    model = random_model()
    idle = torch.arange(0, 512, 2)
    with torch.no_grad():
        for number, layer in enumerate(model.layers):
            assert isinstance(layer, Layer)
            layer.o.weight[:, number * 64 : (number + 1) * 64] = 0
            layer.down.weight[:, idle] = 0
    heads, neurons = unit_importance(model, examples(folder))
    assert [int(row.argmin()) for row in heads] == [0, 1, 2]
    assert float(neurons[:, idle].max()) == 0.0
    smaller, kept = cut(model, Cut("units", heads=1, hidden=0.5), examples(folder))
    assert (smaller.shape.heads, smaller.shape.hidden, kept) == (3, 256, (0, 1, 2))
    assert mean_loss(smaller, examples(folder)) == pytest.approx(mean_loss(model, examples(folder)), abs=1e-4)


def test_pruned_models_run_in_llama_cpp(folder: Path) -> None:
    smaller, _ = cut(random_model(), Cut("all", 1, 1, 0.5), examples(folder))
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    write_gguf(smaller, tokenizer, folder / "pruned.gguf")
    example = examples(folder)[0]
    runtime = Runtime(folder / "pruned.gguf", context=128)
    found = runtime.logits(example.prompt, 0)
    runtime.close()
    with torch.no_grad():
        expected = smaller.logits(smaller(torch.tensor([example.prompt])))[0].numpy()
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert (found.argmax(1) == expected.argmax(1)).all()
    again, _ = read_gguf(folder / "pruned.gguf")
    assert again.shape == smaller.shape


def test_cuts_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="leaves nothing"):
        Cut("all", layers=3).shape_of(SHAPE)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.0), st.sampled_from((64, 96, 512, 1024, 1280)))
def test_what_is_left_of_an_mlp_is_a_whole_number_of_blocks(share: float, hidden: int) -> None:
    left = Cut("h", hidden=share).shape_of(replace(SHAPE, hidden=hidden)).hidden
    assert 0 < left <= hidden
    assert left % (256 if hidden % 256 == 0 else 32) == 0


def test_divergence_is_zero_for_the_same_and_the_formula_for_others() -> None:
    expected, said = torch.randn(5, 7), torch.randn(5, 7)
    assert divergence(expected, expected, 2.0).item() == pytest.approx(0, abs=1e-6)
    p, q = (torch.softmax(x / 2.0, -1) for x in (expected, said))
    assert divergence(said, expected, 2.0).item() == pytest.approx(4 * (p * (p / q).log()).sum(-1).mean().item(), rel=1e-4)


def test_a_student_comes_nearer_to_its_teacher(folder: Path, tmp_path: Path) -> None:
    small = replace(SHAPE, width=64, head_dim=16, hidden=64)
    teacher, student = random_model(replace(SHAPE, layers=2)), student_of(random_model(replace(SHAPE, layers=2)), small, 3)
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    asked = [torch.tensor([example.prompt]) for example in examples(folder)]

    def distance() -> float:
        with torch.no_grad():
            return sum(divergence(at(student, ids), at(teacher, ids), 1.0).item() for ids in asked)

    before = distance()
    how = PRESETS["smoke"].heal
    how = replace(how, hard=0.0, recipe=replace(how.recipe, shape=small, steps=30, warm_up=5, rate=5e-3))
    progress = distil(teacher, student, tokenizer, Sources({"qa": items()}, []), how, tmp_path)
    assert progress.step == 30
    assert distance() < 0.9 * before
    with pytest.raises(ValueError, match="vocabulary"):
        student_of(teacher, replace(small, vocabulary=300), 3)


def at(model: Decoder, ids: Tensor) -> Tensor:
    logits: Tensor = model.logits(model(ids)[:, -1])
    return logits
