"""The mark of the product: a sun over the sea, drawn at any size."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.kiosk.look import em

DEEP, SEA, SUN = "#083f48", "#1a7f85", "#f2b84b"


def draw_mark(painter: QPainter, side: float) -> None:
    """Draws it in a square of `side` at the origin."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    frame = QPainterPath()
    frame.addRoundedRect(QRectF(0, 0, side, side), side * 0.29, side * 0.29)
    painter.setClipPath(frame)
    painter.fillRect(QRectF(0, 0, side, side * 0.74), QColor(DEEP))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(SUN))
    painter.drawEllipse(QRectF(side * 0.26, side * 0.5, side * 0.48, side * 0.48))
    painter.fillRect(QRectF(0, side * 0.74, side, side * 0.26), QColor(SEA))


def icon() -> QIcon:
    """The mark as the program's icon."""
    made = QIcon()
    for side in (16, 32, 64, 128):
        picture = QPixmap(side, side)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        draw_mark(painter, side)
        painter.end()
        made.addPixmap(picture)
    return made


class BrandMark(QWidget):
    """The mark, so many lines of type high."""

    def __init__(self, lines: float) -> None:
        super().__init__()
        self._lines = lines
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's signature)
        return QSize(em(self, self._lines), em(self, self._lines))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's signature)
        painter = QPainter(self)
        draw_mark(painter, min(self.width(), self.height()))
        painter.end()
