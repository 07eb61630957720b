"""Quantization: fewer bits a weight, through llama.cpp's own quantizer, with an importance matrix of our own activations.

The matrix is what llama.cpp's `imatrix` tool gathers: for each matrix, the mean square of each of its input columns over texts
like those it will read. The quantizer takes it directly, so no file and no second program is needed.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import gguf
import llama_cpp.llama_cpp as native
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from factory.slm.data import Example
from factory.slm.export_gguf import TENSORS
from factory.slm.model import Decoder

Importance = dict[str, npt.NDArray[np.float32]]
"""Mean squares of the input columns, `(columns,)` float32, by the tensor's name in the GGUF."""

_QUIET = native.llama_log_callback(lambda level, text, data: None)
"""The quantizer writes a line a tensor to stderr; what went wrong is in the code that it returns."""
KINDS = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")


def importance_matrix(model: Decoder, examples: Sequence[Example]) -> Importance:
    """What the inputs of every matrix are like over `examples`; the embedding's is that of the output it is tied to."""
    sums: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()

    def gather(name: str, x: Tensor) -> None:
        rows = x.detach().reshape(-1, x.shape[-1]).double()
        sums[name] = sums.get(name, torch.zeros(rows.shape[1], dtype=torch.float64)) + rows.square().sum(0)
        counts[name] += len(rows)

    hooks = []
    for number, layer in enumerate(model.layers):
        for part, module in layer.named_children():
            if isinstance(module, nn.Linear):
                name = f"blk.{number}.{TENSORS[part]}.weight"
                hooks.append(module.register_forward_hook(lambda _, inputs, __, name=name: gather(name, inputs[0])))
    try:
        with torch.no_grad():
            for example in examples:
                states = model(torch.tensor([example.prompt + example.target]))
                gather("token_embd.weight", states[:, len(example.prompt) - 1 :])
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (total / counts[name]).float().numpy() for name, total in sums.items()}


def quantize(source: Path, target: Path, kind: str, importance: Importance | None = None, threads: int = 2) -> None:
    """Write `target` as `kind`, such as "Q4_K_M". Raises RuntimeError when llama.cpp refuses, ValueError for an unknown kind."""
    ftype = getattr(native, f"LLAMA_FTYPE_MOSTLY_{kind}", None)
    if ftype is None:
        raise ValueError(f"llama.cpp knows no quantization {kind}")
    options = native.llama_model_quantize_default_params()
    options.ftype, options.nthread = ftype, threads
    # llama.cpp reads the matrix through these pointers until it returns.
    rows = [(name.encode(), np.ascontiguousarray(values, np.float32)) for name, values in (importance or {}).items()]
    if rows:
        matrix = (native.llama_model_imatrix_data * (len(rows) + 1))()
        for entry, (name, values) in zip(matrix, rows, strict=False):
            entry.name, entry.size = name, values.size
            entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        options.imatrix = ctypes.cast(matrix, ctypes.POINTER(native.llama_model_imatrix_data))
    native.llama_log_set(_QUIET, ctypes.c_void_p(0))
    code = native.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(options))
    if code:
        raise RuntimeError(f"llama_model_quantize failed with {code}")


def tensor_types(path: Path) -> dict[str, str]:
    """The type of each matrix in a GGUF, by its name."""
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(str(path)).tensors if len(tensor.shape) > 1}


def fallen_back(path: Path, kind: str) -> list[str]:
    """The matrices that a K-quantized file holds in a type without K because their rows are no multiple of 256."""
    if "_K" not in kind:
        return []
    return sorted(name for name, held in tensor_types(path).items() if not held.endswith("_K"))
