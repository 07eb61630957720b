"""OCSF 1.7.0 events, JSON lines, one a record: class API Activity (6003) of category Application Activity (6).

A turn is a call of the box's one service, so API Activity fits it; what an officer does with the ledger (export,
erasure) is the same class with another operation, so that one query finds all of it. Facts that OCSF has no field for
are in `unmapped`. Source: the schema's own definitions, events/application/api_activity.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from compliance.export.events import PRODUCT, VENDOR, Event, Severity, events, product_version
from compliance.export.period import Source
from compliance.export.turns import cited

VERSION = "1.7.0"
CATEGORY, CLASS = 6, 6003
_SEVERITY: Mapping[Severity, int] = {"informational": 1, "low": 2, "medium": 3, "high": 4}
_ACTIVITY = {
    "turn_opened": (1, "Create"),
    "turn_closed": (3, "Update"),
    "feedback": (1, "Create"),
    "export": (2, "Read"),
    "erasure": (4, "Delete"),
    "prune": (4, "Delete"),
}
_OTHER = (99, "Other")
_KEPT = ("outcome", "language", "redactions", "guard", "handoff", "answerable", "index_sha256", "model", "prompt",
         "timings_ms", "format", "first", "count", "since", "until", "decrypted", "sha256", "useful", "reasons", "keys")  # fmt: skip


def write_ocsf(source: Source, file: BinaryIO) -> None:
    """One event a line. Raises ComplianceError where texts were asked for."""
    software = product_version()
    for event in events(source):
        line = json.dumps(_event(event, source.ledger.origin, software), ensure_ascii=False, separators=(",", ":"))
        file.write(line.encode() + b"\n")


def _event(event: Event, origin: str, software: str) -> dict[str, Any]:
    activity, activity_name = _ACTIVITY.get(event.kind, _OTHER)
    header, succeeded = event.header, event.facts.get("outcome") != "abandoned"
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"API Activity: {activity_name}",
        "severity_id": _SEVERITY[event.severity],
        "severity": event.severity.capitalize(),
        "status_id": 1 if succeeded else 2,
        "status": "Success" if succeeded else "Failure",
        "time": event.time_ms,
        "message": event.name,
        "metadata": {
            "version": VERSION,
            "product": {"vendor_name": VENDOR, "name": PRODUCT, "version": software},
            "log_name": origin,
            "event_code": event.kind,
            "original_time": header["time_utc"],
            "uid": f"{origin}/{event.record}",
            "sequence": event.record,
            **({"correlation_uid": header["turn"]} if header["turn"] else {}),
        },
        "actor": _actor(header),
        "api": {"operation": event.kind, "service": {"name": "tellerbox"}, **_response(event.facts)},
        "src_endpoint": {"name": header["branch"], **({"svc_name": header["channel"]} if header["channel"] else {})},
        "unmapped": {
            "branch": header["branch"],
            "leaf_sha256": event.leaf_sha256,
            "erased": event.erased,
            "policies": cited(event.facts),
            **{name: event.facts[name] for name in _KEPT if name in event.facts},
        },
    }


def _actor(header: Mapping[str, Any]) -> dict[str, Any]:
    """Who: a role, never a person; the session is a random name that says nothing about one."""
    actor: dict[str, Any] = {"user": {"name": header["role"] or "box", "type_id": 3 if not header["role"] else 1}}
    if header["session"]:
        actor["session"] = {"uid": header["session"]}
    return actor


def _response(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"response": {"message": str(facts["outcome"])}} if "outcome" in facts else {}
