"""CEF lines for a SIEM, one a record: ArcSight Common Event Format, version 0.

    CEF:0|Vendor|Product|Version|Event class|Name|Severity|key=value key=value …

In the header `|` and backslash are escaped with a backslash; in a value backslash and `=`, and a line break is written
as backslash n (Implementing ArcSight CEF, "Character Encoding"). Lines carry no syslog prefix: whoever sends them adds
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from compliance.export.events import PRODUCT, VENDOR, Event, Severity, events, product_version
from compliance.export.period import Source
from compliance.export.turns import cited, mapping, sequence

_SEVERITY: Mapping[Severity, int] = {"informational": 1, "low": 3, "medium": 6, "high": 8}
"""CEF: 0 to 3 low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high."""


def write_cef(source: Source, file: BinaryIO) -> None:
    """One line a record. Raises ComplianceError where texts were asked for."""
    software = product_version()
    for event in events(source):
        file.write(line(event, source.ledger.origin, software).encode() + b"\n")


def line(event: Event, origin: str, software: str) -> str:
    """An event as one CEF line, without a line break."""
    header = (VENDOR, PRODUCT, software, event.kind, event.name, str(_SEVERITY[event.severity]))
    extension = " ".join(f"{key}={_value(value)}" for key, value in _extension(event, origin) if value not in (None, ""))
    return "CEF:0|" + "|".join(map(_header, header)) + "|" + extension


def _header(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("=", "\\=")
    text = text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")
    return "".join(" " if ord(char) < 32 or char == "\x7f" else char for char in text).strip()


def _extension(event: Event, origin: str) -> Iterator[tuple[str, object]]:
    """Keys of CEF's own dictionary; what it has none for goes into its six custom strings and three numbers."""
    header, facts = event.header, event.facts
    yield from (
        ("rt", event.time_ms),
        ("externalId", event.record),
        ("dvchost", header["branch"]),
        ("suser", header["role"]),
        ("app", header["channel"]),
        ("outcome", facts.get("outcome")),
        ("reason", mapping(facts.get("handoff")).get("reason") or mapping(facts.get("guard")).get("category")),
        ("msg", event.name + (" (texts erased)" if event.erased else "")),
        ("fileHash", facts.get("sha256")),
    )
    yield from _custom("cs", {
        "ledger": origin, "turn": header["turn"], "session": header["session"], "leafSha256": event.leaf_sha256,
        "language": mapping(facts.get("language")).get("answer_in"), "policies": ", ".join(cited(facts)),
    })  # fmt: skip
    yield from _custom("cn", {
        "redactions": sum(map(int, mapping(facts.get("redactions")).values())) if "redactions" in facts else None,
        "records": facts.get("count"), "sentences": len(sequence(facts["sentences"])) if "sentences" in facts else None,
    })  # fmt: skip


def _custom(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for number, (label, value) in enumerate(values.items(), start=1):
        if value not in (None, ""):
            yield f"{prefix}{number}Label", label
            yield f"{prefix}{number}", value
