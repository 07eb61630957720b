"""The desk: ask for a customer, read the answer with its evidence beside it, copy it, print it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.kiosk.answer_list import AnswerList, Shown
from app.kiosk.answer_sheet import Sheet, answer_sheet, pdf_printer, print_sheet, set_page
from app.kiosk.ask_box import AskBox
from app.kiosk.cards import Card
from app.kiosk.citation import cited
from app.kiosk.client import Client, Problem
from app.kiosk.conversation import Asking, Conversation
from app.kiosk.evidence_pane import EvidencePane
from app.kiosk.halves import halves
from app.kiosk.look import Chooser, Tick, plain_label
from app.kiosk.phrases import Phrase
from app.kiosk.policy_shelf import PolicyShelf
from app.kiosk.problems import in_words
from app.kiosk.reach import Reach
from app.kiosk.side_by_side import SideBySide
from app.kiosk.values import Answer
from app.kiosk.wording import OWN_NAMES, Wording
from compliance.errors import ComplianceError


class DeskPage(QWidget):
    """One customer at a time."""

    told = Signal(str)
    """Something worth a line at the foot of the window."""

    def __init__(self, client: Client, reach: Reach, shelf: PolicyShelf, say: Wording, phrases: Sequence[Phrase]) -> None:
        super().__init__()
        self._client, self._reach, self._shelf, self._say = client, reach, shelf, say
        self._asked = ""
        self._copied = ""
        self.conversation = Conversation(client, self)
        self.answers = AnswerList(shelf, say)
        self.evidence = EvidencePane(shelf, say)
        self.box = AskBox(say, say("desk.ask_box"), say("desk.ask"), phrases)
        self.language = Chooser()
        self.language.setAccessibleName(say("desk.customer_language"))
        self.language.addItem(say.shared("ui.automatic"), None)
        for code, own in OWN_NAMES.items():
            self.language.addItem(f"{say.language_title(code)} · {own}" if code != say.language else own, code)
        self.staff = Tick(say("desk.staff_policies"))
        self.new_customer = QPushButton(say("desk.new_customer"))
        self.stop = QPushButton(say.shared("ui.stop"))
        self.copy = QPushButton(say("desk.copy"))
        self.print = QPushButton(say("desk.print"))
        self.pdf = QPushButton(say("desk.pdf"))
        self._lay_out()
        self._connect()
        self._refresh()

    # -- what the window calls -----------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Asks what is written. It stays written where it cannot be asked."""
        question = self.box.written
        if self.conversation.is_busy:
            return
        if not question:
            self.box.tell(self._say.shared("error.empty"))
        elif not self._reach.is_up:
            self.box.tell(f"{self._say('problem.away')} {self._say('problem.not_asked')}")
        else:
            self.box.tell("")
            self._asked = question
            asking = Asking(question, self.language.currentData(), self.staff.isChecked())
            self.answers.ask(asking)
            self.box.text.clear()
            self.conversation.ask(asking)
            self._refresh()

    def cancel(self) -> None:
        """Stops the answer that is under way."""
        if self.conversation.is_busy:
            self.conversation.stop()
            self.answers.fail(self._say("desk.stopped"))
            self._give_back()

    def focus_box(self) -> None:
        """Puts the cursor where one writes."""
        self.box.text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.text.selectAll()

    def insert_phrase(self, number: int) -> None:
        """Writes a quick question, in the teller's language: the answer comes in the customer's."""
        self.box.insert(number, self._say.language)

    def wipe(self) -> None:
        """Forgets the customer, here and on the box, and takes back what was copied of them."""
        self.conversation.wipe()
        self._asked = ""
        self.box.text.clear()
        self.box.tell("")
        self.answers.clear()
        self.evidence.clear()
        self.language.setCurrentIndex(0)
        self.staff.setChecked(False)
        clipboard = QGuiApplication.clipboard()
        if self._copied and clipboard.text() == self._copied:
            clipboard.clear()
        self._copied = ""
        self._refresh()

    def copy_cited(self) -> None:
        """Copies the answer of the chosen sentence with its sources."""
        turn = self.answers.turn
        answer = turn and (turn.answers.get(self.answers.reader) or turn.answers.get("customer"))
        if not answer:
            self.box.tell(self._say("desk.nothing_yet"))
            return
        self._copied = cited(answer, self._shelf.of)
        QGuiApplication.clipboard().setText(self._copied)
        self.told.emit(self._say("desk.copied"))

    def print_answer(self) -> None:
        """Prints the customer's sheet."""
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        set_page(printer)
        dialog = QPrintDialog(printer, self)
        dialog.setWindowTitle(self._say("desk.print"))
        self._print(lambda: printer if dialog.exec() else None)

    def save_pdf(self) -> None:
        """Saves the customer's sheet as a file."""
        self._print(self._pdf_printer)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _pdf_printer(self) -> QPrinter | None:
        # Qt's own dialog: it follows the language's direction and runs the same in kiosk mode on every system.
        options = QFileDialog.Option.DontUseNativeDialog
        suggested = f"{self._say('sheet.file')}.pdf"
        path, _ = QFileDialog.getSaveFileName(self, self._say("desk.pdf"), suggested, "PDF (*.pdf)", options=options)
        return pdf_printer(path if path.endswith(".pdf") else f"{path}.pdf", self._say("sheet.file")) if path else None

    def _print(self, choose: Callable[[], QPrinter | None]) -> None:
        turn = self.answers.turn
        answer = turn.answers.get("customer") if turn else None
        teller = self._client.teller
        if turn is None or answer is None or teller is None:
            self.box.tell(self._say("desk.nothing_yet"))
            return
        if any(self._shelf.is_for_staff(each) for sentence in answer.sentences for each in sentence.evidence):
            self.box.tell(self._say("desk.staff_only"))
            return
        try:
            document = answer_sheet(Sheet(teller.bank, turn.asking.question, answer, datetime.now(), self._shelf.of))
        except ComplianceError as error:
            self.box.tell(str(error))
            return
        printer = choose()
        if printer is not None:
            print_sheet(document, printer)
            failed = printer.printerState() == QPrinter.PrinterState.Error
            self.told.emit(self._say("desk.not_printed" if failed else "desk.printed"))

    def _chose(self, card: Card | None) -> None:
        if card is not None and isinstance(card.payload, Shown):
            self.evidence.show_for(card.payload.sentence)
        self._refresh()

    def _answered(self, answer: Answer) -> None:
        self.answers.finish(answer)
        self._asked = ""
        turn = self.answers.last
        beside = SideBySide(self._shelf, answer, self._say.language, lambda same: self.answers.beside(turn, same))
        if beside.is_needed:
            beside.start()
        self._refresh()

    def _failed(self, problem: Problem) -> None:
        self.answers.fail(in_words(problem, self._say, "problem.not_answered"))
        self._give_back()

    def _give_back(self) -> None:
        """What was asked and not answered is in the box again, unless something else was written there meanwhile."""
        if self._asked and not self.box.written:
            self.box.text.setPlainText(self._asked)
        self._asked = ""
        self._refresh()

    def _refresh(self) -> None:
        busy, turn = self.conversation.is_busy, self.answers.turn
        whole = turn is not None and "customer" in turn.answers
        self.box.send.setEnabled(not busy)
        self.stop.setEnabled(busy)
        for button in (self.copy, self.print, self.pdf):
            button.setEnabled(whole)

    def _connect(self) -> None:
        conversation = self.conversation
        conversation.placed.connect(self.answers.place)
        conversation.said.connect(self.answers.say)
        conversation.answered.connect(self._answered)
        conversation.failed.connect(self._failed)
        conversation.renewed.connect(lambda: self.answers.note(self._say("desk.renewed")))
        conversation.finished.connect(self._refresh)
        self.answers.chosen.connect(self._chose)
        self.box.send.clicked.connect(self.submit)
        self.stop.clicked.connect(self.cancel)
        self.copy.clicked.connect(self.copy_cited)
        self.print.clicked.connect(self.print_answer)
        self.pdf.clicked.connect(self.save_pdf)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        label = plain_label(self._say("desk.customer_language"), quiet=True)
        label.setWordWrap(False)
        label.setBuddy(self.language)
        for widget in (label, self.language, self.staff):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.new_customer)
        self.box.side.insertWidget(1, self.stop)
        for button in (self.copy, self.print, self.pdf):
            self.box.foot.addWidget(button)
        both = halves(self, {self.answers: 1, self.box: 0}, self.evidence, (11, 9), (36, 30))
        page = QVBoxLayout(self)
        page.addLayout(top)
        page.addWidget(both, 1)
