"""The window: who is signed in, the two pages, what the box's state means for both, locking and wiping."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QMenu, QPushButton, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.kiosk.bell import Bell
from app.kiosk.client import Client
from app.kiosk.desk_page import DeskPage
from app.kiosk.handoff_feed import HandoffFeed
from app.kiosk.idle import IdleWatch
from app.kiosk.look import em, plain_label, remark
from app.kiosk.mark import BrandMark, icon
from app.kiosk.phrases import Phrases
from app.kiosk.policy_shelf import PolicyShelf
from app.kiosk.queue_page import QueuePage
from app.kiosk.reach import Reach
from app.kiosk.shortcuts import PHRASE_KEYS, SHORTCUTS, HelpDialog
from app.kiosk.sign_in_page import SignInPage
from app.kiosk.values import Teller
from app.kiosk.wording import Wording

TOLD_MS = 6_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a kiosk is started; `lock_seconds` without a key, a click or a touch lock it."""

    url: str
    language: str
    phrases: Phrases
    lock_seconds: float = 180.0
    full_screen: bool = False


class Window(QMainWindow):
    """The kiosk."""

    language_chosen = Signal(str)

    def __init__(self, options: Options, app: QApplication) -> None:
        super().__init__()
        self._options = options
        self.say = say = Wording(options.language)
        self.client = Client(options.url, self)
        self.reach = Reach(self.client, self)
        self.feed = HandoffFeed(self.client, self.reach, self)
        self.shelf = PolicyShelf(self.client, self)
        self.sign_in = SignInPage(self.client, say)
        self.desk = DeskPage(self.client, self.reach, self.shelf, say, options.phrases.asks)
        self.queue = QueuePage(self.client, self.reach, self.feed, self.shelf, say, options.phrases.replies)
        self.bell = Bell(self, say)
        self.idle = IdleWatch(options.lock_seconds, app, self)
        self.help = HelpDialog(say, self)
        self.title = plain_label(say("window.title"), strong=True)
        self.who = plain_label(quiet=True)
        self.banner = plain_label()
        self.banner.setObjectName("banner")
        self.banner.hide()
        self.desk_button = self._page_button("window.desk")
        self.queue_button = self._page_button("window.queue")
        self.menu_button = QToolButton()
        self.header = QWidget()
        self.pages = QStackedWidget()
        self._actions()
        self._lay_out()
        self._connect()
        self._show_header(False)
        self.setWindowTitle(say("window.title"))
        self.setWindowIcon(icon())

    @property
    def is_open(self) -> bool:
        """Whether somebody is signed in and the screen is not locked."""
        return self.pages.currentWidget() is not self.sign_in

    # -- signing in, locking, leaving ------------------------------------------------------------------------------------

    def lock(self, notice: str = "") -> None:
        """Wipes the customer's session and asks for the password; the teller's sign-in stays, so that the bell goes on."""
        teller = self.client.teller
        if teller is None or not self.is_open:
            return
        self._wipe()
        self.sign_in.ask_again(teller.name, notice)
        self.sign_in.tell_waiting(self.feed.waiting)
        self._go_to_sign_in()

    def sign_out(self) -> None:
        """Wipes the customer's session and ends the teller's sign-in."""
        self._wipe()
        self.feed.stop()
        self.client.sign_out()
        self.sign_in.ask_for_anybody()
        self._go_to_sign_in()

    def _signed_in(self, teller: Teller) -> None:
        self.setWindowTitle(f"{teller.bank} · {self.say('window.title')}")
        self.title.setText(f"{teller.bank} · {self.say('window.title')}")
        self.who.setText(teller.display)
        self.shelf.load()
        has_queue = "handoffs" in teller.scopes
        self._show_header(True)
        self.queue_button.setVisible(has_queue)
        self._show_page(self.desk)
        self.idle.start()
        if has_queue:
            self.queue.open()
            self.feed.start()

    def _wipe(self) -> None:
        self.idle.stop()
        self.desk.wipe()
        self.queue.wipe()
        self.help.reject()

    def _go_to_sign_in(self) -> None:
        self._show_header(False)
        self.pages.setCurrentWidget(self.sign_in)
        self.sign_in.password.setFocus() if self.sign_in.name.text() else self.sign_in.name.setFocus()
        self._reached(self.reach.is_up)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's signature)
        self._wipe()
        self.feed.stop()
        self.client.sign_out()
        super().closeEvent(event)

    # -- what the box and the clock tell -----------------------------------------------------------------------------------

    def _reached(self, up: bool) -> None:
        remark(self.banner, "away", not up)
        self.banner.setVisible(not up)
        if up and self.client.teller is not None:
            self.shelf.load()

    def _next_look(self, seconds: int) -> None:
        self.banner.setText(self.say("window.away", seconds=str(seconds)))

    def _warned(self, seconds: int) -> None:
        if self.reach.is_up:
            self.banner.setText(self.say("window.locks_in", seconds=str(seconds)))
            self.banner.setVisible(seconds > 0)

    def _queue_changed(self) -> None:
        waiting = self.feed.waiting
        text = self.say("window.queue")
        self.queue_button.setText(f"{text} ({waiting})" if waiting else text)
        if not self.is_open and self.client.teller is not None:
            self.sign_in.tell_waiting(waiting)

    def _arrived(self, number: int) -> None:
        if self.queue.bell.isChecked():
            self.bell.ring(number)

    # -- pages and keys --------------------------------------------------------------------------------------------------

    def _show_page(self, page: DeskPage | QueuePage) -> None:
        if self.client.teller is None or (page is self.queue and "handoffs" not in self.client.teller.scopes):
            return
        self.pages.setCurrentWidget(page)
        self.desk_button.setChecked(page is self.desk)
        self.queue_button.setChecked(page is self.queue)
        page.focus_box()

    @property
    def _page(self) -> DeskPage | QueuePage:
        return self.queue if self.pages.currentWidget() is self.queue else self.desk

    def _do(self, name: str) -> None:
        desk, queue = self.desk, self.queue
        does = {
            "focus": self._page.focus_box, "submit": self._page.submit, "cancel": self._page.cancel, "copy": desk.copy_cited,
            "print": desk.print_answer, "pdf": desk.save_pdf, "new_customer": desk.wipe, "desk": lambda: self._show_page(desk),
            "queue": lambda: self._show_page(queue), "take": queue.talk.take.click, "lock": self.lock, "help": self.help.open,
        }  # fmt: skip
        if self.is_open and (name not in ("copy", "print", "pdf", "new_customer") or self._page is desk):
            does[name]()

    def _phrase(self, number: int) -> None:
        if self.is_open:
            self._page.insert_phrase(number)

    def _actions(self) -> None:
        for shortcut in SHORTCUTS:
            action = QAction(self.say(f"keys.{shortcut.name}"), self)
            action.setShortcuts([QKeySequence(key) for key in shortcut.keys])
            action.triggered.connect(lambda _=False, name=shortcut.name: self._do(name))
            self.addAction(action)
        for number, key in enumerate(PHRASE_KEYS, 1):
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, at=number: self._phrase(at))
            self.addAction(action)

    def _connect(self) -> None:
        self.sign_in.signed_in.connect(self._signed_in)
        self.sign_in.someone_else.connect(self.sign_out)
        self.sign_in.language_chosen.connect(self.language_chosen)
        self.desk.new_customer.clicked.connect(self.desk.wipe)
        self.desk.told.connect(lambda told: self.statusBar().showMessage(told, TOLD_MS))
        self.desk_button.clicked.connect(lambda: self._show_page(self.desk))
        self.queue_button.clicked.connect(lambda: self._show_page(self.queue))
        self.client.expired.connect(lambda: self.lock(self.say("lock.expired")))
        self.reach.changed.connect(self._reached)
        self.reach.next_look.connect(self._next_look)
        self.feed.changed.connect(self._queue_changed)
        self.feed.arrived.connect(self._arrived)
        self.idle.passed.connect(self.lock)
        self.idle.warned.connect(self._warned)

    # -- layout ----------------------------------------------------------------------------------------------------------

    def _page_button(self, key: str) -> QPushButton:
        button = QPushButton(self.say(key))
        button.setCheckable(True)
        button.setProperty("page", True)
        return button

    def _show_header(self, shown: bool) -> None:
        for widget in (self.desk_button, self.queue_button, self.who, self.menu_button):
            widget.setVisible(shown)
        if not shown:
            self.banner.hide()

    def _lay_out(self) -> None:
        menu = QMenu(self.menu_button)
        for key, does in (("menu.lock", self.lock), ("menu.help", self.help.open), ("menu.sign_out", self.sign_out)):
            action = QAction(self.say(key), menu)
            action.triggered.connect(lambda _=False, does=does: does())
            menu.addAction(action)
        self.menu_button.setMenu(menu)
        self.menu_button.setText(self.say("menu.button"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.header.setObjectName("header")
        self.header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        bar = QHBoxLayout(self.header)
        self.title.setWordWrap(False)
        self.who.setWordWrap(False)
        bar.addWidget(BrandMark(1.9))
        bar.addWidget(self.title)
        bar.addSpacing(em(self, 1.5))
        bar.addWidget(self.desk_button)
        bar.addWidget(self.queue_button)
        bar.addStretch(1)
        bar.addWidget(self.who)
        bar.addWidget(self.menu_button)
        for page in (self.sign_in, self.desk, self.queue):
            self.pages.addWidget(page)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.header, self.banner):
            column.addWidget(widget)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(centre)
        self.statusBar().setSizeGripEnabled(False)
        self.resize(em(self, 66), em(self, 42))
