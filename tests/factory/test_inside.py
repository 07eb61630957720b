"""What the model changes inside the box is counted on the box itself, both ways."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from app.answer import Answer, Sentence
from app.grounding import Evidence
from app.language import SERVED
from app.questions import read_rows
from app.slm.catalog import catalog
from factory.slm.card import renew_inside
from factory.slm.inside import Counts, adds, inside, table
from tests.conftest import PROJECT
from tests.factory.tiny import SHIPPED


def sentence(text: str, origin: str) -> Sentence:
    return Sentence(text, origin, (Evidence("p", "1", "en", 0, 1, text, 1.0, "P", "en/p.md"),))


def answer(*sentences: Sentence) -> Answer:
    return Answer("t", "s", "en", "answered", sentences, (), None, "", "", "", {}, None)


def test_first_and_whole_are_counted_apart() -> None:
    row = next(row for row in read_rows(PROJECT / "tests/gold/en/dev.jsonl") if row.must_contain)
    right, wrong = sentence(" ".join(row.must_contain), "model"), sentence("Something else.", "quote")
    counts = Counts()
    for reply in (answer(wrong, right), answer(right, wrong), answer(wrong)):
        counts.add(row, reply)
    assert (counts.answered, counts.sentences, counts.by_model) == (3, 5, 2)
    assert (counts.known, counts.first, counts.whole) == (3, 1, 2)


@pytest.mark.parametrize(
    ("first", "whole", "more"), [((5, 5), (8, 8), False), ((6, 5), (8, 8), True), ((5, 5), (9, 8), True), ((9, 5), (7, 8), False)]
)
def test_a_model_adds_where_more_is_right_and_nothing_less(first: tuple[int, int], whole: tuple[int, int], more: bool) -> None:
    ways = {way: {"first": first[at], "whole": whole[at]} for at, way in enumerate(("model", "quotes"))}
    assert adds(ways) is more


def test_the_catalogue_asks_the_model_that_ships_where_its_card_says_it_adds_something() -> None:
    card = (SHIPPED.parent / "README.md").read_text("utf8").partition("## Inside the box")[2]
    told = dict(re.findall(r"^\| (\w\w) \|.*\| (yes|no) \|$", card, re.MULTILINE))
    assert set(told) == set(SERVED)
    shipped = next(iter(catalog().values()))
    assert SHIPPED.name == Path(shipped.file).name
    assert set(shipped.languages) == {code for code in SERVED if told[code] == "yes"}


def test_a_card_is_told_anew_what_the_model_changes_and_nothing_else(tmp_path: Path) -> None:
    counts = dict.fromkeys(("answered", "sentences", "by_model", "known", "first", "whole"), 4)
    (tmp_path / "inside.json").write_text(json.dumps({"it": {"quotes": counts, "model": counts | {"whole": 5}}}))
    shutil.copy(SHIPPED.parent / "README.md", tmp_path)
    before = (tmp_path / "README.md").read_text("utf8")
    after = renew_inside(tmp_path, tmp_path).read_text("utf8")
    assert "| it | 4 | 100% |" in after
    assert "| en |" not in after.partition("## Inside the box")[2]
    assert after.partition("## Inside")[0] == before.partition("## Inside")[0]
    assert after.partition("## Limits")[2] == before.partition("## Limits")[2]
    (tmp_path / "README.md").write_text("# a card of another kind")
    with pytest.raises(ValueError, match="no part"):
        renew_inside(tmp_path, tmp_path)


@pytest.mark.slow
def test_the_box_is_asked_with_the_model_and_without(tmp_path: Path) -> None:
    found = inside(SHIPPED, PROJECT / "tests" / "gold", tmp_path / "inside.json", 2)
    assert json.loads((tmp_path / "inside.json").read_text("utf8")) == found
    assert all(ways["quotes"]["by_model"] == 0 for ways in found.values())
    assert sum(ways["model"]["by_model"] for ways in found.values()) > 0
    assert table(found).count("\n") == 1 + len(found)
