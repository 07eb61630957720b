"""The program around the window: what was asked for on the command line, the application, and a quiet end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import QEventLoop, QLocale, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.crash import hide_messages
from app.errors import TellerboxError
from app.kiosk.look import dress
from app.kiosk.phrases import SHIPPED, load_phrases
from app.kiosk.window import Options, Window
from app.kiosk.wording import is_right_to_left, served
from app.locales import LANGUAGES

LAST_WORDS_MS = 1_500
"""How long the end of the program waits for the box to hear that the sessions are over."""
HEARTBEAT_MS = 250
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def checked_url(url: str, *, plain_http: bool) -> str:
    """The address of a box, as `scheme://host[:port]`. Raises TellerboxError for anything else, and for plain http to another machine
    unless that was asked for: passwords would cross the network as they are."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or parts.username or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise TellerboxError("--url must be the address of a box, such as https://box.branch.example or http://127.0.0.1:7860")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not plain_http:
        raise TellerboxError("the box is on another machine and --url is plain http: use https, or allow it with --plain-http")
    return f"{parts.scheme}://{parts.netloc}"


def options_of(
    url: str, language: str | None, phrases: Path | None, lock_minutes: float, *, full_screen: bool, plain_http: bool
) -> Options:
    """What a kiosk is started with. Raises TellerboxError."""
    if language is not None and language not in LANGUAGES:
        raise TellerboxError(f"language {language!r} is not served; choose one of {', '.join(LANGUAGES)}")
    return Options(
        checked_url(url, plain_http=plain_http), language or served(QLocale.system().name()), load_phrases(phrases or SHIPPED),
        lock_minutes * 60, full_screen,
    )  # fmt: skip


def open_window(options: Options, app: QApplication, reopen: Callable[[str], None]) -> Window:
    """The window in the language of the options, in that language's direction; `reopen` is told another language to show it in."""
    app.setLayoutDirection(Qt.LayoutDirection.RightToLeft if is_right_to_left(options.language) else Qt.LayoutDirection.LeftToRight)
    window = Window(options, app)
    window.language_chosen.connect(reopen)
    if options.full_screen:
        window.showFullScreen()
    else:
        window.show()
    return window


def run(options: Options) -> int:
    """Runs the kiosk until its window is closed; gives the exit status."""
    hide_messages()
    app = QApplication(["tellerbox"])
    app.setApplicationName("Tellerbox")
    app.setQuitOnLastWindowClosed(True)
    dress(app)
    windows: list[Window] = []

    def reopen(language: str) -> None:
        windows.append(open_window(replace(options, language=language), app, reopen))
        if len(windows) > 1:
            windows.pop(0).close()

    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: told.append(number))

    def look() -> None:
        if told:
            app.closeAllWindows()
            app.quit()

    reopen(options.language)
    # Python takes note of a signal only when it runs, and Qt's loop does not let it run by itself.
    heartbeat = QTimer(interval=HEARTBEAT_MS)
    heartbeat.timeout.connect(look)
    heartbeat.start()
    status = app.exec()
    _let_out(windows[-1])
    return status


def _let_out(window: Window) -> None:
    """The last requests, which end sessions and sign-in, are still leaving."""
    loop = QEventLoop()
    QTimer.singleShot(LAST_WORDS_MS, loop.quit)
    window.client.settled.connect(loop.quit)
    if window.client.is_waiting:
        loop.exec()
