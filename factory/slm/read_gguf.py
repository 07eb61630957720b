"""Reading: a GGUF of ours back into the training framework, so that a file without its checkpoint can be made smaller.

The reverse of `export_gguf.py`: rows of q and k are put back into halves, and the tokenizer is rebuilt from the vocabulary and the
merges. Quantized tensors are read with the `gguf` package's own dequantizer.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from factory.slm.export_gguf import TENSORS
from factory.slm.loop import load_model
from factory.slm.model import Decoder, Shape
from factory.slm.tokenizer import SPECIAL, load_tokenizer, tokenizer_of


class ModelError(ValueError):
    """The file is not a model that this factory wrote."""


def _halves(weight: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _shape(reader: gguf.GGUFReader) -> Shape:
    def value(name: str) -> float:
        field = reader.get_field(f"llama.{name}")
        if field is None:
            raise ModelError(f"the file does not say llama.{name}")
        return float(field.contents())

    heads = int(value("attention.head_count"))
    if int(value("attention.head_count_kv")) != heads:
        raise ModelError("heads that share keys and values are not supported")
    return Shape(
        vocabulary=int(value("vocab_size")), width=int(value("embedding_length")), layers=int(value("block_count")), heads=heads,
        head_dim=int(value("attention.key_length")), hidden=int(value("feed_forward_length")), context=int(value("context_length")),
        rope_base=value("rope.freq_base"), epsilon=float(f"{value('attention.layer_norm_rms_epsilon'):.6g}"),
    )


def _read_tokenizer(reader: gguf.GGUFReader) -> Tokenizer:
    fields = reader.fields
    texts = list(fields["tokenizer.ggml.tokens"].contents())
    kinds = list(fields["tokenizer.ggml.token_type"].contents())
    if tuple(texts[: len(SPECIAL)]) != SPECIAL:
        raise ModelError("the file has another set of control tokens")
    vocabulary = {text: number for number, text in enumerate(texts) if kinds[number] != gguf.TokenType.UNUSED}
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    return tokenizer_of(vocabulary, merges)


def read_gguf(path: Path) -> tuple[Decoder, Tokenizer]:
    """The model in float32 and its tokenizer. Raises ModelError for a file of another architecture or vocabulary."""
    reader = gguf.GGUFReader(str(path))
    architecture = reader.get_field("general.architecture")
    if architecture is None or architecture.contents() != "llama":
        raise ModelError(f"{path.name} is not of the Llama architecture")
    shape = _shape(reader)
    found = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    model = Decoder(shape)
    state = {}
    for name in model.state_dict():
        parts = name.split(".")
        if parts[0] == "layers":
            value = found[f"blk.{parts[1]}.{TENSORS[parts[2]]}.weight"]
            if parts[2] in ("q", "k"):
                value = _halves(value, shape.heads)
        else:
            value = found[{"embedding": "token_embd.weight", "norm": "output_norm.weight"}[parts[0]]]
        state[name] = torch.from_numpy(np.array(value, np.float32))
    model.load_state_dict(state)
    return model.eval(), _read_tokenizer(reader)


def read_model(path: Path) -> tuple[Decoder, Tokenizer]:
    """A GGUF, or a checkpoint of training with its tokenizer.json beside it."""
    if path.suffix == ".gguf":
        return read_gguf(path)
    return load_model(path), load_tokenizer(path.parent / "tokenizer.json")
