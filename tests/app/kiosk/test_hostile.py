"""A policy full of markup, at the kiosk: text on the screen, in the clipboard and on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit

from app.appliance import Appliance
from app.kiosk.policy_document import marked_text
from app.kiosk.window import Window
from app.settings import Settings
from app.staff import Staff
from tests.app.faces import CHEAP, PASSWORD
from tests.app.kiosk.person import CTRL_SHIFT, ask, in_dialog, press, signed_in, until
from tests.app.test_hostile_policy import POLICY
from tests.browser import serving


@pytest.fixture(scope="module")
def hostile_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("policies")
    (folder / "gold.md").write_text(POLICY.replace("language: en\n", "language: en\naudience: both\n"), "utf-8")
    home = tmp_path_factory.mktemp("home")
    with Appliance(Settings(home=home, slm=False), policies=folder) as box:
        box.__dict__["staff"] = Staff.open(home / "staff", box.ledger, passwords=CHEAP)
        box.staff.accounts.add("teller", "teller", PASSWORD)
        box.ready()
        with serving(box) as url:
            yield url


def test_markup_in_a_policy_is_text_everywhere(kiosk: Callable[..., Window], hostile_url: str, tmp_path: Path) -> None:
    window = signed_in(kiosk("en", hostile_url))
    answer = ask(window, "how much does the gold card cost a year?")
    assert "77 EUR" in answer.sentences[0].text
    pane = window.desk.evidence
    until(lambda: "77 EUR" in marked_text(pane.text.document()), "evidence marked")
    assert pane.title.text() == "<script>alert('title')</script> Gold card"
    assert '"><img src=x onerror=alert(2)>' in pane.facts.text()
    shown = pane.text.toPlainText()
    assert "Gold card <script>alert('heading')</script>" in shown
    assert "<img src=x onerror=\"alert('text')\">" in shown
    assert '<iframe src="https://evil.example"></iframe>' in shown
    assert "<a href" not in pane.text.toHtml()
    assert {label.textFormat() for label in window.findChildren(QLabel)} == {Qt.TextFormat.PlainText}

    def save(dialog: QFileDialog) -> None:
        dialog.findChild(QLineEdit).setText(str(tmp_path / "sheet.pdf"))
        dialog.accept()

    in_dialog(save, QFileDialog)
    press(window, Qt.Key.Key_P, CTRL_SHIFT)
    assert "<script>" in "".join(page.extract_text() for page in PdfReader(tmp_path / "sheet.pdf").pages)
