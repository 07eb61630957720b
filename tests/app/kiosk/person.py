"""A teller who types and clicks: what the tests of the kiosk share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QWidget

from app.kiosk.answer_list import Shown
from app.kiosk.cards import Card
from app.kiosk.values import Answer, Handoff
from app.kiosk.window import Window
from tests.app.faces import PASSWORD

CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier


def pass_time(seconds: float = 0.0) -> None:
    """Lets the window live. In small steps: the server of a test is a thread of this process, and QTest.qWait keeps Python's lock."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        time.sleep(0.004)
        if time.monotonic() >= end:
            return


def until(condition: Callable[[], Any], what: str = "", seconds: float = 30.0) -> Any:
    """What the condition gives once it gives something; the test fails where it never does."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"never happened: {what or condition}")
        pass_time()
    return found


def press(widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Presses a key."""
    QTest.keyClick(widget, key, modifiers)
    pass_time()


def write(widget: QWidget, text: str) -> None:
    """Puts the focus on a widget and types. Qt's keyClicks types Latin letters alone; other text is put in as if pasted."""
    widget.setFocus()
    if text.isascii():
        QTest.keyClicks(widget, text)
    else:
        widget.insertPlainText(text)  # type: ignore[attr-defined]
    pass_time()


def sign_in(window: Window, name: str = "teller", password: str = PASSWORD, code: str = "") -> None:
    """Types what it takes to sign in, and Enter."""
    page = window.sign_in
    if not page.name.isReadOnly():
        page.name.clear()
        write(page.name, name)
    write(page.code, code)
    write(page.password, password)
    press(page.password, Qt.Key.Key_Return)


def signed_in(window: Window, name: str = "teller") -> Window:
    """The window once somebody has signed in and the policies are listed."""
    sign_in(window, name)
    until(lambda: window.is_open and window.shelf._listed, "signed in")
    return window


def ask(window: Window, question: str) -> Answer:
    """Writes a question, asks it with the keys, waits for the whole answer; gives the customer's."""
    write(window.desk.box.text, question)
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: not window.desk.conversation.is_busy, "answered")
    return window.desk.answers.last.answers["customer"]


def sentences(window: Window, reader: str = "customer") -> list[tuple[int, Card]]:
    """The rows and cards of the sentences for a reader."""
    cards = enumerate(window.desk.answers.cards.cards)
    return [(row, card) for row, card in cards if isinstance(card.payload, Shown) and card.payload.reader == reader]


def texts(window: Window) -> str:
    """All that the conversation on the screen says."""
    return "\n".join(card.spoken for card in window.desk.answers.cards.cards)


def choose_handoff(window: Window, id: str) -> None:
    """Goes to the queue and chooses somebody on it."""
    press(window, Qt.Key.Key_F3)
    rows = until(lambda: [at for at, each in enumerate(window.feed.handoffs) if each.id == id], "in the queue")
    window.queue.list.choose(rows[0])
    until(lambda: _shown(window) is not None and window.queue.talk.transcript.cards.cards, "transcript read")


def _shown(window: Window) -> Handoff | None:
    return window.queue.talk._handoff


def holds(window: Window, id: str) -> bool:
    """Whether the hand-off that is shown is that one, and the teller's own."""
    held = _shown(window)
    return held is not None and held.id == id and held.mine


def pick(menu: QMenu, text: str) -> None:
    """Chooses the entry of a menu that holds a text."""
    found = [each for each in menu.actions() if text in each.text()]
    assert len(found) == 1, [each.text() for each in menu.actions()]
    found[0].trigger()
    pass_time()


def in_dialog(does: Callable[[Any], None], kind: type[QDialog]) -> None:
    """Does something in the dialog that the next click will open, as soon as it is open."""
    from PySide6.QtCore import QTimer

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind):
            does(dialog)
        else:
            QTimer.singleShot(20, look)

    QTimer.singleShot(0, look)
