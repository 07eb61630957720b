"""Concepts: two texts about one thing have profiles alike, in any language, and an embedder without concepts is no error."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from factory.concepts import read_concepts as read_sayings
from factory.embedder_concepts import concept_vectors
from knowledge import concepts
from knowledge.concepts import Concepts, profiles
from knowledge.embedder import CONCEPTS, load_embedder
from knowledge.errors import KnowledgeError
from knowledge.index import build, snapshot_hash
from knowledge.policy import load_policies
from knowledge.search import STATEMENT_FEATURES, Scope, Search
from tests.conftest import PROJECT

MODEL = PROJECT / "models" / "embedder"
EMBEDDER = load_embedder(MODEL)
POLICY = "---\nid: cash/{name}\ntitle: {title}\nlanguage: en\nversion: 2026-01\neffective: 2026-01-01\n---\n# {title}\n\n{text}\n"


def alike(first: str, second: str) -> float:
    one, other = profiles(EMBEDDER.concepts, EMBEDDER.encode([first, second]))
    return float(one @ other)


def test_a_text_agrees_with_itself_and_profiles_are_shares() -> None:
    assert alike("my card was swallowed by the machine", "my card was swallowed by the machine") == pytest.approx(1.0, abs=1e-5)
    (profile,) = profiles(EMBEDDER.concepts, EMBEDDER.encode(["what does a standing order cost"]))
    assert (profile >= 0).all()
    assert float((profile**2).sum()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        (
            "I closed my bar at two, where do I drop the takings?",
            "The night safe takes deposits in sealed bags.",
            "The card limit can be raised.",
        ),
        ("der Automat hat meine Karte geschluckt", "A card retained by a cash machine is destroyed.", "A standing order can be ended."),
        (
            "se ha muerto mi padre, qué pasa con su cuenta",
            "The account of a deceased customer is blocked.",
            "Cheques are sold in books of 25.",
        ),
        ("我想提前还清房贷", "Early repayment of a mortgage is possible.", "Foreign banknotes are ordered at the branch."),
    ],
)
def test_a_question_is_about_the_same_as_its_answer(question: str, right: str, wrong: str) -> None:
    assert alike(question, right) > alike(question, wrong) + 0.1


def test_the_file_is_what_the_factory_makes_of_the_sayings() -> None:
    stored = np.load(MODEL / CONCEPTS, allow_pickle=False)
    made = concept_vectors(EMBEDDER, read_sayings())
    assert stored.dtype == made.dtype == np.int8
    assert np.abs(stored.astype(int) - made).max() <= 1  # a sum of floats may round otherwise on another processor


def without_concepts(folder: Path) -> Path:
    return Path(shutil.copytree(MODEL, folder / "embedder", ignore=shutil.ignore_patterns(CONCEPTS)))


def searching(model: Path, policies: Path) -> Search:
    policies.mkdir()
    for name, title, text in (("safe", "Night safe", "Takings in sealed bags."), ("limit", "Card limits", "The limit is €600 a day.")):
        (policies / f"{name}.md").write_text(POLICY.format(name=name, title=title, text=text), "utf-8")
    return Search(build(load_policies(policies), load_embedder(model)))


def test_search_compares_the_question_with_each_statement_and_its_headings(tmp_path: Path) -> None:
    question = "where do I drop the takings of my bar?"
    found = searching(MODEL, tmp_path / "policies").find(question, Scope("en"))
    own, head = STATEMENT_FEATURES.index("concept"), STATEMENT_FEATURES.index("head_concept")
    for each in found.candidates:
        assert each.features[own] == pytest.approx(alike(question, each.statement.text), abs=5e-3)
        assert each.features[head] == pytest.approx(alike(question, f"{each.policy.title} {each.passage.heading}"), abs=5e-3)
    best, other = found.candidates
    assert best.policy.id == "cash/safe"
    assert best.features[own] > other.features[own]
    assert best.features[head] > other.features[head]


def test_an_embedder_without_concepts_searches_without_them(tmp_path: Path) -> None:
    search = searching(without_concepts(tmp_path), tmp_path / "policies")
    assert search.index.embedder.concepts.shape == (0, 256)
    found = search.find("what is the limit of my card?", Scope("en"))
    own, head = STATEMENT_FEATURES.index("concept"), STATEMENT_FEATURES.index("head_concept")
    assert found.candidates[0].policy.id == "cash/limit"
    assert {(each.features[own], each.features[head]) for each in found.candidates} == {(0.0, 0.0)}


def test_a_record_names_other_concepts_by_another_snapshot(tmp_path: Path) -> None:
    with_them = searching(MODEL, tmp_path / "policies").index
    assert snapshot_hash(with_them.policies, with_them.embedder) == with_them.hash
    assert snapshot_hash(with_them.policies, load_embedder(without_concepts(tmp_path))) != with_them.hash


@pytest.mark.parametrize("stored", [np.zeros((3, 64), np.int8), np.zeros((3, 256), np.float32), np.zeros(256, np.int8)])
def test_concepts_of_another_embedder_are_refused(tmp_path: Path, stored: np.ndarray) -> None:
    folder = without_concepts(tmp_path)
    np.save(folder / CONCEPTS, stored)
    with pytest.raises(KnowledgeError, match="cannot be loaded"):
        load_embedder(folder)


def test_a_broken_file_of_concepts_is_refused(tmp_path: Path) -> None:
    folder = without_concepts(tmp_path)
    for content in (b"", b"no array at all", (MODEL / CONCEPTS).read_bytes()[:200]):
        (folder / CONCEPTS).write_bytes(content)
        with pytest.raises(KnowledgeError, match="cannot be loaded"):
            load_embedder(folder)


def test_profiles_of_a_large_collection_are_not_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Concepts(searching(MODEL, tmp_path / "policies").index)
    first = known.of(0)
    monkeypatch.setattr(concepts, "KEPT", 1)
    assert not np.array_equal(known.of(1), first)
    assert len(known._known) == 1
    assert np.array_equal(known.of(0), first)
