"""Llama: one GGUF open in llama.cpp, with a cache of keys and values for each of several sequences.

llama.cpp is not thread-safe: one thread decodes. Tokens and text only read the vocabulary and may be asked for from any.
Each sequence has cells of its own (`kv_unified` off): measured on two cores with eight people at 600 tokens of context,
attention over a shared pool of cells was slower by a third, and a saved state is put back in about a millisecond.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import TellerboxError
from app.slm.prompt import Message

KV_BITS = {"f16": 16.0, "q8_0": 8.5, "q4_0": 4.5}
"""Bits a number of the cache takes."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a model is run: `context` tokens for each of `sequences`, `batch` rows a decode, `threads` of the processor.

    A quantized cache (`kv` other than "f16") needs `flash_attention`. `repack` lets llama.cpp lay weights out anew for this
    processor, which takes memory and crashed with AMX on Q8_0 weights.
    """

    context: int = 2048
    sequences: int = 4
    batch: int = 256
    threads: int = 1
    flash_attention: bool = False
    kv: str = "f16"
    repack: bool = False


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What a model takes: its weights in bytes, and the numbers one token takes in the cache of keys and values."""

    weight_bytes: int
    cell_numbers: int


class Llama:
    """Opens a GGUF; `fit` may lower what is asked for to what there is room for. Raises
    TellerboxError when the file is not a model that can be loaded, or memory is short."""

    def __init__(self, path: Path, tuning: Tuning, fit: Callable[[Tuning, Dimensions], Tuning] | None = None) -> None:
        import llama_cpp.llama_cpp as native

        self.tuning = tuning
        self._native: Any = native
        _silence(native)
        native.llama_backend_init()
        self._model = self._load(path)
        self._vocab = native.llama_model_get_vocab(self._model)
        self.vocab_size = int(native.llama_vocab_n_tokens(self._vocab))
        self.forgets_in_part = not (native.llama_model_is_recurrent(self._model) or native.llama_model_is_hybrid(self._model))
        if fit is not None:
            self.tuning = tuning = fit(tuning, self._dimensions())
        self._context = native.llama_init_from_model(self._model, self._parameters())
        if not self._context:
            native.llama_model_free(self._model)
            raise TellerboxError(f"{path.name} needs more memory than there is; lower TELLERBOX_CONTEXT_TOKENS or TELLERBOX_PEOPLE")
        self._memory = native.llama_get_memory(self._context)
        self._open_batch(tuning.batch)
        self._scratch = np.empty(self.vocab_size, np.float32)
        self._format: Any = None

    def _load(self, path: Path) -> Any:
        native = self._native
        demand_gguf(path)
        params = native.llama_model_default_params()
        params.n_gpu_layers = 0
        params.load_mode = native.LLAMA_LOAD_MODE_MMAP
        params.use_extra_bufts = self.tuning.repack
        model = native.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise TellerboxError(f"{path.name} cannot be loaded: it is damaged or made for another llama.cpp")
        return model

    def _dimensions(self) -> Dimensions:
        native, model = self._native, self._model
        width = native.llama_model_n_embd(model) // native.llama_model_n_head(model)
        numbers = 2 * native.llama_model_n_layer(model) * native.llama_model_n_head_kv(model) * width
        return Dimensions(int(native.llama_model_size(model)), int(numbers))

    def _parameters(self) -> Any:
        native, tuning = self._native, self.tuning
        params = native.llama_context_default_params()
        params.n_ctx = tuning.context * tuning.sequences
        params.n_batch = params.n_ubatch = tuning.batch
        params.n_seq_max = tuning.sequences
        params.kv_unified = False
        params.n_threads = params.n_threads_batch = tuning.threads
        params.flash_attn_type = int(tuning.flash_attention)
        params.type_k = params.type_v = getattr(native, f"GGML_TYPE_{tuning.kv.upper()}")
        return params

    def _open_batch(self, size: int) -> None:
        self._batch = self._native.llama_batch_init(size, 0, 1)

        def view(pointer: Any, kind: Any) -> Any:
            return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(kind)), (size,))

        self._tokens, self._positions = view(self._batch.token, ctypes.c_int32), view(self._batch.pos, ctypes.c_int32)
        self._wanted = view(self._batch.logits, ctypes.c_int8)
        view(self._batch.n_seq_id, ctypes.c_int32)[:] = 1

    # -- tokens and text -----------------------------------------------------------------------------------------------

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        """Token ids of a text; `special` reads control tokens written in it."""
        raw = text.encode()
        room = len(raw) + 16
        array = (self._native.llama_token * room)()
        count = self._native.llama_tokenize(self._vocab, raw, len(raw), array, room, False, special)
        return list(array[: max(0, count)])

    def piece(self, token: int) -> bytes:
        """The bytes of a token; nothing for a token that there is not."""
        size = 64
        while 0 <= token < self.vocab_size:
            buffer = ctypes.create_string_buffer(size)
            count = self._native.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
            if count >= 0:
                return buffer.raw[:count]
            size = -count
        return b""

    def ends(self, token: int) -> bool:
        """Whether a token ends an answer."""
        return bool(self._native.llama_vocab_is_eog(self._vocab, token))

    def describe(self) -> str:
        """Architecture, size and quantization, as llama.cpp names them."""
        described = ctypes.create_string_buffer(128)
        self._native.llama_model_desc(self._model, described, len(described))
        return described.value.decode("utf-8", "replace")

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, through the model's own chat template. Raises TellerboxError when it has none, or it fails."""
        chat = [{"role": message.role, "content": message.content} for message in messages]
        try:
            if self._format is None:
                self._format = self._chat_formatter()
            return str(self._format(messages=chat).prompt)
        except TellerboxError:
            raise
        except Exception as error:
            # A template is code that came with a model: it may raise whatever it likes.
            raise TellerboxError(f"the model's chat template failed ({type(error).__name__})") from None

    def _chat_formatter(self) -> Any:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        native = self._native
        template = native.llama_model_chat_template(self._model, None)
        if not template:
            raise TellerboxError("the model has no chat template")
        begin, end = (self.piece(read(self._vocab)) for read in (native.llama_vocab_bos, native.llama_vocab_eos))
        return Jinja2ChatFormatter(
            template=template.decode(),
            bos_token=begin.decode("utf-8", "replace"),
            eos_token=end.decode("utf-8", "replace"),
            add_generation_prompt=True,
        )

    # -- decoding ------------------------------------------------------------------------------------------------------

    def put(self, row: int, tokens: Sequence[int], position: int, sequence: int, wanted_from: int) -> None:
        """Fill rows of the next batch with `tokens` of a sequence from `position` on; after those at or past the position
        `wanted_from`, log-probabilities can be read."""
        rows = slice(row, row + len(tokens))
        places = np.arange(position, position + len(tokens), dtype=np.int32)
        self._tokens[rows], self._positions[rows], self._wanted[rows] = tokens, places, places >= wanted_from
        for each in range(row, row + len(tokens)):
            self._batch.seq_id[each][0] = sequence

    def decode(self, rows: int) -> bool:
        """Run the first `rows` rows of the batch; False when llama.cpp could not."""
        self._batch.n_tokens = rows
        return int(self._native.llama_decode(self._context, self._batch)) == 0

    def choice(self, row: int, given: int | None = None) -> tuple[int, float, float]:
        """The likeliest token after a row, its log-probability, and that of the token `given` (of the choice without)."""
        pointer = self._native.llama_get_logits_ith(self._context, row)
        logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(pointer, (self.vocab_size,))
        token = int(logits.argmax())
        top = logits[token]
        np.exp(np.subtract(logits, top, out=self._scratch), out=self._scratch)
        normaliser = float(np.log(self._scratch.sum(dtype=np.float64)))
        other = top if given is None else logits[given]
        return token, -normaliser, float(other - top) - normaliser

    def scores(self, row: int) -> npt.NDArray[np.float32]:
        """The logits after a row, `(vocab_size,)` float32, a copy."""
        pointer = self._native.llama_get_logits_ith(self._context, row)
        return np.array(np.ctypeslib.as_array(pointer, (self.vocab_size,)), np.float32)

    # -- sequences -----------------------------------------------------------------------------------------------------

    def forget(self, sequence: int, from_position: int = 0) -> bool:
        """Drop the cells of a sequence from a position on. False for a model that can only forget all (recurrent ones), and
        then it has forgotten nothing."""
        return bool(self._native.llama_memory_seq_rm(self._memory, sequence, from_position, -1))

    def save(self, sequence: int) -> bytes:
        """The cells of a sequence, to be put back later; empty when it could not be saved."""
        native = self._native
        size = int(native.llama_state_seq_get_size(self._context, sequence))
        buffer = (ctypes.c_uint8 * size)()
        written = int(native.llama_state_seq_get_data(self._context, buffer, size, sequence))
        return bytes(buffer) if written == size else b""

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put saved cells into an empty sequence; False when llama.cpp refuses, and then the sequence is empty."""
        native = self._native
        array = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if int(native.llama_state_seq_set_data(self._context, array, len(state), sequence)) == 0:
            self.forget(sequence)
            return False
        return True

    def close(self) -> None:
        """Free the context and the model."""
        if self._context is None:
            return
        self._native.llama_batch_free(self._batch)
        self._native.llama_free(self._context)
        self._native.llama_model_free(self._model)
        self._context = None


def demand_gguf(path: Path) -> None:
    """Raises TellerboxError when there is no such file, or it is not a GGUF."""
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError:
        raise TellerboxError(f"model file not found: {path}") from None
    if begin != b"GGUF":
        raise TellerboxError(f"{path} is not a GGUF file")


_quiet: Any = None


def _silence(native: Any) -> None:
    """llama.cpp writes to stderr by itself; what it has to say is in our errors."""
    global _quiet
    if _quiet is None:
        _quiet = native.llama_log_callback(lambda level, text, data: None)
        native.llama_log_set(_quiet, ctypes.c_void_p(0))
