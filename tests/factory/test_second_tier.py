"""The second tier: a tiny teacher over the pieces of a tiny table reads glosses, learns sayings, resumes, and is loaded by the box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from factory import second_tier
from factory.concepts import Saying
from factory.embedder import packed, save_model
from factory.embedder_corpus import Group, Pair
from factory.embedder_tokenizer import build_tokenizer
from factory.embedder_tuning import Materials, materials_of
from factory.second_tier import Encoding, Recipe, SecondTier, glosses, train
from knowledge.embedder import Embedder, load_embedder

WORDS = ("card", "lost", "loan", "money", "open", "door", "heir", "old")
SAID = {
    "lost": ("we replace a lost card", ("my card vanished", "card gone")),
    "loan": ("we lend money", ("short of money", "a loan please")),
    "hours": ("the door is open at nine", ("when are you open", "may i come in")),
    "heir": ("an heir shows a paper", ("granny was old and died", "what of her savings")),
}
ALIGNED = [Group({"en": f"{one} {two}", "es": f"{one}o {two}a"}, "parallel") for one in ("red", "big") for two in ("door", "tree", "fish")]
TINY = Recipe(steps=40, spoken=4, bank=2, questions=2, aligned=4, learning_rate=3e-3, words=1, longest=16)


def sayings() -> list[Saying]:
    return [
        Saying(concept, kind, "en", text)
        for concept, (rule, asks) in SAID.items()
        for kind, text in (("rule", rule), *(("ask", ask) for ask in asks))
    ]


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Embedder, Any, Materials]:
    """A table over a small vocabulary, its tokenizer, and what is learnt; the teacher is a small BERT that knows WORDS."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)) + "\n", "utf-8")
    BertTokenizerFast(vocab=str(teacher / "vocab.txt")).save_pretrained(teacher)
    torch.manual_seed(1)
    shape = BertConfig(vocab_size=5 + len(WORDS), hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    BertModel(shape).save_pretrained(teacher)
    monkeypatch.setattr(second_tier, "teacher_folder", lambda: teacher)
    texts = [saying.text for saying in sayings()] + [text for group in ALIGNED for text in group.texts.values()]
    tokenizer: Any = build_tokenizer(texts * 3, 300, {})
    table = torch.randn(tokenizer.get_vocab_size(), 32, generator=torch.Generator().manual_seed(1))
    save_model(tmp_path / "table", tokenizer, packed(table))
    asked = [Pair("en", "who comes", "a red door"), Pair("en", "who goes", "a big fish")]
    return load_embedder(tmp_path / "table"), tokenizer, materials_of(tokenizer, sayings(), ALIGNED[:3], asked, asked, ALIGNED, [])


def found(encoder: Any) -> float:
    """The share of things said whose concept's rule is nearest."""
    rules = encoder.encode([rule for rule, _ in SAID.values()])
    asked = [(number, ask) for number, (_, asks) in enumerate(SAID.values()) for ask in asks]
    nearest = (encoder.encode([ask for _, ask in asked]) @ rules.T).argmax(axis=1)
    return float(np.mean(nearest == [number for number, _ in asked]))


def test_a_piece_is_read_as_the_words_next_to_it(parts: tuple[Embedder, Any, Materials]) -> None:
    embedder, tokenizer, _ = parts
    words = [word for word in (*WORDS, "red", "big", "tree", "fish", "the", "my") if len(embedder.pieces([word])[0]) == 1]
    assert len(words) >= 2
    inputs = np.random.default_rng(5).normal(size=(len(words), 6)).astype(np.float32)
    mixed = glosses(embedder, tokenizer.get_vocab_size(), words, inputs, TINY)
    for number, word in enumerate(words):
        assert mixed[embedder.pieces([word])[0][0]] == pytest.approx(inputs[number], abs=1e-5)


def test_it_learns_what_is_said_and_the_box_loads_it(parts: tuple[Embedder, Any, Materials], tmp_path: Path) -> None:
    embedder, tokenizer, materials = parts
    tier = SecondTier(embedder, tokenizer, TINY)
    before = found(Encoding(tier.eval(), embedder))
    train(tier, materials, TINY, tmp_path / "run")
    own = Encoding(tier.eval(), embedder)
    assert before < 0.9
    assert found(own) == 1.0
    both = own.beside_the_table(["lost card", "old door"])
    assert both[0] @ both[1] == pytest.approx(
        sum(float(np.dot(*each.encode(["lost card", "old door"]))) for each in (own, embedder)), abs=1e-5
    )
    tier.save(tmp_path / "model")
    loaded = load_embedder(tmp_path / "model")
    texts = ["my card vanished", "granny was old", "a loan please, and quickly"]
    assert loaded.dim == 24
    assert np.abs(loaded.encode(texts) - own.encode(texts)).max() < 1e-4


def test_a_killed_run_goes_on(parts: tuple[Embedder, Any, Materials], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder, tokenizer, materials = parts
    whole = SecondTier(embedder, tokenizer, TINY)
    train(whole, materials, TINY, tmp_path / "whole")
    monkeypatch.setattr(second_tier, "CHECKPOINT_SECONDS", 0.0)
    draws, asked = second_tier.draws, []

    def killed(*given: Any) -> Any:
        asked.append(None)
        if len(asked) == 25:
            raise KeyboardInterrupt
        return draws(*given)

    monkeypatch.setattr(second_tier, "draws", killed)
    with pytest.raises(KeyboardInterrupt):
        train(SecondTier(embedder, tokenizer, TINY), materials, TINY, tmp_path / "cut")
    again = SecondTier(embedder, tokenizer, TINY)
    train(again, materials, TINY, tmp_path / "cut")
    assert len(asked) == TINY.steps + 1
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
