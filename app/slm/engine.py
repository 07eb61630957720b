"""Engine: one llama.cpp context, many people at once, owned by one thread.

A scheduler admits requests to slots, feeds their prompts in chunks beside the running decodes, decodes all active
sequences in one batch, and streams to each. llama.cpp is not thread-safe: nothing but the owner thread touches it.
"""

from __future__ import annotations

import collections
import ctypes
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import TellerboxError
from app.slm.generation import Choice, Generation, Limits, Scoring
from app.slm.prompt import Message


class Busy(TellerboxError):
    """The queue is full; ask again later."""


@dataclass(slots=True)
class _Slot:
    sequence: int
    generation: Generation | None = None
    position: int = 0
    pending: list[int] | None = None
    rows: list[int] = field(default_factory=list)


class Engine:
    """Loads a GGUF and answers up to `slots` people at once; up to `waiting` more wait their turn.

    Raises TellerboxError when the file is not a model that can be loaded.
    """

    def __init__(
        self, path: Path, *, context: int = 2048, slots: int = 4, waiting: int = 16, threads: int = 0, batch: int = 256
    ) -> None:
        import llama_cpp.llama_cpp as llama

        self._llama: Any = llama
        self._slots = [_Slot(number) for number in range(slots)]
        self._context_size = context
        self._batch_size = batch
        self._inbox: queue.SimpleQueue[Generation | None] = queue.SimpleQueue()
        self._queued: collections.deque[Generation] = collections.deque()
        self._room = threading.BoundedSemaphore(slots + waiting)
        self._closed = False
        _silence(llama)
        llama.llama_backend_init()
        self._open(path, threads or _threads())
        self._format = self._chat_formatter()
        self._thread = threading.Thread(target=self._run, name="slm", daemon=True)
        self._thread.start()

    # -- opening -----------------------------------------------------------------------------------------------------

    def _open(self, path: Path, threads: int) -> None:
        llama = self._llama
        if not path.is_file():
            raise TellerboxError(f"model file not found: {path}")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise TellerboxError(f"{path} is not a GGUF file")
        params = llama.llama_model_default_params()
        params.n_gpu_layers = 0
        # With the repacked buffers of some processors (seen with AMX) llama_decode crashed on Q8_0 weights, and a crash
        # takes the whole box down: a little speed is given for it.
        params.use_extra_bufts = False
        self._model = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise TellerboxError(f"{path.name} cannot be loaded: it is damaged or made for another llama.cpp")
        self._vocab = llama.llama_model_get_vocab(self._model)
        self._vocab_size = int(llama.llama_vocab_n_tokens(self._vocab))
        described = ctypes.create_string_buffer(128)
        llama.llama_model_desc(self._model, described, len(described))
        self._description = described.value.decode("utf-8", "replace")
        context = llama.llama_context_default_params()
        context.n_ctx = self._context_size * len(self._slots)
        context.n_batch = context.n_ubatch = self._batch_size
        context.n_seq_max = len(self._slots)
        context.kv_unified = True
        context.n_threads = context.n_threads_batch = threads
        self._context = llama.llama_init_from_model(self._model, context)
        if not self._context:
            llama.llama_model_free(self._model)
            raise TellerboxError(f"{path.name} needs more memory than there is; lower TELLERBOX_CONTEXT_TOKENS")
        self._memory = llama.llama_get_memory(self._context)
        self._batch = llama.llama_batch_init(self._batch_size, 0, 1)

    def _chat_formatter(self) -> Any:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        llama = self._llama
        template = llama.llama_model_chat_template(self._model, None)
        if not template:
            raise TellerboxError("the model has no chat template")
        return Jinja2ChatFormatter(
            template=template.decode(),
            bos_token=self._piece(llama.llama_vocab_bos(self._vocab), special=True).decode("utf-8", "replace"),
            eos_token=self._piece(llama.llama_vocab_eos(self._vocab), special=True).decode("utf-8", "replace"),
            add_generation_prompt=True,
        )

    # -- what callers use ----------------------------------------------------------------------------------------------

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        """Token ids of a text; `special` reads control tokens written in it."""
        raw = text.encode()
        room = len(raw) + 16
        array = (self._llama.llama_token * room)()
        count = self._llama.llama_tokenize(self._vocab, raw, len(raw), array, room, False, special)
        return list(array[: max(0, count)])

    @property
    def context_size(self) -> int:
        """The most tokens of a prompt and its answer together."""
        return self._context_size

    def describe(self) -> str:
        """Architecture, size and quantization, as llama.cpp names them."""
        return self._description

    def piece(self, token: int) -> str:
        """A token as text; bytes that are no text by themselves as U+FFFD, a token that there is not as nothing."""
        known = 0 <= token < self._vocab_size
        return self._piece(token, special=True).decode("utf-8", "replace") if known else ""

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, through the model's own chat template."""
        chat = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._format(messages=chat).prompt)

    def generate(self, messages: Sequence[Message], limits: Limits | None = None) -> Generation:
        """Start an answer (greedy). Raises Busy when too many wait, TellerboxError when the prompt does not fit."""
        limits = limits or Limits()
        text = self.render(messages)
        prompt = self.tokenize(text)
        if len(prompt) + limits.tokens > self._context_size:
            raise TellerboxError("the question and its evidence do not fit the model's context")
        generation = Generation(prompt, limits, text)
        self._enqueue(generation)
        return generation

    def score(self, prompt: Sequence[int], tokens: Sequence[int], end: int | None = None, seconds: float = 120.0) -> list[Choice]:
        """Teacher forcing: the model's choice before each of `tokens` and after the last, `len(tokens) + 1` of them.

        The tokens are fed whatever the model would say, so that one difference does not make the rest differ; `end` is
        the token that ended the answer, if one did. Raises Busy when too many wait, TellerboxError when the tokens are
        not the model's, do not fit its context, or it takes longer than `seconds`.
        """
        every = (*prompt, *tokens, *(() if end is None else (end,)))
        if not prompt or not all(0 <= token < self._vocab_size for token in every):
            raise TellerboxError("the tokens are not of this model")
        if len(prompt) + len(tokens) > self._context_size:
            raise TellerboxError("the prompt and its tokens do not fit the model's context; raise TELLERBOX_CONTEXT_TOKENS")
        scoring = Scoring(list(prompt), list(tokens), end, Limits(0, seconds))
        self._enqueue(scoring)
        for _ in scoring:
            pass
        if scoring.finish != "scored":
            raise TellerboxError(f"the model could not score the tokens ({scoring.finish})")
        return scoring.choices

    def _enqueue(self, generation: Generation) -> None:
        if self._closed:
            raise TellerboxError("the model is closed")
        if not self._room.acquire(blocking=False):
            raise Busy("too many people are asking at once")
        self._inbox.put(generation)

    def close(self) -> None:
        """End every answer and free the model."""
        if self._closed:
            return
        self._closed = True
        self._inbox.put(None)
        self._thread.join(timeout=30)

    # -- the owner thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closed:
                self._take_in(block=not self._active() and not self._queued)
                self._sweep()
                self._admit()
                if self._active():
                    self._step()
        finally:
            self._closed = True
            self._end_all()
            self._llama.llama_batch_free(self._batch)
            self._llama.llama_free(self._context)
            self._llama.llama_model_free(self._model)

    def _active(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.generation is not None]

    def _take_in(self, block: bool) -> None:
        while True:
            try:
                generation = self._inbox.get(block=block)
            except queue.Empty:
                return
            block = False
            if generation is not None:
                self._queued.append(generation)

    def _sweep(self) -> None:
        for slot in self._active():
            generation = slot.generation
            assert generation is not None
            if generation.cancelled or generation.late:
                self._finish(slot, "cancelled" if generation.cancelled else "timeout")
        for generation in [waiting for waiting in self._queued if waiting.cancelled or waiting.late]:
            self._queued.remove(generation)
            self._end(generation, "cancelled" if generation.cancelled else "timeout")

    def _admit(self) -> None:
        for slot in self._slots:
            if slot.generation is None and self._queued:
                slot.generation = self._queued.popleft()
                slot.position = 0
                slot.pending = list(slot.generation.prompt)

    def _step(self) -> None:
        rows = 0
        active = self._active()
        # Tokens of running answers go first, so that nobody stalls behind a long prompt.
        active.sort(key=lambda slot: len(slot.pending or ()))
        for slot in active:
            pending = slot.pending or []
            take = min(len(pending), self._batch_size - rows)
            last = slot.position + len(pending) - 1
            wanted = slot.generation.first if isinstance(slot.generation, Scoring) else last
            slot.rows = []
            for place in range(take):
                self._put(rows + place, pending[place], slot.position + place, slot.sequence)
                if slot.position + place >= wanted:
                    slot.rows.append(rows + place)
                    self._batch.logits[rows + place] = 1
            rows += take
            slot.position += take
            slot.pending = pending[take:]
        self._batch.n_tokens = rows
        if self._llama.llama_decode(self._context, self._batch) != 0:
            for slot in active:
                self._finish(slot, "failed")
            return
        for slot in active:
            if isinstance(slot.generation, Scoring):
                self._compare(slot, slot.generation)
            elif slot.rows:
                self._choose(slot)

    def _put(self, row: int, token: int, position: int, sequence: int) -> None:
        batch = self._batch
        batch.token[row] = token
        batch.pos[row] = position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = sequence
        batch.logits[row] = 0

    def _choose(self, slot: _Slot) -> None:
        generation = slot.generation
        assert generation is not None
        logprobs = self._logprobs(slot.rows[-1])
        token = int(np.argmax(logprobs))
        logprob = float(logprobs[token])
        if self._llama.llama_vocab_is_eog(self._vocab, token):
            generation.stop = (token, logprob)
            self._finish(slot, "stop")
            return
        generation.emit(token, logprob, self._piece(token, special=True))
        slot.pending = [token]
        if len(generation.tokens) >= generation.limits.tokens:
            self._finish(slot, "length")

    def _compare(self, slot: _Slot, scoring: Scoring) -> None:
        for row in slot.rows:
            logprobs = self._logprobs(row)
            token = int(np.argmax(logprobs))
            place = len(scoring.choices)
            given = float(logprobs[scoring.given[place]]) if place < len(scoring.given) else None
            ends = bool(self._llama.llama_vocab_is_eog(self._vocab, token))
            scoring.choices.append(Choice(token, ends, float(logprobs[token]), given))
        if not slot.pending:
            self._finish(slot, "scored")

    def _logprobs(self, row: int) -> npt.NDArray[np.float32]:
        """Log-probability of every token after a row of the batch, `(vocabulary,)` float32."""
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(pointer, (self._vocab_size,))
        shifted = logits - logits.max()
        return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float32)

    def _finish(self, slot: _Slot, why: str) -> None:
        generation, slot.generation, slot.pending = slot.generation, None, None
        self._llama.llama_memory_seq_rm(self._memory, slot.sequence, -1, -1)
        if generation is not None:
            self._end(generation, why)

    def _end(self, generation: Generation, why: str) -> None:
        self._room.release()
        generation.end(why)

    def _end_all(self) -> None:
        self._take_in(block=False)
        for slot in self._active():
            self._finish(slot, "failed")
        while self._queued:
            self._end(self._queued.popleft(), "failed")

    def _piece(self, token: int, special: bool = False) -> bytes:
        size = 64
        while token >= 0:
            buffer = ctypes.create_string_buffer(size)
            count = self._llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count
        return b""


def _threads() -> int:
    # More threads than cores that are really ours make llama.cpp many times slower (spinning barriers).
    try:
        have = len(os.sched_getaffinity(0))
    except AttributeError:
        have = os.cpu_count() or 1
    return max(1, min(4, have))


_quiet: Any = None


def _silence(llama: Any) -> None:
    """llama.cpp writes to stderr by itself; what it has to say is in our errors."""
    global _quiet
    if _quiet is None:
        _quiet = llama.llama_log_callback(lambda level, text, data: None)
        llama.llama_log_set(_quiet, ctypes.c_void_p(0))
