"""Where sentences end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.sentences import sentence_spans


def split(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "A card costs €6. It is free after theft.", ["A card costs €6.", "It is free after theft."]),
        ("en", "Rates are 1.5% p.a. at most, e.g. for loans.", ["Rates are 1.5% p.a. at most, e.g. for loans."]),
        ("en", "Ask Mr. Smith. He knows.", ["Ask Mr. Smith.", "He knows."]),
        ("es", "¿Cuánto cuesta? Cuesta 1.500,50 €. Véase el art. 3.", ["¿Cuánto cuesta?", "Cuesta 1.500,50 €.", "Véase el art. 3."]),
        ("de", "Die Gebühr gilt ab 1. März 2026. Sie entfällt z. B. für Schüler.",
         ["Die Gebühr gilt ab 1. März 2026.", "Sie entfällt z. B. für Schüler."]),
        ("fr", "M. Dupont paie 10 €. C’est tout !", ["M. Dupont paie 10 €.", "C’est tout !"]),
        ("fr", "Joignez la plainte en cas de vol. Le reste suit.", ["Joignez la plainte en cas de vol.", "Le reste suit."]),
        ("en", "See vol. Two of it.", ["See vol. Two of it."]),
        ("zh", "手续费为15欧元。客户可以撤销吗？可以！", ["手续费为15欧元。", "客户可以撤销吗？", "可以！"]),
        ("ar", "الرسوم 15 يورو. هل يمكن الإلغاء؟ نعم.", ["الرسوم 15 يورو.", "هل يمكن الإلغاء؟", "نعم."]),
        ("it", "Il costo è di 3 €... Poi basta.", ["Il costo è di 3 €...", "Poi basta."]),
        ("pt", "O Sr. Silva paga 2,50 €. Fim.", ["O Sr. Silva paga 2,50 €.", "Fim."]),
        ("en", '"Blocked." Then nothing.', ['"Blocked."', "Then nothing."]),
        ("en", "", []),
    ],
)  # fmt: skip
def test_splits_as_people_do(language: str, text: str, expected: list[str]) -> None:
    assert split(text, language) == expected


@given(st.text(max_size=300), st.sampled_from(["en", "de", "zh", "ar"]))
def test_spans_are_ordered_and_lose_nothing(text: str, language: str) -> None:
    spans = sentence_spans(text, language)
    assert all(a < b for a, b in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    covered = "".join(text[a:b] for a, b in spans)
    assert "".join(covered.split()) == "".join(text.split())
