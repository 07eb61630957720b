"""Lists of cards: a conversation, the queue, a transcript. Text is drawn as it is, each card in its language's direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.kiosk.look import tones
from app.kiosk.wording import reads_right_to_left

Index = QModelIndex | QPersistentModelIndex
TONES = ("plain", "own", "heading", "brand", "wait", "danger")


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `language` is the text's, empty where it is not known; `detail` stands under the text, `trailing` beside it; `tone` is
    one of TONES; a heading cannot be chosen. `payload` is what it stands for."""

    text: str
    language: str
    detail: str = ""
    trailing: str = ""
    tone: str = "plain"
    payload: Any = None

    @property
    def spoken(self) -> str:
        """What a screen reader says."""
        return ", ".join(part for part in (self.text, self.detail, self.trailing) if part)


class CardModel(QAbstractListModel):
    """The cards of one list."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[Card] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's signature)
        return 0 if parent.isValid() else len(self.cards)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        card = self.cards[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return card
        return card.spoken if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if index.isValid() and self.cards[index.row()].tone == "heading":
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def append(self, card: Card) -> int:
        """Adds a card at the end; gives its row."""
        row = len(self.cards)
        self.beginInsertRows(QModelIndex(), row, row)
        self.cards.append(card)
        self.endInsertRows()
        return row

    def change(self, row: int, **changed: Any) -> None:
        """Changes parts of a card."""
        self.cards[row] = replace(self.cards[row], **changed)
        self.dataChanged.emit(self.index(row), self.index(row))

    def show_all(self, cards: Sequence[Card]) -> None:
        """Shows these cards: in place where as many were there, so that the chosen row stays chosen."""
        if len(cards) == len(self.cards):
            for row, (old, new) in enumerate(zip(self.cards, cards, strict=True)):
                if old != new:
                    self.cards[row] = new
                    self.dataChanged.emit(self.index(row), self.index(row))
            return
        self.beginResetModel()
        self.cards = list(cards)
        self.endResetModel()


class CardList(QListView):
    """A list of cards, walked through with the arrow keys. `chosen` tells a card when it becomes the current one."""

    chosen = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards = CardModel()
        self.setModel(self.cards)
        self.setItemDelegate(CardDelegate(self))
        self.setAccessibleName(name)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSpacing(self.fontMetrics().height() // 8)

    @property
    def current(self) -> Card | None:
        """The card that is chosen."""
        index = self.currentIndex()
        return self.cards.cards[index.row()] if index.isValid() and index.row() < len(self.cards.cards) else None

    def choose(self, row: int) -> None:
        """Makes a card the current one."""
        self.setCurrentIndex(self.cards.index(row))

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802 (Qt's signature)
        super().currentChanged(current, previous)
        self.chosen.emit(self.current)


class CardDelegate(QStyledItemDelegate):
    """Draws a card and says how tall it is; text wraps at the width of the list."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 (Qt's signature)
        card, view = index.data(Qt.ItemDataRole.UserRole), self.parent()
        assert isinstance(view, CardList)
        width = view.viewport().width() - 2 * view.spacing()
        fonts, pad = _fonts(view.font(), card), _pad(view.font())
        room = width - 2 * pad - _trailing_width(fonts[1], card)
        height = _height(fonts[0], card.text, room) + (_height(fonts[1], card.detail, room) if card.detail else 0)
        return QSize(width, height + 2 * pad)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        card, view = index.data(Qt.ItemDataRole.UserRole), self.parent()
        assert isinstance(view, CardList)
        rect, state, palette = QRect(option.rect), option.state, QPalette(option.palette)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        ground, ink, soft = _colours(card.tone, chosen, palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if ground is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(rect, _pad(view.font()), _pad(view.font()))
        self._write(painter, rect, card, _fonts(view.font(), card), (ink, soft), view)
        painter.restore()

    @staticmethod
    def _write(
        painter: QPainter, rect: QRect, card: Card, fonts: tuple[QFont, QFont], colours: tuple[QColor, QColor], view: CardList
    ) -> None:
        pad, aside = _pad(view.font()), _trailing_width(fonts[1], card)
        mirrored = view.isRightToLeft()
        body = rect.adjusted(pad + (aside if mirrored else 0), pad, -pad - (0 if mirrored else aside), -pad)
        direction = Qt.LayoutDirection.RightToLeft if reads_right_to_left(card.text, card.language) else Qt.LayoutDirection.LeftToRight
        painter.setLayoutDirection(direction)
        flags = int(Qt.AlignmentFlag.AlignTop) | int(Qt.AlignmentFlag.AlignLeft) | int(Qt.TextFlag.TextWordWrap)
        painter.setFont(fonts[0])
        painter.setPen(colours[0])
        painter.drawText(body, flags, card.text)
        if card.detail:
            painter.setFont(fonts[1])
            painter.setPen(colours[1])
            painter.setLayoutDirection(view.layoutDirection())
            painter.drawText(body.adjusted(0, _height(fonts[0], card.text, body.width()), 0, 0), flags, card.detail)
        if card.trailing:
            painter.setFont(fonts[1])
            painter.setPen(colours[1])
            side = rect.adjusted(pad, pad, -pad, -pad)
            edge = Qt.AlignmentFlag.AlignLeft if mirrored else Qt.AlignmentFlag.AlignRight
            painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
            painter.drawText(side, int(Qt.AlignmentFlag.AlignTop) | int(edge), card.trailing)


def _fonts(base: QFont, card: Card) -> tuple[QFont, QFont]:
    text, detail = QFont(base), QFont(base)
    detail.setPointSizeF(base.pointSizeF() * 0.88)
    if card.tone == "heading":
        text.setPointSizeF(base.pointSizeF() * 0.88)
    if card.tone in ("heading", "own", "danger", "wait"):
        text.setWeight(QFont.Weight.DemiBold)
    return text, detail


def _colours(tone: str, chosen: bool, palette: QPalette) -> tuple[QColor | None, QColor, QColor]:
    look = tones()
    role = QPalette.ColorRole
    if chosen:
        return palette.color(role.Highlight), palette.color(role.HighlightedText), palette.color(role.HighlightedText)
    grounds = {"heading": None, "own": look.brand_soft, "danger": look.danger_soft, "wait": look.wait_soft, "brand": look.brand_soft}
    inks = {"heading": look.soft, "danger": look.danger, "wait": look.wait}
    ground = grounds.get(tone, look.paper)
    ink = QColor(inks.get(tone, look.ink))
    return QColor(ground) if ground else None, ink, ink if tone in inks else QColor(look.soft)


def _pad(font: QFont) -> int:
    return round(QFontMetrics(font).height() * 0.45)


def _height(font: QFont, text: str, width: int) -> int:
    return QFontMetrics(font).boundingRect(QRect(0, 0, max(1, width), 1_000_000), int(Qt.TextFlag.TextWordWrap), text).height()


def _trailing_width(font: QFont, card: Card) -> int:
    return QFontMetrics(font).horizontalAdvance(card.trailing) + _pad(font) if card.trailing else 0
