"""The whole chain in its smoke preset, and runs that are killed at any moment and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.slm.llama import Llama, Tuning
from factory.slm.__main__ import main
from factory.slm.carry import join
from factory.slm.circuit import initialise
from factory.slm.export_gguf import write_gguf
from factory.slm.model import Decoder
from factory.slm.presets import PRESETS
from factory.slm.tokenizer import load_tokenizer, train_tokenizer

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"en", "es", "fr", "de", "pt", "it", "zh", "ar"}


def arguments(folder: Path, *more: str) -> list[str]:
    """With the data of the repository alone."""
    places = {"folder": folder, "out": folder / "models", "build": folder / "small", "data": folder / "nowhere", "parts": folder / "parts"}
    return [*more, "--preset", "smoke", "--limit", "1", *(part for name, path in places.items() for part in (f"--{name}", str(path)))]


@pytest.mark.slow
def test_the_whole_chain_from_text_to_the_smallest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    main(arguments(tmp_path, "all"))
    (model,) = (tmp_path / "models").glob("*.gguf")
    (folder,) = (tmp_path / "small").iterdir()
    preset = PRESETS["smoke"]
    tables = {step: json.loads((folder / f"{step}.json").read_text("utf8"))["rows"] for step in ("quantize", "prune", "distil")}
    assert [row["name"] for row in tables["quantize"]] == ["F16", "Q8_0", "Q4_K_M", "Q4_0", "Q4_0 + matrix"]
    assert len(tables["prune"]) == 1 + 2 * len(preset.cuts)
    for rows in tables.values():
        assert all(set(row["answers"]) == LANGUAGES for row in rows)
        assert rows[0]["fidelity"]["all"]["kl"] == 0
        assert all(row["fidelity"]["all"]["kl"] > 0 for row in rows[1:])
        assert all(row["parameters"] <= rows[0]["parameters"] for row in rows)
    for row in json.loads((folder / "onnx.json").read_text("utf8")):
        assert row["difference"] < row["tolerance"]
    card = (tmp_path / "models" / "README.md").read_text("utf8")
    assert model.name in card
    assert "SQuAD" not in card  # the card names only what the run read
    assert "the reference bank's policies" in card
    for path in (model, *folder.glob("*.gguf")):
        llama = Llama(path, Tuning(context=64, sequences=1))
        assert llama.vocab_size == preset.train.shape.vocabulary
        llama.close()
    main(arguments(tmp_path, "split"))
    main([*arguments(tmp_path, "join"), "--out", str(tmp_path / "joined")])
    assert (tmp_path / "joined" / model.name).read_bytes() == model.read_bytes()
    assert [path.name for path in join(tmp_path / "parts", tmp_path / "joined")] == [model.name, "tokenizer.json", "train.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("step", ["distil", "prune"])
def test_a_killed_step_goes_on_where_it_was_saved(step: str, tmp_path: Path) -> None:
    shape = PRESETS["smoke"].train.shape
    texts = [path.read_text("utf8") for path in sorted((ROOT / "knowledge/policies/en").rglob("*.md"))[:4]]
    train_tokenizer(texts, shape.vocabulary, tmp_path / "tokenizer.json")
    model = Decoder(replace(shape, layers=2))
    initialise(model, 1)
    write_gguf(model, load_tokenizer(tmp_path / "tokenizer.json"), tmp_path / "model.gguf")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*arguments(tmp_path, step), "--model", str(tmp_path / "model.gguf")]
    program = (
        "import sys; from dataclasses import replace; from factory.slm import presets\n"
        "steps, every = int(sys.argv[1]), float(sys.argv[2])\n"
        "smoke = presets.PRESETS['smoke']\n"
        "change = lambda how: replace(how, recipe=replace(how.recipe, steps=steps, save_seconds=every))\n"
        "presets.PRESETS['smoke'] = replace(smoke, distil=change(smoke.distil), heal=change(smoke.heal), kinds=('F16',))\n"
        "from factory.slm.__main__ import main; main(sys.argv[3:])"
    )

    def start(steps: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program, str(steps), "0.2", *command], cwd=ROOT, env=environment)

    process = start(10**6)
    deadline = time.monotonic() + 120
    while not (found := list(tmp_path.glob("small/*/*/checkpoint.pt"))) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (checkpoint,) = found
    saved = int(torch.load(checkpoint, weights_only=True)["step"])
    assert saved > 0
    assert start(saved + 2).wait() == 0
    assert torch.load(checkpoint, weights_only=True)["step"] == saved + 2
    steps = [json.loads(line)["step"] for line in (checkpoint.parent / "train.jsonl").read_text("utf8").splitlines()]
    assert steps == list(range(1, saved + 3))
    assert (checkpoint.parents[1] / f"{step}.json").exists()
