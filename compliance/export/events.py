"""One event a record, for a SIEM: what happened, how grave, in words; OCSF and CEF write the same events.

A SIEM is read by more people than the ledger, so events never hold a text, whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from compliance.errors import ComplianceError
from compliance.export.period import Source
from compliance.export.turns import load_header, mapping
from compliance.store import entry_leaf

Severity = Literal["informational", "low", "medium", "high"]
VENDOR, PRODUCT = "Tellerbox", "Tellerbox"

_NAMES = {
    "turn_opened": "Question received",
    "turn_closed": "Question closed",
    "feedback": "Feedback received",
    "erasure": "Session erased",
    "export": "Records exported",
    "prune": "Records pruned",
    "hold": "Hold changed",
    "key_rotation": "Signing key rotated",
    "handoff": "Hand-off to a person changed",
    "sign_in": "Sign-in of staff",
    "sign_out": "Sign-out of staff",
    "account_change": "Account of staff changed",
    "download": "Export taken off the box",
}
_OUTCOMES = {
    "answered": "Question answered from the policies",
    "abstained": "Question not answered: not in the policies",
    "handed_off": "Question handed to a person",
    "refused": "Question refused",
    "abandoned": "Question abandoned by the person",
}
_SIGN_INS: Mapping[str, Severity] = {"refused": "low", "unknown": "low", "locked": "medium", "disabled": "medium", "unmapped": "medium"}
_GRAVE = frozenset({"fraud", "injection", "lost_card", "self_harm", "abuse", "fault"})


@dataclass(frozen=True, slots=True)
class Event:
    """A record as an event; `header` is the record's, in clear; `time_ms` counts from 1970 in UTC."""

    record: int
    leaf_sha256: str
    kind: str
    name: str
    severity: Severity
    time_ms: int
    erased: bool
    header: Mapping[str, Any]
    facts: Mapping[str, Any]


def events(source: Source) -> Iterator[Event]:
    """An event for every record of the period, in order; constant memory. Raises ComplianceError where texts were asked
    for."""
    if source.decrypt:
        raise ComplianceError("events for a SIEM never hold texts: leave --decrypt out")
    for record in source.records():
        header = load_header(record.header)
        facts = mapping(header.get("facts"))
        yield Event(
            record=record.index,
            leaf_sha256=entry_leaf(record.header, record.sealed).hex(),
            kind=str(header["kind"]),
            name=_name(str(header["kind"]), facts),
            severity=_severity(str(header["kind"]), facts),
            time_ms=int(datetime.fromisoformat(header["time_utc"]).astimezone(UTC).timestamp() * 1000 + 0.5),
            erased=record.erased,
            header=header,
            facts=facts,
        )


def product_version() -> str:
    """The version of this software."""
    try:
        return version("tellerbox")
    except PackageNotFoundError:
        return "unknown"


def _name(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == "turn_closed":
        return _OUTCOMES.get(str(facts.get("outcome")), _NAMES[kind])
    return _NAMES.get(kind, kind.replace("_", " ").capitalize())


def _severity(kind: str, facts: Mapping[str, Any]) -> Severity:
    if kind == "sign_in":
        return _SIGN_INS.get(str(facts.get("result")), "informational")
    if kind in ("export", "erasure", "prune", "key_rotation", "download", "account_change"):
        return "high" if facts.get("decrypted") else "medium"
    handoff, guard = mapping(facts.get("handoff")), mapping(facts.get("guard"))
    if handoff.get("urgent"):
        return "high"
    if guard.get("category") in _GRAVE or handoff.get("reason") in _GRAVE:
        return "medium"
    return "low" if facts.get("outcome") in ("handed_off", "refused") else "informational"
