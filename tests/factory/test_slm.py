"""The SLM's factory: resuming after a kill, parity of GGUF and training framework, the format of the task."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from factory.slm.data import Encoder, Item, Sources
from factory.slm.export_gguf import CHAT_TEMPLATE, write_gguf
from factory.slm.loop import load_model
from factory.slm.model import Decoder
from factory.slm.presets import PRESETS
from factory.slm.quantize import quantize
from factory.slm.tokenizer import ANSWER, EOS, NONE, QUESTION, SPECIAL, closing, load_tokenizer, opening, train_tokenizer
from factory.slm.train import train

ROOT = Path(__file__).resolve().parents[2]
SMOKE = PRESETS["smoke"].train
TEXTS = (
    "The fee of a transfer is €15 and 1,5 %.", "La comisión de una transferencia es de 15 EUR.", "Die Gebühr beträgt 20 Euro.",
    "国际转账的费用是多少？每笔 15 欧元。", "كم تبلغ رسوم التحويل الدولي؟ ١٥ يورو", "A card is replaced within 5 days.",
)
PARITY = 0.05


def items() -> list[Item]:
    return [Item("en", "qa", text[:20], text, tuple(t for t in TEXTS if t != text)) for text in TEXTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer."""
    path = tmp_path_factory.mktemp("slm")
    train_tokenizer([text for text in TEXTS for _ in range(20)], SMOKE.shape.vocabulary, path / "tokenizer.json")
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Decoder:
    """A tiny model, trained for some steps."""
    train(SMOKE, Sources({"qa": items()}, []), folder)
    return load_model(folder / "checkpoint.pt")


def test_labels_are_single_tokens_and_text_never_makes_one(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    assert tokenizer.encode("<q>[1][/8]<none><a><|im_end|>").ids == [QUESTION, opening(1), closing(8), NONE, ANSWER, EOS]
    assert min(Encoder(tokenizer).ids("[1] <a> <none> fee")) >= len(SPECIAL)


def test_prompt_is_what_the_tokenizer_makes_of_the_rendered_text(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    encoder = Encoder(tokenizer)
    ids = encoder.prompt(encoder.ids("Fee?"), [encoder.ids(" " + text) for text in TEXTS[:3]], 1)
    text = "<q>" + "".join(f"[{k}] {t} [/{k}]\n" for k, t in enumerate(TEXTS[:3], 1)) + "Fee? [2]<a>"
    assert ids == tokenizer.encode(text).ids
    assert [token for token in ids if closing(1) <= token <= closing(8)] == [closing(1), closing(2), closing(3)]


def test_target_is_the_statement_or_none(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    encoder, rng = Encoder(tokenizer), random.Random(1)
    made = [e for item in items() for _ in range(20) if (e := encoder.example(item, rng, 4, 100))]
    assert {e.gold >= 0 for e in made} == {True, False}
    for example in made:
        if example.gold < 0:
            assert example.target == [NONE, EOS]
        else:
            end = example.prompt.index(closing(example.gold + 1))
            copied = example.target[1:-1]
            assert example.prompt[end - 1 - len(copied) : end - 1] == copied


def test_byte_level_tokenizer_gives_every_text_back(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    for text in (*TEXTS, "naïve 😀 ﷽ 龘 \t x"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_gguf_agrees_with_the_training_framework(folder: Path, model: Decoder) -> None:
    from llama_cpp import Llama

    tokenizer = load_tokenizer(folder / "tokenizer.json")
    path = folder / "f16.gguf"
    write_gguf(model, tokenizer, path)
    llama = Llama(str(path), n_ctx=256, logits_all=True, verbose=False)
    text = f"<q>{TEXTS[0]}\n[1] {TEXTS[3]} [/1]\n[2] {TEXTS[4]} [/2]<a>"
    ids = tokenizer.encode(text).ids
    assert llama.tokenize(text.encode(), add_bos=False, special=True) == ids
    llama.eval(ids)
    with torch.no_grad():
        expected = model.logits(model(torch.tensor([ids])))[0].numpy()
    assert np.abs(np.array(llama._scores) - expected).max() < PARITY
    llama.close()
    assert llama.metadata["tokenizer.chat_template"] == CHAT_TEMPLATE
    llama.close()
    quantize(path, folder / "q8_0.gguf", "Q8_0")
    assert (folder / "q8_0.gguf").stat().st_size < path.stat().st_size


def test_template_shows_only_the_last_message_of_the_user() -> None:
    from jinja2 import Environment

    messages = [{"role": r, "content": c} for r, c in (("system", "s"), ("user", "old"), ("assistant", "a"), ("user", "new\n"))]
    assert Environment().from_string(CHAT_TEMPLATE).render(messages=messages) == "<q>new<a>"


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_run_goes_on_where_it_was_saved(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    program = (
        "import sys; from pathlib import Path; from dataclasses import replace; import tests.factory.test_slm as t\n"
        "t.train(replace(t.SMOKE, steps=10**6, save_seconds=0.2), t.Sources({'qa': t.items()}, []), Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "checkpoint.pt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = torch.load(checkpoint, weights_only=True)["step"]
    assert saved > 0
    progress = train(replace(SMOKE, steps=saved + 2), Sources({"qa": items()}, []), tmp_path)
    assert progress.step == saved + 2
