"""Chinese characters as the tagger sees them: traditional ones are read as the simplified ones that the lists hold."""

from __future__ import annotations

import pytest

from app.settings import load_settings
from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.simplified import SIMPLIFIED
from compliance.redaction.tagger import NameTagger
from compliance.redaction.tokens import fold, is_han, tokens


def test_every_pair_is_a_character_and_another_that_stays() -> None:
    assert all(is_han(traditional) and is_han(simplified) for traditional, simplified in SIMPLIFIED.items())
    assert not SIMPLIFIED.keys() & set(SIMPLIFIED.values())


def test_both_writings_of_a_name_are_one_and_its_place_stays() -> None:
    names = Gazetteer.of([("surname", ["刘", "欧阳"]), ("title", ["经理"])])
    words = tokens("歐陽經理和劉")
    assert [word.text for word in words] == list("歐陽經理和劉")
    assert names.classes(words) == ["1S", "2S", "1T", "2T", "", "S"]
    assert fold("劉") == fold("刘") == "刘"


@pytest.mark.parametrize(("traditional", "simplified"), [("請問鄭國榮經理還在嗎", "请问郑国荣经理还在吗"), ("轉給蕭麗華，謝謝", "转给萧丽华，谢谢")])
def test_a_name_is_found_in_either_writing(traditional: str, simplified: str) -> None:
    tagger = NameTagger.load(load_settings().models / "names")
    found = [[(match.type, match.start, match.end, round(match.score, 6)) for match in tagger.find(text)] for text in (traditional, simplified)]
    assert found[0] == found[1]
    assert [kind for kind, *_ in found[0]] == ["PERSON"]
