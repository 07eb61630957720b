"""The hand-offs: who waits, since when, in which language and about what; the chosen one beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.kiosk.cards import Card, CardList
from app.kiosk.client import Client
from app.kiosk.halves import halves
from app.kiosk.handoff_feed import HandoffFeed
from app.kiosk.look import Tick, plain_label
from app.kiosk.phrases import Phrase
from app.kiosk.policy_shelf import PolicyShelf
from app.kiosk.reach import Reach
from app.kiosk.talk_pane import TalkPane, handoff_path
from app.kiosk.values import Handoff, Talk, talk_of
from app.kiosk.wording import Wording, duration

KEEP_MS = 15_000
"""How often the teller's other customers are looked at: so that they stay with the teller, and a new message is seen."""


class QueuePage(QWidget):
    """The queue and one hand-off of it."""

    def __init__(
        self, client: Client, reach: Reach, feed: HandoffFeed, shelf: PolicyShelf, say: Wording, phrases: Sequence[Phrase]
    ) -> None:
        super().__init__()
        self._client, self._reach, self._feed, self._shelf, self._say = client, reach, feed, shelf, say
        self._seen: dict[str, int] = {}
        self._unread: set[str] = set()
        self._open = False
        self.count = plain_label(strong=True)
        self.list = CardList(say("queue.title"))
        self.bell = Tick(say("queue.bell"))
        self.bell.setChecked(True)
        self.talk = TalkPane(client, reach, say, phrases)
        self._second = QTimer(self, interval=1_000)
        self._second.timeout.connect(self._show)
        self._keep = QTimer(self, interval=KEEP_MS)
        self._keep.timeout.connect(self._look_at_mine)
        feed.changed.connect(self._changed)
        self.list.chosen.connect(self._chose)
        self.talk.read.connect(self._read)
        self._lay_out()

    def open(self) -> None:
        """Somebody is there to look."""
        self._open = True
        self._second.start()
        self._keep.start()
        self._changed()

    def wipe(self) -> None:
        """Nobody is: what was said leaves the screen; customers stay whose they are, for as long as the box keeps them so."""
        self._open = False
        self._second.stop()
        self._keep.stop()
        self._seen.clear()
        self._unread.clear()
        self.list.cards.show_all([])
        self.talk.show_for(None)

    def submit(self) -> None:
        """Sends the reply."""
        self.talk.submit()

    def cancel(self) -> None:
        """Nothing here takes long enough to be stopped."""

    def focus_box(self) -> None:
        """Puts the cursor where one writes, or on the queue while there is nobody to write to."""
        box = self.talk.box.text
        (box if box.isVisible() and box.isEnabled() else self.list).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def insert_phrase(self, number: int) -> None:
        """Writes a quick reply."""
        self.talk.insert_phrase(number)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._open:
            return
        chosen = self._chosen_id()
        self._show()
        if chosen is None:
            chosen = next((each.id for each in self._feed.handoffs if each.mine), None)
        row = next((at for at, each in enumerate(self._feed.handoffs) if each.id == chosen), None)
        if row is None:
            self.list.clearSelection()
            self.talk.show_for(None)
        else:
            self.list.choose(row)
            self.talk.show_for(self._feed.handoffs[row])

    def _show(self) -> None:
        now = time.monotonic()
        self.list.cards.show_all([self._card(each, now) for each in self._feed.handoffs])
        self.count.setText(self._say("queue.count", number=str(self._feed.waiting)) if self._feed.waiting else self._say("queue.nobody"))

    def _card(self, held: Handoff, now: float) -> Card:
        parts = [self._say.language_title(held.language)]
        if held.topic and (title := self._shelf.title(held.topic, self._say.language)):
            parts.append(title)
        if held.state == "taken":
            parts.append(self._say("queue.with_you") if held.mine else self._say("queue.with", name=held.teller or "?"))
        if held.id in self._unread:
            parts.append(self._say("queue.unread"))
        reason = self._say.named("reason", held.reason)
        urgent = held.urgent and held.state == "waiting"
        tone = "danger" if urgent else "wait" if held.id in self._unread else "brand" if held.mine else "plain"
        text = f"{self._say('queue.urgent')} · {reason}" if held.urgent else reason
        return Card(text, self._say.language, " · ".join(parts), duration(held.waited(now)), tone, held)

    def _chosen_id(self) -> str | None:
        card = self.list.current
        return card.payload.id if card is not None and isinstance(card.payload, Handoff) else None

    def _chose(self, card: Card | None) -> None:
        if card is not None and isinstance(card.payload, Handoff):
            self._unread.discard(card.payload.id)
            self.talk.show_for(card.payload)

    def _look_at_mine(self) -> None:
        for each in self._feed.handoffs:
            if each.mine and each.id != self._chosen_id() and self._reach.is_up:
                self._client.send("GET", handoff_path(each.id), parse=talk_of).done.connect(self._read)

    def _read(self, talk: Talk) -> None:
        if not self._open:
            return
        id = talk.handoff.id
        last = max((said.number for said in talk.transcript if said.who == "customer"), default=-1)
        if id != self._chosen_id() and last > self._seen.get(id, last):
            self._unread.add(id)
        self._seen[id] = last

    def _lay_out(self) -> None:
        both = halves(self, {self.count: 0, self.list: 0, self.bell: 0}, self.talk, (2, 3), (26, 40))
        QVBoxLayout(self).addWidget(both)
