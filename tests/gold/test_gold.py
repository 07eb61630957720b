"""The reference bank and its questions hold together."""

from __future__ import annotations

from pathlib import Path

from knowledge.agreement import disagreements
from knowledge.policy import load_policies
from tests.conftest import PROJECT
from tests.gold.check import problems

POLICIES = load_policies(PROJECT / "knowledge" / "policies")


def test_questions_fit_their_policies() -> None:
    assert list(problems(POLICIES)) == []


def test_every_policy_is_there_in_every_language_with_the_same_figures() -> None:
    assert disagreements(POLICIES) == []


def test_a_changed_figure_is_found(tmp_path: Path) -> None:
    for code in ("en", "es"):
        text = (PROJECT / f"knowledge/policies/{code}/cards/lost-card.md").read_text()
        target = tmp_path / code / "cards" / "lost-card.md"
        target.parent.mkdir(parents=True)
        target.write_text(text.replace("6 €", "7 €") if code == "es" else text)
    found = disagreements(load_policies(tmp_path), ("en", "es"))
    assert any("7 EUR" in line for line in found)
    assert any("6 EUR" in line for line in found)
