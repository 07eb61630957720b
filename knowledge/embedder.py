"""Embedder: text to vectors, so that a question in one language finds a policy in another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from knowledge.errors import KnowledgeError

Vectors = npt.NDArray[np.float32]
Pieces = npt.NDArray[np.int32]
"""`(n,)` numbers of the pieces that a text is cut into."""
CONCEPTS = "concepts.npy"
ALONE = 64
"""Texts up to which they are read one by one: the threads of a batch are woken, and wait for the cores that the model keeps busy."""


class Embedder(Protocol):
    """`name` and `sha256` say which model; `encode` gives `(n, dim)` float32 rows of length 1 (0 for empty text).

    `concepts` `(k, dim)` float32 of length 1 are what people ask a bank about (`knowledge/concepts.py`), `concepts_sha256` their
    file's; no rows and an empty text where it knows none.
    """

    name: str
    sha256: str
    dim: int
    concepts: Vectors
    concepts_sha256: str

    def encode(self, texts: Sequence[str]) -> Vectors: ...

    def weights(self, words: Sequence[str]) -> npt.NDArray[np.float32]: ...

    def pieces(self, texts: Sequence[str]) -> list[Pieces]: ...

    def piece_vectors(self, pieces: Pieces) -> Vectors: ...


def load_embedder(folder: Path) -> Embedder:
    """The embedder in `folder`, any model that sentence-transformers can load.

    A static model (a mean of token vectors) is read directly: it needs no torch, which would cost the box seconds at
    start and hundreds of megabytes; a test holds both readings equal.
    """
    if not (folder / "modules.json").is_file():
        raise KnowledgeError(f"no embedder in {folder} (modules.json is missing); run `tellerbox doctor`")
    static = _static_module(folder)
    try:
        return StaticEmbedder(folder, static) if static else TransformerEmbedder(folder)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise KnowledgeError(f"the embedder in {folder} cannot be loaded ({type(error).__name__})") from None


def _static_module(folder: Path) -> Path | None:
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
        kinds = {str(module["type"]).rsplit(".", 1)[-1]: folder / str(module["path"]) for module in modules}
    except (OSError, ValueError, KeyError, TypeError):
        raise KnowledgeError(f"the embedder in {folder} cannot be loaded (modules.json is not readable)") from None
    return kinds.get("StaticEmbedding") if set(kinds) <= {"StaticEmbedding", "Normalize"} else None


class StaticEmbedder:
    """Mean of token vectors, normalised, after the StaticEmbedding module of sentence-transformers."""

    def __init__(self, folder: Path, module: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.name = folder.name
        self.sha256 = file_sha256(module / "model.safetensors")
        self._tokenizer: Any = Tokenizer.from_file(str(module / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        tensors = load_file(module / "model.safetensors")
        self._table: Vectors = tensors["embedding.weight"].astype(np.float32)
        self.dim = int(self._table.shape[1])
        self.concepts, self.concepts_sha256 = stored_concepts(folder, self.dim)
        self._norms: Vectors = np.linalg.norm(self._table, axis=1).astype(np.float32)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """`(n, dim)` float32; a text without known tokens is a row of zeros."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, ids in enumerate(self._tokens(texts)):
            if ids:
                vectors[row] = self._table[ids].mean(axis=0)
        return unit(vectors)

    def weights(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """How much each word moves a sentence's vector: function words little, subject words much. `(n,)` float32."""
        out = np.zeros(len(words), np.float32)
        for row, ids in enumerate(self._tokens(words)):
            if ids:
                out[row] = float(np.linalg.norm(self._table[ids].sum(axis=0)))
        return out

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """The pieces of each text, in its order."""
        return [np.array(ids, np.int32) for ids in self._tokens(texts)]

    def piece_vectors(self, pieces: Pieces) -> Vectors:
        """`(n, dim)` float32 vectors of pieces, each as long as it moves a sentence's vector."""
        return self._table[pieces]

    def _tokens(self, texts: Sequence[str]) -> Iterator[list[int]]:
        if len(texts) <= ALONE:
            return (self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
        return (encoding.ids for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False))


class TransformerEmbedder:
    """Any other sentence-transformers model, through the library itself."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.name = folder.name
        self.sha256 = file_sha256(max(folder.rglob("*.safetensors"), key=lambda path: path.stat().st_size))
        self.dim = self.encode(["?"]).shape[1]
        self.concepts, self.concepts_sha256 = stored_concepts(folder, self.dim)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """`(n, dim)` float32 rows of length 1."""
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    def weights(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Every word counts the same: a transformer has no weight of a word by itself."""
        return np.ones(len(words), np.float32)

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """The pieces of each text as the model's own tokenizer cuts it."""
        if not texts:
            return []
        cut = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=True)
        return [np.array(ids, np.int32) for ids in cut["input_ids"]]

    def piece_vectors(self, pieces: Pieces) -> Vectors:
        """`(n, dim)` float32 of length 1, from the table the model begins with: what a piece means before its sentence is read."""
        table = self._model[0].auto_model.get_input_embeddings().weight
        return unit(table[pieces.tolist()].detach().float().numpy())


def stored_concepts(folder: Path, dim: int) -> tuple[Vectors, str]:
    """`(k, dim)` float32 of length 1, from the int8 rows beside an embedder, and the file's hex sha256; no rows where it has none.

    Raises ValueError for a file that is not of this embedder.
    """
    path = folder / CONCEPTS
    if not path.is_file():
        return np.zeros((0, dim), np.float32), ""
    stored = np.load(path, allow_pickle=False)
    if stored.dtype != np.int8 or stored.ndim != 2 or stored.shape[1] != dim:
        raise ValueError(f"{CONCEPTS} is not of an embedder of {dim} numbers")
    return unit(stored.astype(np.float32)), file_sha256(path)


def unit(vectors: Vectors) -> Vectors:
    """The vectors, along the last axis, at length 1; one of zeros stays so."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
