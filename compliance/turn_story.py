"""The records of one turn put together: what an explanation is written from, whatever the schema they were written by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.errors import ComplianceError
from compliance.fields import CLOSED, FEEDBACK, OPENED
from compliance.record import Header, Json

Record = tuple[Header, Mapping[str, Json] | None]


@dataclass(frozen=True, slots=True)
class TurnStory:
    """One turn: its last header, the facts and body of its records together, and the feedback on it, oldest first.

    `closed` is False for a turn that was opened and never completed; `erased` says that its texts are gone. Facts may
    be of any shape: a record may be of an older schema, or of a dishonest box.
    """

    header: Header
    facts: Mapping[str, Any]
    body: Mapping[str, Any]
    closed: bool
    erased: bool
    feedback: tuple[Record, ...]

    def named(self, name: str) -> Mapping[str, Any]:
        """A fact that is an object; an empty one where it is missing or something else."""
        return as_mapping(self.facts.get(name))

    def listed(self, name: str) -> list[Mapping[str, Any]]:
        """A fact that is a list of objects; empty where it is missing or something else."""
        return [as_mapping(each) for each in as_list(self.facts.get(name))]

    @property
    def texts(self) -> Sequence[str]:
        """The sentences that were shown, where they can be read."""
        answer = self.body.get("answer")
        return [answer] if isinstance(answer, str) else [str(each) for each in as_list(answer)]

    @property
    def redactions(self) -> dict[str, int]:
        """How many identifiers of each type were taken out of the question."""
        found = self.facts.get("redactions")
        listed = (as_mapping(each) for each in as_list(found))
        pairs = found.items() if isinstance(found, Mapping) else ((each.get("type"), each.get("count")) for each in listed)
        return {str(kind): count for kind, count in pairs if isinstance(count, int)}

    @property
    def reason(self) -> str | None:
        """Why a person was needed or nothing was answered: the hand-off's reason, else what the guard found."""
        reason = self.named("handoff").get("reason") or self.named("guard").get("category")
        return str(reason) if reason else None

    @property
    def language(self) -> str:
        """The language of the answer; empty where no record says."""
        language = self.named("language")
        return str(language.get("answer_in") or language.get("code") or "")


def stories(records: Iterable[Record]) -> list[TurnStory]:
    """The turns that these records (as `Ledger.read` gives them, in any order) are about, oldest first. Raises
    ComplianceError where none is of a turn."""
    turns: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda each: each[0].time_utc):
        if record[0].turn:
            turns.setdefault(record[0].turn, []).append(record)
    told = [_story(each) for each in turns.values() if any(header.kind in (OPENED, CLOSED) for header, _ in each)]
    if not told:
        raise ComplianceError("there is no turn to explain")
    return told


def _story(records: Sequence[Record]) -> TurnStory:
    own = [each for each in records if each[0].kind in (OPENED, CLOSED)]
    facts: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for header, sealed in own:
        facts.update(header.facts)
        body.update(sealed or {})
    return TurnStory(
        header=own[-1][0],
        facts=facts,
        body=body,
        closed=any(header.kind == CLOSED for header, _ in own),
        erased=any(sealed is None for _, sealed in own),
        feedback=tuple(each for each in records if each[0].kind == FEEDBACK),
    )


def as_mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, (list, tuple)) else []
