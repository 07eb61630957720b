"""Bounds: what is said around a figure, in eight languages."""

from __future__ import annotations

import pytest

from knowledge.bounds import LEAST, MOST, bounds


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "Children under 18 can have a Young Account.", {MOST}),
        ("en", "A customer aged 18 or over can open one.", {LEAST}),
        ("en", "A new card costs 18 EUR.", set()),
        ("es", "Los menores de 18 años pueden tenerla.", {MOST}),
        ("es", "Toda persona de 18 años o más puede abrirla.", {LEAST}),
        ("fr", "Les enfants de moins de 18 ans peuvent en avoir un.", {MOST}),
        ("fr", "Toute personne âgée de 18 ans ou plus.", {LEAST}),
        ("de", "Kinder unter 18 Jahren können eines haben.", {MOST}),
        ("de", "Wer 18 Jahre oder älter ist.", {LEAST}),
        ("pt", "Os menores de 18 anos podem ter uma.", {MOST}),
        ("pt", "Qualquer pessoa com 18 ou mais anos.", {LEAST}),
        ("it", "I minori di 18 anni possono averlo.", {MOST}),
        ("it", "Chi ha compiuto 18 anni.", {LEAST}),
        ("zh", "未满18岁的人可以开立。", {MOST}),
        ("zh", "年满18岁的人可以开立。", {LEAST}),
        ("ar", "العملاء الذين تقل أعمارهم عن 18 سنة.", {MOST}),
        ("ar", "يجب ألا يقل العمر عن 18 سنة.", {LEAST}),
        ("ar", "ثمن البطاقة 18 يورو.", set()),
    ],
)
def test_a_figure_is_a_most_a_least_or_itself(language: str, text: str, said: set[str]) -> None:
    (bound,) = bounds(text, language)
    assert bound[1] == frozenset(said)


def test_a_bound_belongs_to_the_figure_beside_it() -> None:
    said = {key[1]: kinds for key, kinds in bounds("It costs 0.3% of the amount, minimum €15, maximum €60.", "en")}
    assert said == {"0.3": frozenset(), "15": frozenset({LEAST}), "60": frozenset({MOST})}
