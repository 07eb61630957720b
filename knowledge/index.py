"""Index: passages and statements made searchable; built, saved, checked and loaded as one snapshot with a hash."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.embedder import Embedder, Vectors, file_sha256
from knowledge.errors import KnowledgeError
from knowledge.nearest import collection
from knowledge.passages import Passage, passages_of
from knowledge.policy import Policy
from knowledge.terms import terms

FORMAT = 8
_FILES = ("passages.faiss", "statements.npy", "lexical.npz")
MAPPED = 256_000_000
"""Bytes of statement vectors above which they stay on disk, and are read as they are needed."""
_BUILDING = ".building-"
LEFT_BEHIND = 24 * 3600
"""Seconds after which what a build was working on is taken for left behind by one that was killed."""

Progress = Callable[[int, int], None]


class Index:
    """Immutable once made; safe to search from several threads.

    `hash` names the snapshot: it covers every policy's text, the embedder and the format. `statement_vectors` is
    `(2, statements, dim)` float16, each statement under its headings and by itself, on disk where they are many; `dense` is a
    collection of `knowledge/nearest.py` with a vector a passage.
    """

    def __init__(self, policies: Sequence[Policy], embedder: Embedder, store: _Store, passages: list[Passage] | None = None) -> None:
        self.policies = tuple(policies)
        self.embedder = embedder
        self.hash = snapshot_hash(policies, embedder)
        self.passages = passages or [passage for policy in policies for passage in passages_of(policy)]
        self.first_statement = np.cumsum([0, *(len(passage.statements) for passage in self.passages)])
        if store.dense.ntotal != len(self.passages) or store.statement_vectors.shape[1] != self.statements:
            raise KnowledgeError("the index does not fit its policies; run `tellerbox knowledge build`")
        self.dense = store.dense
        self.statement_vectors = store.statement_vectors
        self.lexical = store.lexical

    @property
    def statements(self) -> int:
        """How many there are."""
        return int(self.first_statement[-1])

    def vectors_of(self, passage: int) -> Vectors:
        """`(2, statements, dim)` float32 of one passage."""
        first, last = self.first_statement[passage : passage + 2]
        return self.statement_vectors[:, first:last].astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Store:
    dense: Any
    statement_vectors: npt.NDArray[np.float16]
    lexical: Lexical


@dataclass(frozen=True, slots=True)
class Lexical:
    """BM25 over passages (bm25s), with the document frequency of each term.

    A term is prefixed by its passage's language, so that "fee" and "Fee" of two languages stay two words.
    """

    engine: Any
    idf: dict[str, float]

    def scores(self, query: Sequence[str]) -> npt.NDArray[np.float32]:
        """BM25 of every passage for the query's terms, `(passages,)` float32."""
        known = [term for term in query if term in self.idf]
        if not known:
            return np.zeros(int(self.engine.scores["num_docs"]), np.float32)
        return np.asarray(self.engine.get_scores(known), np.float32)


def passage_terms(passage: Passage) -> list[str]:
    """Terms of a passage with its headings, which count once more than the text, and its policy's keywords."""
    policy = passage.policy
    body = " ".join(statement.text for statement in passage.statements)
    whole = ". ".join((policy.title, passage.heading, body, *policy.keywords))
    return [f"{policy.language}:{term}" for term in terms(whole, policy.language)]


def statement_context(passage: Passage, place: int) -> str:
    """What is embedded for a statement: its policy's title and section first, for a sentence alone can be vague."""
    section = passage.heading.rsplit(" › ", 1)[-1]
    title = passage.policy.title
    head = title if section == title else f"{title}. {section}"
    return f"{head}. {passage.statements[place].text}"


def snapshot_hash(policies: Sequence[Policy], embedder: Embedder) -> str:
    """Hex sha256 over the policies, the embedder with its concepts, and the format of the index."""
    rows = sorted([*policy.key, policy.sha256, policy.source] for policy in policies)
    return hashlib.sha256(json.dumps([FORMAT, embedder.sha256, embedder.concepts_sha256, rows]).encode()).hexdigest()


def build(policies: Sequence[Policy], embedder: Embedder, progress: Progress | None = None, scratch: Path | None = None) -> Index:
    """Index the policies; `progress(done, total)` counts passages. Vectors of statements that are too many for memory go to a file in
    the folder `scratch`, if one is given, which must stay while the index is in use."""
    passages = [passage for policy in policies for passage in passages_of(policy)]
    if not passages:
        raise KnowledgeError("the policies hold no text to search")
    dense = np.zeros((len(passages), embedder.dim), np.float32)
    statement_vectors = _room(sum(len(passage.statements) for passage in passages), embedder.dim, scratch)
    numbers: dict[str, int] = {}
    corpus: list[npt.NDArray[np.int32]] = []
    filled = 0
    for begin in range(0, len(passages), 256):
        chunk = passages[begin : begin + 256]
        dense[begin : begin + len(chunk)] = embedder.encode([f"{passage.heading}. {passage.text}" for passage in chunk])
        contexts = [statement_context(passage, place) for passage in chunk for place in range(len(passage.statements))]
        alone = [statement.text for passage in chunk for statement in passage.statements]
        for side, texts in enumerate((contexts, alone)):
            statement_vectors[side, filled : filled + len(texts)] = embedder.encode(texts)
        filled += len(alone)
        corpus += [np.array([numbers.setdefault(term, len(numbers)) for term in passage_terms(passage)], np.int32) for passage in chunk]
        if progress:
            progress(min(begin + 256, len(passages)), len(passages))
    return Index(policies, embedder, _Store(collection(dense), statement_vectors, _lexical(corpus, numbers)), passages)


def _room(statements: int, dim: int, scratch: Path | None) -> npt.NDArray[np.float16]:
    shape = (2, statements, dim)
    if scratch is None or 4 * statements * dim <= MAPPED:
        return np.empty(shape, np.float16)
    room = np.lib.format.open_memmap(scratch / _FILES[1], "w+", np.float16, shape)
    with (scratch / _FILES[1]).open("r+b") as file:  # a disk that fills up later would kill the process as it writes to memory
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return room


def _lexical(corpus: list[npt.NDArray[np.int32]], numbers: dict[str, int]) -> Lexical:
    """BM25 over passages as the numbers of their terms."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG and speaks on the terminal
    engine = bm25s.BM25(method="lucene", k1=1.2, b=0.6)
    engine.index((corpus, dict(numbers)), show_progress=False)
    languages = [term.split(":", 1)[0] for term in numbers]
    seen = np.zeros(len(numbers), np.int64)
    by_language: dict[str, int] = {}
    for document in corpus:
        seen[np.unique(document)] += 1
        if len(document):
            language = languages[document[0]]
            by_language[language] = by_language.get(language, 0) + 1
    idf = {
        term: float(np.log(1 + (by_language.get(language, 1) - count + 0.5) / (count + 0.5)))
        for term, language, count in zip(numbers, languages, seen.tolist(), strict=True)
    }
    return Lexical(engine, idf)


def save(index: Index, folder: Path) -> Path:
    """Write the snapshot to `folder/<hash>` in one step (a crash leaves the old one whole) and drop older snapshots.

    Raises KnowledgeError when the folder cannot be written.
    """
    import faiss

    target = folder / index.hash
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=folder))
        try:
            faiss.write_index(index.dense, str(work / _FILES[0]))
            np.save(work / _FILES[1], index.statement_vectors)
            _save_lexical(index.lexical, work / _FILES[2])
            manifest = {
                "format": FORMAT,
                "hash": index.hash,
                "files": {name: file_sha256(work / name) for name in _FILES},
            }
            (work / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
            shutil.rmtree(target, ignore_errors=True)
            os.replace(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        for old in folder.iterdir():
            if old.is_dir() and old.name != index.hash and not _in_work(old):
                shutil.rmtree(old, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        raise _unwritable(folder, error) from None
    return target


def _in_work(folder: Path) -> bool:
    """Whether another build may be writing to this folder; it may also have just gone."""
    try:
        return folder.name.startswith(_BUILDING) and time.time() - folder.stat().st_mtime < LEFT_BEHIND
    except FileNotFoundError:
        return True


def _unwritable(folder: Path, error: Exception) -> KnowledgeError:
    return KnowledgeError(f"the index cannot be written to {folder} ({getattr(error, 'strerror', None) or type(error).__name__})")


def load(policies: Sequence[Policy], embedder: Embedder, folder: Path) -> Index | None:
    """The saved snapshot of just these policies, or None when there is none.

    Raises KnowledgeError when the snapshot is there but damaged: the box does not answer from a tampered index.
    """
    import faiss

    home = folder / snapshot_hash(policies, embedder)
    if not home.is_dir():
        return None
    try:
        manifest = json.loads((home / "manifest.json").read_text("utf-8"))
        broken = next((name for name in _FILES if file_sha256(home / name) != manifest["files"][name]), None)
        if broken is not None:
            raise KnowledgeError(f"the index is damaged ({home / broken}); run `tellerbox knowledge build`")
        dense = faiss.read_index(str(home / _FILES[0]))
        large = (home / _FILES[1]).stat().st_size > MAPPED
        vectors = np.load(home / _FILES[1], mmap_mode="r" if large else None, allow_pickle=False)
        lexical = _load_lexical(home / _FILES[2])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise KnowledgeError(
            f"the index is damaged ({home}: {type(error).__name__}); run `tellerbox knowledge build`"
        ) from None
    return Index(policies, embedder, _Store(dense, vectors, lexical))


def _save_lexical(lexical: Lexical, path: Path) -> None:
    engine = lexical.engine
    vocabulary = sorted(lexical.idf, key=lambda term: int(engine.vocab_dict[term]))
    np.savez_compressed(
        path,
        data=engine.scores["data"],
        indices=engine.scores["indices"],
        indptr=engine.scores["indptr"],
        num_docs=np.int64(engine.scores["num_docs"]),
        terms=np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
        ids=np.array([int(engine.vocab_dict[term]) for term in vocabulary], np.int64),
        idf=np.array([lexical.idf[term] for term in vocabulary], np.float64),
    )


def _load_lexical(path: Path) -> Lexical:
    import bm25s

    with np.load(path, allow_pickle=False) as saved:
        vocabulary = saved["terms"].tobytes().decode().split("\n")
        engine = bm25s.BM25(method="lucene", k1=1.2, b=0.6)
        engine.scores = {name: saved[name] for name in ("data", "indices", "indptr")}
        engine.scores["num_docs"] = int(saved["num_docs"])
        engine.nonoccurrence_array = None
        engine.vocab_dict = dict(zip(vocabulary, saved["ids"].tolist(), strict=True))
        idf = dict(zip(vocabulary, saved["idf"].tolist(), strict=True))
    return Lexical(engine, idf)


def open_index(
    policies: Sequence[Policy], embedder: Embedder, folder: Path | None, progress: Progress | None = None
) -> Index:
    """The saved index of these policies, or a new one, saved when `folder` is given."""
    if folder is None:
        return build(policies, embedder, progress)
    return load(policies, embedder, folder) or rebuild(policies, embedder, folder, progress)


def rebuild(policies: Sequence[Policy], embedder: Embedder, folder: Path, progress: Progress | None = None) -> Index:
    """A new index of these policies, saved in `folder`; a large one as it lies there. Raises KnowledgeError when that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=folder) as scratch:
            index = build(policies, embedder, progress, Path(scratch))
            save(index, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    if not isinstance(index.statement_vectors, np.memmap):
        return index
    del index
    if (saved := load(policies, embedder, folder)) is None:
        raise KnowledgeError(f"the index in {folder} is gone; run `tellerbox knowledge build`")
    return saved
