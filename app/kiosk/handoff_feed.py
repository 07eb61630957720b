"""Who waits, as the box tells it: one stream, taken up again where it was cut."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.kiosk.client import Call, Client, Problem
from app.kiosk.reach import STEPS_S, Reach
from app.kiosk.values import Handoff, queue_of

SILENT_MS = 20_000
"""The box says something every 5 s; a stream silent for this long was cut without a word."""


class HandoffFeed(QObject):
    """The open hand-offs while somebody who may see them is signed in."""

    changed = Signal()
    arrived = Signal(int)
    """So many people wait who did not before."""

    def __init__(self, client: Client, reach: Reach, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.handoffs: tuple[Handoff, ...] = ()
        self._client = client
        self._reach = reach
        self._call: Call | None = None
        self._last_id = ""
        self._cuts = 0
        self._known: frozenset[str] | None = None
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._open)
        self._on = False
        reach.changed.connect(self._reached)

    @property
    def waiting(self) -> int:
        """How many wait for anybody."""
        return sum(each.state == "waiting" for each in self.handoffs)

    def start(self) -> None:
        """Begins, or goes on after a new sign-in."""
        self._on = True
        self._open()

    def stop(self) -> None:
        """Ends the stream and forgets who waited."""
        self._on = False
        self._again.stop()
        self._close()
        self.handoffs, self._known, self._last_id = (), None, ""
        self.changed.emit()

    def _open(self) -> None:
        self._close()
        if not self._on or not self._reach.is_up:
            return
        call = self._client.stream("GET", "/api/v1/handoffs/events", last_id=self._last_id, silent_ms=SILENT_MS)
        call.message.connect(self._event)
        call.done.connect(lambda _: self._cut(None))
        call.failed.connect(self._cut)
        self._call = call

    def _close(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _event(self, name: str, raw: object) -> None:
        if name != "queue":
            return
        self._cuts = 0
        try:
            everyone = queue_of(raw)
        except (KeyError, TypeError, ValueError):
            return
        self.handoffs = tuple(each for each in everyone if each.state in ("waiting", "taken"))
        waiting = frozenset(each.id for each in self.handoffs if each.state == "waiting")
        new = waiting - (self._known or frozenset())
        self._known = waiting
        self.changed.emit()
        if new:
            self.arrived.emit(len(new))

    def _cut(self, problem: Problem | None) -> None:
        self._call = None
        if self._on and (problem is None or problem.status not in (401, 403)):
            self._again.start(1_000 * STEPS_S[min(self._cuts, len(STEPS_S) - 1)])
            self._cuts += 1

    def _reached(self, up: bool) -> None:
        if up and self._on and self._call is None:
            self._again.stop()
            self._open()
