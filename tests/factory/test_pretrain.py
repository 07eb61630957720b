"""Pre-training: documents become windows, held-out ones grow less surprising, a killed run goes on, and training begins with it."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from factory.slm import pretrain as module
from factory.slm.data import LANGUAGES, Item, Sources, held_out
from factory.slm.loop import load_model
from factory.slm.presets import PRESETS
from factory.slm.pretrain import FOLDER, WINDOW, Pretraining, Windows, pretrain, pretrained, read_documents
from factory.slm.tokenizer import EOS, SPECIAL, load_tokenizer, train_tokenizer
from factory.slm.train import train

ROOT = Path(__file__).resolve().parents[2]
SMOKE = replace(PRESETS["smoke"].train, steps=24)
POLICIES = ROOT / "knowledge" / "policies"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer."""
    path = tmp_path_factory.mktemp("pretrain")
    texts = [file.read_text("utf8") for code in LANGUAGES for file in sorted((POLICIES / code).rglob("*.md"))[:6]]
    train_tokenizer(texts, SMOKE.shape.vocabulary, path / "tokenizer.json")
    return path


@pytest.fixture(scope="module")
def documents(folder: Path) -> dict[str, module.Documents]:
    return read_documents(folder / "nowhere", POLICIES, load_tokenizer(folder / "tokenizer.json"), 60_000)


def test_documents_are_read_whole_held_out_apart_and_marks_left_out(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    (tmp_path / "docs").mkdir()
    rows = [{"path": f"part/{number}.md", "text": f"Document {number} has <a> mark [1] in it. " * 30} for number in range(200)]
    with lzma.open(tmp_path / "docs" / "en.jsonl.xz", "wt", encoding="utf8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    english = read_documents(tmp_path, POLICIES, tokenizer, 10**9)["en"]
    kept = [str(row["text"]) for row in rows if held_out(str(row["path"]))]
    assert 0 < len(kept) < 40
    assert (english.train == EOS).sum() == 200 - len(kept)
    assert (english.dev == EOS).sum() == len(kept)
    assert set(english.train[english.train < len(SPECIAL)].tolist()) == {EOS}
    read = tokenizer.decode(english.dev[: int(np.argmax(english.dev == EOS))].tolist())
    assert read.replace(" ", "") == kept[0].replace("<a>", "").replace("[1]", "").replace(" ", "")
    assert english.per_token == pytest.approx(sum(len(str(row["text"])) for row in rows) / (len(english.train) + len(english.dev)))
    with pytest.raises(ValueError, match="no documents in en"):
        read_documents(folder / "nowhere", tmp_path / "empty", tokenizer, 1000)


def test_every_language_comes_as_often(documents: dict[str, module.Documents]) -> None:
    recipe = replace(SMOKE, tokens=WINDOW * 16)
    rows = Windows(documents, recipe).next(3, 0.0)
    assert rows == Windows(documents, recipe).next(3, 0.5) != Windows(documents, recipe).next(4, 0.0)
    streams = [documents[code].train.tobytes() for code in sorted(documents)]
    whose = [[number for number, stream in enumerate(streams) if np.array(row.prompt, np.uint16).tobytes() in stream] for row in rows]
    assert sorted(number for found in whose for number in found[:1]) == sorted([*range(8)] * 2)
    assert all(len(row.prompt) == WINDOW for row in rows)


def test_it_is_less_surprised_goes_on_after_a_kill_and_training_begins_with_it(
    folder: Path, documents: dict[str, module.Documents], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Pretraining(replace(SMOKE, save_seconds=0.0), 60_000)
    asked: list[int] = []
    window = Windows.next

    def killed(self: Windows, step: int, share: float) -> Any:
        asked.append(step)
        if len(asked) == 15:
            raise KeyboardInterrupt
        return window(self, step, share)

    monkeypatch.setattr(Windows, "next", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(how, documents, tmp_path)
    with pytest.raises(ValueError, match="not at its end"):
        pretrained(tmp_path)
    assert pretrain(how, documents, tmp_path).step == SMOKE.steps
    assert asked == [*range(15), *range(14, SMOKE.steps)]
    told = json.loads((tmp_path / FOLDER / "held_out.json").read_text("utf8"))
    assert set(told["before"]) == set(told["after"]) == set(LANGUAGES)
    assert all(told["after"][code] < told["before"][code] for code in LANGUAGES)

    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    items = [Item("en", "qa", text[:12], text, ("Nothing else.", "Not this.")) for text in ("The fee is 15 EUR.", "A card takes 5 days.")]
    begun = pretrained(tmp_path)
    assert begun is not None
    assert pretrained(folder) is None
    train(replace(SMOKE, steps=1, rate=0.0), Sources({"qa": items}, []), tmp_path, begun=begun)
    for one, other in zip(load_model(begun).parameters(), load_model(tmp_path / "checkpoint.pt").parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="another shape"):
        train(replace(SMOKE, shape=replace(SMOKE.shape, layers=2)), Sources({"qa": items}, []), tmp_path, begun=begun)
