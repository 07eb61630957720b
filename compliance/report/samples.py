"""A sample of answers with their evidence, chosen by the ledger and not by whoever makes the report.

The choice is a reservoir sample for each language (Vitter 1985, Algorithm R), its random numbers drawn from the root of
the signed checkpoint: the same ledger and period give the same sample, and nobody can pick the good answers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compliance.export.period import Source
from compliance.export.turns import ERASED, TurnRow, load_header, mapping, sequence
from compliance.report.policy_text import Passage, PolicyText, PolicyTexts, passage
from compliance.verify import open_checkpoint, parse_int

EACH_LANGUAGE = 2


@dataclass(frozen=True, slots=True)
class Cited:
    """One piece of evidence. `passage` is None where the box no longer has that very text of the policy."""

    policy: str
    version: str
    language: str
    start: int
    end: int
    title: str
    passage: Passage | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One sentence of an answer; `origin` is model, quote or fixed."""

    text: str
    origin: str
    evidence: tuple[Cited, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of the sample, redacted as the ledger holds it."""

    record: int
    turn: str
    time_utc: str
    language: str
    question: str
    sentences: tuple[Shown, ...]


class Reservoir:
    """Chooses EACH_LANGUAGE answered turns a language; keeps record numbers alone."""

    def __init__(self, source: Source) -> None:
        self._random = random.Random(open_checkpoint(source.period.note, source.ledger.vkey).root)
        self._kept: dict[str, list[tuple[int, str]]] = {}
        self._seen: dict[str, int] = {}

    def offer(self, row: TurnRow) -> None:
        """Considers a turn: answered, with evidence, not erased."""
        if row.outcome != "answered" or not row.policies or row.texts == ERASED:
            return
        language = row.language or "?"
        seen = self._seen[language] = self._seen.get(language, 0) + 1
        kept = self._kept.setdefault(language, [])
        if len(kept) < EACH_LANGUAGE:
            kept.append((row.record, language))
        elif (place := self._random.randrange(seen)) < EACH_LANGUAGE:
            kept[place] = (row.record, language)

    def chosen(self) -> list[tuple[int, str]]:
        """(record, language), by language and then by time."""
        return [each for language in sorted(self._kept) for each in sorted(self._kept[language])]


def read_sample(source: Source, record: int, language: str, policies: PolicyTexts | None) -> Sample | None:
    """One chosen turn with its texts; None where it was erased meanwhile."""
    _, header, sealed = next(iter(source.view.entries(record, record + 1)))
    found = source.ledger.disclose(header, sealed)
    if found is None:
        return None
    members, body = load_header(header), mapping(json.loads(found[1], parse_int=parse_int))
    facts = mapping(members.get("facts"))
    texts = [str(each) for each in sequence(body.get("answer"))]
    shown = [mapping(each) for each in sequence(facts.get("sentences"))]
    hashes = _hashes(facts)
    sentences = tuple(
        Shown(text, str(of.get("origin", "")), tuple(_cited(mapping(e), hashes, policies) for e in sequence(of.get("evidence"))))
        for text, of in zip(texts, shown, strict=False)
    )
    return Sample(record, members["turn"], members["time_utc"], language, str(body.get("question", "")), sentences)


def _hashes(facts: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    found = [mapping(each) for each in sequence(facts.get("retrieved"))]
    return {(str(e.get("policy")), str(e.get("version")), str(e.get("language"))): str(e.get("sha256")) for e in found}


def _cited(evidence: Mapping[str, Any], hashes: Mapping[tuple[str, str, str], str], policies: PolicyTexts | None) -> Cited:
    policy, version, language = (str(evidence.get(name, "")) for name in ("policy", "version", "language"))
    start, end = int(evidence.get("start", 0)), int(evidence.get("end", 0))
    found: PolicyText | None = policies(policy, version, language) if policies else None
    if found is not None and found.sha256 != hashes.get((policy, version, language)):
        found = None  # the text was changed under the same version: its offsets would mark something else
    title = str(evidence.get("title") or (found.title if found else policy))
    return Cited(policy, version, language, start, end, title, passage(found.text, start, end) if found else None)
