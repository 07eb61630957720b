"""Contact: how to reach a person, or a device of theirs."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from compliance.redaction import context
from compliance.redaction.nearby import NUMBER
from compliance.redaction.rule import Rule, digits_of

_SEP = r"[ \u00a0().\-/\u2010-\u2014]"
SURELY_NO_AMOUNT = 9


def _international(value: str) -> bool:
    import phonenumbers

    text = "".join(char for char in value if char.isdigit() or char == "+")
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse("+" + text[2:] if text.startswith("00") else text, None)))
    except phonenumbers.NumberParseException:
        return False


_DATE = re.compile(r"\d{1,2}[./\-]\d{1,2}[./\-](?:\d{2}|\d{4})|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}")
_THOUSANDS = re.compile(r"\d{1,3}(?:[. \u00a0]\d{3}){1,2}")


def _local(value: str) -> bool:
    """Near a word for telephone a number of the right length is one, in any grouping, unless it reads as a date or as an amount."""
    return not _DATE.fullmatch(value.strip()) and (len(digits_of(value)) >= SURELY_NO_AMOUNT or not _THOUSANDS.fullmatch(value))


def _ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return value.count(":") >= 2 and len(value) > 4


_NO_AMOUNT = r"(?![\d]|[.,]\d|[ \u00a0\u202f]?(?:€|\$|£|¥|%|[Ee][Uu][Rr]|欧元|元|يورو|دولار))"
_NO_MONEY_BEFORE = r"(?<![0-9A-Za-z+.,€$£¥])(?<![€$£¥] )"

RULES: tuple[Rule, ...] = (
    Rule("email", "EMAIL", re.compile(r"(?<![A-Za-z0-9._%+\-@])([A-Za-z0-9_%+][A-Za-z0-9._%+'\-]{0,63}\s?(?:@|\(at\)|\[at\])\s?(?:[A-Za-z0-9\-]{1,63}(?:\.|\s?[(\[](?:dot|punkt|point)[)\]]\s?)){1,8}[A-Za-z]{2,24})(?![A-Za-z0-9\-])"), 1.0, digits=0),
    Rule("email.accented", "EMAIL", re.compile(r"(?<![\w.%+\-@])([A-Za-z0-9À-ɏ._%+\-]{1,64}@(?:[A-Za-z0-9À-ɏ\-]{1,63}\.){1,8}[A-Za-zÀ-ɏ]{2,24})(?![\w\-])"), 0.99, digits=0),
    Rule("email.dictated", "EMAIL", re.compile(r"(?<!\w)([\w.+\-]{2,40}(?:\s(?:punkt|dot|point|punto|ponto|unterstrich|underscore|tiret|guion|bajo|trattino|hífen)\s[\w.+\-]{1,40}){0,4}\s?(?:\s(?:ät|at|arobase|arroba|chiocciola|klammeraffe)\s|[(\[]\s?(?:ät|at|arobase|arroba|chiocciola|klammeraffe)\s?[)\]])\s?[\w\-]{2,40}(?:\s(?:punkt|dot|point|punto|ponto)\s[a-z]{2,10}){1,3})(?!\w)", re.I), 0.95, digits=0),
    Rule("url.credentials", "URL", re.compile(r"((?:https?|ftp|sftp|ssh)://[^\s/@:]{1,64}:[^\s/@]{1,128}@[^\s<>\"']{1,300})", re.I), 1.0, digits=0),
    Rule("url.token", "URL", re.compile(r"(https?://[^\s<>\"']{1,300}[?&](?:token|access_token|session|sessionid|sid|key|apikey|api_key|password|passwort|pass|pwd|clave|senha|mdp|motdepasse|otp|code)=[^\s<>\"']{4,300})", re.I), 1.0, digits=0),
    Rule("phone.international", "PHONE", re.compile(r"(?<![0-9A-Za-z+])((?:\+|00)[ \u00a0]?\(?\d{1,3}\)?(?:" + _SEP + r"{0,3}\d){6,13})(?![\d])"), 0.93, _international, digits=8, begins=NUMBER),
    Rule("phone.nanp", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,\-])((?:1[ .\-])?(?:\([2-9]\d{2}\)[ ]?|[2-9]\d{2}[.\-])[2-9]\d{2}[.\-]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,5})?)(?![\d\-])"), 0.7, digits=10, begins=NUMBER),
    Rule("phone.fr", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,])(0[1-9](?:[ \u00a0.\-]\d{2}){4})" + _NO_AMOUNT), 0.75, digits=10, begins=NUMBER),
    Rule("phone.es", "PHONE", re.compile(_NO_MONEY_BEFORE + r"((?:6\d|7[1-9])\d[ \u00a0]\d{3}[ \u00a0]\d{3}|(?:6\d|7[1-9])\d[ \u00a0]\d{2}[ \u00a0]\d{2}[ \u00a0]\d{2}|[6]\d{8}|[67](?:[ \u00a0.]\d{2}){4})" + _NO_AMOUNT), 0.55, digits=9, begins=NUMBER),
    Rule("phone.de", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,/\-])(0(?:1[5-7]\d|[2-9]\d{1,4})[ ]?[/\- ][ ]?\d(?:[ \-]?\d){4,8})" + _NO_AMOUNT), 0.55, digits=9, begins=NUMBER),
    Rule("phone.gb", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,])(07\d{3}[ ]?\d{3}[ ]?\d{3}|0\d{3,4}[ ]\d{3}[ ]?\d{3,4})" + _NO_AMOUNT), 0.6, digits=10, begins=NUMBER),
    Rule("phone.br", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,])(\(\d{2}\)[ ]?9?\d{4}-?\d{4})(?!\d)"), 0.75, digits=10, begins=NUMBER),
    Rule("phone.cn", "PHONE", re.compile(r"(?<![\d.,+\-])(1[3-9]\d[ \-]?\d{4}[ \-]?\d{4})(?![\d]|[.,]\d)"), 0.6, digits=11, begins=NUMBER),
    Rule("phone.tw", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,])(09\d{2}[ \-]\d{3}[ \-]\d{3})(?!\d)"), 0.6, digits=10, begins=NUMBER),
    Rule("phone.arab", "PHONE", re.compile(r"(?<![0-9A-Za-z+.,])(01[0125][ ]?\d{4}[ ]?\d{4}|05\d[ \-]?\d{3}[ \-]?\d{4})(?!\d)"), 0.6, digits=10, begins=NUMBER),
    Rule("phone.named", "PHONE", re.compile(_NO_MONEY_BEFORE + r"(\(?\d(?:" + _SEP + r"{0,2}\d){6,12})" + _NO_AMOUNT), 0.5, _local, context.PHONE, digits=7, begins=NUMBER, yields_to=context.REFERENCE),
    Rule("ip4", "IP", re.compile(r"(?<![\d.])((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\d]|\.\d)"), 0.8, digits=4, begins=NUMBER),
    Rule("ip6", "IP", re.compile(r"(?:(?<![0-9A-Za-z:])|(?<=\bip)|(?<=\bIP))((?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![0-9A-Za-z:])"), 0.8, _ipv6),
    Rule("mac", "MAC", re.compile(r"(?<![0-9A-Za-z])((?:[0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})(?![0-9A-Za-z])"), 0.8, digits=0),
    Rule("crypto.bitcoin", "CRYPTO", re.compile(r"(?<![0-9A-Za-z])((?:bc1[ac-hj-np-z02-9]{11,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34}))(?![0-9A-Za-z])"), 0.95, lambda value: _bitcoin(value)),
    Rule("crypto.tron", "CRYPTO", re.compile(r"(?<![0-9A-Za-z])(T[1-9A-HJ-NP-Za-km-z]{33})(?![0-9A-Za-z])"), 0.95, lambda value: _base58_checked(value)),
    Rule("crypto.ethereum", "CRYPTO", re.compile(r"(?<![0-9A-Za-z])(0x[0-9A-Fa-f]{40})(?![0-9A-Za-z])"), 0.95),
)  # fmt: skip


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58_checked(value: str) -> bool:
    """Base58Check: the last four bytes are the beginning of the double SHA-256 of the others."""
    number = 0
    for char in value:
        number = number * 58 + _BASE58.index(char)
    data = number.to_bytes(25, "big") if number < 1 << 200 else b""
    return bool(data) and hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def _bitcoin(value: str) -> bool:
    import stdnum.bitcoin

    return bool(stdnum.bitcoin.is_valid(value))
