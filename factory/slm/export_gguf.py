"""Export: a checkpoint to GGUF in F16, which ships.

llama.cpp turns neighbouring dimensions together, the training halves: rows of q and k are permuted. Norms stay F32; the
output projection is the embedding.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from factory.slm.loop import load_model
from factory.slm.model import Decoder, Shape
from factory.slm.tokenizer import CONTROL, EOS, PAD, SPECIAL, load_tokenizer

CHAT_TEMPLATE = (
    "{%- set ns = namespace(text='') -%}{%- for message in messages -%}{%- if message['role'] == 'user' -%}"
    "{%- set ns.text = message['content'] -%}{%- endif -%}{%- endfor -%}{{- '<q>' + ns.text | trim + '<a>' -}}"
)
TENSORS = {
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "norm_1": "attn_norm", "norm_2": "ffn_norm",
    "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}
"""Parts of a layer by their names in `model.py`, and in a GGUF."""
FILE = "tellerbox-slm-7m-f16.gguf"
"""F16 ships: llama.cpp's AMX kernels crash on Q8_0 weights on the machine where this was made (llama-cpp-python 0.3.36)."""


def _permuted(weight: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(model: Decoder, tokenizer: Tokenizer, path: Path) -> None:
    """Write `path` in F16."""
    shape = model.shape
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tellerbox-slm")
    writer.add_license("Apache-2.0")
    writer.add_file_type(1)
    writer.add_quantization_version(2)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    _write_vocabulary(writer, tokenizer, shape.vocabulary)
    for name, tensor in model.state_dict().items():
        value: npt.NDArray[np.float32] = tensor.float().numpy()
        parts = name.split(".")
        if parts[0] == "layers":
            if parts[2] in ("q", "k"):
                value = _permuted(value, shape.heads)
            name = f"blk.{parts[1]}.{TENSORS[parts[2]]}.weight"
        else:
            name = {"embedding": "token_embd.weight", "norm": "output_norm.weight"}[parts[0]]
        writer.add_tensor(name, np.ascontiguousarray(value if value.ndim == 1 else value.astype(np.float16)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer, size: int) -> None:
    learnt = json.loads(tokenizer.to_str())["model"]
    by_id = {number: text for text, number in learnt["vocab"].items()}
    texts, kinds = [], []
    for number in range(size):
        if number < len(SPECIAL):
            texts.append(SPECIAL[number])
            kinds.append(gguf.TokenType.CONTROL if number < len(CONTROL) else gguf.TokenType.USER_DEFINED)
        elif number in by_id:
            texts.append(by_id[number])
            kinds.append(gguf.TokenType.NORMAL)
        else:
            texts.append(f"[PAD{number}]")
            kinds.append(gguf.TokenType.UNUSED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen35")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in learnt["merges"]])
    writer.add_eos_token_id(EOS)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def file_name(shape: Shape, parameters: int) -> str:
    """The file of a model of this shape; the shape of the `cpu` preset gives the name that ships."""
    return FILE if shape == Shape() else f"tellerbox-slm-{parameters / 1e6:.3g}m-f16.gguf"


def exported(folder: Path, out: Path) -> Path:
    """Where the checkpoint in `folder` is exported to."""
    model = load_model(folder / "checkpoint.pt")
    return out / file_name(model.shape, sum(p.numel() for p in model.parameters()))


def export(folder: Path, out: Path) -> Path:
    """The checkpoint in `folder` as F16 in `out`, replaced in one step."""
    model, tokenizer = load_model(folder / "checkpoint.pt"), load_tokenizer(folder / "tokenizer.json")
    out.mkdir(parents=True, exist_ok=True)
    partial, target = folder / "partial.gguf", exported(folder, out)
    write_gguf(model, tokenizer, partial)
    partial.replace(target)
    return target
