"""ONNX: the embedder and the SLM for other edge runtimes, each held equal to what the box runs.

`embedder.onnx`: `ids` (batch, length) int64, 0 where nothing is, and `mask` (batch, length) float32 -> `vectors` (batch, dim)
float32 of length 1, zeros for an empty text; the tokenizer stays `tokenizer.json`. The table is float16 in the file.
`slm.onnx`: `ids` (batch, length) int64 -> `logits` (batch, length, vocabulary) float32. It keeps no cache of keys and values: it
shows that other runtimes can read the model, and serves for scoring; a runtime that generates would add one.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from factory.slm.model import Decoder
from knowledge.embedder import load_embedder

OPSET = 18
EMBEDDER_TOLERANCE = 1e-4
SLM_TOLERANCE = 1e-3
"""Largest difference of a vector's number, and of a logit, from PyTorch's in float32."""
TEXTS = ("", "What does a transfer cost?", "¿Cuánto cuesta una transferencia?", "国际转账的费用是多少？", "كم تبلغ رسوم التحويل؟")


class _Logits(nn.Module):
    def __init__(self, model: Decoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return self.model.logits(self.model(ids))


class _MeanOfRows(nn.Module):
    """The mean of the rows of a table, made one long, as `knowledge.embedder.StaticEmbedder` does it."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        rows = self.table[ids].float() * mask.unsqueeze(-1)
        mean = rows.sum(1) / mask.sum(1, keepdim=True).clamp_min(1.0)
        vectors: Tensor = mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return vectors


def _write(module: nn.Module, example: tuple[Tensor, ...], inputs: list[str], output: str, longest: int, path: Path) -> None:
    """Export with dynamic batch and length."""
    batch, length = torch.export.Dim("batch", min=1, max=1024), torch.export.Dim("length", min=2, max=longest)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        torch.onnx.export(
            module.eval(), example, str(partial), input_names=inputs, output_names=[output], opset_version=OPSET, dynamo=True,
            dynamic_shapes=tuple({0: batch, 1: length} for _ in inputs), external_data=False, verbose=False,
        )
    partial.replace(path)


def export_slm(model: Decoder, path: Path) -> None:
    """Write a decoder's logits as ONNX."""
    ids = torch.arange(20).reshape(2, 10) % model.shape.vocabulary
    _write(_Logits(model), (ids,), ["ids"], "logits", model.shape.context, path)


def export_embedder(folder: Path, path: Path) -> None:
    """Write the static embedder in `folder` as ONNX."""
    table = load_file(str(folder / "0_StaticEmbedding" / "model.safetensors"))["embedding.weight"]
    _write(_MeanOfRows(table), (torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3)), ["ids", "mask"], "vectors", 4096, path)


class OnnxEmbedder:
    """The ONNX embedder with the tokenizer of `folder`, by onnxruntime on the processor."""

    def __init__(self, path: Path, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._session = _session(path)
        self._tokenizer = Tokenizer.from_file(str(folder / "0_StaticEmbedding" / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """`(n, dim)` float32."""
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]
        length = max(2, *(len(row) for row in rows))
        ids, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.float32)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = row, 1.0
        return np.asarray(self._session.run(["vectors"], {"ids": ids, "mask": mask})[0], np.float32)


def _session(path: Path):  # type: ignore[no-untyped-def]  # onnxruntime has no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def slm_logits(path: Path, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """What onnxruntime says: `(batch, length, vocabulary)` float32."""
    return np.asarray(_session(path).run(["logits"], {"ids": ids})[0], np.float32)


def slm_difference(model: Decoder, path: Path, batch: int = 2, length: int = 37) -> float:
    """The largest difference of a logit between onnxruntime and PyTorch over random tokens."""
    ids = torch.randint(0, model.shape.vocabulary, (batch, length), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model.logits(model(ids)).numpy()
    return float(np.abs(slm_logits(path, ids.numpy()) - expected).max())


def embedder_difference(folder: Path, path: Path, texts: list[str]) -> float:
    """The largest difference of a vector's number between onnxruntime and the box's embedder over texts."""
    return float(np.abs(OnnxEmbedder(path, folder).encode(texts) - load_embedder(folder).encode(texts)).max())


def export_both(model: Decoder, embedder: Path, out: Path) -> list[dict[str, object]]:
    """Write slm.onnx and embedder.onnx to `out`; for each the file, its bytes, the difference, what is tolerated and against what."""
    slm, vectors = out / "slm.onnx", out / "embedder.onnx"
    export_slm(model, slm)
    export_embedder(embedder, vectors)
    measured = (
        (slm, slm_difference(model, slm), SLM_TOLERANCE, "logits of PyTorch, float32"),
        (vectors, embedder_difference(embedder, vectors, list(TEXTS)), EMBEDDER_TOLERANCE, "vectors of `knowledge/embedder.py`"),
    )
    return [
        {"file": path.name, "bytes": path.stat().st_size, "difference": far, "tolerance": most, "against": against}
        for path, far, most, against in measured
    ]
