"""One customer's questions: asked in their language and, where it is another one, in the teller's too.

An answer is in one language, so a question is two turns then, each with its own evidence, record and receipt: the teller
reads what the customer is told in a text of the bank and not in a translation of it. The two languages have sessions of
their own, because a follow-up is understood from the questions before it in the same session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from PySide6.QtCore import QObject, Signal

from app.kiosk.client import Call, Client, Problem
from app.kiosk.values import Answer, Sentence, answer_of, sentence_of

Reader = Literal["customer", "teller"]


@dataclass(frozen=True, slots=True)
class Asking:
    """One question as it was asked. `language` None: the box tells it. `staff`: from the policies for staff too."""

    question: str
    language: str | None
    teller_language: str
    staff: bool


class Conversation(QObject):
    """The turns of one customer. Signals carry who reads the answer: `customer`, or `teller` for the same in their language."""

    began = Signal(str)
    placed = Signal(int)
    """Others are asking: the place in the line for the model."""
    said = Signal(str, Sentence)
    answered = Signal(str, Answer)
    failed = Signal(str, Problem)
    renewed = Signal()
    """The box had wiped the session; the question began a new one."""
    finished = Signal()

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._sessions: dict[tuple[bool, Reader], str] = {}
        self._call: Call | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way."""
        return self._call is not None

    def ask(self, asking: Asking) -> None:
        """Asks; nothing happens while an answer is under way."""
        if self._call is None:
            self._turn(asking, "customer")

    def stop(self) -> None:
        """Ends what is under way; the box records it as abandoned."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self.finished.emit()

    def wipe(self) -> None:
        """Ends what is under way and has the box forget the customer; it does by itself, after a while, where it is away."""
        self.stop()
        for session in self._sessions.values():
            self._client.send("DELETE", f"/api/v1/sessions/{quote(session, safe='')}")
        self._sessions.clear()

    def _turn(self, asking: Asking, reader: Reader, *, again: bool = False) -> None:
        key = (asking.staff, reader)
        body = {
            "question": asking.question, "language": asking.language if reader == "customer" else asking.teller_language,
            "session": self._sessions.get(key), "role": "teller" if asking.staff else "customer", "channel": "kiosk",
        }  # fmt: skip
        call = self._client.stream("POST", "/api/v1/turns/stream", body)
        self._call = call
        call.message.connect(lambda name, raw: self._event(call, asking, reader, name, raw))
        call.done.connect(lambda _: self._cut(call, reader, Problem(0)))
        call.failed.connect(lambda problem: self._refused(call, asking, reader, problem, again))
        if not again:
            self.began.emit(reader)

    def _event(self, call: Call, asking: Asking, reader: Reader, name: str, raw: object) -> None:
        if call is not self._call or not isinstance(raw, dict):
            return
        try:
            if name == "session":
                self._sessions[asking.staff, reader] = str(raw["session"])
            elif name == "line":
                self.placed.emit(int(raw["place"]))
            elif name == "sentence":
                self.said.emit(reader, sentence_of(raw))
            elif name == "answer":
                self._answered(asking, reader, answer_of(raw))
            elif name == "error":
                self._cut(call, reader, Problem(422, str(raw["error"])))
        except (KeyError, TypeError, ValueError):
            self._cut(call, reader, Problem(200))

    def _answered(self, asking: Asking, reader: Reader, answer: Answer) -> None:
        self._call = None
        self.answered.emit(reader, answer)
        if reader == "customer" and self._call is None and answer.language != asking.teller_language and _rests_on_policies(answer):
            self._turn(asking, "teller")
        else:
            self.finished.emit()

    def _refused(self, call: Call, asking: Asking, reader: Reader, problem: Problem, again: bool) -> None:
        key = (asking.staff, reader)
        if call is self._call and problem.status == 410 and not again and key in self._sessions:
            del self._sessions[key]
            self.renewed.emit()
            self._turn(asking, reader, again=True)
        else:
            self._cut(call, reader, problem)

    def _cut(self, call: Call, reader: Reader, problem: Problem) -> None:
        if call is self._call:
            self._call = None
            call.cancel()
            self.failed.emit(reader, problem)
            self.finished.emit()


def _rests_on_policies(answer: Answer) -> bool:
    """Whether there is something to be read twice. The box's own sentences ("this may be fraud, …") are not asked for a second
    time: what the guard found in the customer's words holds, and the screen tells the teller the outcome in their language."""
    return answer.outcome == "answered" and any(each.evidence for each in answer.sentences)
