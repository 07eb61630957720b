"""Quantities: the numbers, amounts, percentages, dates and times in a text, across the notations of eight languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from knowledge.number_words import words_to_numbers

COMMA_DECIMAL = frozenset({"es", "fr", "de", "pt", "it"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` is canonical: a plain decimal ("1500.5"), an ISO day ("2026-03-01", "--03-01" without a year) or "17:00".

    `kind` is "money", "percent", "date", "time" or "number"; `unit` the ISO code of a currency, else empty.
    `start` and `end` are offsets into the text it was read from.
    """

    kind: str
    value: str
    unit: str
    start: int
    end: int

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.value, self.unit)


_CURRENCIES = {
    "EUR": r"€|eur(?:os?|o)?(?![a-z])|欧元|歐元|يورو|اليورو",
    "USD": r"us-?dollars?(?![a-z])|us\$|\$|usd(?![a-z])|(?:us )?dollars?(?![a-z])|d[oó]lar(?:es)?(?![a-z])|dollari?(?![a-z])|美元|دولار",
    "GBP": r"£|gbp(?![a-z])|英镑|جنيه إسترليني",
    "CHF": r"chf(?![a-z])|瑞士法郎",
    "CNY": r"¥|cny(?![a-z])|rmb(?![a-z])|人民币|يوان",
}
_CURRENCY = re.compile("|".join(f"(?P<{code}>{pattern})" for code, pattern in _CURRENCIES.items()), re.IGNORECASE)
_GAP = r"[ \u00a0\u202f\u2009]?"
_NUMBER = re.compile(r"(?<![\d.,])\d+(?:[.,'’ \u00a0\u202f\u2009]\d{3}(?!\d))*(?:[.,]\d+)?")
_PERCENT = re.compile(
    rf"{_GAP}(?:%|per\s?cent(?![a-z])|por\s?ciento|por\s?cento|pour\s?cent(?![a-z])|prozent(?![a-z])|per\s?cento|في المائة|في المئة|بالمائة|بالمئة)",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?<![\d.,])(?<!\d:)([01]?\d|2[0-4])\s?[:h]\s?([0-5]\d)(?![\d:])")
_ISO_DAY = re.compile(r"(?<![\d-])(\d{4}|-)-(\d{2})-(\d{2})(?!\d)")
_SLASH_DAY = re.compile(r"(?<![\d/.])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?!\d)")
_ZH_DAY = re.compile(r"(?:(\d{4})\s*年)?\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号號]")
_ZH_MONTH = re.compile(r"(?:(\d{4})\s*年)?\s*(?<!\d)(\d{1,2})\s*月(?!\s*\d)")

_MONTHS: tuple[str, ...] = (
    "january|jan|enero|janvier|januar|jänner|janeiro|gennaio|يناير|جانفي|كانون الثاني",
    "february|feb|febrero|février|fevrier|februar|fevereiro|febbraio|فبراير|فيفري|شباط",
    "march|mar|marzo|mars|märz|maerz|março|marco|مارس|آذار",
    "april|apr|abril|avril|aprile|أبريل|ابريل|إبريل|نيسان",
    "may|mayo|mai|maio|maggio|مايو|أيار",
    "june|jun|junio|juin|juni|junho|giugno|يونيو|حزيران",
    "july|jul|julio|juillet|juli|julho|luglio|يوليو|تموز",
    "august|aug|agosto|août|aout|أغسطس|اغسطس|آب",
    "september|sept|sep|septiembre|setiembre|septembre|setembro|settembre|سبتمبر|أيلول",
    "october|oct|octubre|octobre|oktober|outubro|ottobre|أكتوبر|اكتوبر|تشرين الأول",
    "november|nov|noviembre|novembre|novembro|نوفمبر|تشرين الثاني",
    "december|dec|diciembre|décembre|decembre|dezember|dezembro|dicembre|ديسمبر|كانون الأول",
)
_MONTH_NUMBER = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split("|")}
_MONTH_NAME = "|".join(sorted((re.escape(name) for name in _MONTH_NUMBER), key=len, reverse=True))
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:er|º|°|ª|st|nd|rd|th|\.)?\s+(?:de\s+|of\s+)?({_MONTH_NAME})(?!\w)\.?(?:,?\s+(?:de[l]?\s+|of\s+)?(\d{{4}})(?!\d))?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"(?<!\w)({_MONTH_NAME})\s+(\d{{1,2}})(?:st|nd|rd|th)?(?!\d|[.,]\d|\s?%)(?:,\s*(\d{{4}})(?!\d))?", re.IGNORECASE
)
_ARABIC_SIGNS = str.maketrans({"٫": ".", "٬": ",", "٪": "%", "％": "%", "．": ".", "，": "，", "‰": "‰", "：": ":"})


def quantities(text: str, language: str) -> tuple[Quantity, ...]:
    """Every quantity of `text` in order; `language` decides what "1.500" means.

    Numbers written as words are read too ("fifteen", "百分之一点五", "خمسة عشر"), so that a figure cannot hide in words.
    """
    plain = _same_length_digits(text, language)
    taken = bytearray(len(plain))
    found = list(_dates(plain, taken, language))
    found += _claim(plain, taken, _TIME, lambda m: Quantity("time", f"{int(m[1]):02d}:{m[2]}", "", m.start(), m.end()))
    found += _numbers(plain, taken, language)
    found += [
        _with_unit(plain, start, end, value)
        for start, end, value in words_to_numbers(plain, language)
        if not any(taken[start:end])
    ]
    return tuple(sorted(found, key=lambda quantity: quantity.start))


def quantity_keys(text: str, language: str) -> frozenset[tuple[str, str, str]]:
    """The quantities of a text without their places."""
    return frozenset(quantity.key for quantity in quantities(text, language))


def _same_length_digits(text: str, language: str) -> str:
    """Digits of any script as ASCII, one character for one, so that offsets stay."""
    text = "".join(
        str(unicodedata.decimal(char)) if not char.isascii() and char.isdecimal() else char for char in text
    ).translate(_ARABIC_SIGNS)
    if language in COMMA_DECIMAL and ("\u066b" in text or "\u066c" in text):
        return text
    return text


def _claim(text: str, taken: bytearray, pattern: re.Pattern[str], build: object) -> Iterator[Quantity]:
    assert callable(build)
    for match in pattern.finditer(text):
        if not any(taken[match.start() : match.end()]):
            quantity = build(match)
            if quantity is not None:
                taken[match.start() : match.end()] = b"\1" * (match.end() - match.start())
                yield quantity


def _day(match: re.Match[str], year: str | None, month: int, day: str | int) -> Quantity | None:
    if not (1 <= month <= 12 and 1 <= int(day) <= 31):
        return None
    head = year if year else "-"
    return Quantity("date", f"{head}-{month:02d}-{int(day):02d}", "", match.start(), match.end())


def _dates(text: str, taken: bytearray, language: str) -> Iterator[Quantity]:
    yield from _claim(text, taken, _ISO_DAY, lambda m: _day(m, m[1], int(m[2]), m[3]))
    yield from _claim(text, taken, _SLASH_DAY, lambda m: _day(m, m[4], int(m[3]), m[1]))
    yield from _claim(text, taken, _ZH_DAY, lambda m: _day(m, m[1], int(m[2]), m[3]))
    yield from _claim(text, taken, _DAY_MONTH, lambda m: _day(m, m[3], _MONTH_NUMBER[m[2].lower()], m[1]))
    if language == "en":
        yield from _claim(text, taken, _MONTH_DAY, lambda m: _day(m, m[3], _MONTH_NUMBER[m[1].lower()], m[2]))
    yield from _claim(
        text,
        taken,
        _ZH_MONTH,
        lambda m: (
            Quantity("date", f"{m[1] or '-'}-{int(m[2]):02d}", "", m.start(), m.end()) if 1 <= int(m[2]) <= 12 else None
        ),
    )


def _numbers(text: str, taken: bytearray, language: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if any(taken[start:end]):
            continue
        for piece_start, piece_end in _pieces(text, start, end, language):
            value = parse_number(text[piece_start:piece_end], language)
            if value is not None:
                quantity = _with_unit(text, piece_start, piece_end, value)
                taken[quantity.start : quantity.end] = b"\1" * (quantity.end - quantity.start)
                yield quantity


def _pieces(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """A phone number, or a list such as "12, 345", is no single number: split where the spaces are not thousands."""
    raw = text[start:end]
    groups = re.split(r"[ \u00a0\u202f\u2009]", raw)
    spaced = len(groups) > 1
    if spaced and (
        len(groups[0]) > 3 or (text[max(0, start - 1) : start] in "+" and start > 0) or _goes_on_spaced(text, end)
    ):
        for part in re.finditer(r"[^ \u00a0\u202f\u2009]+", raw):
            yield start + part.start(), start + part.end()
        return
    yield start, end


def _goes_on_spaced(text: str, end: int) -> bool:
    return bool(re.match(r"[ \u00a0\u202f\u2009]\d", text[end:]))


def parse_number(raw: str, language: str) -> Decimal | None:
    """A figure as written in `language`: "1.500,50" in Spanish and "1,500.50" in English are both 1500.50."""
    digits = re.sub(r"[ '’\u00a0\u202f\u2009]", "", raw)
    decimal_mark = "," if language in COMMA_DECIMAL else "."
    marks = [char for char in digits if char in ".,"]
    if len(set(marks)) == 2:
        decimal_mark = marks[-1]
    elif len(marks) > 1:
        decimal_mark = "." if marks[0] == "," else ","
    elif len(marks) == 1 and len(digits.rsplit(marks[0], 1)[1]) != 3:
        decimal_mark = marks[0]
    grouping = "." if decimal_mark == "," else ","
    try:
        return Decimal(digits.replace(grouping, "").replace(decimal_mark, "."))
    except InvalidOperation:
        return None


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_unit(text: str, start: int, end: int, value: Decimal) -> Quantity:
    percent = _PERCENT.match(text, end)
    if percent:
        return Quantity("percent", _plain(value), "", start, percent.end())
    before = re.search(r"百分之\s*$", text[max(0, start - 6) : start])
    if before:
        return Quantity("percent", _plain(value), "", max(0, start - 6) + before.start(), end)
    gap = re.match(_GAP, text[end:])
    after = _CURRENCY.match(text, end + (gap.end() if gap else 0))
    if after and after.lastgroup:
        return Quantity("money", _plain(value), after.lastgroup, start, after.end())
    head = re.search(rf"({_CURRENCY.pattern}){_GAP}$", text[max(0, start - 8) : start], re.IGNORECASE)
    if head:
        code = next(name for name, group in head.groupdict().items() if group)
        return Quantity("money", _plain(value), code, max(0, start - 8) + head.start(), end)
    return Quantity("number", _plain(value), "", start, end)
