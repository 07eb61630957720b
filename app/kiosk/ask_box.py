"""A box to write in with its quick phrases: what both the desk and the hand-offs have at their foot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QTextEdit, QVBoxLayout, QWidget

from app.kiosk.look import em, plain_label, tell
from app.kiosk.phrases import Phrase, in_language
from app.kiosk.wording import Wording

KEYS = 9
"""How many phrases have a key."""


class AskBox(QWidget):
    """Takes plain text alone. `notice` tells beside it why something was not sent; the text stays."""

    def __init__(self, say: Wording, name: str, send: str, phrases: Sequence[Phrase]) -> None:
        super().__init__()
        self._say = say
        self._phrases = phrases
        self.text = QTextEdit(acceptRichText=False, tabChangesFocus=True)  # QPlainTextEdit keeps Arabic at the left (Qt 6.12)
        self.text.setPlaceholderText(name)
        self.text.setAccessibleName(name)
        self.text.setFixedHeight(em(self, 5))
        self.send = QPushButton(send)
        self.send.setProperty("primary", True)
        self.notice = plain_label(notice=True)
        self.notice.hide()
        self.menu = QMenu(self)
        self.phrases = QPushButton(say("phrases.button"))
        self.phrases.setMenu(self.menu)
        self.phrases.setVisible(bool(phrases))
        self.side = QVBoxLayout()
        self.side.addWidget(self.send)
        self.side.addStretch(1)
        self.foot = QHBoxLayout()
        self.foot.addWidget(self.phrases)
        self.foot.addStretch(1)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addLayout(self.side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (row, self.foot):
            column.addLayout(part)
        column.insertWidget(0, self.notice)
        self.fill_menu(say.language)

    def fill_menu(self, language: str) -> None:
        """The phrases as they would be inserted: in this language, beside it in the teller's where that is another."""
        self.menu.clear()
        for number, phrase in enumerate(self._phrases[:KEYS], 1):
            text = in_language(phrase, language)
            if language != self._say.language:
                text = f"{in_language(phrase, self._say.language)}  ·  {text}"
            action = QAction(f"{number}  {text}".replace("&", "&&"), self.menu)
            action.triggered.connect(lambda _=False, at=number: self.insert(at, language))
            self.menu.addAction(action)

    def insert(self, number: int, language: str) -> None:
        """Puts a phrase, counted from 1, in the place of what is selected; nothing where there is none."""
        if 0 < number <= len(self._phrases) and self.text.isEnabled():
            self.text.insertPlainText(in_language(self._phrases[number - 1], language))
            self.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def written(self) -> str:
        """What is written, without space around it."""
        return self.text.toPlainText().strip()

    def tell(self, notice: str) -> None:
        """Shows why something was not done; an empty notice goes away."""
        tell(self.notice, notice)
