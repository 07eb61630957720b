"""Answer: what a person, the API and `ask --json` see of a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.grounding import Evidence


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence a person sees; `origin` is "model", "quote" or "fixed" (the box's own, without evidence, whose `key`
    in app/locales says which)."""

    text: str
    origin: str
    evidence: tuple[Evidence, ...] = ()
    key: str = ""


def joined(sentences: Sequence[Sentence], language: str) -> str:
    """Sentences as a text in that language, which puts spaces between them or not."""
    return ("" if language == "zh" else " ").join(sentence.text for sentence in sentences)


@dataclass(frozen=True, slots=True)
class InQueue:
    """Other people are asking: `place` in the line for the model, from 1; 0 when one's turn has come."""

    place: int


@dataclass(frozen=True, slots=True)
class Handoff:
    """What a teller needs to take over; never the person's words."""

    reason: str
    urgent: bool
    language: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished turn, as the person, the API and `ask --json` see it."""

    turn: str
    session: str
    language: str
    outcome: str
    sentences: tuple[Sentence, ...]
    redactions: tuple[tuple[str, int], ...]
    handoff: Handoff | None
    receipt: str
    model_name: str
    model_sha256: str
    timings_ms: dict[str, float]
    disclosure: str | None

    @property
    def text(self) -> str:
        return joined(self.sentences, self.language)


def answer_json(answer: Answer) -> dict[str, Any]:
    """The object that `ask --json` prints (DESIGN.md §5)."""
    return {
        "answer": answer.text,
        "language": answer.language,
        "outcome": answer.outcome,
        "sentences": [sentence_json(sentence) for sentence in answer.sentences],
        "redactions": [{"type": kind, "count": count} for kind, count in answer.redactions],
        "handoff": asdict(answer.handoff) if answer.handoff else None,
        "receipt": answer.receipt,
        "model": {"name": answer.model_name, "sha256": answer.model_sha256},
        "timings_ms": answer.timings_ms,
    }


def sentence_json(sentence: Sentence) -> dict[str, Any]:
    """One sentence of that object."""
    return {"text": sentence.text, "origin": sentence.origin, "evidence": [asdict(item) for item in sentence.evidence]}
