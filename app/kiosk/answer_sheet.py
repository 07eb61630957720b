"""The sheet a customer takes home: question, answer, sources, and the receipt as a code, in the customer's language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QMarginsF, Qt, QUrl
from PySide6.QtGui import (
    QFont,
    QImage,
    QPageLayout,
    QPageSize,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextImageFormat,
    QTextOption,
)  # fmt: skip
from PySide6.QtPrintSupport import QPrinter

from app.kiosk.citation import Known, numbered, source_line
from app.kiosk.values import Answer
from app.kiosk.wording import Wording, is_right_to_left
from compliance.report.qr import QUIET_ZONE, modules, symbol

DOTS = 8
"""Dots of the picture a module: printers scale it, and readers want sharp edges."""
CODE_SIDE = 227.0
"""The side of the code on paper, in 1/96 inch: 6 cm, nearly half a millimetre a module at the longest receipt of a branch."""
MARGIN_MM = 3.0
"""Beside the 20 mm that QTextDocument leaves by itself."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed."""

    bank: str
    question: str
    answer: Answer
    moment: datetime
    known: Known


def answer_sheet(sheet: Sheet) -> QTextDocument:
    """The sheet as a document, in black on white whatever the screen looks like. Raises ComplianceError where the receipt is too long
    for a code."""
    say = Wording(sheet.answer.language)
    document = QTextDocument()
    document.setDefaultFont(QFont(QFont().family(), 10))
    option = QTextOption()
    option.setTextDirection(Qt.LayoutDirection.RightToLeft if is_right_to_left(say.language) else Qt.LayoutDirection.LeftToRight)
    document.setDefaultTextOption(option)
    document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl("receipt"), _picture(sheet.answer.receipt))
    cursor = QTextCursor(document)

    def line(text: str, size: float = 10, *, bold: bool = False, after: float = 6) -> None:
        form, block = QTextCharFormat(), QTextBlockFormat()
        form.setFontPointSize(size)
        form.setFontWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        form.setForeground(Qt.GlobalColor.black)
        block.setBottomMargin(after)
        cursor.insertBlock(block, form)
        cursor.insertText(text, form)

    _write(sheet, say, line)
    image = QTextImageFormat()
    image.setName("receipt")
    image.setWidth(CODE_SIDE)
    image.setHeight(CODE_SIDE)
    cursor.insertBlock()
    cursor.insertImage(image)
    return document


def _write(sheet: Sheet, say: Wording, line: Callable[..., None]) -> None:
    sentences, sources = numbered(sheet.answer)
    line(sheet.bank, 16, bold=True, after=2)
    line(say.moment(sheet.moment), after=14)
    line(say("sheet.question"), bold=True, after=2)
    line(sheet.question, after=12)
    line(say("sheet.answer"), bold=True, after=2)
    for text, numbers in sentences:
        line(" ".join([text, "".join(f"[{number}]" for number in numbers)]).strip(), 11.5)
    if sources:
        line(say.shared("ui.citations"), bold=True, after=2)
        for number, each in enumerate(sources, 1):
            line(f"[{number}] {source_line(each, sheet.known, say)}", 9, after=3)
    line(say("sheet.machine"), 9, after=10)
    line(say.shared("ui.receipt"), bold=True, after=2)
    line(say("sheet.receipt"), 9)


def print_sheet(document: QTextDocument, printer: QPrinter) -> None:
    """Prints, on the paper that the printer is set to."""
    document.print_(printer)


def pdf_printer(path: str, title: str) -> QPrinter:
    """A printer that writes a PDF file."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(path)
    printer.setDocName(title)
    set_page(printer)
    return printer


def set_page(printer: QPrinter) -> None:
    """A4, upright, with margins of 23 mm in all."""
    margins = QMarginsF(*[MARGIN_MM] * 4)
    layout = QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter)
    printer.setPageLayout(layout)


def _picture(receipt: str) -> QImage:
    rows = modules(symbol(receipt))
    side = len(rows) + 2 * QUIET_ZONE
    small = QImage(side, side, QImage.Format.Format_RGB32)
    small.fill(Qt.GlobalColor.white)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                small.setPixel(x + QUIET_ZONE, y + QUIET_ZONE, 0xFF000000)
    return small.scaled(side * DOTS, side * DOTS)
