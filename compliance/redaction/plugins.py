"""Plugins: a bank's own recognizers beside ours (Presidio's, spaCy's, GLiNER's through Presidio), and ours inside a bank's Presidio.

Neither Presidio nor spaCy is imported unless one of these is used: they take seconds and some hundred megabytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compliance.errors import ComplianceError
from compliance.redaction.engine import Finder, Redactor
from compliance.redaction.rule import Match

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

TYPE_OF: Mapping[str, str] = {
    "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "IP_ADDRESS": "IP", "MAC_ADDRESS": "MAC",
    "US_BANK_NUMBER": "ACCOUNT", "ABA_ROUTING_NUMBER": "ACCOUNT", "PERSON": "PERSON", "PER": "PERSON", "LOCATION": "LOCATION",
    "LOC": "LOCATION",
    "GPE": "LOCATION", "ORGANIZATION": "ORGANIZATION", "ORG": "ORGANIZATION", "CRYPTO": "CRYPTO", "STREET_ADDRESS": "ADDRESS",
    "URL": "URL",
}  # fmt: skip
"""Our type for an entity of Presidio or spaCy; what is not here and ends in a document's name is an ID."""
_DOCUMENT_ENDS = (
    "_SSN", "_ITIN", "_PASSPORT", "_LICENSE", "_NIF", "_NIE", "_NINO", "_NHS", "_CODE", "_ID", "_CARD", "_NUMBER", "_PESEL", "_AADHAAR",
    "_PAN", "_TFN", "_ABN", "_FIN",
)  # fmt: skip


def type_of(entity: str) -> str | None:
    """Our type for an entity of Presidio or spaCy; None for one that identifies nobody (DATE_TIME, NRP, MONEY …)."""
    known = TYPE_OF.get(entity)
    return known or ("ID" if entity.endswith(_DOCUMENT_ENDS) else None)


class PresidioFinder:
    """Any Presidio recognizers as one finder. Each is asked for all its entities; `nlp` gives the artifacts some of them need."""

    def __init__(self, recognizers: Iterable[EntityRecognizer], nlp: Any = None, least_score: float = 0.5) -> None:
        self._recognizers = tuple(recognizers)
        self._nlp = nlp
        self._least = least_score

    def find(self, text: str) -> Iterator[Match]:
        """Their results of at least `least_score`, under our types."""
        for each in self._recognizers:
            artifacts = self._nlp.process_text(text, each.supported_language) if self._nlp is not None else None
            for result in each.analyze(text, each.supported_entities, artifacts) or ():
                kind = type_of(result.entity_type)
                if kind is not None and result.score >= self._least:
                    yield Match(kind, result.start, result.end, float(result.score), each.name)


class SpacyFinder:
    """The named entities of a spaCy pipeline that the bank has."""

    def __init__(self, pipeline: Any, score: float = 0.6) -> None:
        self._pipeline = pipeline
        self._score = score

    @classmethod
    def load(cls, path: str) -> SpacyFinder:
        """From a pipeline's folder or package name; raises ComplianceError where there is none."""
        import spacy

        try:
            return cls(spacy.load(path))
        except (OSError, ValueError) as error:
            raise ComplianceError(f"the spaCy pipeline cannot be loaded ({type(error).__name__})") from None

    def find(self, text: str) -> Iterator[Match]:
        """Entities of a type that identifies somebody."""
        for entity in self._pipeline(text).ents:
            kind = type_of(entity.label_)
            if kind is not None:
                yield Match(kind, entity.start_char, entity.end_char, self._score, f"spacy.{entity.label_}")


def load_finder(place: str) -> Finder:
    """The finder named "package.module:name", or "spacy:PATH" for a spaCy pipeline.

    What is named may be a finder, a Presidio recognizer, a class of either, or a function without arguments that gives one. Raises
    ComplianceError saying what is wrong with the setting.
    """
    module, _, name = place.partition(":")
    if module == "spacy":
        return SpacyFinder.load(name)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise ComplianceError(f"there is no recognizer {place!r} (it is named package.module:name)") from None
    made = found() if callable(found) and not hasattr(found, "supported_entities") else found
    if hasattr(made, "analyze") and hasattr(made, "supported_entities"):
        return PresidioFinder([made])
    if isinstance(made, (str, bytes)) or not hasattr(made, "find"):  # texts have a find of their own
        raise ComplianceError(f"{place!r} is neither a finder nor a Presidio recognizer")
    finder: Finder = made
    return finder


def as_presidio(redactor: Redactor, language: str) -> EntityRecognizer:
    """Our redactor as a Presidio recognizer for one language, for a bank whose own pipeline is Presidio.

    Its entities bear our types; it finds the same whatever the language, which Presidio needs for its registry alone.
    """
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    class TellerboxRecognizer(EntityRecognizer):  # type: ignore[misc] # Presidio has no types
        def load(self) -> None:
            pass

        def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list[RecognizerResult]:
            wanted = set(entities)
            return [
                RecognizerResult(found.type, found.start, found.end, found.score)
                for found in redactor.find(text)
                if found.type in wanted
            ]

    return TellerboxRecognizer(supported_entities=list(redactor.types), supported_language=language, name="TellerboxRecognizer")
