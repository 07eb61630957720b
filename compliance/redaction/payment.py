"""Payment: cards, IBANs, BICs and the account numbers of countries without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from compliance.redaction import context
from compliance.redaction.nearby import NUMBER, Nearby, words
from compliance.redaction.rule import GAP, LEFT, RIGHT, Match, Rule, compact, digits_of, luhn, stdnum

# Issuer ranges by first digits, with the lengths in use (ISO/IEC 7812; the schemes' public tables).
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 18, 19)), (51, 55, (16,)), (2221, 2720, (16,)), (34, 34, (15,)), (37, 37, (15,)), (36, 36, (14, 16, 19)),
    (300, 305, (14, 16, 19)), (3095, 3095, (14, 16, 19)), (38, 39, (14, 16, 19)), (6011, 6011, (16, 19)), (644, 649, (16, 19)), (65, 65, (16, 19)),
    (62, 62, (16, 17, 18, 19)), (81, 81, (16, 17, 18, 19)), (3528, 3589, (16, 17, 18, 19)), (50, 50, (12, 13, 14, 15, 16, 17, 18, 19)),
    (56, 58, (12, 13, 14, 15, 16, 17, 18, 19)), (63, 63, (12, 13, 14, 15, 16, 17, 18, 19)), (67, 67, (12, 13, 14, 15, 16, 17, 18, 19)), (2200, 2204, (16, 17, 18, 19)),
    (9792, 9792, (16,)), (60, 60, (16,)), (2131, 2131, (15,)), (1800, 1800, (15,)),
)  # fmt: skip
SHORTEST_CARD = 12

_SEPARATED = r"(?:[ \t\u00a0\u2000-\u200a\u202f.,/\-\u2010-\u2015_]{0,3}\n?)"
_DIGIT_RUN = re.compile(rf"\d(?:{_SEPARATED}\d){{11,}}")


@cache
def _issuer_lengths(head: str) -> tuple[int, ...]:
    """The lengths in use for numbers that begin with these four digits."""
    sizes = {size for low, high, lengths in _ISSUERS if low <= int(head[: len(str(low))]) <= high for size in lengths}
    return tuple(sorted(sizes, reverse=True))


def is_card(digits: str) -> bool:
    """Whether the digits are of a known issuer, of a length it uses, and pass Luhn."""
    return len(digits) in _issuer_lengths(digits[:4]) and luhn(digits)


def find_cards(text: str) -> Iterator[Match]:
    """Payment cards with any separators, also beside other numbers: a card begins and ends where a group of digits does."""
    for run in _DIGIT_RUN.finditer(text):
        places = [place for place in range(run.start(), run.end()) if text[place].isdigit()]
        digits = "".join(text[place] for place in places)
        edge = [0] + [index for index in range(1, len(places)) if places[index] - places[index - 1] > 1] + [len(places)]
        done = 0
        edges = set(edge)
        for begin in edge:
            if begin < done:
                continue
            for size in _issuer_lengths(digits[begin : begin + 4]) if begin + SHORTEST_CARD <= len(digits) else ():
                end = begin + size
                if end in edges and luhn(digits[begin:end]):
                    yield Match("CARD", places[begin], places[end - 1] + 1, 0.95, "card")
                    done = end
                    break


_IBAN_START = re.compile(r"[A-Za-z]{2}[ \u00a0\u202f./\-]?\d[ ]?\d")
"""Two letters and the first digit after them, which begins a run of digits."""


LONGEST_GAP = 3
"""Characters between two groups of an IBAN, as in " - "."""


@cache
def _iban_form(country: str) -> tuple[int, re.Pattern[str]] | None:
    """Length in characters of a country's IBAN, and what may stand behind its check digits (SWIFT's registry, as schwifty has it): letters
    only where its accounts have any; None for a country without one."""
    from schwifty import registry
    from schwifty.exceptions import SchwiftyException

    try:
        spec = registry.get_iban_spec(country)
        parts = re.findall(r"(\d+)!?([a-z])", spec.bban_spec)
        return int(spec.iban_length), re.compile("".join(("[0-9]" if kind == "n" else "[0-9A-Z]") + f"{{{size}}}" for size, kind in parts))
    except (SchwiftyException, KeyError):
        return None


def find_ibans(text: str, nearby: Nearby) -> Iterator[Match]:
    """IBANs of every country of the registry; a spaced one runs into the words after it, so its country's length ends it."""
    place = 0
    for start in (start - back for start, _ in nearby.runs if start > 1 and text[start - 2].isalpha() for back in (3, 2) if start >= back):
        head = _IBAN_START.match(text, start) if start >= place else None
        if head is None:
            continue
        form = _iban_form(text[head.start() : head.start() + 2].upper())
        if form is None:
            continue
        length, account = form
        end, seen, gap = head.start(), 0, 0
        while end < len(text) and seen < length and gap <= LONGEST_GAP:
            char = text[end]
            if char.isascii() and char.isalnum():
                seen, gap = seen + 1, 0
            elif char in " \t\n\u00a0\u202f.,:·/-_\u2010\u2011\u2012\u2013\u2014":
                gap += 1
            else:
                break
            end += 1
        value = compact(text[head.start() : end])
        # One in 97 of "de 2026" with the words after it has the checksum of a German account, which has no letters.
        if seen == length and account.fullmatch(value, 4) and _is_iban(value):
            yield Match("IBAN", head.start(), end, 1.0, "iban")
            place = end


def _is_iban(value: str) -> bool:
    # ISO 13616: the first four characters moved to the end, letters as 10-35, the whole modulo 97 is 1.
    return int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1


def _is_clabe(value: str) -> bool:
    # Banco de México: weights 3, 7, 1, each product modulo 10; the last digit brings the sum to a multiple of ten.
    digits = [int(char) for char in digits_of(value)]
    total = sum(digit * weight % 10 for digit, weight in zip(digits[:17], (3, 7, 1) * 6, strict=False))
    return len(digits) == 18 and (total + digits[17]) % 10 == 0


def _belgian(value: str) -> bool:
    # the last two digits are the first ten modulo 97, and 97 for none left
    digits = digits_of(value)
    return (int(digits[:10]) % 97 or 97) == int(digits[10:])


def _is_bic(value: str) -> bool:
    from schwifty import BIC
    from schwifty.exceptions import SchwiftyException

    try:
        BIC(compact(value))
    except (SchwiftyException, ValueError):
        return False
    return True


_ACCOUNT_LABEL = (
    r"(?:account|a/c|c/c|acct|\brib|\bnib|\bccp|cuenta|賬戶|帳戶|konto|\bkto|\bbban|compte(?!ur)|conto(?!r)|conta(?![bcdgt])|账户|賬戶|帳戶|账号|帳號|帐号|حساب(?:ي)?|customer|client|cliente|kunden|contrat|contract|contrato|vertrag|contratto|客户|合同|عميل)"
    r"(?:[ -]?(?:corriente|corrente|courant|number|numbers?|no\.?|num\.?|nº|n°|número|numero|numéro|nummer|nr\.?|编号|号码|号|رقم)){0,2}"
    r"[ ]?(?:is|es|est|ist|é|è|是|为|هو|at|with you|with|bei euch|bei Ihnen|con voi|con ustedes|chez vous|عندكم|لديكم|معكم)?\s*[:#=]?\s*"
)


_IBAN_NEAR = words(r"[A-Z]{2}\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}")


def _is_named_card(value: str) -> bool:
    digits = digits_of(value)
    return digits[0] != "0" and luhn(digits)


_DATED = re.compile(r"\D*(?:\d{1,2}[ ./\-]\d{1,2}[ ./\-](?:19|20)\d\d|(?:19|20)\d\d[./\-]\d{1,2}[./\-]\d{1,2})")


def _is_no_date(value: str) -> bool:
    # "the contract of 01/02/2008" is named by its date
    return not _DATED.fullmatch(value)


RULES: tuple[Rule, ...] = (
    Rule("card.named", "CARD", re.compile(rf"(?<!\d)(\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}})(?!\d)"), 0.9, _is_named_card, context.CARD, digits=16, begins=NUMBER),
    Rule("es.ccc", "ACCOUNT", re.compile(rf"(?<!\d)(\d{{4}}{GAP}\d{{4}}{GAP}\d{{2}}{GAP}\d{{10}})(?!\d)"), 0.92, stdnum("es.ccc"), digits=20, begins=NUMBER),
    Rule("ar.cbu", "ACCOUNT", re.compile(rf"(?<!\d)(\d{{8}}{GAP}\d{{14}})(?!\d)"), 0.92, stdnum("ar.cbu"), digits=22, begins=NUMBER),
    Rule("mx.clabe", "ACCOUNT", re.compile(rf"(?<!\d)(\d{{3}}{GAP}\d{{3}}{GAP}\d{{11}}{GAP}\d)(?!\d)"), 0.9, _is_clabe, context.ACCOUNT, digits=18, begins=NUMBER),
    Rule("gb.account", "ACCOUNT", re.compile(r"(?<!\d)(\d{2}-\d{2}-\d{2}[ ,;]{1,3}(?:[a-z. ]{0,24}[: ]\s?)?\d{8})(?!\d)", re.I), 0.85, digits=14, begins=NUMBER),
    Rule("gb.sort_code", "ACCOUNT", re.compile(r"sort ?code[ :#=is]{1,6}(\d{2}[- ]?\d{2}[- ]?\d{2})(?!\d)", re.I), 0.85, digits=6),
    Rule("gb.short", "ACCOUNT", re.compile(r"\b(?:s/c|a/c)[ :#]{0,3}(\d{2}-?\d{2}-?\d{2}(?:\d{2})?)(?!\d)", re.I), 0.85, digits=6),
    Rule("cn.cnaps", "ACCOUNT", re.compile(r"(?:联行号|聯行號|行号)[:：是为]?\s*(\d{12})(?!\d)"), 0.8, digits=12),
    Rule("hk.account", "ACCOUNT", re.compile(r"(?<!\d)(\d{3}-\d{3}-\d{6}(?:-\d{3})?)(?!\d)"), 0.7, None, context.ACCOUNT, digits=12, begins=NUMBER),
    Rule("us.aba", "ACCOUNT", re.compile(r"(?<!\d)(\d{9})(?!\d)"), 0.7, stdnum("us.rtn"), context.ACCOUNT, digits=9, begins=NUMBER),
    Rule("account", "ACCOUNT", re.compile(rf"{_ACCOUNT_LABEL}((?:[A-Z]{{1,3}}[- ]?)?\d(?:[ \u00a0\-./]?\d){{5,23}})(?![.,]?\d|[ \u00a0]?(?:€|\$|£|%|eur))", re.I), 0.6, _is_no_date, digits=6),
    Rule("bic", "BIC", re.compile(rf"{LEFT}([A-Z]{{6}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?){RIGHT}"), 0.7, _is_bic, context.BIC, digits=0),
    Rule("bic.digit", "BIC", re.compile(rf"{LEFT}((?=[A-Z]{{6,10}}\d)[A-Z]{{6}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?){RIGHT}"), 0.6, _is_bic),
    Rule("bic.glued", "BIC", re.compile(rf"(?:SWIFT|BIC)[:：]?([A-Z]{{6}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?){RIGHT}"), 0.7, _is_bic, digits=0),
    Rule("bic.named", "BIC", re.compile(rf"\b(?:swift|bic)(?:[ -]?code)?(?: (?!(?:is|ist|est|para|per|pour|zum)\b)[a-zà-ü]{{3,12}}(?=[ :：]))?[ :：]{{0,3}}((?-i:[a-z]{{4}})[A-Z]{{2}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?){RIGHT}", re.I), 0.7, _is_bic, digits=0),
    Rule("bic.beside_iban", "BIC", re.compile(rf"{LEFT}([A-Z]{{6}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?){RIGHT}"), 0.65, _is_bic, _IBAN_NEAR, digits=8),
    Rule("br.agency", "ACCOUNT", re.compile(r"ag[eê]ncia[ :n.º]{1,4}(\d{4}(?:-\d)?)(?![\d])(?=[^\d]{0,14}c/?c|[^\d]{0,14}conta)", re.I), 0.7, digits=4),
    Rule("fr.rib", "ACCOUNT", re.compile(r"(?<!\d)(\d{5}[ ]?\d{5}[ ]?[0-9A-Z]{11}[ ]?\d{2})(?!\d)"), 0.8, None, context.ACCOUNT, digits=12, begins=NUMBER),
    Rule("be.account", "ACCOUNT", re.compile(r"(?<![\d\-])(\d{3}-\d{7}-\d{2})(?![\d\-])"), 0.85, lambda value: _belgian(value), digits=12, begins=NUMBER),
    Rule("au.bsb", "ACCOUNT", re.compile(r"\bbsb\b[^\d\n]{0,12}(\d{3}[- ]?\d{3})(?!\d)", re.I), 0.85, digits=6),
    Rule("it.abi_cab", "ACCOUNT", re.compile(r"\b(?:abi|cab)[ :.]{0,3}(\d{5})(?!\d)", re.I), 0.85, digits=5),
    Rule("account.postal", "ACCOUNT", re.compile(r"(?:\bccp\b|\brib\b|بريدي)[^\d\n.]{0,28}(\d{6,12}(?:[ /\-]\d{2})?)(?!\d)", re.I), 0.7, digits=8),
    Rule("de.blz", "ACCOUNT", re.compile(r"\b(?:blz|bankleitzahl)[ :]{0,3}(\d{3} ?\d{3} ?\d{2})(?!\d)", re.I), 0.85, digits=8),
    Rule("ch.post", "ACCOUNT", re.compile(r"(?<![\d\-])(\d{2}-\d{2,6}-\d)(?![\d\-])"), 0.6, None, context.ACCOUNT, digits=5, begins=NUMBER),
)  # fmt: skip
