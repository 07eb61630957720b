"""The same place in another language: found in the reference bank's policies, and never claimed where texts are not alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kiosk.counterpart import _sections, counterpart, spoken
from app.kiosk.policy_text import blocks
from knowledge.quantities import quantities
from tests.conftest import PROJECT

POLICIES = PROJECT / "knowledge" / "policies"
TEXTS = {
    (path.relative_to(POLICIES).parts[0], "/".join(path.relative_to(POLICIES).parts[1:])): path.read_text("utf-8")
    for path in sorted(POLICIES.rglob("*.md"))
}


@pytest.mark.parametrize(("here", "there"), [("es", "en"), ("en", "zh"), ("zh", "ar")])
def test_nearly_every_statement_has_its_counterpart_and_the_same_figures(here: str, there: str) -> None:
    found, all_of_them, differ = 0, 0, []
    for (language, name), text in TEXTS.items():
        if language != here:
            continue
        other = TEXTS[there, name]
        for section in _sections(text, here):
            for span in section:
                all_of_them += 1
                place = counterpart(text, here, span, other, there)
                if place is None:
                    continue
                found += 1
                own, theirs = (sorted(q.value for q in quantities(spoken(*each, code), code)) for each, code in (((text, span), here), ((other, place), there)))
                if own != theirs:
                    differ.append((name, spoken(text, span), spoken(other, place)))
    assert found >= 0.995 * all_of_them
    assert len(differ) <= 0.02 * all_of_them, differ[:5]


def test_a_row_and_a_list_that_say_the_same_are_found_in_a_paragraph() -> None:
    here = "# Fees\n\n| What | Price |\n|---|---|\n| Card | **5 EUR** |\n\n## When\n\n- On Monday.\n- On Friday.\n"
    there = "# Gebühren\n\n| Was | Preis |\n|:--|--:|\n| Karte | 5 EUR |\n\n## Wann\n\nAm Montag. Am\nFreitag.\n"
    row = here.index("Card")
    assert spoken(here, (row, row + 16)) == "Card: 5 EUR"
    place = counterpart(here, "en", (row, row + 16), there, "de")
    assert place is not None
    assert spoken(there, place) == "Karte: 5 EUR"
    friday = here.index("On Friday")
    place = counterpart(here, "en", (friday, friday + 10), there, "de")
    assert place is not None
    assert spoken(there, place) == "Am Freitag."


def test_nothing_is_claimed_where_the_texts_are_not_alike() -> None:
    here = "# A\n\nOne. Two.\n\n# B\n\nThree.\n"
    assert counterpart(here, "en", (5, 9), "# A\n\nEins.\n\n# B\n\nDrei.\n", "de") is None
    assert counterpart(here, "en", (here.index("Three"), here.index("Three") + 6), "# A\n\nEins.\n\n# B\n\nDrei.\n", "de") is not None
    assert counterpart(here, "en", (5, 9), "# A\n\nEins. Zwei.\n", "de") is None
    assert counterpart(here, "en", (900, 910), here, "en") is None


@given(st.text(alphabet="ab |*#-_.\n\\<>1)é漢\U0001f600ا", max_size=120))
def test_whatever_a_policy_holds_its_pieces_are_slices_in_order(text: str) -> None:
    at = 0
    for block in blocks(text):
        assert block.cells
        assert block.kind == "row" or len(block.cells) == 1
        for piece in (piece for cell in block.cells for piece in cell):
            assert at <= piece.start < piece.end <= len(text)
            at = piece.end


@given(st.text(alphabet="ab\n<>&é漢\U0001f600", max_size=120))
def test_every_letter_of_a_policy_is_shown(text: str) -> None:
    shown = "".join(text[piece.start : piece.end] for block in blocks(text) for cell in block.cells for piece in cell)
    assert "".join(shown.split()) == "".join(text.split())


def test_html_in_a_policy_is_text() -> None:
    text = "# A <script>alert(1)</script>\n\nSee <b>this</b> <img src=x>.\n"
    assert spoken(text, (0, len(text))) == "A <script>alert(1)</script> See <b>this</b> <img src=x>."


def test_front_matter_is_not_shown(tmp_path: Path) -> None:
    text = "---\ntitle: A\n---\n\n# A\n\nOne.\n"
    assert spoken(text, (0, len(text))) == "A One."
