"""One hand-off: what was said, redacted, and what a teller does about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from app.kiosk.ask_box import AskBox
from app.kiosk.cards import Card, CardList
from app.kiosk.client import Call, Client, Problem
from app.kiosk.look import plain_label
from app.kiosk.phrases import Phrase
from app.kiosk.problems import in_words
from app.kiosk.reach import Reach
from app.kiosk.values import Handoff, Said, Talk, talk_of
from app.kiosk.wording import Wording

RESOLUTIONS = ("solved", "at_counter", "appointment", "unreachable", "other")
"""As app.handoffs has them, which a client does not import; tests/app/kiosk/test_labels.py holds the two together."""
LOOK_MS = 2_500
"""How often what was said is read again while a hand-off is open on the screen; reading one's own also keeps it one's own."""


def handoff_path(id: str, action: str = "") -> str:
    """Where a hand-off is, or where something is done about it."""
    return f"/api/v1/handoffs/{quote(id, safe='')}" + (f"/{action}" if action else "")


class TalkPane(QWidget):
    """The hand-off that is chosen, or none."""

    read = Signal(Talk)

    def __init__(self, client: Client, reach: Reach, say: Wording, phrases: Sequence[Phrase]) -> None:
        super().__init__()
        self._client, self._reach, self._say = client, reach, say
        self._handoff: Handoff | None = None
        self._reading: Call | None = None
        self._acting: Call | None = None
        self.heading = plain_label(strong=True)
        self.state = plain_label(quiet=True)
        self.transcript = CardList(say("talk.transcript"))
        self.box = AskBox(say, say("talk.reply_box"), say("talk.reply"), phrases)
        self.take = QPushButton(say("talk.take"))
        self.take.setProperty("primary", True)
        self.release = QPushButton(say("talk.release"))
        self.resolve = QPushButton(say("talk.resolve"))
        self.endings = QMenu(self.resolve)
        for how in RESOLUTIONS:
            action = QAction(say(f"resolution.{how}"), self.endings)
            action.triggered.connect(lambda _=False, how=how: self._act("resolve", {"how": how}, "problem.not_resolved"))
            self.endings.addAction(action)
        self.resolve.setMenu(self.endings)
        self._again = QTimer(self, interval=LOOK_MS)
        self._again.timeout.connect(self._read)
        self._lay_out()
        self.take.clicked.connect(lambda: self._act("take", None, "problem.not_yours"))
        self.release.clicked.connect(lambda: self._act("release", None, "problem.not_released"))
        self.box.send.clicked.connect(self.submit)
        self.show_for(None)

    def show_for(self, handoff: Handoff | None) -> None:
        """Shows a hand-off, or how to choose one. What was written to somebody else does not stay."""
        if handoff is None or self._handoff is None or handoff.id != self._handoff.id:
            self._forget()
            self._handoff = handoff
            if handoff is not None:
                self.box.fill_menu(handoff.language)
                self._read()
                self._again.start()
        self._handoff = handoff
        self._refresh()

    def submit(self) -> None:
        """Sends the reply that is written; it stays written until the box has it."""
        if self._handoff is None or not self._handoff.mine or self._handoff.state != "taken":
            self.box.tell(self._say("talk.take_first"))
        elif not self.box.written:
            self.box.tell(self._say("talk.empty"))
        else:
            self._act("replies", {"text": self.box.written}, "problem.not_sent")

    def insert_phrase(self, number: int) -> None:
        """Writes a quick reply in the customer's language."""
        if self._handoff is not None:
            self.box.insert(number, self._handoff.language)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._again.stop()
        for call in (self._reading, self._acting):
            if call is not None:
                call.cancel()
        self._reading = self._acting = None
        self.transcript.cards.show_all([])
        self.box.text.clear()
        self.box.tell("")

    def _read(self) -> None:
        if self._handoff is None or self._reading is not None or not self._reach.is_up:
            return
        call = self._client.send("GET", handoff_path(self._handoff.id), parse=talk_of)
        self._reading = call
        call.done.connect(self._show)
        call.failed.connect(self._unread)

    def _show(self, talk: Talk) -> None:
        self._reading = None
        cards = [self._card(said) for said in talk.transcript]
        if len(cards) != len(self.transcript.cards.cards):
            self.transcript.cards.show_all(cards)
            self.transcript.scrollToBottom()
        self._handoff = talk.handoff
        self.read.emit(talk)
        self._refresh()

    def _unread(self, problem: Problem) -> None:
        self._reading = None
        if problem.status == 404:
            self._again.stop()

    def _act(self, action: str, body: Any, consequence: str) -> None:
        if self._handoff is None or self._acting is not None:
            return
        if not self._reach.is_up:
            self.box.tell(f"{self._say('problem.away')} {self._say(consequence)}")
            return
        self.box.tell("")
        call = self._client.send("POST", handoff_path(self._handoff.id, action), body)
        self._acting = call
        call.done.connect(lambda _: self._acted(action))
        call.failed.connect(lambda problem: self._not_acted(problem, consequence))
        self._refresh()

    def _acted(self, action: str) -> None:
        self._acting = None
        if action == "replies":
            self.box.text.clear()
        if action == "take":
            self.box.text.setFocus()
        self._read()
        self._refresh()

    def _not_acted(self, problem: Problem, consequence: str) -> None:
        self._acting = None
        self.box.tell(in_words(problem, self._say, consequence))
        self._read()
        self._refresh()

    def _card(self, said: Said) -> Card:
        assert self._handoff is not None
        text = self._say("talk.erased") if said.text is None else said.text
        tone = "own" if said.who == "teller" else "plain"
        return Card(text, self._handoff.language, self._say(f"talk.{said.who}"), tone=tone, payload=said)

    def _refresh(self) -> None:
        held, say = self._handoff, self._say
        self.heading.setText(say.named("reason", held.reason) if held else say("talk.title"))
        self.state.setText(self._state(held) if held else say("talk.choose"))
        mine = held is not None and held.mine and held.state == "taken"
        free = self._acting is None
        self.transcript.setVisible(held is not None)
        self.box.setVisible(held is not None)
        self.take.setVisible(held is not None and held.state == "waiting")
        self.take.setEnabled(free)
        for control in (self.release, self.resolve):
            control.setVisible(mine)
            control.setEnabled(free)
        self.box.send.setEnabled(mine and free)
        self.box.text.setEnabled(mine)
        self.box.phrases.setEnabled(mine)

    def _state(self, held: Handoff) -> str:
        language = self._say.language_title(held.language)
        if held.state == "taken":
            who = self._say("queue.with_you") if held.mine else self._say("queue.with", name=held.teller or "?")
            return f"{language} · {who}"
        return f"{language} · {self._say(f'state.{held.state}')}"

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        names = QVBoxLayout()
        names.addWidget(self.heading)
        names.addWidget(self.state)
        top.addLayout(names, 1)
        for button in (self.take, self.release, self.resolve):
            top.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.transcript, 1)
        column.addWidget(self.box)
        column.addStretch(0)
