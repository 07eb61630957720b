"""Values beside names, which the rules find: telephones, e-mail addresses, accounts, amounts, dates."""

from __future__ import annotations

import random

_HOSTS = ("gmail.com", "hotmail.com", "outlook.es", "web.de", "orange.fr", "qq.com", "yahoo.com", "correo.example")
_UNITS = {"zh": ("元", "欧元", "块"), "ar": (" يورو", " ريال", " درهم", " جنيه")}


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
        return rng.choice((f"{day:02}/{month:02}/{year}", f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}", f"{day}/{month}"))
