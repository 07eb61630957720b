"""Checksums: which rules may redact on sight is measured, and valid identifiers of each kind are found in any notation."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.redaction.engine import Redactor
from compliance.redaction.identifiers import RULES
from compliance.redaction.normalise import normalise
from compliance.redaction.rule import Rule, luhn

REDACTOR = Redactor()
MOST_ACCIDENTS = 0.02
TRIES = 3000
DIGITS = {
    "ascii": {},
    "arabic": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"),
    "persian": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"),
    "wide": str.maketrans("0123456789", "０１２３４５６７８９"),
}
ON_SIGHT = [rule for rule in RULES if rule.type in ("ID", "ACCOUNT") and rule.context is None and rule.digits >= 9]


@pytest.mark.parametrize("rule", ON_SIGHT, ids=lambda rule: rule.name)
def test_what_redacts_on_sight_is_seldom_passed_by_chance(rule: Rule) -> None:
    rng = random.Random(rule.name)
    passed = sum(any(True for _ in rule.find("".join(rng.choices("0123456789", k=rule.digits)))) for _ in range(TRIES))
    assert passed / TRIES <= MOST_ACCIDENTS


def _digits(rng: random.Random, size: int) -> str:
    return "".join(rng.choices("0123456789", k=size))


def _until(module: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    """Identifiers that an independent check calls valid, found by trying."""
    check: Any = importlib.import_module(f"stdnum.{module}")

    def generate(rng: random.Random) -> str:
        while True:
            value = make(rng)
            if check.is_valid(value):
                return value

    return generate


def _resident(rng: random.Random) -> str:
    return f"110105{rng.randint(1950, 2005)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 4)}"


def _emirates(rng: random.Random) -> str:
    body = f"784{rng.randint(1950, 2010)}{_digits(rng, 7)}"
    return next(body + digit for digit in "0123456789" if luhn(body + digit))


def _egyptian(rng: random.Random) -> str:
    return f"2{rng.randint(50, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}01{_digits(rng, 5)}"


def _nir(rng: random.Random) -> str:
    body = f"{rng.choice('12')}{rng.randint(40, 99)}{rng.randint(1, 12):02}75{rng.randint(1, 990):03}{rng.randint(1, 990):03}"
    return f"{body}{97 - int(body) % 97:02}"


STRONG: dict[str, Callable[[random.Random], str]] = {
    "es.dni": lambda rng: (lambda number: f"{number:08}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}")(rng.randrange(10**6, 10**8)),
    "es.nie": _until("es.nie", lambda rng: rng.choice("XYZ") + _digits(rng, 7) + rng.choice("TRWAGMYFPDXBNJZSQVHLCKE")),
    "es.ccc": _until("es.ccc", lambda rng: "21000418" + _digits(rng, 2) + "0200051332"),
    "fr.nir": _nir,
    "ch.ahv": _until("ch.ssn", lambda rng: "756" + _digits(rng, 10)),
    "br.cpf": _until("br.cpf", lambda rng: _digits(rng, 11)),
    "br.cnpj": _until("br.cnpj", lambda rng: _digits(rng, 8) + "0001" + _digits(rng, 2)),
    "ar.cuit": _until("ar.cuit", lambda rng: "20" + _digits(rng, 9)),
    "cn.resident_id": _until("cn.ric", _resident),
    "ae.id": _emirates,
    "eg.national": _egyptian,
    "be.national": _until("be.nn", lambda rng: f"{rng.randint(50, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 5)}"),
    "us.ssn": lambda rng: f"{rng.randint(100, 600)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
    "gb.nino": lambda rng: f"AB{_digits(rng, 6)}C",
    "in.pan": lambda rng: f"ABCP{rng.choice('ABCDEFG')}{rng.randint(1000, 9999)}K",
}  # fmt: skip
WEAK: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "de.idnr": ("meine Steuer-ID ist {}", _until("de.idnr", lambda rng: _digits(rng, 11))),
    "pt.nif": ("o meu número de contribuinte é {}", _until("pt.nif", lambda rng: rng.choice("123") + _digits(rng, 8))),
    "gb.nhs": ("my NHS number is {}", _until("gb.nhs", lambda rng: _digits(rng, 10))),
    "ca.sin": ("my social insurance number: {}", _until("ca.sin", lambda rng: _digits(rng, 9))),
    "in.aadhaar": ("aadhaar {}", _until("in_.aadhaar", lambda rng: _digits(rng, 12))),
    "nl.bsn": ("mijn bsn is {}", _until("nl.bsn", lambda rng: _digits(rng, 9))),
    "pl.pesel": (
        "pesel {}",
        _until("pl.pesel", lambda rng: f"{rng.randint(50, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 5)}"),
    ),
    "sa.id": ("رقم الهوية {}", _until("luhn", lambda rng: "1" + _digits(rng, 9))),
    "it.iva": ("la mia partita IVA: {}", _until("it.iva", lambda rng: _digits(rng, 11))),
    "passport": ("护照号码 {}", lambda rng: "E" + _digits(rng, 8)),
}
AROUND = ["{}", "please check {} now", "我的号码{}请查询", "رقمي {} شكرا", "({})", "«{}».", "{},", "number:{}\nthanks"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(DIGITS)), st.sampled_from(AROUND))
@pytest.mark.parametrize("kind", sorted(STRONG))
def test_a_strong_identifier_is_found_on_sight(kind: str, seed: int, script: str, around: str) -> None:
    value = STRONG[kind](random.Random(seed))
    written = value.translate(DIGITS[script])
    text = around.format(written)
    start = text.index(written)
    covered = {place for found in REDACTOR.find(text) for place in range(found.start, found.end)}
    assert covered >= set(range(start, start + len(written)))
    assert value not in normalise(REDACTOR.redact(text).text).text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(DIGITS)))
@pytest.mark.parametrize("kind", sorted(WEAK))
def test_a_weak_identifier_is_found_beside_its_name(kind: str, seed: int, script: str) -> None:
    context, make = WEAK[kind]
    value = make(random.Random(seed))
    assert value not in REDACTOR.redact(context.format(value.translate(DIGITS[script]))).text


HOSTILE = [
    "1" * 10_000, "A" * 10_000, "a@" * 5000, "4111 " * 2000, "+34" * 3300, "1 " * 5000, "1/1/" * 2500, "12/03/1985 " * 900, "P<" * 5000,
    "pin " * 2500, "0123456789 " * 900, "A1B2C3D4 " * 1100, "password is " * 800, "http://a:b" * 1000, "my name is " * 900, "account number " * 650,
    "\u6211\u53eb" * 5000, "verification code for a b c " * 350, "\u0663" * 10_000,
]  # fmt: skip

@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_redacting_a_hostile_text_twice_changes_nothing(text: str) -> None:
    once = REDACTOR.redact(text).text
    assert REDACTOR.redact(once).text == once


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(sorted(STRONG)), min_size=1, max_size=4))
def test_redacting_identifiers_twice_changes_nothing(seed: int, kinds: list[str]) -> None:
    rng = random.Random(seed)
    text = " / ".join(STRONG[kind](rng) for kind in kinds)
    once = REDACTOR.redact(text).text
    assert REDACTOR.redact(once).text == once


def test_no_policy_and_no_gold_question_holds_anything_to_redact() -> None:
    import json
    from pathlib import Path

    from app.settings import load_settings

    root = Path(__file__).parents[2]
    redactor = Redactor(allow=load_settings().public_numbers)
    lines = [
        line
        for path in sorted(root.glob("knowledge/policies/*/*/*.md"))
        for line in path.read_text("utf-8").split("---", 2)[-1].splitlines()
    ]
    for path in sorted(root.glob("tests/gold/**/*.jsonl")):
        lines += [row["question"] for row in map(json.loads, path.read_text("utf-8").splitlines()) if "question" in row]
    assert len(lines) > 10_000
    touched = [(line[found.start : found.end], line) for line in lines for found in redactor.find(line)]
    assert touched == []
