"""Signing in, and unlocking: the same sheet, which knows the name already when it is locked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QGridLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.kiosk.client import Client, Problem
from app.kiosk.look import Chooser, em, plain_label, tell
from app.kiosk.mark import BrandMark
from app.kiosk.problems import in_words
from app.kiosk.values import Teller
from app.kiosk.wording import OWN_NAMES, Wording

NEEDED = frozenset({"turns", "policies"})
"""Without these scopes there is nothing to do at the kiosk."""


class SignInPage(QWidget):
    """Asks for name, password and one-time code."""

    signed_in = Signal(Teller)
    someone_else = Signal()
    language_chosen = Signal(str)

    def __init__(self, client: Client, say: Wording) -> None:
        super().__init__()
        self._client = client
        self._say = say
        self._busy = False
        self.title = plain_label(strong=True)
        self.subtitle = plain_label(quiet=True)
        self.name = self._field("sign_in.name")
        self.password = self._field("sign_in.password")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.code = self._field("sign_in.code")
        self.code.setPlaceholderText(say("sign_in.code_hint"))
        self.code.setMaxLength(20)
        self.notice = plain_label(notice=True)
        self.waiting = plain_label(quiet=True)
        self.button = QPushButton()
        self.button.setProperty("primary", True)
        self.button.clicked.connect(self.submit)
        self.other = QPushButton(say("sign_in.somebody_else"))
        self.other.clicked.connect(self.someone_else)
        self.languages = Chooser()
        self.languages.setAccessibleName(say.shared("ui.language"))
        for code, own in OWN_NAMES.items():
            self.languages.addItem(own, code)
        self.languages.setCurrentIndex(self.languages.findData(say.language))
        self.languages.activated.connect(lambda _: self.language_chosen.emit(self.languages.currentData()))
        self._lay_out()
        self.ask_for_anybody()

    def ask_for_anybody(self) -> None:
        """A sheet for whoever comes."""
        self._open("sign_in.title", "sign_in.button", locked=False)
        self.name.clear()
        self.name.setFocus()

    def ask_again(self, name: str, notice: str = "") -> None:
        """Locked: the same person's password is needed."""
        self._open("lock.title", "lock.button", locked=True)
        self.name.setText(name)
        tell(self.notice, notice)
        self.password.setFocus()

    def tell_waiting(self, number: int) -> None:
        """How many customers wait, for a teller who comes by; nothing else is shown while it is locked."""
        tell(self.waiting, self._say("lock.waiting", number=str(number)) if number else "")

    def submit(self) -> None:
        """Signs in with what was typed."""
        name, password = self.name.text().strip(), self.password.text()
        if self._busy:
            return
        if not name or not password:
            tell(self.notice, self._say("sign_in.missing"))
            return
        self._set_busy(True)
        tell(self.notice, "")
        call = self._client.sign_in(name, password, self.code.text().strip())
        self.password.clear()
        self.code.clear()
        call.done.connect(self._accepted)
        call.failed.connect(self._refused)

    def _accepted(self, teller: Teller) -> None:
        self._set_busy(False)
        if not teller.scopes >= NEEDED:
            self._client.sign_out()
            tell(self.notice, self._say("sign_in.not_a_teller"))
            self.password.setFocus()
            return
        self.signed_in.emit(teller)

    def _refused(self, problem: Problem) -> None:
        self._set_busy(False)
        wrong = self._say("sign_in.wrong")
        tell(self.notice, wrong if problem.status == 401 else in_words(problem, self._say, "problem.not_signed_in"))
        self.password.setFocus()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _field(self, key: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(self._say(key))
        field.setMaxLength(1_000)
        field.returnPressed.connect(self.submit)
        return field

    def _open(self, title: str, button: str, *, locked: bool) -> None:
        self.title.setText(self._say(title))
        self.subtitle.setText(self._say("lock.about" if locked else "sign_in.about"))
        self.button.setText(self._say(button))
        self.name.setReadOnly(locked)
        self.other.setVisible(locked)
        self.languages.setVisible(not locked)
        self.password.clear()
        self.code.clear()
        tell(self.notice, "")
        tell(self.waiting, "")

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.button.setEnabled(not busy)

    def _lay_out(self) -> None:
        heading = self.title.font()
        heading.setPointSizeF(heading.pointSizeF() * 1.5)
        self.title.setFont(heading)
        sheet = QFrame()
        sheet.setObjectName("sheet")
        sheet.setFixedWidth(em(self, 26))
        column = QVBoxLayout(sheet)
        column.setContentsMargins(*[em(self, 2)] * 4)
        column.setSpacing(em(self, 0.8))
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setVerticalSpacing(em(self, 0.4))
        for key, field in (("sign_in.name", self.name), ("sign_in.password", self.password), ("sign_in.code", self.code)):
            label = plain_label(self._say(key))
            label.setBuddy(field)
            form.addRow(label, field)
        column.addWidget(BrandMark(3.2), alignment=Qt.AlignmentFlag.AlignLeading)
        for each in (self.title, self.subtitle, self.waiting):
            column.addWidget(each)
        column.addLayout(form)
        for control in (self.notice, self.button, self.other, self.languages):
            column.addWidget(control)
        page = QGridLayout(self)
        page.addWidget(sheet, 0, 0, Qt.AlignmentFlag.AlignCenter)
