"""The embedder: two readings of the same files agree, and a question finds its policy in another language."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.embedder import load_embedder
from knowledge.errors import KnowledgeError
from tests.conftest import PROJECT

FOLDER = PROJECT / "models" / "embedder"


def test_it_reads_as_sentence_transformers_does() -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["How much is a card?", "¿Cuánto cuesta?", "国际汇款要多少钱？", "كم رسوم التحويل؟", "IBAN 123"]
    theirs = SentenceTransformer(str(FOLDER), device="cpu").encode(texts, normalize_embeddings=True)
    ours = load_embedder(FOLDER).encode(texts)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_empty_text_is_a_row_of_zeros() -> None:
    assert not load_embedder(FOLDER).encode([""]).any()


def test_a_question_finds_its_statement_across_languages() -> None:
    embedder = load_embedder(FOLDER)
    statements = embedder.encode(
        ["An international transfer costs 0.3% of the amount.", "The branches open at 08:30.", "A lost card is blocked by telephone."]
    )
    for question in ("coste de una transferencia internacional", "国际汇款费用", "رسوم التحويل الدولي", "kosten einer auslandsüberweisung"):
        assert int(np.argmax(statements @ embedder.encode([question])[0])) == 0


def test_a_missing_or_broken_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no embedder"):
        load_embedder(tmp_path)
    (tmp_path / "modules.json").write_text("{broken")
    with pytest.raises(KnowledgeError, match="cannot be loaded"):
        load_embedder(tmp_path)
