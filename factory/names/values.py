"""Values beside names, which the rules find: telephones, e-mail addresses, accounts, amounts, dates."""

from __future__ import annotations

import random

_HOSTS = ("gmail.com", "hotmail.com", "outlook.es", "web.de", "orange.fr", "qq.com", "yahoo.com", "correo.example")
_UNITS = {"zh": ("元", "欧元", "块"), "ar": (" يورو", " ريال", " درهم", " جنيه")}

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}


class Values:
    """Makes the values of one language; each method is a slot of templates."""

    def __init__(self, language: str, rng: random.Random) -> None:
        self.language = language
        self._rng = rng

    def number(self) -> str:
        rng = self._rng
        return str(rng.choice((rng.randint(1, 40), rng.randint(1, 9999), rng.randint(10**4, 10**8))))

    def phone(self) -> str:
        rng = self._rng
        international = f"+{rng.randint(20, 99)} {rng.randint(100, 999)} {rng.randint(100, 999)} {rng.randint(100, 999)}"
        spaced = f"{rng.randint(600, 799)} {rng.randint(10, 99)} {rng.randint(10, 99)} {rng.randint(10, 99)}"
        return rng.choice((international, f"0{rng.randint(10**8, 10**9 - 1)}", spaced))

    def email(self) -> str:
        rng = self._rng
        name = "".join(rng.choices("abcdefghilmnoprstuv", k=rng.randint(4, 9)))
        return f"{name}{rng.choice(('', '.', '_'))}{rng.randint(1, 99)}@{rng.choice(_HOSTS)}"

    def iban(self) -> str:
        rng = self._rng
        country = rng.choice(("ES", "DE", "FR", "IT", "PT", "GB", "SA"))
        return f"{country}{rng.randint(10, 99)} " + " ".join(f"{rng.randint(0, 9999):04}" for _ in range(5))

    def id(self) -> str:
        rng = self._rng
        spanish = f"{rng.randint(10**7, 10**8 - 1)}{rng.choice('TRWAGMYFPDXBNJZS')}"
        return rng.choice((spanish, f"{rng.randint(10**9, 10**10)}", f"{rng.choice('ABCXYZ')}{rng.randint(10**6, 10**7)}"))

    def card(self) -> str:
        return " ".join(f"{self._rng.randint(1000, 9999)}" for _ in range(4))

    def amount(self) -> str:
        rng = self._rng
        values = (
            str(rng.randint(1, 900)), f"{rng.randint(1, 90)}.{rng.randint(0, 999):03}", f"{rng.randint(1, 900)},{rng.randint(0, 99):02}",
            f"{rng.randint(1, 90)},{rng.randint(0, 999):03}",
        )  # fmt: skip
        return rng.choice(values) + rng.choice(_UNITS.get(self.language, (" €", "€", " EUR", " euros", " $")))

    def date(self) -> str:
        rng = self._rng
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2027)
        if self.language == "zh":
            return rng.choice((f"{year}年{month}月{day}日", f"{month}月{day}日"))
        if self.language in _MONTHS and rng.random() < 0.4:
            return self._spelt(day, month, year)
        return rng.choice((f"{day:02}/{month:02}/{year}", f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}", f"{day}/{month}"))

    def _spelt(self, day: int, month: int, year: int) -> str:
        """With the month as a word, whole or cut to three letters."""
        rng = self._rng
        name = _MONTHS[self.language].split()[month - 1]
        short = name[:3] + rng.choice(("", "", "."))
        if self.language == "en":
            nth = f"{day}{'th' if 10 < day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
            forms = (f"{word} {number}" for number in (str(day), nth) for word in (name, short))
            turned = (f"{nth} {name}", f"{nth} {short}", f"{day} {short}")
            return rng.choice((*forms, *turned)) + rng.choice(("", "", "", f", {year}", f" {year}"))
        if self.language == "de":
            return f"{day}. {rng.choice((name, name, short))}{rng.choice(('', '', f' {year}'))}"
        of = " de " if self.language in ("es", "pt") else " "
        return f"{day}{rng.choice((of, of, ' '))}{rng.choice((name, name, short))}{rng.choice(('', '', f'{of}{year}'))}"
