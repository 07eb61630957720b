"""The schema of a record: a header in clear, a body to be sealed, both as canonical JSON (RFC 8785).

A header names who, when, where and what was decided; it stays readable for ever, so it holds no personal data. A body
holds what a person and the box said, redacted, the prompt, and what the model emitted; it is sealed. What `facts` and
body hold, field by field, is in `compliance/fields.py`. Records of every schema named in `SCHEMAS` are read; the last
one is written.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson
import rfc8785

from compliance.errors import ComplianceError
from compliance.verify import number_text, parse_int

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

SCHEMAS = ("tellerbox/record/1", "tellerbox/record/2")
SCHEMA = SCHEMAS[-1]
MAX_BYTES = 8 * 1024 * 1024
"""The most bytes of canonical JSON in one header or one body."""

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_ID = re.compile(r"[^\s\x00-\x1f\x7f]{0,128}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NAMES = ("kind", "turn", "session", "branch", "channel", "role", "time_utc")


def canonical(value: Json) -> bytes:
    """RFC 8785 canonical JSON, in UTF-8. Raises ComplianceError naming the place, never the value, of what JSON cannot
    carry exactly: a number that is not finite or an integer beyond 2**53, a lone surrogate, bytes, a key that is no
    text.

    `orjson` writes the same bytes, fifty times faster than the `rfc8785` package, once numbers with an exponent are
    rewritten; `rfc8785` writes whatever has keys that sort differently in UTF-16 or is nested deeper. Tests hold the two
    equal."""
    reading = _Reading()
    try:
        plain = reading.plain(value)
        try:
            encoded = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            return rfc8785.dumps(plain)
    except _NotJsonError as error:
        place = "".join(reversed(error.place)) or " as a whole"
        raise ComplianceError(f"a record holds {error} at ${place[:80]}") from None
    except RecursionError:
        raise ComplianceError("a record is nested too deeply") from None
    if any(lead in encoded for lead in _BEYOND_BMP) and _has_wide_key(plain):
        return rfc8785.dumps(plain)
    return _NUMBER.sub(_as_ecmascript, encoded) if reading.odd else encoded


_BEYOND_BMP = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""The first bytes of characters that UTF-16 writes as two: they alone make keys sort differently."""
_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+"|(?<![\d.])-?(?:[\d.]++e[+-]?\d+|\d{16,}+\.0)')
"""A text, to be passed over, or a number that orjson writes unlike ECMAScript: 1e-5, 9007199254740994.0."""


def _as_ecmascript(found: re.Match[bytes]) -> bytes:
    token = found[0]
    return token if token[:1] == b'"' else number_text(float(token)).encode()


def _has_wide_key(plain: Any) -> bool:
    if isinstance(plain, dict):
        return any(not key.isascii() or _has_wide_key(each) for key, each in plain.items())
    return isinstance(plain, list) and any(map(_has_wide_key, plain))


class _NotJsonError(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place: list[str] = []


class _Reading:
    """Takes a value to what JSON can carry exactly; `odd`: it holds a number that must be written with care."""

    def __init__(self) -> None:
        self.odd = False

    def plain(self, value: Json) -> Any:
        kind = type(value)
        if kind is str and value.isascii():  # type: ignore[union-attr]
            return value
        if value is None or kind is bool:
            return value
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise _NotJsonError("text that is not valid Unicode") from None
            return str(value)
        if isinstance(value, int):
            if abs(value) > _LARGEST:
                raise _NotJsonError("an integer beyond 2**53 (write it as text)")
            return int(value)
        if isinstance(value, float):
            return self._number(value)
        if isinstance(value, Mapping):
            return {self._key(key): self._at(each, key) for key, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
            return self._list(value)
        raise _NotJsonError(f"a {kind.__name__}, which JSON cannot carry,")

    def _list(self, value: Sequence[Json]) -> list[Any]:
        kinds = set(map(type, value))
        # the numbers of a whole answer's tokens are looked at in one go each
        if kinds == {int} and max(value) <= _LARGEST and min(value) >= -_LARGEST:  # type: ignore[type-var, operator]
            return list(value)
        if kinds == {float}:
            floats: Sequence[Any] = value
            return [n if -1e15 < n < -1e-4 and n % 1 else self._at(n, at) for at, n in enumerate(floats)]
        return [self._at(each, at) for at, each in enumerate(value)]

    def _number(self, value: float) -> int | float:
        if not math.isfinite(value):
            raise _NotJsonError("a number that is not finite")
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        self.odd = self.odd or not _ordinary(value)
        return float(value)

    def _at(self, value: Json, place: str | int) -> Any:
        try:
            return self.plain(value)
        except _NotJsonError as error:
            # a key is named only if it looks like a field of ours: an error never repeats what a person typed
            named = f".{place}" if _FIELD.fullmatch(str(place)) else ".?"
            error.place.append(f"[{place}]" if isinstance(place, int) else named)
            raise

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise _NotJsonError("a key that is not text")
        plain: str = self.plain(key)
        return plain


_LARGEST = 2**53 - 1


def _ordinary(value: float) -> bool:
    """Whether every writer of JSON writes this number alike: neither whole nor with an exponent."""
    return bool(1e-4 < abs(value) < 1e15 and value % 1)


def utc_now() -> str:
    """Now, as every record writes it: ISO 8601, UTC, milliseconds, Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Header:
    """The part of a record that stays in clear for ever; it must hold no personal data.

    `kind` is turn_opened, turn_closed, feedback, erasure, export, session ...; `turn` and `session` are empty where
    there is none; `time_utc` is ISO 8601 with milliseconds and Z; `monotonic_ns` orders records of one run of the box;
    `schema` says by which schema it was written.
    """

    kind: str
    turn: str
    session: str
    branch: str
    channel: str
    role: str
    time_utc: str
    monotonic_ns: int
    facts: Mapping[str, Json] = field(default_factory=dict)
    schema: str = SCHEMA

    @classmethod
    def now(
        cls,
        kind: str,
        *,
        turn: str = "",
        session: str = "",
        branch: str = "box",
        channel: str = "",
        role: str = "",
        facts: Mapping[str, Json] | None = None,
    ) -> Header:
        """A header stamped with this moment."""
        return cls(kind, turn, session, branch, channel, role, utc_now(), time.monotonic_ns(), facts or {})

    def encode(self) -> bytes:
        """Canonical JSON. `monotonic_ns` is written as text: it passes 2**53 after 104 days of uptime. Raises
        ComplianceError naming the field that is wrong."""
        for name in _NAMES:
            value = getattr(self, name)
            pattern = {"kind": _KIND, "time_utc": _TIME}.get(name, _ID)
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise ComplianceError(f"the header of a record has a wrong {name}")
        if not isinstance(self.monotonic_ns, int) or not isinstance(self.facts, Mapping):
            raise ComplianceError("the header of a record has a wrong monotonic_ns or facts")
        if self.schema not in SCHEMAS:
            raise ComplianceError("the header of a record has a wrong schema")
        members: dict[str, Json] = {name: getattr(self, name) for name in _NAMES}
        members |= {"schema": self.schema, "monotonic_ns": str(int(self.monotonic_ns)), "facts": self.facts}
        encoded = canonical(members)
        if len(encoded) > MAX_BYTES:
            raise ComplianceError(f"the header of a record is larger than {MAX_BYTES} bytes")
        return encoded

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """The header that `encode` wrote; raises ComplianceError."""
        try:
            members = json.loads(data, parse_int=parse_int)
            if members["schema"] not in SCHEMAS or set(members) != {each.name for each in fields(cls)}:
                raise ComplianceError("the header of a record is of another schema")
            return cls(**members | {"monotonic_ns": int(members["monotonic_ns"])})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ComplianceError("the header of a record cannot be read") from None

    def to_json(self) -> dict[str, Json]:
        """The header as a JSON object, as exports show it."""
        value: dict[str, Json] = json.loads(self.encode(), parse_int=parse_int)
        return value


def encode_body(body: Mapping[str, Json]) -> bytes:
    """Canonical JSON of a body, empty for an empty one; raises ComplianceError."""
    encoded = canonical(body) if body else b""
    if len(encoded) > MAX_BYTES:
        raise ComplianceError(f"the body of a record is larger than {MAX_BYTES} bytes")
    return encoded


def decode_body(data: bytes) -> Mapping[str, Json]:
    """The body that `encode_body` wrote; raises ComplianceError."""
    try:
        value = json.loads(data or b"{}", parse_int=parse_int)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ComplianceError("the body of a record cannot be read")
    return value
