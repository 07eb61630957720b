"""Halves: a page in two parts side by side, whose share the teller may move."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.kiosk.look import em


def halves(page: QWidget, left: dict[QWidget, int], right: QWidget, shares: tuple[int, int], widths: tuple[float, float]) -> QSplitter:
    """The widgets of `left` one under the other, each with its stretch, beside `right`; `widths` in em to begin with, `shares` of what is
    added when the page grows."""
    under = QWidget()
    column = QVBoxLayout(under)
    column.setContentsMargins(1, 0, 1, 0)  # from right to left, a splitter (Qt 6.12) cuts off the outermost pixel
    for widget, stretch in left.items():
        column.addWidget(widget, stretch)
    splitter = QSplitter(Qt.Orientation.Horizontal)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(em(page, 0.8))
    for place, (widget, share) in enumerate(zip((under, right), shares, strict=True)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(place, share)
    splitter.setSizes([em(page, width) for width in widths])
    return splitter
