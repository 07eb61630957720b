"""Shapes: model files of the dimensions of public models, with random weights, to measure speed with.

How fast a model runs does not depend on what its weights are, so these stand in for models that cannot be fetched here.
They say nothing that makes sense. The vocabulary is the shipped model's, filled up to the size of the public one.

    python -m factory.slm.shapes qwen2.5-0.5b Q4_0 OUT.gguf
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np
import numpy.typing as npt

from factory.slm.export_gguf import FILE
from factory.slm.quantize import quantize

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "slm" / FILE
CHAT_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Of a decoder of the Qwen2 architecture with tied embeddings; `kv_heads` of `heads` are shared."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    hidden: int
    vocabulary: int = 151_936
    context: int = 32_768

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


DIMENSIONS = {
    "qwen2.5-0.5b": Dimensions(24, 896, 14, 2, 4_864),
    "qwen2.5-1.5b": Dimensions(28, 1_536, 12, 2, 8_960),
    "tiny": Dimensions(2, 256, 4, 2, 512, 20_000),
}
"""As the public models' cards and `config.json` give them; "tiny" is for tests."""


def write_random(dimensions: Dimensions, path: Path, seed: int = 0) -> None:
    """Write an F16 GGUF of these dimensions; the same seed gives the same file."""
    writer = gguf.GGUFWriter(str(path), "qwen2")
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(2)
    writer.add_context_length(dimensions.context)
    writer.add_embedding_length(dimensions.width)
    writer.add_block_count(dimensions.layers)
    writer.add_feed_forward_length(dimensions.hidden)
    writer.add_head_count(dimensions.heads)
    writer.add_head_count_kv(dimensions.kv_heads)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    _write_vocabulary(writer, dimensions.vocabulary)
    generator = np.random.default_rng(seed)
    for name, shape in _tensors(dimensions):
        writer.add_tensor(name, _weight(generator, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weight(generator: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32] | npt.NDArray[np.float16]:
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    values = generator.standard_normal(shape, np.float32)
    return np.asarray(values / np.sqrt(shape[-1]), np.float16)


def _tensors(d: Dimensions) -> Iterator[tuple[str, tuple[int, ...]]]:
    keys = d.kv_heads * d.head_dim
    yield "token_embd.weight", (d.vocabulary, d.width)
    yield "output_norm.weight", (d.width,)
    for layer in range(d.layers):
        at = f"blk.{layer}."
        yield at + "attn_norm.weight", (d.width,)
        yield at + "ffn_norm.weight", (d.width,)
        for name, rows in (("q", d.width), ("k", keys), ("v", keys)):
            yield f"{at}attn_{name}.weight", (rows, d.width)
            yield f"{at}attn_{name}.bias", (rows,)
        yield at + "attn_output.weight", (d.width, d.width)
        yield at + "ffn_gate.weight", (d.hidden, d.width)
        yield at + "ffn_up.weight", (d.hidden, d.width)
        yield at + "ffn_down.weight", (d.width, d.hidden)


def _write_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    fields = gguf.GGUFReader(str(SHIPPED)).fields
    texts = list(fields["tokenizer.ggml.tokens"].contents())
    kinds = list(fields["tokenizer.ggml.token_type"].contents())
    controls = [text for text in ("<|im_start|>", "<|im_end|>") if text not in texts]
    filled = size - len(texts) - len(controls)
    if filled < 0:
        raise ValueError(f"the vocabulary must hold at least {len(texts) + len(controls)} tokens")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*texts, *controls, *(f"[FILL{number}]" for number in range(filled))])
    kinds += [gguf.TokenType.CONTROL] * len(controls) + [gguf.TokenType.UNUSED] * filled
    writer.add_token_types(kinds)
    writer.add_token_merges(list(fields["tokenizer.ggml.merges"].contents()))
    writer.add_eos_token_id([*texts, *controls].index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def make(name: str, kind: str, out: Path) -> Path:
    """The shape `name` quantized as `kind` ("Q4_0", "Q4_K_M", "F16") at `out`, made when it is not there yet."""
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent) as work:
            whole, small = Path(work) / "f16.gguf", Path(work) / "small.gguf"
            write_random(DIMENSIONS[name], whole)
            if kind != "F16":
                quantize(whole, small, kind)
            (whole if kind == "F16" else small).replace(out)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("shape", choices=sorted(DIMENSIONS))
    parser.add_argument("kind", help="Q4_0, Q4_K_M, Q8_0, F16")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    print(make(options.shape, options.kind, options.out))


if __name__ == "__main__":
    main()
