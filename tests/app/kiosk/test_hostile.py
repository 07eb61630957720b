"""A policy full of markup, at the kiosk: text on the screen, in the clipboard and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit

from app.appliance import Appliance
from app.kiosk.policy_document import marked_cells
from app.kiosk.window import Window
from app.settings import Settings
from app.staff import Staff
from tests.app.faces import CHEAP, PASSWORD
from tests.app.kiosk.person import CTRL_SHIFT, ask, in_dialog, press, signed_in, until
from tests.browser import serving
from tests.conftest import PROJECT

MARKUP = (
    ("title: International Transfers\n", "title: <img src=x> International Transfers\n"),
    ('version: "2026-03"', 'version: "2026-03\\"><img src=x onerror=alert(2)>"'),
    ("# International Transfers\n", "# International Transfers <script>alert('heading')</script>\n"),
    ("ordered online |", "ordered <b>online</b> |"),
    ("The prices of", '<iframe src="https://evil.example"></iframe> [Read](javascript:alert(3)) the prices of'),
)


@pytest.fixture(scope="module")
def hostile_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("policies") / "en"
    shutil.copytree(PROJECT / "knowledge" / "policies" / "en", folder)
    file = folder / "payments" / "international-transfer.md"
    text = file.read_text("utf-8")
    for harmless, markup in MARKUP:
        assert harmless in text
        text = text.replace(harmless, markup, 1)
    file.write_text(text, "utf-8")
    home = tmp_path_factory.mktemp("home")
    with Appliance(Settings(home=home, slm=False), policies=folder.parent) as box:
        box.__dict__["staff"] = Staff.open(home / "staff", box.ledger, passwords=CHEAP)
        box.staff.accounts.add("teller", "teller", PASSWORD)
        box.ready()
        with serving(box) as url:
            yield url


def test_markup_in_a_policy_is_text_everywhere(kiosk: Callable[..., Window], hostile_url: str, tmp_path: Path) -> None:
    window = signed_in(kiosk("en", hostile_url))
    answer = ask(window, "What is the minimum and maximum fee for an international transfer ordered online?")
    assert "ordered <b>online</b>" in answer.sentences[0].text
    pane = window.desk.evidence
    until(lambda: "minimum €15" in " ".join(marked_cells(pane.text.document())), "evidence marked")
    assert pane.title.text() == "<img src=x> International Transfers"
    assert '"><img src=x onerror=alert(2)>' in pane.facts.text()
    shown = pane.text.toPlainText()
    assert "International Transfers <script>alert('heading')</script>" in shown
    assert '<iframe src="https://evil.example"></iframe> [Read](javascript:alert(3))' in shown
    assert "<a href" not in pane.text.toHtml()
    assert {label.textFormat() for label in window.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
    press(window, Qt.Key.Key_C, CTRL_SHIFT)
    assert QGuiApplication.clipboard().mimeData().hasHtml() is False

    def save(dialog: QFileDialog) -> None:
        dialog.findChild(QLineEdit).setText(str(tmp_path / "sheet.pdf"))
        dialog.accept()

    in_dialog(save, QFileDialog)
    press(window, Qt.Key.Key_P, CTRL_SHIFT)
    assert "[1] <img src=x> International" in " ".join("".join(page.extract_text() for page in PdfReader(tmp_path / "sheet.pdf").pages).split())
