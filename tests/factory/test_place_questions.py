"""The questions that a place decides: that their labels hold, and that the box is not misled by statements for other places."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.answer import Answer
from app.appliance import Appliance
from app.settings import Settings
from factory import place_questions
from factory.place_questions import PlaceQuestion, judge, measure, read_place_questions
from knowledge.policy import LANGUAGES, load_policies
from tests.conftest import PROJECT

POLICIES = load_policies(PROJECT / "knowledge" / "policies")


@pytest.fixture(scope="module")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> Appliance:
    values: dict[str, Any] = {"home": tmp_path_factory.mktemp("box"), "slm": False}
    return Appliance(Settings(**values))


@pytest.mark.parametrize("half", ["dev", "test"])
def test_every_language_asks_the_same_things(half: str) -> None:
    read = {language: read_place_questions(POLICIES, half, language) for language in LANGUAGES}
    assert {len(questions) for questions in read.values()} == {24}
    shapes = {tuple((bool(each.right), bool(each.wrong)) for each in questions) for questions in read.values()}
    assert len(shapes) == 1
    assert all(not each.right & each.wrong for questions in read.values() for each in questions)
    assert len({each.question for questions in read.values() for each in questions}) == 24 * len(LANGUAGES)


def test_a_wrong_label_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "en.tsv").write_text("cards/abroad\t999\t-\tWhat?\n")
    monkeypatch.setattr(place_questions, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"en\.tsv, line 1"):
        read_place_questions(POLICIES, "dev", "en")


def test_an_answer_is_judged_by_what_it_shows(quoting: Appliance) -> None:
    answer: Answer = quoting.ask("How much is an international transfer online?")
    shown = [item.quote for sentence in answer.sentences for item in sentence.evidence]
    asked = PlaceQuestion("?", "en", frozenset(shown[:1]), frozenset())
    assert judge(asked, answer)["first"] == 1
    misled = judge(PlaceQuestion("?", "en", frozenset({"other"}), frozenset(shown[:1])), answer)
    assert (misled["misled first"], misled["other"], misled["right"]) == (1, 1, 0)
    assert judge(PlaceQuestion("?", "en", frozenset(), frozenset()), answer)["answered all the same"] == 1


def test_the_box_is_seldom_misled(quoting: Appliance) -> None:
    total: Counter[str] = sum(measure(quoting, "dev").values(), Counter())
    assert total["misled first"] <= 7, "38 of 152 before places were read"
    assert total["misled"] <= 13, "71 before"
    assert total["right"] >= 78, "66 before"
