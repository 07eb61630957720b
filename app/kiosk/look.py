"""How the kiosk looks: one palette for light and one for dark, as the system is set; every length follows the type size."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontDatabase, QFontInfo, QGuiApplication, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QStyle, QStyleOptionButton, QWidget

FONTS = Path(str(resources.files("compliance.report").joinpath("fonts")))
"""Noto, as the audit report embeds it."""


@dataclass(frozen=True, slots=True)
class Tones:
    """The colours of one look, `#rrggbb`. Text on its ground has at least 4.5:1 (WCAG 2.2, 1.4.3; tests/app/kiosk/test_look.py)."""

    brand: str
    on_brand: str
    brand_soft: str
    ink: str
    soft: str
    line: str
    field: str
    paper: str
    sheet: str
    danger: str
    danger_soft: str
    wait: str
    wait_soft: str
    mark: str
    on_mark: str


LIGHT = Tones(
    brand="#0b5560", on_brand="#ffffff", brand_soft="#e1efef", ink="#14202b", soft="#4d5b68", line="#d5dde4", field="#7b8a97",
    paper="#f1f5f6", sheet="#ffffff", danger="#9a2a2a", danger_soft="#fbe9e7", wait="#7d4a04", wait_soft="#fdf0d9", mark="#ffe08a",
    on_mark="#14202b",
)  # fmt: skip
DARK = Tones(
    brand="#6fc3cb", on_brand="#06252a", brand_soft="#17383d", ink="#e8eef1", soft="#a9b8c2", line="#33434d", field="#71838f",
    paper="#11191e", sheet="#19242b", danger="#ffb0a8", danger_soft="#43211f", wait="#f3c477", wait_soft="#3d2f16", mark="#5c4a10",
    on_mark="#fff6dc",
)  # fmt: skip


def tones() -> Tones:
    """The colours for the system's present setting."""
    return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT


def dress(app: QApplication) -> None:
    """Gives the program its look, now and whenever the system turns light or dark. A system in high contrast keeps its own."""
    app.setStyle("Fusion")
    _add_fonts(app)
    hints = QGuiApplication.styleHints()
    hints.colorSchemeChanged.connect(lambda _: _colour(app))
    _colour(app)


def _add_fonts(app: QApplication) -> None:
    """Chinese is drawn with the product's own type, after the system's; Arabic where the machine has none of its own."""
    QFontDatabase.addApplicationFont(str(FONTS / "NotoSansArabic-Regular.ttf"))
    chinese = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(FONTS / "NotoSansSC-Regular.ttf")))
    font = app.font()
    # The family behind a name such as "Sans Serif": in a list of families, the name alone finds no bold type.
    font.setFamilies([QFontInfo(font).family(), *chinese])
    app.setFont(font)


def _colour(app: QApplication) -> None:
    if QGuiApplication.styleHints().accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
        app.setStyleSheet("")
        return
    chosen = tones()
    app.setPalette(_palette(chosen))
    app.setStyleSheet(_sheet(chosen))


def _palette(t: Tones) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: t.paper, QPalette.ColorRole.WindowText: t.ink, QPalette.ColorRole.Base: t.sheet,
        QPalette.ColorRole.AlternateBase: t.brand_soft, QPalette.ColorRole.Text: t.ink, QPalette.ColorRole.Button: t.sheet,
        QPalette.ColorRole.ButtonText: t.ink, QPalette.ColorRole.Highlight: t.brand, QPalette.ColorRole.HighlightedText: t.on_brand,
        QPalette.ColorRole.PlaceholderText: t.soft, QPalette.ColorRole.Mid: t.line, QPalette.ColorRole.Link: t.brand,
        QPalette.ColorRole.ToolTipBase: t.ink, QPalette.ColorRole.ToolTipText: t.sheet, QPalette.ColorRole.Accent: t.brand,
    }  # fmt: skip
    palette = QPalette()
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText, QPalette.ColorRole.Text):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.field))
    return palette


_STYLE = """
QWidget#header { background: @sheet; border-bottom: 0.08em solid @line; }
QPushButton, QToolButton, QComboBox {
  background: @sheet; color: @ink; border: 0.08em solid @field; border-radius: 0.45em; padding: 0.4em 0.9em; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { background: @brand_soft; }
QPushButton:focus, QToolButton:focus, QComboBox:focus { border: 0.16em solid @brand; padding: 0.32em 0.82em; }
QPushButton:disabled, QToolButton:disabled { color: @field; border-color: @line; background: @paper; }
QPushButton[primary="true"] { background: @brand; color: @on_brand; border-color: @brand; font-weight: 600; }
QPushButton[primary="true"]:focus { border-color: @ink; }
QPushButton[primary="true"]:disabled { background: @line; color: @soft; border-color: @line; }
QPushButton[page="true"] { border-color: transparent; font-weight: 600; }
QPushButton[page="true"]:checked { background: @brand_soft; color: @brand; }
QPushButton[page="true"]:focus { border-color: @brand; }
QToolButton::menu-indicator { image: none; }
QComboBox { padding-right: 1.8em; }
QComboBox::drop-down { border: 0; width: 1.8em; }
QLineEdit, QPlainTextEdit, QTextEdit, QListView {
  background: @sheet; color: @ink; border: 0.08em solid @field; border-radius: 0.45em; padding: 0.45em; selection-background-color: @brand;
  selection-color: @on_brand; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QListView:focus { border: 0.16em solid @brand; padding: 0.37em; }
QListView, QTextEdit#policy { border-color: @line; }
QLabel[quiet="true"] { color: @soft; }
QLabel[strong="true"] { font-weight: 600; }
QLabel#banner { background: @wait_soft; color: @wait; padding: 0.6em 1em; font-weight: 600; }
QLabel#banner[away="true"] { background: @danger_soft; color: @danger; }
QLabel[notice="true"] { color: @danger; font-weight: 600; }
QLabel[staff="true"] { background: @wait_soft; color: @wait; border-radius: 0.4em; padding: 0.15em 0.6em; font-weight: 600; }
QFrame#sheet { background: @sheet; border: 0.08em solid @line; border-radius: 0.9em; }
QMenu { background: @sheet; color: @ink; border: 0.08em solid @line; padding: 0.3em; }
QMenu::item { padding: 0.4em 1.4em; border-radius: 0.3em; }
QMenu::item:selected { background: @brand; color: @on_brand; }
QSplitter::handle { background: transparent; }
QScrollBar:vertical { background: transparent; width: 0.8em; margin: 0; }
QScrollBar::handle:vertical { background: @line; border-radius: 0.35em; min-height: 2em; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QCheckBox { spacing: 0.5em; }
QCheckBox::indicator { width: 1em; height: 1em; border: 0.08em solid @field; border-radius: 0.25em; background: @sheet; }
QCheckBox::indicator:checked { background: @brand; border-color: @brand; }
QCheckBox:focus { text-decoration: underline; }
"""


def _sheet(t: Tones) -> str:
    styled = _STYLE
    for name in sorted((each.name for each in fields(t)), key=len, reverse=True):
        styled = styled.replace(f"@{name}", getattr(t, name))
    return styled


def em(widget: QWidget, times: float = 1.0) -> int:
    """So many heights of a line of the widget's type: lengths that follow the type size and the screen."""
    return round(widget.fontMetrics().height() * times)


def plain_label(text: str = "", parent: QWidget | None = None, **marks: bool) -> QLabel:
    """A label that shows its text as it is, never as HTML. `marks` (quiet, strong, notice, staff) choose its look."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(True)
    for name, value in marks.items():
        label.setProperty(name, value)
    return label


def tell(label: QLabel, text: str) -> None:
    """Shows a text, or takes the label away where there is none."""
    label.setText(text)
    label.setVisible(bool(text))


def remark(widget: QWidget, name: str, value: bool) -> None:
    """Changes a mark of a widget and draws it accordingly."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Chooser(QComboBox):
    """A box to choose from whose arrow is drawn in the colour of its text: a style sheet alone would need a picture of it."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's signature)
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        half = em(self) * 0.22
        painter.setPen(QPen(self.palette().buttonText(), half / 2))
        across = em(self) * 0.9 if self.isRightToLeft() else self.width() - em(self) * 0.9
        middle = QPointF(across, self.height() / 2 + half / 2)
        painter.drawPolyline([middle - QPointF(half, half), middle, middle + QPointF(half, -half)])
        painter.end()


class Tick(QCheckBox):
    """A box to tick whose tick is drawn, for the same reason."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's signature)
        super().paintEvent(event)
        if not self.isChecked():
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = QRectF(self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().highlightedText(), box.width() / 7))
        places = ((0.25, 0.52), (0.43, 0.7), (0.76, 0.32))
        painter.drawPolyline([QPointF(box.x() + x * box.width(), box.y() + y * box.height()) for x, y in places])
        painter.end()
