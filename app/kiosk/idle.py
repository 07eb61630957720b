"""Whether anybody is there: time without a key, a click or a touch, in the whole program."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

WARNING_SECONDS = 30.0
_SIGNS = frozenset(
    {
        QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.Wheel, QEvent.Type.TouchBegin,
        QEvent.Type.TouchUpdate, QEvent.Type.InputMethod,
    }
)  # fmt: skip


class IdleWatch(QObject):
    """Counts while it is on."""

    warned = Signal(int)
    """So many seconds are left; 0: somebody came back in time."""
    passed = Signal()

    def __init__(self, seconds: float, app: QApplication, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._seconds = seconds
        self._last = time.monotonic()
        self._warning = False
        self._tick = QTimer(self, interval=min(1_000, max(20, round(seconds * 100))))
        self._tick.timeout.connect(self._look)
        app.installEventFilter(self)

    def start(self) -> None:
        """Somebody is there now."""
        self._last = time.monotonic()
        self._tick.start()

    def stop(self) -> None:
        """Nobody needs to be."""
        self._tick.stop()
        self._warning = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's signature)
        if event.type() in _SIGNS:
            self._last = time.monotonic()
            if self._warning:
                self._warning = False
                self.warned.emit(0)
        return False

    def _look(self) -> None:
        # Not one long timer: a laptop that slept has been idle while no timer ran.
        left = self._seconds - (time.monotonic() - self._last)
        if left <= 0:
            self.stop()
            self.passed.emit()
        elif left <= min(WARNING_SECONDS, self._seconds / 4):
            self._warning = True
            self.warned.emit(max(1, round(left)))
