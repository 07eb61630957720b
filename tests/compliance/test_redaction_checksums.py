"""Checksums: which rules may redact on sight is measured, and valid identifiers of each kind are found in any notation."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schwifty import registry as iban_registry

from compliance.redaction.engine import Redactor
from compliance.redaction.identifiers import RULES
from compliance.redaction.national import _hong_kong, _taiwan
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


def _dated(rng: random.Random, form: str) -> str:
    """A form whose YY, MM, DD stand for a day and each N for a digit."""
    day = {"YY": f"{rng.randint(40, 99)}", "MM": f"{rng.randint(1, 12):02}", "DD": f"{rng.randint(1, 28):02}"}
    for name, value in day.items():
        form = form.replace(name, value)
    return "".join(rng.choice("0123456789") if char == "N" else char for char in form)


def _letters(rng: random.Random, size: int) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=size))


def _clabe(rng: random.Random) -> str:
    body = _digits(rng, 17)
    return body + str(-sum(int(digit) * weight % 10 for digit, weight in zip(body, (3, 7, 1) * 6, strict=False)) % 10)


def _spanish_social(rng: random.Random) -> str:
    province, number = rng.randint(1, 52), rng.randint(10**7, 10**8 - 1)
    return f"{province:02}{number:08}{(province * 10**8 + number) % 97:02}"


def _nric(rng: random.Random) -> str:
    body = _digits(rng, 7)
    total = sum(int(digit) * weight for digit, weight in zip(body, (2, 7, 6, 5, 4, 3, 2), strict=True))
    return f"S{body}{'JZIHGFEDCBA'[total % 11]}"


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
    "es.cif": _until("es.cif", lambda rng: "B" + _digits(rng, 8)),
    "es.social_security": _spanish_social,
    "it.codice_fiscale": _until("it.codicefiscale", lambda rng: f"RSSMRA{rng.randint(40, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randint(1, 28):02}H501{_letters(rng, 1)}"),
    "mx.curp": _until("mx.curp", lambda rng: f"GOMC{_dated(rng, 'YYMMDD')}HDFRRL{rng.choice('0123456789')}{rng.choice('0123456789')}"),
    "pe.ruc": _until("pe.ruc", lambda rng: "20" + _digits(rng, 9)),
    "tw.id": lambda rng: next(value for value in iter(lambda: "A1" + _digits(rng, 8), "") if _taiwan(value)),
    "hk.id_brackets": lambda rng: next(f"A{body}({check})" for body in [_digits(rng, 6)] for check in "0123456789A" if _hong_kong(f"A{body}({check}")),
    "us.itin": lambda rng: f"9{rng.randint(10, 99)}-{rng.randint(70, 79)}-{_digits(rng, 4)}",
    "be.enterprise": _until("be.vat", lambda rng: "0" + _digits(rng, 9)),
    "ro.cnp": _until("ro.cnp", lambda rng: _dated(rng, "1YYMMDD") + f"{rng.randint(1, 46):02}" + _digits(rng, 4)),
    "tr.tckn": _until("tr.tckimlik", lambda rng: rng.choice("123456789") + _digits(rng, 10)),
    "za.id": _until("za.idnr", lambda rng: _dated(rng, "YYMMDD") + _digits(rng, 4) + "08" + _digits(rng, 1)),
    "se.personnummer": _until("se.personnummer", lambda rng: _dated(rng, "YYMMDD-NNNN")),
    "dk.cpr": lambda rng: f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randint(40, 99)}-{_digits(rng, 4)}",
    "cz.rc": _until("cz.rc", lambda rng: _dated(rng, "YYMMDD/NNNN")),
    "fi.hetu": _until("fi.hetu", lambda rng: f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randint(40, 99)}-{rng.randint(2, 899):03}{rng.choice('0123456789ABCDEFHJKLMNPRSTUVWXY')}"),
    "gr.amka": _until("gr.amka", lambda rng: f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randint(40, 99)}{_digits(rng, 5)}"),
    "no.fodselsnummer": _until("no.fodselsnummer", lambda rng: f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randint(40, 99)}{_digits(rng, 5)}"),
    "ie.pps": _until("ie.pps", lambda rng: _digits(rng, 7) + rng.choice("ABCDEFGHIJKLMNOPQRSTUVW")),
    "sg.nric": _nric,
    "my.nric": lambda rng: _dated(rng, "YYMMDD-14-NNNN"),
    "kr.rrn": lambda rng: _dated(rng, "YYMMDD-1NNNNNN"),
    "pk.cnic": lambda rng: f"3{_digits(rng, 4)}-{_digits(rng, 7)}-{rng.randint(1, 9)}",
    "ma.ice": _until("ma.ice", lambda rng: _digits(rng, 15)),
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
    "fr.siren": ("SIREN {}", _until("fr.siren", lambda rng: rng.choice("3489") + _digits(rng, 8))),
    "at.vnr": ("Versicherungsnummer {}", _until("at.vnr", lambda rng: f"{rng.randint(1000, 9999)}{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randint(40, 99)}")),
    "cl.rut": ("mi rut es {}", lambda rng: (lambda number: f"{number}-{_rut_check(number)}")(rng.randint(5_000_000, 25_000_000))),
    "us.aba": ("routing number {}", _until("us.rtn", lambda rng: "0" + rng.choice("123456789") + _digits(rng, 7))),
    "mx.clabe": ("mi clabe: {}", _clabe),
    "gb.sort_code": ("sort code {}", lambda rng: f"{_digits(rng, 2)}-{_digits(rng, 2)}-{_digits(rng, 2)}"),
    "au.tfn": ("my TFN is {}", _until("au.tfn", lambda rng: _digits(rng, 9))),
    "nz.ird": ("IRD number {}", _until("nz.ird", lambda rng: str(rng.randint(10_000_000, 140_000_000)))),
    "bg.egn": ("identity number {}", _until("bg.egn", lambda rng: _dated(rng, "YYMMDDNNNN"))),
    "hr.oib": ("tax id {}", _until("hr.oib", lambda rng: _digits(rng, 11))),
    "co.cedula": ("cédula {}", lambda rng: f"1.0{_digits(rng, 2)}.{_digits(rng, 3)}.{_digits(rng, 3)}"),
    "passport": ("护照号码 {}", lambda rng: "E" + _digits(rng, 8)),
}
def _rut_check(number: int) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(reversed(str(number)), (2, 3, 4, 5, 6, 7) * 2, strict=False))
    return "0123456789K"[-total % 11]


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


COUNTRIES = sorted(iban_registry.get_countries())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(COUNTRIES), st.integers(0, 2**32), st.sampled_from(["", " ", "-", ".", "\u00a0", "\u202f", " - ", "\n"]), st.sampled_from(sorted(DIGITS)))
def test_an_iban_of_any_country_is_found_in_any_notation(country: str, seed: int, separator: str, script: str) -> None:
    rng = random.Random(seed)
    length = iban_registry.get_iban_spec(country).iban_length
    body = "".join(rng.choices("0123456789", k=length - 4))
    value = f"{country}{98 - int(''.join(str(int(char, 36)) for char in body + country + '00')) % 97:02}{body}"
    written = separator.join(value[at : at + 4] for at in range(0, length, 4)).translate(DIGITS[script])
    for text in (f"my iban: {written}.", f"我的账户{written}请查", f"({written.lower()})"):
        start = text.index(written[:2]) if written[:2] in text else text.index(written[:2].lower())
        covered = {place for found in REDACTOR.find(text) for place in range(found.start, found.end)}
        assert covered >= {place for place in range(start, start + len(written)) if text[place].isalnum()}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["ES", "FR", "DE", "PT", "IT", "GB", "US", "CN", "SA", "AE", "EG", "MA", "BR", "MX", "AR", "CO", "CH", "AT", "BE"]), st.booleans(), st.sampled_from(sorted(DIGITS)))
def test_a_phone_number_is_found(region: str, international: bool, script: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    form = phonenumbers.PhoneNumberFormat.INTERNATIONAL if international else phonenumbers.PhoneNumberFormat.NATIONAL
    written = phonenumbers.format_number(example, form).translate(DIGITS[script])
    text = f"{'write to me at' if international else 'my phone is'} {written} please"
    start = text.index(written)
    covered = {place for found in REDACTOR.find(text) for place in range(found.start, found.end)}
    assert covered >= {place for place in range(start, start + len(written)) if text[place].isdigit()}


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
