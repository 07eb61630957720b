"""The look: readable in light and dark, every control reachable and named, lengths that follow the type, right to left in Arabic."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QListView, QPlainTextEdit, QTextEdit, QWidget

import app.kiosk
from app.kiosk.look import DARK, LIGHT, Tones
from app.kiosk.window import Window
from tests.app.kiosk.person import pass_time, press, signed_in

PAIRS = (
    ("ink", "paper"), ("ink", "sheet"), ("ink", "brand_soft"), ("soft", "paper"), ("soft", "sheet"), ("soft", "brand_soft"), ("on_brand", "brand"),
    ("brand", "sheet"), ("brand", "brand_soft"), ("danger", "paper"), ("danger", "danger_soft"), ("wait", "wait_soft"), ("on_mark", "mark"), ("soft", "line"),
)  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(tones: Tones, text: str, ground: str) -> None:
    values = asdict(tones)
    light, dark = sorted((luminance(values[text]), luminance(values[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_no_length_is_given_in_pixels() -> None:
    for path in Path(app.kiosk.__file__).parent.glob("*.py"):
        assert not re.search(r"\d\s*px", path.read_text("utf-8")), path.name


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_control_has_a_name_and_is_reached_with_tab(kiosk: Callable[..., Window], language: str) -> None:
    window = signed_in(kiosk(language))
    kinds = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QListView)
    for page, key in ((window.desk, Qt.Key.Key_F2), (window.queue, Qt.Key.Key_F3)):
        press(window, key)
        controls = [each for each in page.findChildren(QWidget) if isinstance(each, kinds) and each.isVisible() and each.isEnabled()]
        assert len(controls) >= 2
        for control in controls:
            named = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
            assert named, control
        reached: list[QWidget | None] = []
        for _ in range(60):
            press(window.focusWidget() or window, Qt.Key.Key_Tab)
            reached.append(window.focusWidget())
        assert [each for each in controls if each not in reached] == []


def test_arabic_is_laid_out_from_right_to_left(kiosk: Callable[..., Window]) -> None:
    window = signed_in(kiosk("ar"))
    assert window.layoutDirection() == Qt.LayoutDirection.RightToLeft
    pass_time(0.1)
    answers, evidence = window.desk.answers, window.desk.evidence
    left = answers.mapTo(window, answers.rect().topLeft()).x()
    assert left > evidence.mapTo(window, evidence.rect().topLeft()).x()
    assert window.title.mapTo(window, window.title.rect().center()).x() > window.width() // 2


def test_lengths_follow_the_size_of_the_type(kiosk: Callable[..., Window]) -> None:
    small = kiosk("en").desk.box.text.height()
    before = QApplication.font()
    larger = QFont(before)
    larger.setPointSizeF(before.pointSizeF() * 2)
    QApplication.setFont(larger)
    try:
        assert kiosk("en").desk.box.text.height() > 1.7 * small
    finally:
        QApplication.setFont(before)
