"""ONNX files say what the box says, at other batch sizes and lengths than they were exported with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from factory.onnx_export import (
    EMBEDDER_TOLERANCE,
    SLM_TOLERANCE,
    TEXTS,
    OnnxEmbedder,
    embedder_difference,
    export_embedder,
    export_slm,
    slm_difference,
)
from factory.slm.circuit import initialise
from factory.slm.model import Decoder, Shape

ROOT = Path(__file__).resolve().parents[2]


def test_onnx_slm_says_what_the_model_says_at_other_lengths(tmp_path: Path) -> None:
    model = Decoder(Shape(vocabulary=400, width=64, layers=2, heads=4, head_dim=16, hidden=64, context=256))
    initialise(model, 1)
    export_slm(model, tmp_path / "slm.onnx")
    assert slm_difference(model, tmp_path / "slm.onnx", batch=1, length=2) < SLM_TOLERANCE
    assert slm_difference(model, tmp_path / "slm.onnx", batch=3, length=200) < SLM_TOLERANCE


def test_onnx_embedder_gives_the_vectors_of_the_box(tmp_path: Path) -> None:
    folder = ROOT / "models" / "embedder"
    export_embedder(folder, tmp_path / "embedder.onnx")
    assert embedder_difference(folder, tmp_path / "embedder.onnx", [*TEXTS, " ".join(TEXTS) * 9]) < EMBEDDER_TOLERANCE
    lengths = np.linalg.norm(OnnxEmbedder(tmp_path / "embedder.onnx", folder).encode(["", TEXTS[1]]), axis=1)
    np.testing.assert_allclose(lengths, [0, 1], atol=1e-5)
