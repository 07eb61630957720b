"""What people at a bank call things: the lists are whole, and a table that is tuned to such a list learns it and forgets nothing."""

from __future__ import annotations

import dataclasses
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from factory import embedder_tuning
from factory.concepts import Saying, read_concepts
from factory.embedder import packed, rounded, save_model
from factory.embedder_corpus import LANGUAGES, Group, Pair
from factory.embedder_tokenizer import build_tokenizer
from factory.embedder_tuning import Tuning, materials_of, mixed, tune
from knowledge.embedder import load_embedder

SAID = {
    "lost": (["lost card"], ["we replace a card that is gone"], ["my plastic vanished", "cannot find it anywhere"]),
    "loan": (["personal loan"], ["we lend what you need"], ["could you advance me something", "short of money"]),
    "hours": (["opening hours"], ["the branch is open in the morning"], ["when may i drop by", "are you there at noon"]),
    "heir": (["inheritance"], ["heirs show the certificate"], ["granny passed away", "what of her savings now"]),
}
ALIGNED = [Group({"en": f"{one} {two}", "es": f"{one}o {two}a"}, "parallel") for one in ("red", "blue", "big", "old") for two in ("door", "tree", "fish", "lamp")]
QUICK = Tuning(steps=60, aligned=16, spoken=4, bank=2, questions=1, replayed=16, asked=2, learning_rate=3e-2, dropped=0.1)


def sayings() -> list[Saying]:
    return [
        Saying(concept, kind, "en", text)
        for concept, said in SAID.items()
        for kind, texts in zip(("term", "rule", "ask"), said, strict=True)
        for text in texts
    ]


@pytest.fixture(scope="module")
def start() -> tuple[object, torch.Tensor, embedder_tuning.Materials]:
    texts = [saying.text for saying in sayings()] + [text for group in ALIGNED for text in group.texts.values()]
    tokenizer = build_tokenizer(texts * 3, 300, {})
    table = torch.randn(tokenizer.get_vocab_size(), 32, generator=torch.Generator().manual_seed(1))
    asked = [Pair("en", "who comes", "a red door"), Pair("en", "who goes", "a big fish")]
    return tokenizer, table, materials_of(tokenizer, sayings(), ALIGNED[:4], asked, asked, ALIGNED, asked)


def first(tokenizer: object, table: torch.Tensor, folder: Path) -> float:
    """The share of things said whose concept's rule is nearest."""
    save_model(folder, tokenizer, packed(table))
    model = load_embedder(folder)
    rules = model.encode([said[1][0] for said in SAID.values()])
    asked = [(number, text) for number, said in enumerate(SAID.values()) for text in said[2]]
    nearest = (model.encode([text for _, text in asked]) @ rules.T).argmax(axis=1)
    return float(np.mean(nearest == [number for number, _ in asked]))


def test_what_is_said_finds_its_rule_and_little_else_moves(start: tuple[Tokenizer, torch.Tensor, embedder_tuning.Materials], tmp_path: Path) -> None:
    tokenizer, before, materials = start
    after, _ = tune(materials, before, QUICK, tmp_path)
    assert first(tokenizer, before, tmp_path / "before") < 0.8
    assert first(tokenizer, after, tmp_path / "after") == 1.0
    save_model(tmp_path / "rounded", tokenizer, packed(after, 0.1))
    kept = [load_embedder(tmp_path / name).encode(["red lamp", "old fish", "blue tree"]) for name in ("before", "after", "rounded")]
    assert (kept[0] * kept[1]).sum(axis=1).min() > 0.7
    assert (kept[1] * kept[2]).sum(axis=1).min() > 0.995


def test_rows_of_pieces_that_the_bank_hardly_uses_stay_to_the_bit(
    start: tuple[Tokenizer, torch.Tensor, embedder_tuning.Materials], tmp_path: Path
) -> None:
    _, before, materials = start
    uses = materials.uses(len(before), materials.moving)
    assert uses.sum() == len(materials.texts.take(np.array(materials.moving))[0])
    assert 0 < (uses >= 3).sum() < len(uses)
    after, _ = tune(materials, before, dataclasses.replace(QUICK, least=3), tmp_path)
    moved = (after != before).any(dim=1).numpy()
    assert moved.any()
    assert not moved[uses < 3].any()


def test_where_phrases_are_drawn_their_pieces_alone_move(tmp_path: Path) -> None:
    texts = [saying.text for saying in sayings()] + [text for group in ALIGNED for text in group.texts.values()]
    tokenizer = build_tokenizer(texts * 3, 300, {})
    before = torch.randn(tokenizer.get_vocab_size(), 32, generator=torch.Generator().manual_seed(1))
    phrases = [Group({"en": group.texts["en"], "fr": group.texts["es"]}, "phrases") for group in ALIGNED[:6]]
    materials = materials_of(tokenizer, sayings(), ALIGNED[6:], [], [], ALIGNED, [Pair("en", "who comes", "a red door")], phrases)
    met = {number for group in phrases for text in group.texts.values() for number in tokenizer.encode(text).ids}
    after, _ = tune(materials, before, dataclasses.replace(QUICK, phrases=6, least=1), tmp_path)
    moved = set(np.flatnonzero((after != before).any(dim=1).numpy()).tolist())
    assert moved
    assert moved <= met
    assert len(met) < len(before)


def test_of_what_the_bank_uses_often_more_of_the_row_before_is_kept(start: tuple[Tokenizer, torch.Tensor, embedder_tuning.Materials]) -> None:
    _, before, materials = start
    often = torch.from_numpy(materials.uses(len(before), materials.own) >= 5)
    assert 0 < often.sum() < len(before)
    table = mixed(materials, before, torch.zeros_like(before), Tuning(kept=0.25, often=5, kept_often=0.75))
    torch.testing.assert_close(table[often], 0.75 * before[often])
    torch.testing.assert_close(table[~often], 0.25 * before[~often])
    torch.testing.assert_close(mixed(materials, before, torch.zeros_like(before), Tuning(kept=0.25)), 0.25 * before)


def test_a_tuning_that_is_killed_goes_on_to_the_same_table(
    start: tuple[Tokenizer, torch.Tensor, embedder_tuning.Materials], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, before, materials = start
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, _ = tune(materials, before, QUICK, tmp_path / "whole")
    real, calls = embedder_tuning.loss_of, 0

    def killed(*given: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 31:
            raise KeyboardInterrupt
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(embedder_tuning, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(embedder_tuning, "loss_of", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(materials, before, QUICK, tmp_path / "killed")
    again, _ = tune(materials, before, QUICK, tmp_path / "killed")
    assert calls == QUICK.steps + 1
    np.testing.assert_allclose(again.numpy(), whole.numpy(), atol=1e-5)


def test_a_rounded_table_packs_to_half_and_is_as_near() -> None:
    table = torch.randn(2000, 64, generator=torch.Generator().manual_seed(2)) * torch.logspace(-2, 0, 2000)[:, None]
    coarse = rounded(table, 0.1)
    assert float((coarse - table).norm() / table.norm()) < 0.04
    sizes = [len(zlib.compress(each.to(torch.float16).numpy().tobytes())) for each in (table, coarse)]
    assert sizes[1] < 0.6 * sizes[0]


def test_every_concept_is_told_in_every_language() -> None:
    held: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    texts: dict[str, set[str]] = defaultdict(set)
    for saying in read_concepts():
        held[saying.concept][saying.language, saying.kind] += 1
        assert saying.text not in texts[saying.language], saying
        texts[saying.language].add(saying.text)
    assert len(held) > 580
    for concept, counts in held.items():
        assert counts["en", "gloss"] == 1, concept
        for code in LANGUAGES:
            assert min(counts[code, kind] for kind in ("term", "rule", "ask")) >= 2, (concept, code)


@pytest.mark.parametrize("line", ["a-card\tterm", "a-card\tname\tplastic", "a-card\tterm\t ", "\tterm\tplastic"])
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "en.tsv").write_text(f"a-card\tterm\tplastic\n{line}\n", "utf-8")
    with pytest.raises(ValueError, match=r"en\.tsv, line 2"):
        read_concepts(tmp_path)


def test_the_model_that_ships_is_rounded() -> None:
    table = load_file(Path("models/embedder/0_StaticEmbedding/model.safetensors"))["embedding.weight"]
    assert len(zlib.compress(table.tobytes())) < 0.55 * table.nbytes
