"""One customer's questions, in one session of the box, and in a second one where policies for staff are asked too."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from PySide6.QtCore import QObject, Signal

from app.kiosk.client import Call, Client, Problem
from app.kiosk.values import Answer, Sentence, answer_of, sentence_of


@dataclass(frozen=True, slots=True)
class Asking:
    """One question as it was asked. `language` None: the box tells it. `staff`: from the policies for staff too."""

    question: str
    language: str | None
    staff: bool


class Conversation(QObject):
    """The turns of one customer, one at a time."""

    placed = Signal(int)
    """Others are asking: the place in the line for the model."""
    said = Signal(Sentence)
    answered = Signal(Answer)
    failed = Signal(Problem)
    renewed = Signal()
    """The box had wiped the session; the question began a new one."""
    finished = Signal()

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._sessions: dict[bool, str] = {}
        self._call: Call | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way."""
        return self._call is not None

    def ask(self, asking: Asking) -> None:
        """Asks; nothing happens while an answer is under way."""
        if self._call is None:
            self._turn(asking)

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

    def _turn(self, asking: Asking, *, again: bool = False) -> None:
        body = {
            "question": asking.question, "language": asking.language, "session": self._sessions.get(asking.staff),
            "role": "teller" if asking.staff else "customer", "channel": "kiosk",
        }  # fmt: skip
        call = self._client.stream("POST", "/api/v1/turns/stream", body)
        self._call = call
        call.message.connect(lambda name, raw: self._event(call, asking, name, raw))
        call.done.connect(lambda _: self._cut(call, Problem(0)))
        call.failed.connect(lambda problem: self._refused(call, asking, problem, again))

    def _event(self, call: Call, asking: Asking, name: str, raw: object) -> None:
        if call is not self._call or not isinstance(raw, dict):
            return
        try:
            if name == "session":
                self._sessions[asking.staff] = str(raw["session"])
            elif name == "line":
                self.placed.emit(int(raw["place"]))
            elif name == "sentence":
                self.said.emit(sentence_of(raw))
            elif name == "answer":
                answer = answer_of(raw)
                self._call = None
                self.answered.emit(answer)
                self.finished.emit()
            elif name == "error":
                self._cut(call, Problem(422, str(raw["error"])))
        except (KeyError, TypeError, ValueError):
            self._cut(call, Problem(200))

    def _refused(self, call: Call, asking: Asking, problem: Problem, again: bool) -> None:
        if call is self._call and problem.status == 410 and not again and asking.staff in self._sessions:
            del self._sessions[asking.staff]
            self.renewed.emit()
            self._turn(asking, again=True)
        else:
            self._cut(call, problem)

    def _cut(self, call: Call, problem: Problem) -> None:
        if call is self._call:
            self._call = None
            call.cancel()
            self.failed.emit(problem)
            self.finished.emit()
