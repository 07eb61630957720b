"""The redactor: Presidio's analyzer with our finders, resolved into spans of the original and into pseudonyms."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from compliance.redaction.identifiers import compact, find
from compliance.redaction.normalise import Normalised, normalise
from compliance.vault import TOKEN, Vault

PRESIDIO_ENTITIES = ("CRYPTO", "MAC_ADDRESS", "MEDICAL_LICENSE")
MAX_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that identifies a person; `start` and `end` are offsets into the original text."""

    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Redacted:
    """`text` is normalised and holds pseudonyms such as <IBAN_1>; `counts` says how many of each type there were."""

    text: str
    findings: tuple[Finding, ...]
    counts: tuple[tuple[str, int], ...]


class Redactor:
    """Finds identifiers of every country in a text of any language. `allow` are the bank's own public numbers and addresses."""

    def __init__(self, allow: Collection[str] = ()) -> None:
        self._allow = frozenset(compact(value) for value in allow)
        # Presidio's loggers write the text they matched.
        for name in ("presidio-analyzer", "presidio-anonymizer"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every finding, in order, without overlaps."""
        normal = normalise(text)
        return tuple(_to_original(normal, span) for span in self._spans(normal.text))

    def redact(self, text: str, vault: Vault | None = None) -> Redacted:
        """The text with pseudonyms; without a vault they are counted from 1 and kept nowhere. Redacting twice changes nothing."""
        normal = normalise(text)
        vault = vault or Vault()
        out: list[str] = []
        done = 0
        spans = self._spans(normal.text)
        for type_, start, end, _ in spans:
            out += [normal.text[done:start], vault.pseudonym(type_, normal.text[start:end])]
            done = end
        out.append(normal.text[done:])
        counts = Counter(span[0] for span in spans)
        findings = tuple(_to_original(normal, span) for span in spans)
        return Redacted("".join(out), findings, tuple(sorted(counts.items())))

    def _spans(self, text: str) -> list[_Span]:
        taken = [(match.start(), match.end()) for match in TOKEN.finditer(text)]
        found = [_Span(*item) for item in find(text)] + list(self._presidio(text))
        kept: list[_Span] = []
        for span in sorted(found, key=lambda item: (-item.score, item.start - item.end, item.start)):
            value = compact(text[span.start : span.end])
            inside = any(span.start < end and start < span.end for start, end in taken)
            if not inside and not self._allowed(value) and span.end > span.start:
                taken.append((span.start, span.end))
                kept.append(span)
        return sorted(kept, key=lambda item: item.start)

    def _allowed(self, value: str) -> bool:
        # A local form of a public number is public too.
        return value in self._allow or (len(value) >= 7 and any(public.endswith(value) for public in self._allow))

    @cached_property
    def _analyzer(self) -> Any:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
        from presidio_analyzer.predefined_recognizers import CryptoRecognizer, MacAddressRecognizer

        registry = RecognizerRegistry(recognizers=[CryptoRecognizer(), MacAddressRecognizer()], supported_languages=["en"])
        engine = NoOpNlpEngine([{"lang_code": "en", "model_name": "no_op"}])
        return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])

    def _presidio(self, text: str) -> Iterable[_Span]:
        # Long runs of letters and digits are the only thing left for Presidio's own recognizers.
        if not _RUN.search(text):
            return
        for begin in range(0, len(text), MAX_CHUNK):
            for result in self._analyzer.analyze(text[begin : begin + MAX_CHUNK], language="en", entities=["CRYPTO", "MAC_ADDRESS"]):
                yield _Span(result.entity_type, begin + result.start, begin + result.end, float(result.score))


_RUN = re.compile(r"[0-9A-Za-z]{26}|(?:[0-9A-Fa-f]{2}[:-]){5}")


@dataclass(frozen=True, slots=True)
class _Span:
    type: str
    start: int
    end: int
    score: float

    def __iter__(self) -> Any:
        return iter((self.type, self.start, self.end, self.score))

    def __getitem__(self, place: int) -> Any:
        return (self.type, self.start, self.end, self.score)[place]


def _to_original(normal: Normalised, span: _Span) -> Finding:
    # The end is one past the last kept character, so that dropped characters after it stay outside.
    return Finding(span.type, normal.offsets[span.start], normal.offsets[span.end - 1] + 1, span.score)
