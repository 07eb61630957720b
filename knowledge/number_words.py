"""Numbers written as words: "fifteen", "quince", "fünfundzwanzig", "百分之一点五", "خمسة عشر"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

Found = tuple[int, int, Decimal]

# The words for 1 are articles in most of these languages and would be found everywhere.
_RANGE = (
    *range(2, 101),
    *range(110, 1000, 10),
    *range(1000, 10_000, 500),
    *range(10_000, 100_001, 5_000),
    *range(200_000, 1_000_001, 100_000),
)
_ARABIC_FORMS = {
    2: "اثنان اثنين اثنتان اثنتين",
    3: "ثلاثة ثلاث",
    4: "أربعة أربع اربعة",
    5: "خمسة خمس",
    6: "ستة ست",
    7: "سبعة سبع",
    8: "ثمانية ثماني ثمان",
    9: "تسعة تسع",
    10: "عشرة عشر",
    20: "عشرون عشرين",
    30: "ثلاثون ثلاثين",
    40: "أربعون أربعين",
    50: "خمسون خمسين",
    60: "ستون ستين",
    70: "سبعون سبعين",
    80: "ثمانون ثمانين",
    90: "تسعون تسعين",
    100: "مائة مئة",
    200: "مائتان مائتين مئتان مئتين",
    1000: "ألف",
    2000: "ألفان ألفين",
}
_HAN = "零〇一二两兩三四五六七八九十百千万萬亿"
_HAN_NUMBER = re.compile(
    rf"(百分之)([{_HAN}]+(?:点[{_HAN}]+)?)"
    rf"|([{_HAN}]*[二两兩三四五六七八九十百千万萬][{_HAN}]*(?:点[{_HAN}]+)?)(?=\s*(?:个|個|天|日|元|欧|歐|月|年|周|週|小时|小時|分钟|次|张|張|份|名|岁|歲|倍|位|%))"
)


def words_to_numbers(text: str, language: str) -> Iterator[Found]:
    """`(start, end, value)` for each number written in words, longest match first; the words for 1 are left out."""
    if language == "zh":
        yield from _han(text)
        return
    pattern, values = _lexicon(language)
    if pattern is None:
        return
    for match in pattern.finditer(text.casefold() if len(text.casefold()) == len(text) else text.lower()):
        yield match.start(), match.end(), Decimal(values[" ".join(match.group().replace("-", " ").split())])


@lru_cache(maxsize=16)
def _lexicon(language: str) -> tuple[re.Pattern[str] | None, dict[str, int]]:
    from num2words import num2words

    values: dict[str, int] = {}
    try:
        for number in _RANGE:
            words = str(num2words(number, lang="pt" if language == "pt" else language)).casefold()
            values.setdefault(" ".join(words.replace("-", " ").replace(",", " ").split()), number)
    except NotImplementedError:
        return None, {}
    if language == "ar":
        values |= {form: number for number, forms in _ARABIC_FORMS.items() for form in forms.split()}
        values |= {
            f"{unit} {ten}": number + 10
            for number, forms in _ARABIC_FORMS.items()
            if 2 < number < 10
            for unit in forms.split()
            for ten in ("عشر", "عشرة")
        }
    if language == "de":
        values |= {word.replace("ß", "ss"): number for word, number in values.items()}
    alternatives = sorted(values, key=len, reverse=True)
    body = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in alternatives)
    return re.compile(rf"(?<!\w)(?:{body})(?!\w)"), values


def _han(text: str) -> Iterator[Found]:
    for match in _HAN_NUMBER.finditer(text):
        group = 2 if match[1] else 3
        value = _han_value(match[group])
        if value is not None:
            yield match.start(group), match.end(group), value


def _han_value(raw: str) -> Decimal | None:
    whole, _, fraction = raw.partition("点")
    digits = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
    units = {"十": 10, "百": 100, "千": 1000}
    total = section = current = 0
    for char in whole:
        if char in digits:
            current = digits[char]
        elif char in units:
            section += (current or 1) * units[char]
            current = 0
        else:
            total = (total + section + current) * (10_000 if char in "万萬" else 100_000_000)
            section = current = 0
    value = Decimal(total + section + current)
    if fraction:
        if any(char not in digits for char in fraction):
            return None
        value += Decimal("0." + "".join(str(digits[char]) for char in fraction))
    return value
