"""Composer: what a module offers that composes names of a script without capitals (`arab`, `chinese`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

Pick = Callable[[str], str]
"""One value of a list of the language: "given", "surnames", "cities", …"""


class Composer(Protocol):
    """Functions that make a name from pieces; `pick` takes parts of it from the lists of the language."""

    def person(self, rng: random.Random, pick: Pick, /) -> str: ...

    def foreigner(self, rng: random.Random, pick: Pick, /) -> str: ...

    def street(self, rng: random.Random, /) -> str: ...

    def firm(self, rng: random.Random, pick: Pick, /) -> str: ...
