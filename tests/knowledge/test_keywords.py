"""Keywords find a policy whose text says it in other words, and only where it may answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.policy import load_policies
from knowledge.search import Scope, Search
from tests.conftest import PROJECT

NEUTRAL = {
    "opening": ("Branch hours", "Monday to Friday: 08:30-14:30."),
    "quokka": ("Zorblax", "The zorblax stands at 7.9%. Each zorblax has a number."),
    "cards": ("Debit cards", "An additional debit card costs €12 a year."),
    "transfers": ("Transfers", "A transfer ordered by 17:00 arrives the next business day."),
}
QUESTION = "how much is it when my account is in the red"


def searching(folder: Path, keywords: str, audience: str = "both") -> Search:
    for name, (title, text) in NEUTRAL.items():
        more = f'keywords: "{keywords}"\naudience: {audience}\n' if name == "quokka" else ""
        page = folder / "en" / f"{name}.md"
        page.parent.mkdir(exist_ok=True, parents=True)
        page.write_text(f"---\nid: {name}\ntitle: {title}\n{more}---\n# {title}\n\n{text}\n", "utf-8")
    return Search(build(load_policies(folder), load_embedder(PROJECT / "models" / "embedder")))


@pytest.mark.parametrize(("keywords", "found"), [("", False), ("account in the red; negative balance", True)])
def test_a_keyword_finds_what_the_text_does_not_say(tmp_path: Path, keywords: str, found: bool) -> None:
    best = searching(tmp_path, keywords).find(QUESTION, Scope("en", as_of=date(2026, 11, 1))).candidates[0]
    assert (best.policy.id == "quokka") is found
    assert "red" not in best.statement.text


def test_keywords_open_nothing_that_is_not_for_who_asks(tmp_path: Path) -> None:
    search = searching(tmp_path, "account in the red", "teller")
    assert all(item.policy.id != "quokka" for item in search.find(QUESTION, Scope("en", as_of=date(2026, 11, 1))).candidates)
    assert search.find(QUESTION, Scope("en", "teller", date(2026, 11, 1))).candidates[0].policy.id == "quokka"


def test_a_box_with_one_document_answers_from_it_and_from_nothing_else(tmp_path: Path) -> None:
    text = "# Gold card\n\nThe gold card costs 77 EUR a year. Its limit is 5,000 EUR a month.\n"
    (tmp_path / "gold.md").write_text(text, "utf-8")
    search = Search(build(load_policies(tmp_path), load_embedder(PROJECT / "models" / "embedder")))
    asked = {question: search.find(question, Scope("en")) for question in ("how much is the gold card", "what does a mortgage cost")}
    answered = [question for question, found in asked.items() if found.answerable >= search.ranking.below("en")]
    assert answered == ["how much is the gold card"]
