"""Tells a teller who looks elsewhere that somebody new waits: a sound, the task bar, a note of the system's tray."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from app.kiosk.mark import icon
from app.kiosk.wording import Wording

NOTE_MS = 8_000


class Bell(QObject):
    """The bell of one window. Its note holds a number alone: trays show notes over locked screens."""

    rung = Signal(int)

    def __init__(self, window: QWidget, say: Wording) -> None:
        super().__init__(window)
        self._window = window
        self._say = say
        self._tray = QSystemTrayIcon(icon(), self) if QSystemTrayIcon.isSystemTrayAvailable() else None
        if self._tray is not None:
            self._tray.messageClicked.connect(window.activateWindow)
            self._tray.show()

    def ring(self, number: int) -> None:
        """So many people are new."""
        QApplication.beep()
        QApplication.alert(self._window)
        if self._tray is not None:
            told = self._say("bell.text", number=str(number))
            self._tray.showMessage(self._say("bell.title"), told, QSystemTrayIcon.MessageIcon.Information, NOTE_MS)
        self.rung.emit(number)
