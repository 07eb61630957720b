"""Translations: a statement is as near to a question as its wordings in all languages are, and no more than that is lent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge import translations
from knowledge.embedder import Embedder, load_embedder, unit
from knowledge.index import Index, build
from knowledge.policy import Policy, load_policies
from knowledge.search import Scope, Search
from knowledge.translations import OWN, Translations

EN = "# Parcels\n\nWe keep parcels.\n\n## Fees\n\nA parcel costs 3 EUR. A letter costs 1 EUR.\n\n## Hours\n\nWe open at nine.\n"
ES = "# Paquetes\n\nGuardamos paquetes.\n\n## Precios\n\nUn paquete cuesta 3 EUR. Una carta cuesta 1 EUR.\n\n## Horario\n\nAbrimos a las nueve.\n"
DE = "# Pakete\n\nWir verwahren Pakete.\n\n## Preise\n\nEin Paket kostet 3 EUR.\n\n## Zeiten\n\nWir öffnen um neun.\n"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(Path("models/embedder"))


def policies(folder: Path, **texts: str) -> list[Policy]:
    for name, text in texts.items():
        language, _, version = name.partition("_")
        head = f"---\nid: post/parcels\nlanguage: {language}\nversion: '{version or 1}'\n---\n"
        (folder / f"{name}.md").write_text(head + text, "utf-8")
    return load_policies(folder)


def number_of(index: Index, language: str, said: str) -> int:
    """The passage in a language that says something."""
    (number,) = [n for n, passage in enumerate(index.passages) if passage.policy.language == language and said in passage.text]
    return number


def test_each_statement_is_the_mean_of_itself_and_its_translations(tmp_path: Path, embedder: Embedder) -> None:
    index = build(policies(tmp_path, en=EN, es=ES), embedder)
    english, spanish = number_of(index, "en", "3 EUR"), number_of(index, "es", "3 EUR")
    together = Translations(index).of(english)
    np.testing.assert_allclose(
        together.statements, unit(OWN * index.vectors_of(english) + (1 - OWN) * index.vectors_of(spanish)), atol=2e-3
    )
    assert together.others is not None
    np.testing.assert_allclose(together.others, unit(index.vectors_of(spanish)[0].mean(axis=0)), atol=2e-3)
    heading, *statements = together.wordings[0]
    said = [statement.text for statement in index.passages[spanish].statements]
    assert [pieces.tolist() for pieces in statements] == [pieces.tolist() for pieces in embedder.pieces(said)]
    assert heading.tolist() == embedder.pieces([f"Paquetes {index.passages[spanish].heading}"])[0].tolist()


def test_what_is_kept_of_passages_is_bounded_and_comes_back_alike(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translations, "KEPT", 2)
    kept = Translations(build(policies(tmp_path, en=EN, es=ES), embedder))
    first = [kept.of(number).statements for number in range(6)]
    assert len(kept._together) <= 2
    for number, before in enumerate(first):
        np.testing.assert_array_equal(kept.of(number).statements, before)


def test_a_section_with_another_number_of_statements_lends_nothing(tmp_path: Path, embedder: Embedder) -> None:
    index = build(policies(tmp_path, en=EN, de=DE), embedder)
    fees, hours = (Translations(index).of(number_of(index, "en", said)) for said in ("3 EUR", "nine"))
    assert fees.others is None
    assert not fees.wordings
    assert hours.others is not None
    assert len(hours.wordings) == 1
    np.testing.assert_array_equal(fees.statements, index.vectors_of(number_of(index, "en", "3 EUR")))


@pytest.mark.parametrize(
    "others",
    [{"es_2": ES}, {"es": ES.replace("## Horario\n\nAbrimos a las nueve.\n", "")}, {"en_2": EN}],
    ids=["version", "sections", "one"],
)
def test_another_version_or_shape_lends_nothing(tmp_path: Path, embedder: Embedder, others: dict[str, str]) -> None:
    index = build(policies(tmp_path, en=EN, **others), embedder)
    first = [n for n, passage in enumerate(index.passages) if passage.policy.key == ("post/parcels", "en", "1")]
    together = Translations(index)
    assert all(together.of(number).others is None for number in first)


def test_a_long_section_that_is_cut_elsewhere_is_matched_statement_by_statement(tmp_path: Path, embedder: Embedder) -> None:
    english = (
        "# Long\n\n## Rules\n\n"
        + "".join(f"Rule number {n} says that a parcel of kind {n} is kept for {n} days. " for n in range(1, 31))
        + "\n"
    )
    spanish = "# Largo\n\n## Reglas\n\n" + "".join(
        f"La regla número {n} dice que un paquete del tipo {n} se guarda durante {n} días en nuestra oficina y no más allá. "
        for n in range(1, 31)
    )
    index = build(policies(tmp_path, en=english, es=spanish + "\n"), embedder)
    together = Translations(index)
    for number, passage in enumerate(index.passages):
        (_, *statements) = together.of(number).wordings[0]
        assert len(statements) == len(passage.statements)
    other = {n: s for n, passage in enumerate(index.passages) for s in passage.statements if f" {17} " in s.text}
    (first, second) = sorted(other)
    place = index.passages[first].statements.index(other[first])
    assert together.of(first).wordings[0][1 + place].tolist() == embedder.pieces([other[second].text])[0].tolist()


def test_a_language_in_which_a_policy_is_left_out_lends_it_nothing(tmp_path: Path, embedder: Embedder) -> None:
    index = build(policies(tmp_path, en=EN, es=ES), embedder)
    search = Search(index)
    alone = Search(build(policies(tmp_path, en=EN)[:1], embedder))
    question = "¿Cuánto cuesta enviar un paquete?"
    without = search.find(question, Scope("es", exclude=frozenset({"es:post/parcels"})))
    assert [candidate.policy.language for candidate in without.candidates] == ["en"] * len(without.candidates)
    bare = alone.find(question, Scope("es"))
    dense = [[candidate.features[0] for candidate in found.candidates] for found in (without, bare)]
    np.testing.assert_allclose(sorted(dense[0]), sorted(dense[1]), atol=2e-3)
    lent = search.find(question, Scope("en"))
    assert max(candidate.features[0] for candidate in lent.candidates) > max(dense[1]) + 0.05
    assert lent.candidates[0].quote == "A parcel costs 3 EUR."
