"""The everyday phrases that the embedder is tuned with."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.embedder_corpus import bare, read_rows
from factory.phrases import COLUMNS, decontaminated, read_phrases
from tests.conftest import SHARED


def test_every_phrase_is_written_in_every_column_once() -> None:
    phrases = read_phrases()
    assert len(phrases) >= 5000
    assert all(tuple(group.texts) == COLUMNS for group in phrases)
    for code in COLUMNS:
        assert len({bare(group.texts[code]) for group in phrases}) == len(phrases)
    arabic = [group.texts["ar"] for group in phrases]
    assert all(any("\u0621" <= letter <= "\u064a" for letter in text) for text in arabic)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data folder")
def test_no_phrase_stands_in_the_test_set() -> None:
    rows = list(read_rows(SHARED / "language" / "tatoeba_pairs.jsonl.xz"))
    test = {bare(str(row[side])) for row in rows for side in ("en", "text")}
    assert len(test) >= 5000
    assert not [group for group in read_phrases() for text in group.texts.values() if bare(text) in test]


def test_what_stands_in_the_test_set_or_twice_is_left_out() -> None:
    rows = [("A cat.", "Un chat."), ("a cat", "Le chat."), ("A dog!", "Un chien."), ("A bird.", "Un oiseau.")]
    assert decontaminated(rows, frozenset({"unchien"})) == [rows[0], rows[3]]


def test_a_line_without_a_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "home.tsv").write_text("One.\tUn.\tUno.\tواحد\nTwo.\tDeux.\tDue.\n", "utf-8")
    with pytest.raises(ValueError, match=r"home\.tsv, line 2"):
        read_phrases(tmp_path)
