"""One row a turn: what a spreadsheet or a data warehouse needs, from the records of that turn.

A turn belongs to the period in which it was closed; one that was never closed, to that in which it was opened, with the
outcome "unfinished". Feedback is in the row when the ledger holds it, however late it came. The row names its record
and the leaf hash, so that it can be tied to a bundle or a receipt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from compliance.export.period import Source, Stored
from compliance.store import Snapshot, entry_leaf
from compliance.verify import parse_int

CLOSED, OPENED, FEEDBACK = "turn_closed", "turn_opened", "feedback"
LEFT_OUT, INCLUDED, ERASED, NONE = "left out", "included", "erased", "none"


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn in columns. None: not known or not applicable. Times are ISO 8601 in UTC; `_ms` are milliseconds; lists
    are joined by "; ". `texts` is "included", "left out" (no --decrypt), "erased" or "none" (there never was one)."""

    record: int
    leaf_sha256: str
    turn: str
    session: str
    branch: str
    channel: str
    role: str
    opened_utc: str | None
    closed_utc: str | None
    outcome: str
    language: str | None
    language_detected: str | None
    language_confidence: float | None
    guard: str | None
    handoff_reason: str | None
    handoff_urgent: bool | None
    handoff_topic: str | None
    redactions: int
    redacted_types: str
    answerable: float | None
    sentences: int
    sentences_model: int
    sentences_quoted: int
    sentences_rejected: int
    policies: str
    nearest_policy: str | None
    model: str | None
    model_sha256: str | None
    index_sha256: str | None
    first_sentence_ms: float | None
    total_ms: float | None
    feedback_useful: bool | None
    feedback_reasons: str
    texts: str
    question: str | None
    answer: str | None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(TurnRow))
COLUMN_TYPES: Mapping[str, str] = {field.name: str(field.type).removesuffix(" | None") for field in fields(TurnRow)}
"""The type of each column: "int", "float", "bool" or "str"."""


def turn_rows(source: Source) -> Iterator[TurnRow]:
    """A row for every turn of the period, in the order of their records; constant memory."""
    for record in source.records():
        if f'"kind":"{CLOSED}"'.encode() in record.header:
            yield _row(source, record, _siblings(source.view, record))
        elif f'"kind":"{OPENED}"'.encode() in record.header:
            others = _siblings(source.view, record)
            if not any(each["kind"] == CLOSED for each in others):
                yield _row(source, record, others)


def load_header(data: bytes) -> dict[str, Any]:
    """The header of a record as a JSON object, whatever version of the schema it is of."""
    value: dict[str, Any] = json.loads(data, parse_int=parse_int)
    return value


def _siblings(view: Snapshot, record: Stored) -> list[dict[str, Any]]:
    """The headers of every record of the same turn, this one among them, oldest first."""
    turn = load_header(record.header)["turn"]
    if not turn:
        return [load_header(record.header)]
    rows = view.query("SELECT CAST(header AS BLOB) FROM entry WHERE turn = ? ORDER BY idx", (turn,))
    return [load_header(header) for (header,) in rows]


def _row(source: Source, record: Stored, headers: Sequence[Mapping[str, Any]]) -> TurnRow:
    by_kind = {str(each["kind"]): each for each in headers}
    opened, closed = by_kind.get(OPENED, {}), by_kind.get(CLOSED, {})
    own = closed or opened
    facts = {**mapping(opened.get("facts")), **mapping(closed.get("facts"))}
    feedback = mapping(by_kind.get(FEEDBACK, {}).get("facts"))
    texts, question, answer = _texts(source, record)
    return TurnRow(
        record=record.index,
        leaf_sha256=entry_leaf(record.header, record.sealed).hex(),
        turn=own["turn"],
        session=own["session"],
        branch=own["branch"],
        channel=own["channel"],
        role=own["role"],
        opened_utc=opened.get("time_utc"),
        closed_utc=closed.get("time_utc"),
        outcome=str(facts.get("outcome", "")) if closed else "unfinished",
        **_decisions(facts),
        **_sentences(facts),
        **_machine(facts),
        feedback_useful=_is(feedback.get("useful"), bool),
        feedback_reasons="; ".join(map(str, sequence(feedback.get("reasons")))),
        texts=texts,
        question=question,
        answer=answer,
    )


def _decisions(facts: Mapping[str, Any]) -> dict[str, Any]:
    language, guard, handoff = mapping(facts.get("language")), mapping(facts.get("guard")), mapping(facts.get("handoff"))
    redactions = {str(name): int(count) for name, count in mapping(facts.get("redactions")).items()}
    return {
        "language": language.get("answer_in"),
        "language_detected": language.get("detected"),
        "language_confidence": number(language.get("confidence")),
        "guard": guard.get("category"),
        "handoff_reason": handoff.get("reason"),
        "handoff_urgent": _is(handoff.get("urgent"), bool),
        "handoff_topic": handoff.get("topic"),
        "redactions": sum(redactions.values()),
        "redacted_types": "; ".join(f"{name} {count}" for name, count in sorted(redactions.items())),
        "answerable": number(facts.get("answerable")),
    }


def _sentences(facts: Mapping[str, Any]) -> dict[str, Any]:
    shown = [mapping(each) for each in sequence(facts.get("sentences"))]
    return {
        "sentences": len(shown),
        "sentences_model": sum(each.get("origin") == "model" for each in shown),
        "sentences_quoted": sum(each.get("origin") == "quote" for each in shown),
        "sentences_rejected": len(sequence(facts.get("rejected"))),
        "policies": "; ".join(cited(facts)),
        "nearest_policy": nearest_policy(facts),
    }


def cited(facts: Mapping[str, Any]) -> list[str]:
    """The policies an answer rests on, each once, as "id version language"."""
    shown = [mapping(each) for each in sequence(facts.get("sentences"))]
    evidence = [mapping(each) for sentence in shown for each in sequence(sentence.get("evidence"))]
    return list(dict.fromkeys(f"{each.get('policy')} {each.get('version')} {each.get('language')}" for each in evidence))


def nearest_policy(facts: Mapping[str, Any]) -> str | None:
    """The policy that search put first, whether or not the turn was answered from it."""
    found = sequence(facts.get("retrieved"))
    policy = mapping(found[0]).get("policy") if found else None
    return None if policy is None else str(policy)


def _machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    model, timings = mapping(facts.get("model")), mapping(facts.get("timings_ms"))
    return {
        "model": model.get("name"),
        "model_sha256": model.get("sha256"),
        "index_sha256": facts.get("index_sha256"),
        "first_sentence_ms": number(timings.get("first_sentence")),
        "total_ms": number(timings.get("total")),
    }


def _texts(source: Source, record: Stored) -> tuple[str, str | None, str | None]:
    if not record.sealed:
        return NONE, None, None
    if record.erased:
        return ERASED, None, None
    if not source.decrypt:
        return LEFT_OUT, None, None
    found = source.ledger.disclose(record.header, record.sealed)
    if found is None:  # erased since the export began
        return ERASED, None, None
    body = mapping(json.loads(found[1], parse_int=parse_int))
    answer = sequence(body.get("answer"))
    return INCLUDED, str(body.get("question", "")), " ".join(map(str, answer)) if answer else None


def mapping(value: object) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one: records of other versions may lack it."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value where it is a JSON array, else an empty one."""
    return value if isinstance(value, (list, tuple)) else []


def number(value: object) -> float | None:
    """The value where it is a JSON number, else None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _is(value: object, kind: type[bool]) -> bool | None:
    return value if isinstance(value, kind) else None
