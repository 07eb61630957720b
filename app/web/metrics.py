"""Metrics of the box for Prometheus; they count, and hold nothing a person typed."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.answer import Answer

_registry = CollectorRegistry()
_turns = Counter("tellerbox_turns", "Turns answered", ["language", "outcome", "channel"], registry=_registry)
_failures = Counter("tellerbox_turn_failures", "Turns that ended in an error", registry=_registry)
_away = Counter("tellerbox_turned_away", "Turns that were not begun because too many ran", registry=_registry)
_sentences = Counter("tellerbox_sentences", "Sentences shown", ["origin"], registry=_registry)
_seconds = Histogram(
    "tellerbox_turn_seconds", "From the question to its answer",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20), registry=_registry,
)  # fmt: skip
_first = Histogram(
    "tellerbox_first_sentence_seconds", "From the question to its first verified sentence",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10), registry=_registry,
)  # fmt: skip
_waiting = Gauge("tellerbox_handoffs_waiting", "Customers who wait for a person", registry=_registry)


def waiting(count: int) -> None:
    """State how many customers wait for a person."""
    _waiting.set(count)


def answered(answer: Answer, channel: str) -> None:
    """Count a finished turn."""
    _turns.labels(answer.language, answer.outcome, channel).inc()
    for sentence in answer.sentences:
        _sentences.labels(sentence.origin).inc()
    _seconds.observe(answer.timings_ms["total"] / 1000)
    _first.observe(answer.timings_ms.get("first_sentence", answer.timings_ms["total"]) / 1000)


def failed() -> None:
    """Count a turn that ended in an error."""
    _failures.inc()


def turned_away() -> None:
    """Count a turn that was not begun."""
    _away.inc()


def exposition() -> str:
    """The text that Prometheus scrapes."""
    return generate_latest(_registry).decode()
