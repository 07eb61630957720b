"""National: identity, tax and social security numbers of the countries whose people come to a branch.

A checksum that at most 2 % of random digit strings pass is strong: what passes is redacted on sight. A weaker one, or none,
needs a word near it that says what the number is. `tests/compliance/test_redaction_checksums.py` measures which is which.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from compliance.redaction import context
from compliance.redaction.nearby import ANCHOR, Nearby, Words
from compliance.redaction.rule import GAP, RIGHT, Check, Match, Rule, compact, digits_of, luhn, stdnum


def _every(*checks: Check) -> Check:
    return lambda value: all(check(value) for check in checks)


def _any_of(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _luhn(value: str) -> bool:
    return luhn(digits_of(value))


def _not_repeated(value: str) -> bool:
    return len(set(digits_of(value))) > 2


_WEIGHT_731 = (7, 3, 1)


def _icao_731(value: str) -> bool:
    """The check digit of ICAO 9303, part 3, 4.9: weights 7, 3, 1 over digits and letters (A = 10)."""
    text = compact(value)
    return sum(int(char, 36) * _WEIGHT_731[place % 3] for place, char in enumerate(text[:-1])) % 10 == int(text[-1], 36) % 10


_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _resident(value: str) -> bool:
    """GB 11643-1999: a birth date and ISO 7064 mod 11-2. Counties come and go, so the first six digits are not looked up."""
    text = compact(value)
    try:
        born = dt.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _RESIDENT_WEIGHTS, strict=True))
    return born.year >= EARLIEST_BIRTH and text[17] == "10X98765432"[total % 11]


EARLIEST_BIRTH = 1900


def _hetu(value: str) -> bool:
    # its mark tells the century, so it is not to be taken out
    import stdnum.fi.hetu

    return bool(stdnum.fi.hetu.is_valid(value.upper()))


def _spanish_social(value: str) -> bool:
    """Province, number, and the two digits that are the remainder by 97 (Orden 4.10.1979); a number under 10 million loses its zero."""
    digits = digits_of(value)
    province, number, control = int(digits[:2]), int(digits[2:10]), int(digits[10:])
    body = province * 10**7 + number if number < 10**7 else province * 10**8 + number
    return 1 <= province <= 66 and body % 97 == control


def _singapore(value: str) -> bool:
    text = compact(value)
    total = sum(int(digit) * weight for digit, weight in zip(text[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "KLJNPQRTUWX"}[text[0]]
    return letters[total % 11 if text[0] != "M" else 10 - total % 11] == text[8]


def _hong_kong(value: str) -> bool:
    text = compact(value)
    head = text[:-7].rjust(2, " ")
    values = [36 if char == " " else int(char, 36) for char in head] + [int(char) for char in text[-7:-1]]
    total = sum(number * weight for number, weight in zip(values, range(9, 1, -1), strict=True))
    return (total + (10 if text[-1] == "A" else int(text[-1]))) % 11 == 0


def _taiwan(value: str) -> bool:
    text = compact(value)
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    digits = [letter // 10, letter % 10] + [int(char) for char in text[1:]]
    return sum(number * weight for number, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def _egypt(value: str) -> bool:
    """Century, birth date and governorate; the last digit's formula is not published."""
    digits = digits_of(value)
    try:
        dt.date({"2": 1900, "3": 2000}[digits[0]] + int(digits[1:3]), int(digits[3:5]), int(digits[5:7]))
    except (KeyError, ValueError):
        return False
    return digits[7:9] in _GOVERNORATES


_GOVERNORATES = frozenset({"01", "02", "03", "04", *map(str, range(11, 20)), *map(str, range(21, 30)), *map(str, range(31, 36)), "88"})


def _rule(
    name: str, pattern: str, check: Check | None = None, *, strong: bool = False, near: Words = context.IDENTITY, digits: int = 7
) -> Rule:
    score = 0.9 if strong else 0.65
    words, reference = (None, None) if strong else (near, context.REFERENCE)
    return Rule(name, "ID", re.compile(rf"({pattern}){RIGHT}", re.I), score, check, words, digits, ANCHOR, yields_to=reference)


def _date_of(yymmdd: str) -> bool:
    return 1 <= int(yymmdd[2:4]) <= 12 and 1 <= int(yymmdd[4:]) <= 31


_DATE = re.compile(r"\d{1,2}[ ./\-]\d{1,2}[ ./\-]\d{2,4}|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}|\d{1,2}[./\-]\d{4}")
_NO_AMOUNT = r"(?![.,]?\d|[ \u00a0]?(?:€|\$|£|%|[Ee][Uu][Rr]|euro|欧元|元|يورو))"


SHORTEST_MIXED = 8


def _is_number_of_someone(value: str) -> bool:
    """Six digits or more that are neither a date nor a row of years: what stands right after the name of a document is its number,
    even where its check digit was mistyped."""
    letters = sum(map(str.isalpha, value))
    if letters >= 3 and len(compact(value)) >= SHORTEST_MIXED:
        return True
    return (
        sum(map(str.isdigit, value)) >= 6
        and not _DATE.fullmatch(value)
        and not re.fullmatch(r"(?:19|20)\d\d[ /\-](?:(?:19|20)\d\d|\d\d)", value)
    )


_DOT = r"[ \u00a0.\-/]?"

RULES: tuple[Rule, ...] = (
    _rule("es.dni", rf"\d{{2}}\.?\d{{3}}\.?\d{{3}}{GAP}[A-HJ-NP-TV-Z]", stdnum("es.dni"), strong=True, digits=8),
    _rule("es.nie", rf"[XYZ]{GAP}\d\.?\d{{3}}\.?\d{{3}}{GAP}[A-HJ-NP-TV-Z]", stdnum("es.nie"), strong=True),
    _rule("es.cif", rf"[ABCDEFGHJNPQRSUVW]{GAP}\d{{2}}\.?\d{{3}}\.?\d{{2}}{GAP}[0-9A-J]", stdnum("es.cif"), strong=True),
    _rule("fr.nir", rf"[1-478]{_DOT}\d{{2}}{_DOT}\d{{2}}{_DOT}(?:\d{{2}}|2[AB]){_DOT}\d{{3}}{_DOT}\d{{3}}{_DOT}\d{{2}}", stdnum("fr.nir"), strong=True, digits=14),
    _rule("fr.nif", r"[0-3]\d[ ]?\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", stdnum("fr.nif"), strong=True, digits=13),
    _rule("fr.siret", r"\d{3}[ ]?\d{3}[ ]?\d{3}[ ]?\d{5}", _every(stdnum("fr.siret"), _not_repeated), digits=14),
    _rule("fr.siren", r"\d{3}[ ]?\d{3}[ ]?\d{3}", _every(stdnum("fr.siren"), _not_repeated), digits=9),
    _rule("de.idnr", r"[1-9]\d[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", stdnum("de.idnr"), digits=11),
    _rule("de.tax_number", r"\d{2,3}[/ ]\d{3}[/ ]\d{4,5}", digits=10),
    _rule("de.identity_card", r"[CFGHJKLMNPRTVWXYZ0-9]{9}\d", _every(_icao_731, lambda value: value[0].isalpha())),
    _rule("de.identity_card_short", r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}", near=context.PASSPORT, digits=2),
    _rule("de.pension_number", r"\d{2}[ ]?\d{6}[ ]?[A-Z][ ]?\d{3}", digits=11),
    _rule("at.vnr", r"\d{4}[ ]?\d{6}", stdnum("at.vnr"), digits=10),
    _rule("at.uid", r"ATU\d{8}", stdnum("at.uid"), strong=True),
    _rule("ch.ahv", r"756\.?\d{4}\.?\d{4}\.?\d{2}", stdnum("ch.ssn"), strong=True, digits=13),
    _rule("it.codice_fiscale", rf"[A-Z]{{3}}{GAP}[A-Z]{{3}}{GAP}[0-9LMNPQRSTUV]{{2}}[A-EHLMPRST][0-9LMNPQRSTUV]{{2}}{GAP}[A-Z][0-9LMNPQRSTUV]{{3}}{GAP}[A-Z]", stdnum("it.codicefiscale"), strong=True, digits=0),
    _rule("it.iva", r"(?:IT[ ]?)?\d{11}", stdnum("it.iva"), digits=11),
    _rule("pt.nif", r"[1-9]\d{2}[ ]?\d{3}[ ]?\d{3}", stdnum("pt.nif"), digits=9),
    _rule("pt.cc", r"\d{8}[ ]?\d[ ]?(?=[A-Z0-9]{0,1}[A-Z])[A-Z0-9]{2}\d", stdnum("pt.cc"), strong=True, digits=9),
    _rule("br.cpf", r"\d{3}[. ]?\d{3}[. ]?\d{3}[- ]?\d{2}", _every(stdnum("br.cpf"), _not_repeated), strong=True, digits=11),
    _rule("br.cnpj", r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", _every(stdnum("br.cnpj"), _not_repeated), strong=True, digits=14),
    _rule("mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", stdnum("mx.curp"), strong=True),
    _rule("mx.rfc", rf"[A-ZÑ&]{{3,4}}{GAP}\d{{6}}{GAP}[A-Z0-9]{{3}}", stdnum("mx.rfc"), strong=True, digits=6),
    _rule("ar.cuit", r"(?:20|23|24|27|30|33|34|50|51|55)-?\d{8}-?\d", stdnum("ar.cuit"), strong=True, digits=11),
    _rule("co.nit", r"\d{1,3}\.?\d{3}\.?\d{3}-?\d", stdnum("co.nit"), digits=8),
    _rule("cl.rut", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dK]", stdnum("cl.rut")),
    _rule("pe.ruc", r"(?:10|15|17|20)\d{9}", stdnum("pe.ruc"), strong=True, digits=11),
    _rule("cn.resident_id", r"\d{6}[ ]?\d{4}[ ]?\d{4}[ ]?\d{3}[\dX]", _resident, strong=True, digits=17),
    _rule("cn.company", r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", stdnum("cn.uscc")),
    _rule("hk.id", r"[A-Z]{1,2}[ ]?\d{6}[ \-]?\(?[0-9A]\)?", _hong_kong, digits=6),
    _rule("hk.id_brackets", r"[A-Z]{1,2}\d{6}\([0-9A]\)", _hong_kong, strong=True, digits=6),
    _rule("tw.id", r"[A-Z][ ]?[1289]\d{8}", _taiwan, strong=True, digits=9),
    _rule("sa.id", r"[12]\d{9}", _luhn, digits=10),
    _rule("ae.id", r"784[- ]?(?:19|20)\d{2}[- ]?\d{7}[- ]?\d", _luhn, strong=True, digits=15),
    _rule("eg.national", r"[23][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{4}[ ]?\d", _egypt, strong=True, digits=14),
    _rule("ma.ice", r"\d{15}", stdnum("ma.ice"), strong=True, digits=15),
    _rule("ma.cin", r"[A-Z]{1,2}\d{5,6}", digits=5),
    _rule("us.ssn", r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", digits=9, strong=True),
    _rule("us.ssn_other_form", r"(?!000|666)\d{3}[- ]?(?!00)\d{2}[- ]?(?!0000)\d{4}", digits=9),
    _rule("us.itin", r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}", digits=9, strong=True),
    _rule("gb.nino", r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D]", strong=True, digits=6),
    _rule("gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", _every(stdnum("gb.nhs"), _not_repeated), digits=10),
    _rule("gb.utr", r"\d{5}[ ]?\d{5}K?", stdnum("gb.utr"), digits=10),
    _rule("ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", _every(stdnum("ca.sin"), _not_repeated), digits=9),
    _rule("in.pan", r"[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]", stdnum("in_.pan"), strong=True, digits=4),
    _rule("in.aadhaar", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", _every(stdnum("in_.aadhaar"), _not_repeated), digits=12),
    _rule("nl.bsn", r"\d{4}[. ]?\d{2}[. ]?\d{3}", _every(stdnum("nl.bsn"), _not_repeated), digits=9),
    _rule("be.national", r"\d{2}\.?\d{2}\.?\d{2}[- ]?\d{3}[. ]?\d{2}", stdnum("be.nn"), strong=True, digits=11),
    _rule("be.enterprise", r"(?:BE[ ]?)?[01]\d{3}\.?\d{3}\.?\d{3}", stdnum("be.vat"), strong=True, digits=10),
    Rule("de.register", "ID", re.compile(r"(?<![A-Za-z])(HR[AB][ ]?\d{3,6}(?:[ ]?[A-Z])?)(?![0-9A-Za-z])"), 0.85, digits=3),
    _rule("pl.pesel", r"\d{11}", stdnum("pl.pesel"), digits=11),
    _rule("ro.cnp", r"[1-9]\d{12}", stdnum("ro.cnp"), strong=True, digits=13),
    _rule("tr.tckn", r"[1-9]\d{10}", stdnum("tr.tckimlik"), strong=True, digits=11),
    _rule("il.id", r"\d{9}", stdnum("il.idnr"), digits=9),
    _rule("es.social_security", r"\d{2}[ /\-]?\d{8}[ /\-]?\d{2}", _spanish_social, strong=True, digits=12),
    _rule("sg.nric", r"[STFGM]\d{7}[A-Z]", _singapore, strong=True),
    _rule("my.nric", r"\d{6}-\d{2}-\d{4}", stdnum("my.nric"), strong=True, digits=12),
    _rule("kr.rrn", r"\d{6}-[1-8]\d{6}", lambda value: _date_of(digits_of(value)[:6]), strong=True, digits=13),
    _rule("au.tfn", r"\d{3}[ ]?\d{3}[ ]?\d{3}", stdnum("au.tfn"), digits=9),
    _rule("nz.ird", r"\d{2,3}[ \-]?\d{3}[ \-]?\d{3}", stdnum("nz.ird"), digits=8),
    _rule("pk.cnic", r"\d{5}-\d{7}-\d", stdnum("pk.cnic"), strong=True, digits=13),
    _rule("do.cedula", r"\d{3}-?\d{7}-?\d", stdnum("do.cedula"), digits=11),
    _rule("ec.cedula", r"\d{10}", stdnum("ec.ci"), digits=10),
    _rule("latin.cedula", r"\d{1,3}\.\d{3}\.\d{3}(?:\.\d{3})?|\d{7,10}", None, near=context.CEDULA, digits=7),
    _rule("se.personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}", stdnum("se.personnummer"), strong=True, digits=10),
    _rule("dk.cpr", r"[0-3]\d[01]\d{3}-\d{4}", lambda value: _date_of("".join((value[4:6], value[2:4], value[:2]))), strong=True, digits=10),
    _rule("fi.hetu", r"\d{6}[-+A]\d{3}[0-9A-Y]", _hetu, strong=True, digits=6),
    _rule("cz.rc", r"\d{6}/\d{3,4}", stdnum("cz.rc"), strong=True, digits=9),
    _rule("bg.egn", r"\d{10}", stdnum("bg.egn"), digits=10),
    _rule("gr.amka", r"\d{11}", stdnum("gr.amka"), strong=True, digits=11),
    _rule("gr.vat", r"(?:EL[ ]?)?\d{9}", stdnum("gr.vat"), digits=9),
    _rule("hr.oib", r"\d{11}", stdnum("hr.oib"), digits=11),
    _rule("si.emso", r"\d{13}", stdnum("si.emso"), strong=True, digits=13),
    _rule("lt.asmens", r"[1-6]\d{10}", stdnum("lt.asmens"), strong=True, digits=11),
    _rule("lv.pk", r"\d{6}-\d{5}", stdnum("lv.pvn"), strong=True, digits=11),
    _rule("no.fodselsnummer", r"\d{6}[ ]?\d{5}", stdnum("no.fodselsnummer"), strong=True, digits=11),
    _rule("ie.pps", r"\d{7}[A-W][A-IW]?", stdnum("ie.pps"), strong=True),
    _rule("gb.driver", r"[A-Z9]{5}[ ]?\d{6}[ ]?[A-Z9]{2}[0-9A-Z][A-Z]{2}", strong=True, digits=6),
    _rule("za.id", r"\d{6}[ ]?\d{4}[ ]?\d{3}", stdnum("za.idnr"), strong=True, digits=13),
    _rule("th.pin", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", stdnum("th.pin"), digits=13),
    _rule("id.nik", r"\d{16}", stdnum("id.nik"), digits=16),
    _rule("lk.nic", r"\d{9}[VX]", strong=True, digits=9),
    _rule("gh.card", r"GHA-\d{9}-\d", strong=True, digits=10),
    _rule("uy.ci", r"\d\.\d{3}\.\d{3}-\d", strong=True, digits=8),
    _rule("ve.ci", r"[VE]-?\d{1,2}\.?\d{3}\.?\d{3}", near=context.CEDULA, digits=7),
    _rule("sv.dui", r"\d{8}-\d", near=context.CEDULA, digits=9),
    _rule("it.identity_card", r"C[A-Z]\d{5}[A-Z]{2}", strong=True, digits=5),
    _rule("it.health_card", r"8038\d{16}", strong=True, digits=20),
    _rule("in.epic", r"[A-Z]{3}\d{7}", digits=7),
    _rule("us.ein", r"\d{2}-\d{7}", digits=9),
    _rule("ch.uid", r"CHE-?\d{3}\.?\d{3}\.?\d{3}", stdnum("ch.uid"), strong=True, digits=9),
    _rule("ve.rif", r"[VEJPG]-?\d{8,9}-\d", strong=True, digits=9),
    _rule("br.rg", r"\d{1,2}\.\d{3}\.\d{3}-[\dX]", strong=True, digits=8),
    _rule("br.rnm", r"[A-Z]\d{6}-[A-Z0-9]", strong=True, digits=6),
    _rule("br.pis", r"\d{3}\.\d{5}\.\d{2}-\d", strong=True, digits=11),
    _rule("ec.cedula_dash", r"\d{9}-\d", near=context.CEDULA, digits=10),
    _rule("passport", r"[A-Z]{1,3}[ ]?\d{5,9}[A-Z]{0,2}|\d{2}[A-Z]{2}\d{5}|\d{9}", near=context.PASSPORT, digits=5),
    _rule("document", rf"(?=[A-Z0-9\-]*\d[A-Z0-9\-]*\d)[A-Z0-9]{{1,4}}(?:-?[A-Z0-9]{{2,6}}){{1,4}}(?<=\d.|.\d){_NO_AMOUNT}", lambda value: sum(map(str.isdigit, value)) >= 5, near=context.PASSPORT, digits=5),
)  # fmt: skip

UNEXPLAINED = Rule(
    "number.unexplained",
    "ID",
    re.compile(
        r"(?<![0-9A-Za-z.,/:+€$£¥#%\-])(?<![€$£¥] )(?<!\b(?:TRN|CRO) )"
        r"((?=[0-9A-Z\-]*\d{5})[A-Z]{0,3}-?\d{9,}[A-Z]{0,2}|\d{8,}-?[A-Z]{1,2}|[A-Z]{1,3}-?\d{7,}|\d{3,}(?:-\d{2,}){2,}(?:-[A-Z0-9])?)"
        r"(?![0-9A-Za-z]|[.,/:\-]\d|[ \u00a0]?(?:€|\$|£|¥|%|[A-Z]{3}\b|eur|dong|yen|ien|won|rupi|peso|dirham|元|يورو|دينار|ريال|درهم))"
    ),
    0.4,
    lambda value: sum(map(str.isdigit, value)) >= 7 and not _DATE.fullmatch(value),
    digits=7,
    unless=context.REFERENCE,
)  # fmt: skip
"""A long number that no rule and no word explains: at a bank it is somebody's more often than not. A transfer's reference, named, is not."""

_NAMED = re.compile(
    r"(?:[^\d\n.?!。？！؟]|\b[Nn][ro]?\.){0,18}?(?<![\d.,])((?:[A-Z]{1,3}[ \-]?)?\d(?:[./\-]?[\dA-Z]|[ ]\d){5,19})" + RIGHT + _NO_AMOUNT
)


def find_named(text: str, nearby: Nearby) -> Iterator[Match]:
    """The number right after the name of a document, whatever its form: one with a mistyped digit is somebody's all the same."""
    ends = sorted({end for words in (context.IDENTITY, context.PASSPORT) for _, end in nearby.spans(words)})
    done = 0
    for place in ends:
        match = _NAMED.match(text, place) if place >= done else None
        if match and _is_number_of_someone(match[1]) and not nearby.leads(context.REFERENCE, match.start(1)):
            yield Match("ID", match.start(1), match.end(1), 0.6, "id.named")
            done = match.end()


_MRZ = re.compile(
    r"(?<![A-Z0-9<])("
    r"[PVIAC][A-Z0-9<][A-Z<]{3}[A-Z0-9<]{25,39}(?:\s{1,2}[A-Z0-9<]{28,44}){0,2}"
    r")(?![A-Z0-9<])"
)

MRZ = Rule("mrz", "MRZ", _MRZ, 1.0, lambda value: "<<" in value, digits=0)
"""The machine-readable lines of a passport or identity card (ICAO 9303)."""
