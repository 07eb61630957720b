"""Identifiers: the finders of everything that identifies a person by its form, its checksum or the words before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Check = Callable[[str], bool]

# \b does not hold between a digit and a Chinese or Arabic letter, so the edges are spelled out in ASCII.
_L = r"(?<![0-9A-Za-z])"
_R = r"(?![0-9A-Za-z])"
SHORTEST_IBAN = 15
_SEP = r"[ \t\u00a0\u2000-\u200a\u202f\u2060.,/\-\u2010-\u2015_]{0,2}\n?"


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` proposes (its group 1 is the value, if it has one), `check` confirms; `context` must stand near when given."""

    type: str
    pattern: re.Pattern[str]
    score: float
    check: Check | None = None
    context: re.Pattern[str] | None = None
    needs_digit: bool = True


def compact(value: str) -> str:
    """Letters and digits alone, upper case."""
    return "".join(char for char in value.upper() if char.isalnum())


def _stdnum(name: str) -> Check:
    """The validity check of a python-stdnum module; any fault of its own counts as not valid."""

    def check(value: str) -> bool:
        import importlib

        try:
            module: Any = importlib.import_module(f"stdnum.{name}")
            return bool(module.is_valid(compact(value)))
        except (ValueError, KeyError, IndexError, ImportError):
            return False

    return check


def iban_length(value: str) -> int:
    """How many characters of `value`, from its start, are a valid IBAN; 0 when none are.

    Spaced IBANs run into the words after them, so the country's own length decides where one ends.
    """
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    seen = 0
    for place, char in enumerate(value, 1):
        seen += char.isalnum()
        if char.isalnum() and seen >= SHORTEST_IBAN:
            try:
                IBAN(compact(value[:place]))
            except (SchwiftyException, ValueError, KeyError):
                continue
            return place
    return 0


# Issuer ranges by first digits, with the lengths in use (ISO/IEC 7812; the schemes' public tables).
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 18, 19)), (51, 55, (16,)), (2221, 2720, (16,)), (34, 34, (15,)), (37, 37, (15,)), (36, 36, (14, 16, 19)),
    (300, 305, (14, 16, 19)), (38, 39, (14, 16, 19)), (6011, 6011, (16, 19)), (644, 649, (16, 19)), (65, 65, (16, 19)),
    (62, 62, (16, 17, 18, 19)), (81, 81, (16, 17, 18, 19)), (3528, 3589, (16, 17, 18, 19)), (50, 50, (12, 13, 14, 15, 16, 17, 18, 19)),
    (56, 58, (12, 13, 14, 15, 16, 17, 18, 19)), (63, 63, (16, 18, 19)), (67, 67, (16, 18, 19)), (2200, 2204, (16, 17, 18, 19)),
    (9792, 9792, (16,)), (60, 60, (16,)),
)  # fmt: skip


def _card(value: str) -> bool:
    digits = compact(value)
    known = any(low <= int(digits[: len(str(low))]) <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)
    return known and _luhn(digits)


def _luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _phone(value: str) -> bool:
    import phonenumbers

    text = "".join(char for char in value if char.isdigit() or char == "+")
    text = "+" + text[2:] if text.startswith("00") else text
    regions = (None,) if text.startswith("+") else ("ES", "FR", "DE", "IT", "PT", "IE", "GB")
    for region in regions:
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _words(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_PHONE_WORDS = _words(
    r"phone|mobile|\bcall|\btel\b|tel[eé]f|m[oó]vil|llam|whatsapp|t[eé]l[eé]phone|portable|appel|telefon|handy|nummer|anruf"
    r"|telem[oó]vel|cellulare|chiam|电话|手机|号码|هاتف|جوال|موبايل|اتصل|رقمي"
)
_ID_WORDS = _words(
    r"\bid\b|\bdni\b|\bnif\b|\bnie\b|passport|passeport|pasaporte|passaport|reisepass|ausweis|identi|tax|steuer|fiscal|codice|ssn|social|s[eé]cu"
    r"|nino|insurance|cpf|rut|curp|rfc|pan\b|aadhaar|bsn|pesel|ahv|护照|身份证|证件|税号|هوية|جواز|بطاقة|ضريبي|护"
)
_PIN_WORDS = (
    r"(?:\bpin\b|pin code|c[oó]digo pin|clave|code secret|geheimzahl|密码|密碼|الرقم السري|رمز سري|رقم سري|codice pin|código secreto)"
)
_OTP_WORDS = r"(?:\botp\b|one.time|sms.?code|code sms|c[oó]digo sms|c[oó]digo de (?:verificaci[oó]n|un solo uso)|\btan\b|验证码|動態密碼|رمز التحقق|رمز الرسالة)"
_CVV_WORDS = r"(?:\bcvv2?\b|\bcvc2?\b|security code|c[oó]digo de seguridad|pr[uü]fziffer|cryptogramme|安全码|رمز الأمان)"
_PASSWORD_WORDS = (
    r"(?:password|passwort|contrase[ñn]a|mot de passe|palavra.passe|senha|kennwort|parola d.ordine|登录密码|口令|كلمة (?:السر|المرور))"
)
_BIRTH_WORDS = _words(r"born|birth|\bdob\b|nac[ií]|n[ée]e? le|naissance|geboren|geburt|nasc|nato|nata|出生|生日|مواليد|ميلاد|ولد")
_EXPIRY_WORDS = _words(r"expir|caduc|valid|g[uü]ltig|scad|ablauf|有效期|到期|انتهاء|صالح")
_LINK = r"(?:\s*(?:is|es|est|ist|é|è|:|=|是|为|هو|هي|nº|num|n\.|no\.?|number|número|número|numéro|nummer)){0,3}\s*"

_DATE = r"(?:\d{1,2}[./\- ]\d{1,2}[./\- ](?:19|20)?\d{2}|(?:19|20)\d{2}[./\-]\d{1,2}[./\-]\d{1,2}|(?:19|20)\d{2}年\d{1,2}月\d{1,2}日)"


def _rule(type: str, pattern: str, score: float, check: Check | None = None, context: re.Pattern[str] | None = None, digit: bool = True) -> Rule:
    return Rule(type, re.compile(pattern, re.IGNORECASE), score, check, context, digit)


def _id(pattern: str, *modules: str, weak: bool = False) -> Rule:
    checks = [_stdnum(name) for name in modules]
    confirm = (lambda value: any(check(value) for check in checks)) if checks else None
    return _rule("ID", rf"{_L}({pattern}){_R}", 0.6 if weak else 0.9, confirm, _ID_WORDS if weak else None)


RULES: tuple[Rule, ...] = (
    _rule("EMAIL", r"(?<![\w.+-])([\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?![\w-])", 1.0, digit=False),
    _rule("URL", r"((?:https?|ftp)://[^\s/@:]{1,64}:[^\s/@]{1,64}@[^\s]{1,200})", 1.0, digit=False),
    _rule("IBAN", rf"{_L}([A-Z]{{2}}[ -]?\d{{2}}(?:[ \u00a0\u202f-]?[A-Z0-9]){{11,30}})", 1.0),
    _rule("CARD", rf"(?<!\d)(\d(?:{_SEP}\d){{11,18}})(?!\d)", 0.95, _card),
    _id(r"\d{8}[ -]?[A-HJ-NP-TV-Z]", "es.dni"),
    _id(r"[XYZ][ -]?\d{7}[ -]?[A-Z]", "es.nie"),
    _id(r"[ABCDEFGHJNPQRSUVW][ -]?\d{7}[ -]?[0-9A-J]", "es.cif"),
    _id(r"[12][ .]?\d{2}[ .]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .]?(?:\d{2}|2[AB])[ .]?\d{3}[ .]?\d{3}(?:[ .]?\d{2})", "fr.nir"),
    _id(r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", "de.idnr", weak=True),
    _id(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale"),
    _id(r"\d{9}", "pt.nif", "nl.bsn", weak=True),
    _id(r"\d{3}[.]?\d{3}[.]?\d{3}-?\d{2}", "br.cpf", weak=True),
    _id(r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf"),
    _id(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", "mx.curp"),
    _id(r"[A-ZÑ&]{4}\d{6}[A-Z0-9]{3}", "mx.rfc", weak=True),
    _id(r"\d{2}-\d{8}-\d", "ar.cuit"),
    _id(r"\d{1,2}\.?\d{3}\.?\d{3}-[\dK]", "cl.rut"),
    _id(r"\d{17}[\dX]", "cn.ric"),
    _id(r"784-?\d{4}-?\d{7}-?\d", "luhn"),
    _id(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", "us.ssn"),
    _id(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D]"),
    _id(r"[A-Z]{5}\d{4}[A-Z]", "in_.pan"),
    _id(r"\d{4}[ -]\d{4}[ -]\d{4}", "in_.aadhaar", weak=True),
    _id(r"\d{11}", "pl.pesel", weak=True),
    _id(r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn"),
    _id(r"[A-Z]{1,3}\d{6,9}[A-Z0-9]?", weak=True),
    _rule("CVV", rf"{_CVV_WORDS}{_LINK}(\d{{3,4}})(?!\d)", 0.9),
    _rule("OTP", rf"{_OTP_WORDS}{_LINK}(\d{{4,8}})(?!\d)", 0.9),
    _rule("PIN", rf"{_PIN_WORDS}{_LINK}(\d{{4,6}})(?!\d)", 0.9),
    _rule("PASSWORD", rf"{_PASSWORD_WORDS}(?:\s*(?:is|es|est|ist|é|è|是|هي)\s+|\s*[:=]\s*)([^\s,;]{{4,64}})", 0.8, digit=False),
    _rule("BIRTH_DATE", rf"(?<!\d)({_DATE})(?!\d)", 0.8, None, _BIRTH_WORDS),
    _rule("EXPIRY", r"(?<!\d)((?:0[1-9]|1[0-2])\s?/\s?\d{2}(?:\d{2})?)(?!\d)", 0.6, None, _EXPIRY_WORDS),
    _rule("PHONE", r"(?<![\w+])((?:\+|00)\d{1,3}(?:[ \u00a0().-]{0,2}\d){6,13})(?!\d)", 0.9, _phone),
    _rule("PHONE", r"(?<![\w+.,€$£])(\(?\d(?:[ \u00a0().-]{0,2}\d){8,11})(?![\d.,]\d|\d)", 0.6, _phone, _PHONE_WORDS),
    _rule("IP", r"(?<![\d.])((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\d.])", 0.8),
    _rule("PERSON", (
        r"(?:my name is|i am called|me llamo|mi nombre es|je m'appelle|je m’appelle|mon nom est|mein name ist|ich hei(?:ß|ss)e|chamo-me"
        r"|o meu nome é|mi chiamo|il mio nome è)\s+((?-i:[A-ZÀ-Ý][\w'’-]{1,30}(?:\s+(?:de|da|do|la|van|von|der|del|el|al)){0,2}"
        r"(?:\s+[A-ZÀ-Ý][\w'’-]{1,30}){0,3}))"
    ), 0.8, digit=False),
    _rule("PERSON", r"(?:我叫|我的名字是|我的姓名是|本人姓名)\s*([\u4e00-\u9fff]{2,4}?)(?=[，,。.！!？?\s的]|$)", 0.8, digit=False),
    _rule("PERSON", r"(?:اسمي|أنا اسمي|انا اسمي)\s+([\u0621-\u064a]{2,20}(?:\s+(?:بن|ابن|أبو|ابو|عبد)?\s?[\u0621-\u064a]{2,20})?)", 0.8, digit=False),
)  # fmt: skip
"""Tried in this order; where two overlap, the one found first and longer stands."""

CONTEXT_CHARS = 48


def find(text: str) -> Iterator[tuple[str, int, int, float]]:
    """`(type, start, end, score)` of every identifier of a normalised text, overlapping ones included."""
    has_digit = any(char.isdigit() for char in text)
    for rule in RULES:
        if rule.needs_digit and not has_digit:
            continue
        place = 0
        while match := rule.pattern.search(text, place):
            start, end = match.span(1)
            near = rule.context is None or rule.context.search(text, max(0, start - CONTEXT_CHARS), min(len(text), end + 16))
            if near and rule.type == "IBAN":
                end = start + iban_length(text[start:end])
            elif near and rule.check is not None and not rule.check(text[start:end]):
                end = start
            if not near or end == start:
                # What was proposed is none, but one may begin inside it.
                place = start + 1 if rule.type == "IBAN" else match.end()
                continue
            yield rule.type, start, end, rule.score
            place = end
