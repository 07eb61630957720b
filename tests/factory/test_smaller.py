"""Smaller models: reading GGUF back, quantization, pruning, distillation, fidelity, measuring."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from factory.slm.export_gguf import FILE, file_name, write_gguf
from factory.slm.fidelity import compare, expectations
from factory.slm.held_out import held_out
from factory.slm.measure import Candidate, measure
from factory.slm.model import Decoder, Layer
from factory.slm.presets import PRESETS
from factory.slm.quantize import fallen_back, importance_matrix, quantize, tensor_types
from factory.slm.read_gguf import ModelError, read_gguf
from factory.slm.runtime import Runtime
from factory.slm.speed import Load
from factory.slm.tokenizer import closing, load_tokenizer
from tests.factory.tiny import ROOT, SHAPE, SHIPPED, TEXTS, examples, prompts, random_model


def test_the_shipped_model_read_back_and_written_again_is_the_same_file(tmp_path: Path) -> None:
    model, tokenizer = read_gguf(SHIPPED)
    write_gguf(model, tokenizer, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == SHIPPED.read_bytes()


def test_a_model_read_back_expects_what_llama_cpp_expects_of_the_file() -> None:
    model, tokenizer = read_gguf(SHIPPED)
    runtime = Runtime(SHIPPED, context=128)
    ids = tokenizer.encode(f"<q>[1] {TEXTS[0]} [/1]\n[2] {TEXTS[3]} [/2]\nfee?<a>").ids
    assert runtime.tokenize(tokenizer.decode(ids, skip_special_tokens=False)) == ids
    found = runtime.logits(ids, 0)
    runtime.close()
    with torch.no_grad():
        expected = model.logits(model(torch.tensor([ids])))[0].numpy()
    assert np.abs(found - expected).max() < 0.1
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.95


def test_other_files_are_refused(tmp_path: Path) -> None:
    from factory.slm.shapes import DIMENSIONS, write_random

    write_random(DIMENSIONS["tiny"], tmp_path / "qwen.gguf")
    with pytest.raises(ModelError, match="Llama"):
        read_gguf(tmp_path / "qwen.gguf")


def test_runtime_reads_only_what_is_new_and_says_the_same(folder: Path) -> None:
    runtime = Runtime(folder / "f16.gguf", context=128)
    ids = [30 + place % 40 for place in range(60)]
    whole = runtime.logits(ids, 59)
    runtime.logits(ids[:40], 39)
    assert np.abs(runtime.logits(ids, 59) - whole).max() < 0.05
    changed = [*ids[:10], 99, *ids[11:]]
    again = runtime.logits(changed, 59)
    runtime.forget()
    assert np.abs(runtime.logits(changed, 59) - again).max() < 0.05
    runtime.close()


def test_k_quants_fit_rows_of_256_and_fall_back_for_others(folder: Path) -> None:
    quantize(folder / "f16.gguf", folder / "q4_k_m.gguf", "Q4_K_M")
    assert fallen_back(folder / "q4_k_m.gguf", "Q4_K_M") == []
    narrow = replace(SHAPE, heads=3)
    write_gguf(random_model(narrow), load_tokenizer(folder / "tokenizer.json"), folder / "narrow.gguf")
    quantize(folder / "narrow.gguf", folder / "narrow-q4_k_m.gguf", "Q4_K_M")
    assert fallen_back(folder / "narrow-q4_k_m.gguf", "Q4_K_M") == [f"blk.{n}.attn_output.weight" for n in range(3)]
    assert tensor_types(folder / "narrow-q4_k_m.gguf")["blk.0.attn_q.weight"] == "Q4_K"


def test_unknown_quantizations_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="Q9"):
        quantize(folder / "f16.gguf", folder / "no.gguf", "Q9")


def test_importance_is_the_mean_square_of_what_a_matrix_reads(folder: Path) -> None:
    model = random_model()
    example = examples(folder)[0]
    matrix = importance_matrix(model, [example])
    names = set(tensor_types(folder / "f16.gguf"))
    assert set(matrix) == names
    layer = model.layers[0]
    assert isinstance(layer, Layer)
    with torch.no_grad():
        read = layer.norm_1(model.embedding(torch.tensor(example.prompt + example.target)))
    np.testing.assert_allclose(matrix["blk.0.attn_q.weight"], read.square().mean(0).numpy(), rtol=1e-4)
    assert matrix["blk.2.ffn_down.weight"].shape == (512,)


def test_quantizer_spares_the_columns_that_the_matrix_calls_important(folder: Path) -> None:
    favoured = np.full(256, 1e-3, np.float32)
    favoured[::4] = 1e3
    names = [name for name in tensor_types(folder / "f16.gguf") if name.endswith("ffn_up.weight")]
    whole, _ = read_gguf(folder / "f16.gguf")
    errors = {}
    for label, matrix in (("flat", None), ("weighted", dict.fromkeys(names, favoured))):
        quantize(folder / "f16.gguf", folder / f"{label}.gguf", "Q4_K_M", matrix)
        small, _ = read_gguf(folder / f"{label}.gguf")
        pairs = zip(whole.layers, small.layers, strict=True)
        lost = [(a.get_parameter("up.weight") - b.get_parameter("up.weight"))[:, ::4] for a, b in pairs]
        errors[label] = sum(each.square().mean().item() for each in lost)
    # 6.0e-5 and 3.5e-5 when it was written
    assert errors["weighted"] < 0.8 * errors["flat"]


def test_fidelity_of_a_file_to_itself_is_whole_and_falls_with_the_bits(folder: Path) -> None:
    asked = prompts(folder)
    found = {}
    for kind in ("F16", "Q8_0", "Q2_K"):
        path = folder / f"fidelity-{kind}.gguf"
        quantize(folder / "f16.gguf", path, kind)
        runtime = Runtime(path, context=128)
        found[kind] = expectations(runtime, asked)
        runtime.close()
    same = compare(found["F16"], found["F16"], asked)
    assert (same["all"].kl, same["all"].same) == (0.0, 1.0)
    assert set(same) == {"all", "en", "es"}
    assert same["all"].tokens == sum(len(rows) for rows in found["F16"])
    near, far = (compare(found["F16"], found[kind], asked)["all"].kl for kind in ("Q8_0", "Q2_K"))
    assert 0 < near < far


def test_measuring_goes_on_where_it_stopped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantize(folder / "f16.gguf", tmp_path / "q8.gguf", "Q8_0")
    first, second = Candidate("whole", folder / "f16.gguf"), Candidate("small", tmp_path / "q8.gguf", "a note")
    load, out = Load(32, 4, 2), tmp_path / "rows.json"
    measure([first], prompts(folder), 1, load, out)
    opened: list[Path] = []
    real = Runtime.__init__

    def counted(self: Runtime, path: Path, context: int = 2048, threads: int = 1) -> None:
        if context == 2048:
            opened.append(path)
        real(self, path, context, threads)

    monkeypatch.setattr(Runtime, "__init__", counted)
    rows = measure([first, second], prompts(folder), 1, load, out)
    # the first file is read again for its expectations, and not measured again
    assert opened == [folder / "f16.gguf", tmp_path / "q8.gguf"]
    assert [row["name"] for row in rows] == ["whole", "small"]
    assert rows == json.loads(out.read_text("utf8"))["rows"]
    assert rows[0]["speed"]["decode_ratio"] == 1.0
    assert rows[1]["memory"] > 0
    assert rows[1]["bytes"] < rows[0]["bytes"]


def test_held_out_prompts_are_in_every_language_and_in_one_half_only() -> None:
    _, tokenizer = read_gguf(SHIPPED)
    halves = held_out(tokenizer, ROOT / "nowhere", ROOT / "knowledge" / "policies", ROOT / "tests" / "gold", 3)
    assert {p.language for p in halves.test} == {"en", "es", "fr", "de", "pt", "it", "zh", "ar"}
    assert not {(p.language, p.item.question) for p in halves.test} & {(p.language, p.item.question) for p in halves.calibration}
    assert all(p.example.prompt.count(closing(1)) == 1 for p in halves.test)


def test_the_gpu_preset_is_of_the_size_it_says_and_its_steps_work_on_its_shape() -> None:
    recipe = PRESETS["gpu"].train
    model = Decoder(replace(recipe.shape, layers=1))
    one = sum(p.numel() for p in model.layers.parameters())
    whole = one * recipe.shape.layers + sum(p.numel() for p in model.embedding.parameters())
    assert 30e6 < whole < 80e6
    assert recipe.minutes <= 25
    assert recipe.shape.hidden % 256 == recipe.shape.width % 256 == 0
    ids = torch.randint(0, recipe.shape.vocabulary, (1, 8))
    assert model.logits(model(ids)).shape == (1, 8, recipe.shape.vocabulary)
    assert file_name(recipe.shape, whole) != FILE
    assert all(how.shape_of(recipe.shape).layers >= 1 for how in PRESETS["gpu"].cuts)
