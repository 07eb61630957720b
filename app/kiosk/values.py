"""What the API gives, as values: answers with their evidence, who waits, what was said, who is signed in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The span `[start, end)` of a policy's text, in characters, that supports a sentence."""

    policy: str
    title: str
    version: str
    language: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One verified sentence; `origin` is model, quote, or fixed (the box's own, without evidence)."""

    text: str
    origin: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished turn."""

    turn: str
    session: str
    language: str
    outcome: str
    sentences: tuple[Sentence, ...]
    receipt: str
    reason: str | None
    """Why a person is needed, where one is."""
    redacted: bool
    """Whether anything was hidden before the question was processed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy in one language, as the list gives it; `text` where it was read."""

    id: str
    language: str
    version: str
    title: str
    audience: str
    effective_from: date | None
    effective_to: date | None
    text: str = ""

    @property
    def is_for_staff(self) -> bool:
        """Whether customers may not read it."""
        return self.audience == "teller"


@dataclass(frozen=True, slots=True)
class Handoff:
    """Someone who waits, or is helped. `read_at` is this machine's monotonic clock when `waiting_seconds` was told."""

    id: str
    state: str
    reason: str
    urgent: bool
    language: str
    topic: str | None
    teller: str | None
    mine: bool
    waiting_seconds: float
    read_at: float

    def waited(self, now: float) -> float:
        """Seconds waited at `now`, a reading of the monotonic clock: the clocks of kiosk and box may differ."""
        return self.waiting_seconds + max(0.0, now - self.read_at)


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said, redacted; `who` is customer, box or teller; `text` is None once its key was destroyed."""

    number: int
    who: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Talk:
    """A hand-off with everything said."""

    handoff: Handoff
    transcript: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Teller:
    """Who is signed in; `bank` is the bank's name as the box shows it."""

    name: str
    display: str
    scopes: frozenset[str]
    csrf: str
    bank: str


def sentence_of(raw: Raw) -> Sentence:
    """A sentence from the API's JSON."""
    return Sentence(str(raw["text"]), str(raw["origin"]), tuple(_evidence(each) for each in raw["evidence"]))


def _evidence(raw: Raw) -> Evidence:
    return Evidence(
        policy=str(raw["policy"]), title=str(raw["title"]), version=str(raw["version"]), language=str(raw["language"]),
        start=int(raw["start"]), end=int(raw["end"]), quote=str(raw["quote"]),
    )  # fmt: skip


def answer_of(raw: Raw) -> Answer:
    """An answer from the API's JSON."""
    handoff = raw["handoff"]
    return Answer(
        str(raw["turn"]), str(raw["session"]), str(raw["language"]), str(raw["outcome"]),
        tuple(sentence_of(each) for each in raw["sentences"]), str(raw["receipt"]),
        str(handoff["reason"]) if handoff else None, bool(raw["redactions"]),
    )  # fmt: skip


def policy_of(raw: Raw) -> Policy:
    """A policy from the API's JSON."""
    return Policy(
        id=str(raw["id"]), language=str(raw["language"]), version=str(raw["version"]), title=str(raw["title"]),
        audience=str(raw["audience"]), effective_from=_day(raw["effective_from"]), effective_to=_day(raw["effective_to"]),
        text=str(raw.get("text", "")),
    )  # fmt: skip


def policies_of(raw: Any) -> tuple[Policy, ...]:
    """The list of policies."""
    return tuple(policy_of(each) for each in raw)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def handoff_of(raw: Raw) -> Handoff:
    """A hand-off from the API's JSON, read now."""
    return Handoff(
        str(raw["id"]), str(raw["state"]), str(raw["reason"]), bool(raw["urgent"]), str(raw["language"]), raw["topic"], raw["teller"],
        bool(raw["mine"]), float(raw["waiting_seconds"]), time.monotonic(),
    )  # fmt: skip


def queue_of(raw: Any) -> tuple[Handoff, ...]:
    """The queue, in the order in which people are served."""
    return tuple(handoff_of(each) for each in raw)


def talk_of(raw: Raw) -> Talk:
    """A hand-off with its transcript."""
    said = (Said(int(each["number"]), str(each["who"]), each["text"]) for each in raw["transcript"])
    return Talk(handoff_of(raw), tuple(said))


def teller_of(raw: Raw) -> Teller:
    """Who signed in."""
    return Teller(str(raw["name"]), str(raw["display"]), frozenset(raw["scopes"]), str(raw["csrf"]), str(raw["bank"]))
