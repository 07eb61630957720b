"""Whether the box can be reached: looked at again by itself, less and less often, until it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.kiosk.client import Call, Client

STEPS_S = (1, 2, 4, 8, 15)
"""Seconds before each look; the last one stays."""


class Reach(QObject):
    """Up until a request finds the box away; then down until the box says that it is ready."""

    changed = Signal(bool)
    next_look = Signal(int)
    """Seconds until the box is looked for again, told every second while it is away."""

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_up = True
        self._client = client
        self._looks = 0
        self._left = 0
        self._call: Call | None = None
        self._second = QTimer(self, interval=1_000)
        self._second.timeout.connect(self._tick)
        client.lost.connect(self._lost)

    def look_now(self) -> None:
        """Looks without waiting for the next time."""
        if not self.is_up and self._call is None:
            self._second.stop()
            self._call = self._client.send("GET", "/readyz")
            self._call.done.connect(lambda _: self._found())
            self._call.failed.connect(lambda _: self._not_yet())

    def _lost(self) -> None:
        if self.is_up:
            self.is_up = False
            self._looks = 0
            self.changed.emit(False)
            self._wait()

    def _found(self) -> None:
        self._call = None
        self.is_up = True
        self.changed.emit(True)

    def _not_yet(self) -> None:
        self._call = None
        self._looks += 1
        self._wait()

    def _wait(self) -> None:
        self._left = STEPS_S[min(self._looks, len(STEPS_S) - 1)]
        self.next_look.emit(self._left)
        self._second.start()

    def _tick(self) -> None:
        self._left -= 1
        if self._left > 0:
            self.next_look.emit(self._left)
        else:
            self.look_now()
