"""A policy as a document on the screen, with a span of its text marked as evidence.

Text is inserted as text: nothing in a policy can become markup, load a picture or lead anywhere.
"""

from __future__ import annotations

from itertools import groupby, pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextOption,
    QTextTableCellFormat,
    QTextTableFormat,
)  # fmt: skip

from app.kiosk.look import tones
from app.kiosk.policy_text import Block, Piece, blocks
from app.kiosk.values import Policy
from app.kiosk.wording import is_right_to_left

MARKED = QTextFormat.Property.UserProperty.value + 1
"""The property of characters that belong to the evidence."""


def write_policy(document: QTextDocument, policy: Policy, start: int, end: int, line: int) -> int:
    """Fills a document with a policy, the span `[start, end)` of its text (in characters) marked; `line` is the height of a line.
    Gives the position in the document where the marked text begins, 0 where there is none."""
    document.clear()
    direction = Qt.LayoutDirection.RightToLeft if is_right_to_left(policy.language) else Qt.LayoutDirection.LeftToRight
    option = QTextOption()
    option.setTextDirection(direction)
    document.setDefaultTextOption(option)
    writer = _Writer(QTextCursor(document), policy.text, (start, end), line, direction)
    for kind, group in groupby(blocks(policy.text), key=lambda each: each.kind):
        if kind == "row":
            writer.table(list(group))
            continue
        for block in group:
            writer.paragraph(block)
    return writer.first


def marked_cells(document: QTextDocument) -> list[str]:
    """The text that is marked as evidence: of each paragraph and cell that has any, in the order in which they are drawn."""
    lines: list[str] = []
    block = document.begin()
    while block.isValid():
        text = block.text().encode("utf-16-le")
        runs = [each for each in block.textFormats() if each.format.hasProperty(MARKED)]
        if runs:
            lines.append("".join(text[2 * run.start : 2 * (run.start + run.length)].decode("utf-16-le") for run in runs))
        block = block.next()
    return lines


class _Writer:
    def __init__(self, cursor: QTextCursor, text: str, span: tuple[int, int], line: int, direction: Qt.LayoutDirection) -> None:
        self.first = 0
        self._cursor = cursor
        self._text = text
        self._span = span
        self._line = line
        self._direction = direction

    def paragraph(self, block: Block) -> None:
        form, base = QTextBlockFormat(), QTextCharFormat()
        form.setBottomMargin(self._line * (0.25 if block.kind == "item" else 0.5))
        form.setLineHeight(115, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        if block.kind == "heading":
            form.setTopMargin(self._line * (0.2 if block.level == 1 else 0.7))
            base.setFontWeight(QFont.Weight.DemiBold)
            base.setProperty(QTextFormat.Property.FontSizeAdjustment, 2 if block.level == 1 else 1)
            base.setForeground(QColor(tones().brand))
        if block.kind == "item":
            form.setIndent(1)
        if self._cursor.position() > 0:
            self._cursor.insertBlock(form, base)
        else:
            self._cursor.setBlockFormat(form)
        if block.kind == "item" and not block.level:
            self._cursor.insertText("•  ", base)
        self._pieces(block.cells[0], base)

    def table(self, rows: list[Block]) -> None:
        form = QTextTableFormat()
        form.setCellPadding(self._line * 0.3)
        form.setCellSpacing(0)
        form.setBorder(0)
        form.setBottomMargin(self._line * 0.5)
        columns = max(len(row.cells) for row in rows)
        table = self._cursor.insertTable(len(rows), columns, form)
        # Qt lays out a table from left to right whatever its direction: from right to left its columns are written in reverse.
        places = range(columns) if self._direction == Qt.LayoutDirection.LeftToRight else range(columns - 1, -1, -1)
        for number, row in enumerate(rows):
            base = QTextCharFormat()
            if number == 0 and len(rows) > 1:
                base.setFontWeight(QFont.Weight.DemiBold)
            for place, pieces in zip(places, row.cells, strict=False):
                cell = table.cellAt(number, place)
                cell.setFormat(_ruled(cell.format()))
                self._cursor.setPosition(cell.firstCursorPosition().position())
                self._pieces(pieces, base)
        self._cursor.setPosition(table.lastCursorPosition().position() + 1)

    def _pieces(self, pieces: tuple[Piece, ...], base: QTextCharFormat) -> None:
        for before, piece in zip((None, *pieces), pieces, strict=False):
            if before is not None and "\n" in self._text[before.end : piece.start]:
                self._cursor.insertText(" ", base)
            for start, end in pairwise(self._cuts(piece)):
                marked = self._span[0] <= start and end <= self._span[1]
                if marked and not self.first:
                    self.first = self._cursor.position()
                self._cursor.insertText(self._text[start:end], _format(base, piece.strong, marked))

    def _cuts(self, piece: Piece) -> list[int]:
        return sorted({piece.start, piece.end, *(at for at in self._span if piece.start < at < piece.end)})


def _ruled(form: QTextCharFormat) -> QTextCharFormat:
    """The format of a cell with a line below it."""
    ruled = QTextTableCellFormat(form)
    ruled.setBottomBorder(1)
    ruled.setBottomBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    ruled.setBottomBorderBrush(QColor(tones().line))
    return ruled


def _format(base: QTextCharFormat, strong: bool, marked: bool) -> QTextCharFormat:
    form = QTextCharFormat(base)
    if strong:
        form.setFontWeight(QFont.Weight.DemiBold)
    if marked:
        form.setBackground(QColor(tones().mark))
        form.setForeground(QColor(tones().on_mark))
        form.setProperty(MARKED, True)
    return form
