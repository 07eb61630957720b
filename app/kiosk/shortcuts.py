"""The keys of the kiosk: one table, from which they work and from which they are listed (F1)."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QWidget

from app.kiosk.look import em, plain_label
from app.kiosk.wording import Wording


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`name` is what it does, a key of the labels' table `keys`; the first of `keys` is the one that is listed."""

    name: str
    keys: tuple[str, ...]


SHORTCUTS = (
    Shortcut("focus", ("Ctrl+L",)),
    Shortcut("submit", ("Ctrl+Return", "Ctrl+Enter")),
    Shortcut("cancel", ("Esc",)),
    Shortcut("copy", ("Ctrl+Shift+C",)),
    Shortcut("print", ("Ctrl+P",)),
    Shortcut("pdf", ("Ctrl+Shift+P",)),
    Shortcut("new_customer", ("Ctrl+N",)),
    Shortcut("desk", ("F2",)),
    Shortcut("queue", ("F3",)),
    Shortcut("take", ("Ctrl+T",)),
    Shortcut("lock", ("Ctrl+Shift+L",)),
    Shortcut("help", ("F1",)),
)
PHRASE_KEYS = tuple(f"Ctrl+{number}" for number in range(1, 10))


class HelpDialog(QDialog):
    """The keys and what they do."""

    def __init__(self, say: Wording, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(say("keys.title"))
        grid = QGridLayout(self)
        grid.setContentsMargins(*[em(self, 1.2)] * 4)
        grid.setHorizontalSpacing(em(self, 2))
        rows = [(shortcut.keys[0], shortcut.name) for shortcut in SHORTCUTS]
        rows.insert(3, (f"{PHRASE_KEYS[0]} … 9", "phrase"))
        for row, (key, name) in enumerate(rows):
            shown = key if "…" in key else QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
            label = plain_label(shown, strong=True)
            label.setWordWrap(False)
            label.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
            what = plain_label(say(f"keys.{name}"))
            what.setMinimumWidth(em(self, 18))
            grid.addWidget(label, row, 0)
            grid.addWidget(what, row, 1)
        buttons = QDialogButtonBox()
        close = buttons.addButton(say.shared("ui.close"), QDialogButtonBox.ButtonRole.RejectRole)
        close.setDefault(True)
        buttons.rejected.connect(self.reject)
        grid.addWidget(buttons, len(rows), 0, 1, 2)
