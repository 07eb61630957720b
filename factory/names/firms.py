"""Firms: names of companies as English makes them, coined from pieces (`lexicon/firms.toml`): no list of them could be learnt by heart."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Sequence
from functools import cache

from factory.names.lexicon import HERE


@cache
def _pieces() -> dict[str, Sequence[str]]:
    return {name: tuple(values) for name, values in tomllib.loads((HERE / "lexicon" / "firms.toml").read_text("utf-8")).items()}


def firm(rng: random.Random, surname: Callable[[], str]) -> str:
    """One name, with a legal form or without: partners ("Okoro, Lind and Vega"), a coined word ("Lumatrix"), or plain words
    ("Northern Grain Resources")."""
    make = rng.choices((_partners, _coined, _worded), (3, 4, 4))[0]
    name = make(rng, surname)
    return f"{name} {rng.choice(_pieces()['forms'])}" if rng.random() < 0.22 else name


def _partners(rng: random.Random, surname: Callable[[], str]) -> str:
    form = rng.random()
    if form < 0.4:
        return f"{surname()}, {surname()} {rng.choice(('and', 'and', '&'))} {surname()}"
    if form < 0.6:
        return f"{surname()}-{surname()}"
    if form < 0.75:
        return f"{surname()} {rng.choice(('and', '&'))} {surname()}"
    if form < 0.9:
        return f"{surname()} {rng.choice(_pieces()['trades'])}"
    return f"{surname()} {rng.choice(_pieces()['forms'])}"


def _coined(rng: random.Random, surname: Callable[[], str]) -> str:
    pieces = _pieces()
    if rng.random() < 0.5:
        word = rng.choice(pieces["beginnings"]) + rng.choice(pieces["endings"])
    else:
        first, second = rng.choice(pieces["words"]), rng.choice(pieces["words"])
        word = first + (second if rng.random() < 0.25 else second.lower())
    return f"{word} {rng.choice(pieces['trades'])}" if rng.random() < 0.15 else word


def _worded(rng: random.Random, surname: Callable[[], str]) -> str:
    pieces = _pieces()
    words = [rng.choice(pieces["words"]) for _ in range(rng.choice((1, 1, 2, 2, 2)))]
    if len(words) == 1 or rng.random() < 0.6:
        words.append(rng.choice(pieces["trades"]))
    joined = " ".join(words)
    return f"{words[0]} {rng.choice(('And', '&', 'of'))} {' '.join(words[1:])}" if len(words) > 2 and rng.random() < 0.1 else joined
