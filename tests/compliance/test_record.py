"""Records: canonical JSON is RFC 8785's, what JSON cannot carry is refused by name, headers come back as they were."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance import verify
from compliance.errors import ComplianceError
from compliance.record import MAX_BYTES, Header, canonical, decode_body, encode_body

FLOATS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-2.0, 2.0).map(lambda value: round(value, 6))
    | st.floats(1e15, 1e22).map(round).map(float)
    | st.floats(-1e-3, 1e-3)
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FLOATS | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=5),
    max_leaves=20,
)


def header(**changes: Any) -> Header:
    given = {
        "kind": "turn_closed",
        "turn": "t1",
        "session": "s1",
        "branch": "b1",
        "channel": "kiosk",
        "role": "customer",
        "time_utc": "2026-11-24T10:00:00.123Z",
        "monotonic_ns": 12345,
        "facts": {"outcome": "answered"},
    }
    return Header(**given | changes)


@settings(max_examples=500)
@given(VALUES)
def test_the_verifiers_own_canonical_json_equals_rfc8785(value: Any) -> None:
    written = rfc8785.dumps(value)
    assert canonical(value) == written
    assert verify.canonical(value) == written
    assert verify.canonical(json.loads(written, parse_int=verify.parse_int)) == written


@pytest.mark.parametrize(
    ("value", "expected"),
    # the numbers of RFC 8785, appendix B
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (1.0000000000000001e23, "1.0000000000000001e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (-0.00001, "-0.00001"),
        (9007199254740994.0, "9007199254740994"),
        (-9999999999999998.0, "-9999999999999998"),
        (1e16, "10000000000000000"),
        (100.0, "100"),
        (333333333.33333329, "333333333.3333333"),
        (1424953923781206.2, "1424953923781206.2"),
    ],
)
def test_numbers_of_rfc8785_and_those_python_writes_otherwise(value: float, expected: str) -> None:
    assert canonical(value) == expected.encode() == verify.canonical(value)
    around = ["1e-05, 9007199254740994.0", '\\"', value, {"1e-05": value}, "\\", "é"]
    assert canonical(around) == rfc8785.dumps(around) == verify.canonical(around)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"seed": 2**64}, r"integer beyond 2\*\*53 .* at \$\.seed"),
        ({"scores": [1.0, math.nan]}, r"not finite at \$\.scores\[1\]"),
        ({"a": {"b": math.inf}}, r"not finite at \$\.a\.b"),
        ({"raw": b"bytes"}, r"a bytes, .* at \$\.raw"),
        ({"text": "\ud800"}, r"not valid Unicode at \$\.text"),
        ({1: "x"}, r"key that is not text"),
        ({"IBAN ES12\n": [object()]}, r"at \$\.\?\[0\]$"),
    ],
)
def test_what_json_cannot_carry_is_refused_by_place_and_never_by_value(value: Any, place: str) -> None:
    with pytest.raises(ComplianceError, match=place) as caught:
        canonical(value)
    assert "\n" not in str(caught.value)
    assert "ES12" not in str(caught.value)


def test_nesting_without_end_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ComplianceError):
        canonical(value)


@given(st.integers(0, 2**63 - 1), st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES, max_size=4))
def test_a_header_comes_back_as_it_was(clock: int, facts: dict[str, Any]) -> None:
    before = header(monotonic_ns=clock, facts=facts)
    after = Header.decode(before.encode())
    assert after.encode() == before.encode()
    assert after.monotonic_ns == clock


def test_a_clock_after_104_days_of_uptime_is_recorded() -> None:
    assert Header.decode(header(monotonic_ns=2**53 + 1).encode()).monotonic_ns == 2**53 + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "Turn Closed"},
        {"kind": ""},
        {"turn": "a b"},
        {"session": "x" * 129},
        {"branch": "new\nline"},
        {"time_utc": "2026-11-24 10:00"},
        {"time_utc": "2026-11-24T10:00:00.123+01:00"},
        {"role": None},
        {"monotonic_ns": "1"},
        {"facts": ["not", "a", "mapping"]},
    ],
    ids=str,
)
def test_a_wrong_header_is_refused_by_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(ComplianceError, match=f"wrong .*{next(iter(wrong))}"):
        header(**wrong).encode()


def test_a_header_of_another_schema_is_refused() -> None:
    members = json.loads(header().encode())
    for changed in ({**members, "schema": "x"}, {**members, "more": 1}, {"schema": members["schema"]}, [], None):
        with pytest.raises(ComplianceError):
            Header.decode(canonical(changed))
    with pytest.raises(ComplianceError):
        Header.decode(b"\xff")


def test_now_is_a_valid_header() -> None:
    assert Header.now("session", session="s").to_json()["session"] == "s"


def test_bodies_come_back_and_have_a_limit() -> None:
    assert decode_body(encode_body({"answer": ["sí", "是", "نعم"]})) == {"answer": ["sí", "是", "نعم"]}
    assert encode_body({}) == b""
    assert decode_body(b"") == {}
    with pytest.raises(ComplianceError, match="larger"):
        encode_body({"text": "x" * MAX_BYTES})
    with pytest.raises(ComplianceError):
        decode_body(b"[1]")
