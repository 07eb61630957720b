"""Nearest vectors: exact in a small collection, near enough in a large one, and never one that is not allowed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from knowledge import index as index_module
from knowledge import nearest as nearest_module
from knowledge.embedder import Vectors, load_embedder
from knowledge.errors import KnowledgeError
from knowledge.index import open_index
from knowledge.nearest import Allowed, collection, nearest
from knowledge.policy import load_policies
from knowledge.search import Scope, Search
from tests.conftest import PROJECT

DIM = 32


def clustered(count: int, seed: int = 1) -> Vectors:
    """Rows of length 1 around a hundred centres."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(100, DIM))[rng.integers(0, 100, count)] + 0.4 * rng.normal(size=(count, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_a_small_collection_is_searched_exactly() -> None:
    vectors, query = clustered(700), clustered(1, 2)[0]
    mask = np.arange(700) % 3 == 0
    found = nearest(collection(vectors), query, 10, Allowed(mask))
    expected = np.argsort(-np.where(mask, vectors @ query, -2.0))[:10]
    assert list(found) == expected.tolist()
    assert list(found.values()) == pytest.approx((vectors @ query)[expected].tolist(), abs=1e-6)


def test_a_large_collection_finds_nearly_all_and_keeps_to_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_module, "EXACT", 2000)
    monkeypatch.setattr(nearest_module, "LOOKED_AT", 0.1)
    vectors = clustered(20_000)
    made = collection(vectors)
    mask = np.random.default_rng(3).random(20_000) < 0.5
    allowed, hits = Allowed(mask), 0
    queries = clustered(50, 4)
    for query in queries:
        found = nearest(made, query, 10, allowed)
        assert all(mask[number] for number in found)
        hits += len(set(found) & set(np.argsort(-np.where(mask, vectors @ query, -2.0))[:10].tolist()))
    assert hits / (10 * len(queries)) > 0.9


def test_nothing_allowed_finds_nothing() -> None:
    allowed = Allowed(np.zeros(50, np.bool_))
    assert not allowed.any
    assert nearest(collection(clustered(50)), clustered(1)[0], 5, allowed) == {}


def test_an_index_whose_vectors_stay_on_disk_answers_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = [policy for policy in load_policies(PROJECT / "knowledge" / "policies") if policy.language == "en"][:12]
    embedder = load_embedder(PROJECT / "models" / "embedder")
    held = open_index(policies, embedder, tmp_path / "held")
    monkeypatch.setattr(index_module, "MAPPED", 0)
    mapped = open_index(policies, embedder, tmp_path / "mapped")
    assert not isinstance(held.statement_vectors, np.memmap)
    assert isinstance(mapped.statement_vectors, np.memmap)
    for question in ("What does the account cost?", "How do I block a lost card?"):
        best = [Search(index).find(question, Scope("en")).candidates[0] for index in (held, mapped)]
        assert best[0].statement == best[1].statement
        assert best[0].score == pytest.approx(best[1].score, abs=1e-3)


def test_a_full_disk_under_a_large_index_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    policies = [policy for policy in load_policies(PROJECT / "knowledge" / "policies") if policy.language == "en"][:2]
    monkeypatch.setattr(index_module, "MAPPED", 0)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(KnowledgeError, match="No space left"):
        open_index(policies, load_embedder(PROJECT / "models" / "embedder"), tmp_path / "index")
    assert not list((tmp_path / "index").iterdir())


def test_a_build_that_ends_while_another_clears_up_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".building-ends-now").mkdir()
    stat = Path.stat

    def gone(path: Path, **options: bool) -> os.stat_result:
        if path.name == ".building-ends-now":
            raise FileNotFoundError(path)
        return stat(path, **options)

    policies = [policy for policy in load_policies(PROJECT / "knowledge" / "policies") if policy.language == "en"][:2]
    embedder = load_embedder(PROJECT / "models" / "embedder")
    monkeypatch.setattr(Path, "stat", gone)
    monkeypatch.setattr(Path, "is_dir", lambda path: os.path.isdir(path))
    assert open_index(policies, embedder, tmp_path).hash in os.listdir(tmp_path)


def test_a_build_leaves_another_at_work_alone_and_clears_one_that_was_killed(tmp_path: Path) -> None:
    at_work, killed = tmp_path / ".building-now", tmp_path / ".building-long-ago"
    for folder in (at_work, killed):
        folder.mkdir()
    os.utime(killed, (0, 0))
    policies = [policy for policy in load_policies(PROJECT / "knowledge" / "policies") if policy.language == "en"][:2]
    index = open_index(policies, load_embedder(PROJECT / "models" / "embedder"), tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {at_work.name, index.hash}
