"""Fidelity: how near a smaller model's expectations are to those of the model it was made from, and to the right answer.

For a weak model the rate of right answers says little; the Kullback-Leibler divergence of what is expected next, and how
often the likeliest token is the same, say how much a smaller file changed. Both are read through llama.cpp from the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from factory.slm.held_out import HeldOut
from factory.slm.runtime import Runtime

Logs = npt.NDArray[np.float32]
LONGEST = 32
"""Tokens of a target that are compared."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Means over the tokens of the targets of some prompts, the right beginning given (`kl` and `nll` in nats).

    `same`: the likeliest token is that of the reference. `copied`, `chosen`: it is the right one, in the statement, and at
    the label (or `<none>`) that begins the answer.
    """

    tokens: int
    kl: float
    same: float
    nll: float
    copied: float
    chosen: float


@dataclass(slots=True)
class _Sums:
    tokens: int = 0
    kl: float = 0.0
    same: int = 0
    nll: float = 0.0
    followed: int = 0
    right: int = 0
    prompts: int = 0
    chosen: int = 0

    def means(self) -> Fidelity:
        tokens, followed = max(self.tokens, 1), max(self.followed, 1)
        return Fidelity(
            self.tokens, self.kl / tokens, self.same / tokens, self.nll / tokens, self.right / followed, self.chosen / max(self.prompts, 1)
        )


def expectations(runtime: Runtime, prompts: Sequence[HeldOut]) -> list[Logs]:
    """For each prompt, the log-probabilities `(targets, vocabulary)` at the tokens of its target."""
    found = []
    for prompt in prompts:
        target = prompt.example.target[:LONGEST]
        runtime.forget()
        logits = runtime.logits([*prompt.example.prompt, *target[:-1]], len(prompt.example.prompt) - 1)
        top = logits.max(axis=1, keepdims=True)
        found.append(np.asarray(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)), np.float32))
    return found


def compare(reference: Sequence[Logs], found: Sequence[Logs], prompts: Sequence[HeldOut]) -> dict[str, Fidelity]:
    """`found` against `reference` by language, and over all prompts as "all"."""
    sums: dict[str, _Sums] = {"all": _Sums()}
    for expected, said, prompt in zip(reference, found, prompts, strict=True):
        target = np.array(prompt.example.target[: len(expected)])
        rows = np.arange(len(target))
        best = said.argmax(axis=1)
        right = best == target
        for tally in (sums["all"], sums.setdefault(prompt.language, _Sums())):
            tally.tokens += len(target)
            tally.kl += float((np.exp(expected) * (expected - said)).sum())
            tally.same += int((best == expected.argmax(axis=1)).sum())
            tally.nll -= float(said[rows, target].sum())
            tally.prompts += 1
            tally.chosen += int(right[0])
            if prompt.example.gold >= 0:
                tally.followed += len(target) - 1
                tally.right += int(right[1:].sum())
    return {language: tally.means() for language, tally in sums.items()}
