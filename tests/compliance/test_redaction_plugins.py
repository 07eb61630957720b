"""A bank's own recognizers work beside ours, and ours inside a bank's Presidio."""

from __future__ import annotations

import logging

import pytest
import spacy
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from compliance.errors import ComplianceError
from compliance.redaction.engine import Redactor
from compliance.redaction.plugins import PresidioFinder, SpacyFinder, as_presidio, load_finder, type_of

IBAN = "ES91 2100 0418 4502 0005 1332"


def contract_number() -> PatternRecognizer:
    """A recognizer such as a bank has."""
    return PatternRecognizer("CONTRACT_NUMBER", name="contract", patterns=[Pattern("contract", r"ALB-\d{2}/\d{4}", 0.9)])


def test_a_presidio_recognizer_finds_beside_the_rules() -> None:
    redactor = Redactor(finders=[load_finder(f"{__name__}:contract_number")])
    assert redactor.redact(f"my file is ALB-12/3456 and {IBAN}").text == "my file is <ID_1> and <IBAN_1>"
    assert Redactor().redact("my file is ALB-12/3456").text == "my file is ALB-12/3456"


def test_a_score_too_low_does_not_count() -> None:
    unsure = PatternRecognizer("PERSON", patterns=[Pattern("any", r"Rosa", 0.2)])
    assert list(PresidioFinder([unsure]).find("Rosa")) == []


def test_a_spacy_pipeline_finds_names() -> None:
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Zofia"}, {"label": "MONEY", "pattern": "forty"}])
    redactor = Redactor(finders=[SpacyFinder(pipeline)])
    assert redactor.redact("send forty to Zofia").text == "send forty to <PERSON_1>"


@pytest.mark.parametrize("place", ["nowhere.at_all:x", "json:nothing", "json", f"{__name__}:IBAN", "spacy:/no/such/pipeline"])
def test_a_wrong_setting_is_told_in_one_line(place: str) -> None:
    with pytest.raises(ComplianceError) as error:
        load_finder(place)
    assert "\n" not in str(error.value)


def test_entities_that_identify_nobody_have_no_type() -> None:
    assert type_of("DATE_TIME") is None
    assert type_of("US_SSN") == "ID"
    assert type_of("GPE") == "LOCATION"


def test_ours_is_a_recognizer_of_a_banks_presidio(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    languages = ["en", "zh"]
    registry = RecognizerRegistry(recognizers=[as_presidio(Redactor(), code) for code in languages], supported_languages=languages)
    nlp = NoOpNlpEngine([{"lang_code": code, "model_name": "no_op"} for code in languages])
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=languages)
    text = "我的账户ES9121000418450200051332请查"
    (found,) = engine.analyze(text, "zh")
    assert (found.entity_type, text[found.start : found.end]) == ("IBAN", "ES9121000418450200051332")
    assert engine.analyze(f"card 4111 1111 1111 1111, {IBAN}", "en", entities=["CARD"])[0].entity_type == "CARD"
