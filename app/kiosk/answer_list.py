"""The conversation on the screen: each question, its sentences as they are verified, and where each one comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app import locales
from app.kiosk.cards import Card, CardList
from app.kiosk.conversation import Asking
from app.kiosk.policy_shelf import PolicyShelf
from app.kiosk.values import Answer, Sentence
from app.kiosk.wording import Wording

Reader = Literal["customer", "teller"]


@dataclass(slots=True, eq=False)
class Turn:
    """One question and its answer once it has come: the customer's and, where that is another language, the same for the teller."""

    asking: Asking
    answers: dict[Reader, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a card of a sentence stands for."""

    turn: Turn
    reader: Reader
    sentence: Sentence


class AnswerList(CardList):
    """The turns with one customer."""

    def __init__(self, shelf: PolicyShelf, say: Wording) -> None:
        super().__init__(say.shared("chat.conversation"))
        self._shelf = shelf
        self._say = say
        self._turns: list[Turn] = []
        self._heading = 0
        self.clear()

    @property
    def turn(self) -> Turn | None:
        """The turn of the chosen sentence, the last one where none is chosen."""
        card = self.current
        if card is not None and isinstance(card.payload, Shown):
            return card.payload.turn
        return self._turns[-1] if self._turns else None

    @property
    def last(self) -> Turn:
        """The turn that was asked last. Raises IndexError where nothing was asked."""
        return self._turns[-1]

    @property
    def reader(self) -> Reader:
        """For whom the chosen sentence is."""
        card = self.current
        return card.payload.reader if card is not None and isinstance(card.payload, Shown) else "customer"

    def clear(self) -> None:
        """Nothing was asked."""
        self._turns.clear()
        self.cards.show_all([])
        self.cards.append(Card(self._say("desk.empty"), self._say.language, tone="heading"))

    def ask(self, asking: Asking) -> None:
        """A question was asked."""
        if not self._turns:
            self.cards.show_all([])
        self._turns.append(Turn(asking))
        self.cards.append(Card(asking.question, asking.language or "", tone="own"))
        self._heading = self.cards.append(Card(self._say("desk.for_customer_yet"), self._say.language, tone="heading"))
        self.place(0)

    def place(self, place: int) -> None:
        """The place in the line for the model; 0 when one's turn has come."""
        told = self._say("desk.in_line", place=str(place)) if place else self._say.shared("ui.waiting")
        self.cards.change(self._heading, trailing=told)
        self.scrollToBottom()

    def say(self, sentence: Sentence) -> None:
        """A sentence was verified."""
        turn = self._turns[-1]
        row = self._sentence(turn, "customer", sentence, turn.asking.language or "")
        if not any(isinstance(card.payload, Shown) for card in self.cards.cards[self._heading : row]):
            self.choose(row)
        self.scrollToBottom()

    def finish(self, answer: Answer) -> None:
        """The answer is whole."""
        self._turns[-1].answers["customer"] = answer
        cautious = any(sentence.text == locales.text("unsure", answer.language) for sentence in answer.sentences)
        outcome = self._say.shared("outcome.unsure" if cautious else f"outcome.{answer.outcome}")
        if answer.reason is not None:
            outcome += f" · {self._say.named('reason', answer.reason)}"
        told = self._say("desk.for_customer", language=self._say.language_name(answer.language))
        self.cards.change(self._heading, text=told, trailing=outcome)
        if answer.redacted:
            self.note(self._say("desk.redacted"))
        self.scrollToBottom()

    def beside(self, turn: Turn, answer: Answer) -> None:
        """The same places of the policies in the teller's language; nothing where the customer was wiped or another question came."""
        if turn not in self._turns[-1:]:
            return
        if answer.sentences:
            turn.answers["teller"] = answer
        key = "desk.for_teller" if answer.sentences else "desk.not_for_teller"
        told = self._say(key, language=self._say.language_name(answer.language))
        self.cards.append(Card(told, self._say.language, tone="heading"))
        for sentence in answer.sentences:
            self._sentence(turn, "teller", sentence, answer.language)
        self.scrollToBottom()

    def fail(self, told: str) -> None:
        """The answer did not come, or not whole."""
        self.cards.change(self._heading, trailing=self._say("desk.not_answered"))
        self._note(told, "danger")

    def note(self, told: str) -> None:
        """Something to know about what follows."""
        self._note(told)

    def _note(self, told: str, tone: str = "wait") -> None:
        self.cards.append(Card(told, self._say.language, tone=tone))
        self.scrollToBottom()

    def _sentence(self, turn: Turn, reader: Reader, sentence: Sentence, language: str) -> int:
        written = sentence.evidence[0].language if sentence.evidence and sentence.origin == "quote" else language
        return self.cards.append(Card(sentence.text, written, self._sources(sentence), payload=Shown(turn, reader, sentence)))

    def _sources(self, sentence: Sentence) -> str:
        parts = [f"{each.title} · {each.version}" for each in sentence.evidence]
        if any(self._shelf.is_for_staff(each) for each in sentence.evidence):
            parts.append(self._say("evidence.staff"))
        return " · ".join(parts)
