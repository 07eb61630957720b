"""Grounding: what the evidence supports, and what it does not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.appliance import Appliance
from app.grounding import Grounding, mixed, says_free
from knowledge.passages import passages_of
from knowledge.policy import load_policy
from knowledge.search import Candidate, Scope

POLICIES = {
    "en": "An international transfer ordered online costs 0.3% of the amount, minimum €15, maximum €60.\n\n"
    "A replacement card is not free when the customer lost the card.\n\n"
    "An account is free when income of at least €900 is paid in.\n\nThe prices apply from 1 March 2026.\n\n"
    "Children and teenagers under 18 can have a Young Account.",
    "es": "La transferencia internacional cuesta el 1,5 % del importe, con un mínimo de 1.500 €.",
    "fr": "Les enfants et adolescents de moins de 18 ans peuvent avoir un Compte Jeune.",
    "zh": "国际汇款按金额的1.5%收费，最低15欧元。",
    "ar": "رسوم التحويل الدولي 1.5% من المبلغ بحد أدنى 15 يورو.",
}


@pytest.fixture
def grounding(box: Appliance) -> Grounding:
    return Grounding(box.embedder)


def candidates(folder: Path, language: str) -> list[Candidate]:
    path = folder / language / "p.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(POLICIES[language])
    passages = passages_of(load_policy(path, folder))
    return [Candidate(passage, statement, 0.9, ()) for passage in passages for statement in passage.statements]


@pytest.mark.parametrize(
    ("language", "sentence", "shown"),
    [
        ("en", "An international transfer ordered online costs 0.3% of the amount, minimum €15.", True),
        ("en", "An account is free.", False),
        ("en", "The prices apply from 1 March 2026, 1 March 2026, 1 March 2026.", False),
        ("en", "Children and teenagers teenagers teenagers under 18 can have a Young Account.", False),
        ("zh", "国际汇款按金额的1.5%收费，最低15欧元 15欧元 15欧元。", False),
        ("en", "An account is free when income of at least €900 is paid in.", True),
        ("en", "An international transfer costs 0.4% of the amount.", False),
        ("en", "An international transfer costs a minimum of €16.", False),
        ("en", "An international transfer costs fourteen euros minimum.", False),
        ("en", "A replacement card is free when the customer lost the card.", False),
        ("en", "A replacement card is not free when the customer lost the card.", True),
        ("en", "The prices apply from 2 March 2026.", False),
        ("en", "Our bank is the best bank in the whole world.", False),
        ("en", "Children and teenagers under 18 can have a Young Account.", True),
        ("en", "Children and teenagers over 18 can have a Young Account.", False),
        ("en", "Children and teenagers of 18 can have a Young Account.", False),
        ("fr", "Les enfants et adolescents de moins de 18 ans peuvent avoir un Compte Jeune.", True),
        ("fr", "Les enfants et adolescents de 18 ans peuvent avoir un Compte Jeune.", False),
        ("es", "La transferencia internacional cuesta el 1,5 % del importe con un mínimo de 1.500 €.", True),
        ("es", "La transferencia internacional tiene un mínimo de 1,5 €.", False),
        ("es", "La transferencia internacional cuesta el 15 % del importe.", False),
        ("zh", "国际汇款按金额的百分之一点五收费，最低15欧元。", True),
        ("zh", "国际汇款收费。", False),
        ("zh", "国际汇款按金额的百分之二收费，最低15欧元。", False),
        ("ar", "رسوم التحويل الدولي ١٫٥٪ من المبلغ بحد أدنى ١٥ يورو.", True),
        ("ar", "رسوم التحويل الدولي 2.5% من المبلغ بحد أدنى 15 يورو.", False),
    ],
)
def test_a_sentence_is_shown_only_when_its_evidence_says_so(
    grounding: Grounding, tmp_path: Path, language: str, sentence: str, shown: bool
) -> None:
    verdict = grounding.judge(sentence, language, candidates(tmp_path, language))
    assert (verdict.evidence is not None) == shown, verdict.reason


def test_a_right_sentence_with_a_wrong_label_keeps_its_own_evidence(grounding: Grounding, tmp_path: Path) -> None:
    pool = candidates(tmp_path, "en")
    verdict = grounding.judge("The prices apply from 1 March 2026.", "en", pool, cited=[0])
    assert verdict.evidence is not None
    assert verdict.evidence.quote == "The prices apply from 1 March 2026."


def test_labels_out_of_range_and_empty_text_are_harmless(grounding: Grounding, tmp_path: Path) -> None:
    pool = candidates(tmp_path, "en")
    assert grounding.judge("", "en", pool, cited=[99, -3]).evidence is None
    assert grounding.judge("Anything at all.", "en", []).evidence is None


@pytest.mark.parametrize(
    ("language", "sentence", "evidence"),
    [
        ("en", "Banker's cheque issued in France: Free", "Banker's cheque issued in France: €12"),
        ("es", "El cheque bancario emitido en Francia es gratuito", "Cheque bancario emitido en Francia: 12 €"),
        ("fr", "Le chèque de banque émis en France est gratuit", "Chèque de banque émis en France : 12 €"),
        ("de", "Bankscheck in Frankreich ausgestellt: kostenlos", "Bankscheck in Frankreich ausgestellt: 12 €"),
        ("pt", "Cheque bancário emitido em França: gratuito", "Cheque bancário emitido em França: 12 €"),
        ("it", "Assegno circolare emesso in Francia: gratuito", "Assegno circolare emesso in Francia: 12 €"),
        ("zh", "在法国开立银行本票：免费", "在法国开立银行本票：12欧元"),
        ("ar", "الشيك المصرفي الصادر في فرنسا: مجاني", "الشيك المصرفي الصادر في فرنسا: 12 يورو"),
    ],
)
def test_free_is_a_price_that_the_evidence_must_state(language: str, sentence: str, evidence: str) -> None:
    assert says_free(sentence, language)
    assert not says_free(evidence, language)


def test_a_false_free_is_not_shown(box: Appliance) -> None:
    scope = Scope("en", "customer", date(2026, 11, 24), "FR")
    found = box.parts.search.find("price of a banker's cheque in france", scope)
    rows = [item for item in found.candidates if "€12" in item.statement.text]
    assert rows
    free = rows[0].statement.text.replace("€12", "Free")
    assert free != rows[0].statement.text
    verdict = Grounding(box.embedder).judge(free, "en", found.candidates)
    assert verdict.evidence is None


def test_an_amount_without_its_currency_is_not_shown(box: Appliance) -> None:
    found = box.parts.search.find("price of a banker's cheque in france", Scope("en", "customer", date(2026, 11, 24), "FR"))
    row = next(item for item in found.candidates if "€12" in item.statement.text)
    whole = Grounding(box.embedder).judge(row.statement.text, "en", [row])
    assert whole.evidence is not None
    bare = Grounding(box.embedder).judge(row.statement.text.replace("€12", "12"), "en", [row])
    assert (bare.evidence, bare.reason) == (None, "a figure is not in the evidence")


def test_a_sentence_of_two_statements_words_is_not_shown() -> None:
    spain, france = "Banker's cheque issued in Spain: €20", "Banker's cheque issued in France: €12"
    assert mixed("Banker's cheque issued in Spain: €12", france, [spain], "en")
    assert not mixed("A banker's cheque issued in France costs €12", france, [spain], "en")
