"""Smaller models: reading GGUF back, quantization, pruning, distillation, fidelity, ONNX, and what travels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from factory.onnx_export import (
    EMBEDDER_TOLERANCE,
    SLM_TOLERANCE,
    OnnxEmbedder,
    embedder_difference,
    export_embedder,
    export_slm,
    slm_difference,
)
from factory.slm.carry import CarryError, join, pack, split
from factory.slm.data import Encoder, Example, Item, Sources
from factory.slm.distil import distil, divergence, student_of
from factory.slm.export_gguf import FILE, file_name, write_gguf
from factory.slm.fidelity import compare, expectations
from factory.slm.held_out import HeldOut, held_out
from factory.slm.measure import Candidate, measure
from factory.slm.model import Decoder, Layer, Shape, initialise
from factory.slm.page import PageError, put
from factory.slm.presets import PRESETS
from factory.slm.prune import Cut, cut, layer_importance, mean_loss, unit_importance
from factory.slm.quantize import fallen_back, importance_matrix, quantize, tensor_types
from factory.slm.read_gguf import ModelError, read_gguf
from factory.slm.runtime import Runtime
from factory.slm.speed import Load
from factory.slm.tokenizer import closing, load_tokenizer, opening, train_tokenizer

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models" / "slm" / FILE
SHAPE = Shape(vocabulary=400, width=256, layers=3, heads=4, head_dim=64, hidden=512, context=256)
TEXTS = (
    "The fee of a transfer is €15.", "La comisión es de 15 EUR.", "Die Gebühr beträgt 20 Euro.", "国际转账的费用是多少？",
    "كم تبلغ رسوم التحويل؟", "A card is replaced within 5 days.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer and a model of random weights, `f16.gguf`."""
    path = tmp_path_factory.mktemp("small")
    train_tokenizer([text for text in TEXTS for _ in range(20)], SHAPE.vocabulary, path / "tokenizer.json")
    write_gguf(random_model(), load_tokenizer(path / "tokenizer.json"), path / "f16.gguf")
    return path


def random_model(shape: Shape = SHAPE, seed: int = 1) -> Decoder:
    model = Decoder(shape)
    initialise(model, seed)
    return model.eval()


def items() -> list[Item]:
    return [Item("en", "qa", text[:15], text, tuple(t for t in TEXTS if t != text)) for text in TEXTS]


def prompts(folder: Path) -> list[HeldOut]:
    encoder = Encoder(load_tokenizer(folder / "tokenizer.json"))
    found = []
    for number, item in enumerate(items()):
        others = [encoder.ids(" " + text) for text in item.others[:2]]
        gold = encoder.ids(" " + str(item.gold))
        prompt, ends = encoder.prompt(encoder.ids(item.question), [others[0], gold, others[1]])
        found.append(HeldOut("en" if number % 2 else "es", item, Example(prompt, [opening(2), *gold], ends, 1)))
    return found


def examples(folder: Path) -> list[Example]:
    return [prompt.example for prompt in prompts(folder)]


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
        expected = model.logits(model(torch.tensor([ids]))[0])[0].numpy()
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
    names = {name for name in tensor_types(folder / "f16.gguf")}
    assert set(matrix) == names
    layer = model.layers[0]
    assert isinstance(layer, Layer)
    with torch.no_grad():
        read = layer.norm_1(model.embedding(torch.tensor(example.prompt + example.target)))
    np.testing.assert_allclose(matrix["blk.0.attn_q.weight"], read.square().mean(0).numpy(), rtol=1e-4)
    assert matrix["blk.2.ffn_down.weight"].shape == (512,)


def test_quantizer_spares_the_columns_that_the_matrix_calls_important(folder: Path) -> None:
    favoured = np.full(256, 1e-3, np.float32)
    favoured[:32] = 1e3
    names = [name for name in tensor_types(folder / "f16.gguf") if name.endswith("ffn_up.weight")]
    errors = {}
    for label, matrix in (("flat", None), ("weighted", {name: favoured for name in names})):
        quantize(folder / "f16.gguf", folder / f"{label}.gguf", "Q3_K_M", matrix)
        whole, _ = read_gguf(folder / "f16.gguf")
        small, _ = read_gguf(folder / f"{label}.gguf")
        differences = [
            (a.get_parameter("up.weight") - b.get_parameter("up.weight"))[:, :32] for a, b in zip(whole.layers, small.layers, strict=True)
        ]
        errors[label] = sum(d.square().mean().item() for d in differences)
    assert errors["weighted"] < 0.9 * errors["flat"]


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
        expected = smaller.logits(smaller(torch.tensor([example.prompt]))[0])[0].numpy()
    assert np.abs(found - expected).max() < 0.2
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
    logits: Tensor = model.logits(model(ids)[0][:, -1])
    return logits


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


def test_onnx_slm_says_what_the_model_says_at_other_lengths(tmp_path: Path) -> None:
    model = random_model()
    export_slm(model, tmp_path / "slm.onnx")
    assert slm_difference(model, tmp_path / "slm.onnx", batch=1, length=2) < SLM_TOLERANCE
    assert slm_difference(model, tmp_path / "slm.onnx", batch=3, length=200) < SLM_TOLERANCE


def test_onnx_embedder_gives_the_vectors_of_the_box(tmp_path: Path) -> None:
    folder = ROOT / "models" / "embedder"
    export_embedder(folder, tmp_path / "embedder.onnx")
    assert embedder_difference(folder, tmp_path / "embedder.onnx", ["", *TEXTS, " ".join(TEXTS) * 9]) < EMBEDDER_TOLERANCE
    lengths = np.linalg.norm(OnnxEmbedder(tmp_path / "embedder.onnx", folder).encode(["", TEXTS[0]]), axis=1)
    np.testing.assert_allclose(lengths, [0, 1], atol=1e-5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(1, 64))
def test_parts_are_small_and_make_the_file_again(tmp_path: Path, content: bytes, size: int) -> None:
    (tmp_path / "file.gguf").write_bytes(content)
    parts = split([tmp_path / "file.gguf"], tmp_path / "parts", size)
    assert all(part.stat().st_size <= size for part in parts[:-1])
    assert [path.read_bytes() for path in join(tmp_path / "parts", tmp_path / "again")] == [content]


def test_damaged_and_missing_parts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    parts = split([tmp_path / "file"], tmp_path / "parts", 4)
    parts[1].write_bytes(b"456X")
    with pytest.raises(CarryError, match="damaged"):
        join(tmp_path / "parts", tmp_path / "again")
    parts[1].unlink()
    with pytest.raises(CarryError, match="missing"):
        join(tmp_path / "parts", tmp_path / "again")


def test_packing_takes_what_training_reads_and_no_more_than_fits(tmp_path: Path) -> None:
    for name in ("qa/en.jsonl.xz", "law/gdpr.xz"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).write_bytes(b"12345")
    assert pack(tmp_path / "data", tmp_path / "out") == 5
    assert [path.name for path in (tmp_path / "out").rglob("*.xz")] == ["en.jsonl.xz"]
    with pytest.raises(CarryError, match="more than 4"):
        pack(tmp_path / "data", tmp_path / "out", most=4)


def test_the_page_keeps_what_is_outside_the_markers() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nafter"
    assert put(text, "a", "new") == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter"
    assert put(put(text, "a", "new"), "a", "new") == put(text, "a", "new")
    with pytest.raises(PageError):
        put("nothing", "a", "new")


def test_the_page_has_a_place_for_every_table() -> None:
    text = (ROOT / "docs" / "models.md").read_text("utf8")
    for name in ("quantize", "prune", "distil", "onnx"):
        assert put(text, name, "x") != text


def test_the_gpu_preset_is_of_the_size_it_says_and_its_steps_work_on_its_shape() -> None:
    recipe = PRESETS["gpu"].train
    model = Decoder(replace(recipe.shape, layers=1))
    one = sum(p.numel() for p in model.layers.parameters())
    whole = one * recipe.shape.layers + sum(p.numel() for p in model.embedding.parameters())
    assert 30e6 < whole < 80e6
    assert recipe.minutes <= 25
    assert recipe.shape.hidden % 256 == recipe.shape.width % 256 == 0
    initialise(replace_layers(recipe.shape, 2), recipe.seed)
    ids = torch.randint(0, recipe.shape.vocabulary, (1, 8))
    assert model.logits(model(ids)[0]).shape == (1, 8, recipe.shape.vocabulary)
    assert file_name(recipe.shape, whole) != FILE
    assert all(how.shape_of(recipe.shape).layers >= 1 for how in PRESETS["gpu"].cuts)


def replace_layers(shape: Shape, layers: int) -> Decoder:
    return Decoder(replace(shape, layers=layers))
