"""The staffed box that the tests of the faces share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.appliance import Appliance
from app.web.server import create_app
from tests.app.faces import branch
from tests.browser import serving


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """A box without a model and with one account a role."""
    with branch(tmp_path_factory.mktemp("staffed")) as held:
        yield held


@pytest.fixture(scope="session")
def faces(staffed: Appliance) -> FastAPI:
    """Its web application."""
    return create_app(staffed)


@pytest.fixture(scope="session")
def staffed_url(staffed: Appliance) -> Iterator[str]:
    """Where that box is really served."""
    with serving(staffed) as url:
        yield url


@pytest.fixture
def kiosk(staffed_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Opens windows of the kiosk (`url` and any of its options may be given) and closes them."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    from app.kiosk.look import dress
    from app.kiosk.phrases import load_phrases
    from app.kiosk.program import open_window
    from app.kiosk.window import Options, Window
    from tests.app.kiosk.person import pass_time, until

    app = QApplication.instance()
    if app is None:
        app = QApplication(["kiosk"])
        dress(app)
    windows: list[Window] = []
    faults: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda _, error, __: faults.append(error))  # where Qt reports what a slot raised

    def opened(language: str = "en", url: str = staffed_url, **options: Any) -> Window:
        windows.append(open_window(Options(url, language, load_phrases(), **options), app, lambda _: None))
        pass_time()
        return windows[-1]

    yield opened
    for window in windows:
        window.close()
        until(lambda window=window: not window.client.is_waiting, "the last requests left")
        window.deleteLater()
    app.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    pass_time()
    assert faults == []
