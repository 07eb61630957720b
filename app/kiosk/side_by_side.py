"""An answer in the teller's language: for each sentence, what the bank's policy says at the same place in that language.

Nothing is asked a second time and nothing is translated: it is the bank's own text, the answer has one record, and what the
teller reads cannot differ from what the customer was told because a second search found something else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.kiosk.client import Problem
from app.kiosk.counterpart import counterpart, spoken
from app.kiosk.policy_shelf import Key, PolicyShelf, key_of
from app.kiosk.values import Answer, Evidence, Policy, Sentence


class SideBySide:
    """Reads the policies it takes, then gives the answer in the other language, with the sentences that have a place there."""

    def __init__(self, shelf: PolicyShelf, answer: Answer, language: str, then: Callable[[Answer], None]) -> None:
        self._shelf, self._answer, self._language, self._then = shelf, answer, language, then
        self._read: dict[Key, Policy] = {}
        self._pairs = [
            (each, key_of(each), other)
            for sentence in answer.sentences for each in sentence.evidence
            if each.language != language and (other := shelf.in_language(each, language)) is not None
        ]  # fmt: skip
        self._missing = {key for _, own, other in self._pairs for key in (own, other)}

    @property
    def is_needed(self) -> bool:
        """Whether anything of the answer is in another language than the teller's, and there in the teller's too."""
        return bool(self._pairs)

    def start(self) -> None:
        """Reads; the answer is given at once where everything was read before."""
        for key in tuple(self._missing):
            self._shelf.read(key, partial(self._came, key), partial(self._failed, key))

    def _came(self, key: Key, policy: Policy) -> None:
        self._read[key] = policy
        self._settle(key)

    def _failed(self, key: Key, _: Problem) -> None:
        self._settle(key)

    def _settle(self, key: Key) -> None:
        self._missing.discard(key)
        if not self._missing:
            found = [self._sentence(*pair) for pair in self._pairs]
            sentences = tuple(dict.fromkeys(each for each in found if each is not None))
            self._then(replace(self._answer, language=self._language, sentences=sentences))

    def _sentence(self, evidence: Evidence, own: Key, other: Key) -> Sentence | None:
        here, there = self._read.get(own), self._read.get(other)
        if here is None or there is None:
            return None
        span = counterpart(here.text, here.language, (evidence.start, evidence.end), there.text, there.language)
        if span is None:
            return None
        text = spoken(there.text, span, there.language)
        place = replace(evidence, title=there.title, language=there.language, start=span[0], end=span[1], quote=there.text[slice(*span)])
        return Sentence(text, "quote", (place,))
