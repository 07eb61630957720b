"""The desk: an answer in two languages with its evidence marked, copied with its sources, printed with its receipt, wiped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import httpx
import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtPrintSupport import QPrintDialog
from PySide6.QtWidgets import QFileDialog, QLineEdit

from app import locales
from app.appliance import Appliance
from app.kiosk.answer_list import Shown
from app.kiosk.policy_document import marked_cells
from app.kiosk.values import Sentence
from app.kiosk.window import Window
from app.kiosk.wording import Wording
from tests.app.kiosk.person import CTRL, CTRL_SHIFT, ask, in_dialog, press, sentences, signed_in, texts, until, write

Kiosk = Callable[..., Window]
FEE = {"es": "¿Cuánto cuesta una transferencia internacional?", "ar": "كم رسوم التحويل الدولي؟"}


def shows_evidence(window: Window, row: int) -> None:
    """Chooses a sentence; the policy beside it must mark exactly the evidence, and nothing else of itself."""
    window.desk.answers.choose(row)
    card = window.desk.answers.current
    assert card is not None
    assert isinstance(card.payload, Shown)
    evidence = card.payload.sentence.evidence[0]
    document = window.desk.evidence.text.document()
    cells = sorted("".join(cell.split()) for cell in evidence.quote.replace("**", "").split("|") if cell.strip())
    until(lambda: sorted("".join(cell.split()) for cell in marked_cells(document)) == cells, f"{evidence.quote!r} marked")
    assert len(document.toPlainText()) > 2 * len(evidence.quote)
    policy = window.shelf.of(evidence)
    assert policy is not None
    assert policy.effective_from is not None
    facts = window.desk.evidence.facts.text()
    assert evidence.version in facts
    assert window.say.day(policy.effective_from) in facts


def test_an_answer_with_caution_is_not_called_answered(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, FEE["es"])
    headings = lambda: [card.trailing for card in window.desk.answers.cards.cards if card.tone == "heading" and card.trailing]  # noqa: E731
    assert headings() == ["Answered from the policies"]
    careful = Sentence(locales.text("unsure", "es"), "fixed", ())
    window.desk.answers.finish(replace(answer, sentences=(careful, *answer.sentences)))
    assert headings() == ["Nearest text in the policies"]


@pytest.mark.parametrize("language", ["es", "ar"])
def test_an_answer_stands_in_the_customers_language_and_beside_it_in_the_tellers(kiosk: Kiosk, language: str) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, FEE[language])
    assert (answer.language, answer.outcome) == (language, "answered")
    mine = until(lambda: sentences(window, "teller"), "the same in the teller's language")
    assert len(mine) == len(sentences(window, "customer")) == len(answer.sentences)
    assert mine[0][1].text == "International transfer ordered online: 0.3% of the amount, minimum €15, maximum €60"
    for reader in ("customer", "teller"):
        shows_evidence(window, sentences(window, reader)[0][0])
    assert answer.receipt.startswith("c2sp.org/tlog-proof")


def test_an_answer_in_the_tellers_own_language_stands_once(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("es"))
    assert ask(window, FEE["es"]).language == "es"
    until(lambda: window.desk.evidence.text.isVisible())
    assert sentences(window, "teller") == []


def test_the_customers_language_can_be_chosen(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    window.desk.language.setCurrentIndex(window.desk.language.findData("ar"))
    assert ask(window, "how much is a replacement card").language == "ar"
    until(lambda: sentences(window, "teller"))


def test_a_follow_up_is_understood_and_a_new_customer_knows_nothing_of_it(kiosk: Kiosk, staffed: Appliance) -> None:
    window = signed_in(kiosk("en"))
    first = ask(window, "How much is an international transfer?")
    follow = ask(window, "and at the counter?")
    assert follow.session == first.session
    assert "€10" in " ".join(each.text for each in follow.sentences)
    window.desk.copy.click()
    assert QGuiApplication.clipboard().text()
    press(window, Qt.Key.Key_N, CTRL)
    until(lambda: staffed.sessions.peek(first.session) is None, "the box has forgotten the customer")
    assert texts(window) == window.say("desk.empty")
    assert QGuiApplication.clipboard().text() == ""
    assert not window.desk.evidence.text.isVisible()
    assert ask(window, "How much is an international transfer?").session != first.session


def test_a_session_that_the_box_wiped_is_renewed_and_said_so(kiosk: Kiosk, staffed: Appliance) -> None:
    window = signed_in(kiosk("en"))
    first = ask(window, "How much is an international transfer?")
    staffed.sessions.end(first.session)
    second = ask(window, "How much is a replacement card?")
    assert second.session != first.session
    assert window.say("desk.renewed") in texts(window)


def test_a_customer_at_the_desk_is_not_put_in_the_queue(kiosk: Kiosk, staffed: Appliance) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, "me han robado la tarjeta")
    assert answer.outcome == "handed_off"
    assert staffed.handoffs.of_session(answer.session) is None
    assert window.say("reason.lost_card") in texts(window)
    assert sentences(window, "teller") == []


def test_a_customers_session_at_the_desk_is_the_tellers_alone(kiosk: Kiosk, staffed_url: str) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, FEE["es"])
    followed = httpx.post(f"{staffed_url}/api/v1/turns", json={"question": "y en ventanilla", "session": answer.session})
    assert followed.status_code == 410


def test_a_policy_for_staff_is_found_on_request_marked_and_not_printed(kiosk: Kiosk) -> None:
    question = "What must a teller do with a suspected counterfeit note?"
    window = signed_in(kiosk("en"))
    window.desk.staff.setChecked(True)
    answer = ask(window, question)
    assert any(evidence.policy == "teller/counterfeit-notes" for each in answer.sentences for evidence in each.evidence)
    assert window.say("evidence.staff") in texts(window)
    until(window.desk.evidence.staff.isVisible, "the mark beside the policy")
    press(window, Qt.Key.Key_P, CTRL_SHIFT)
    assert window.desk.box.notice.text() == window.say("desk.staff_only")
    press(window, Qt.Key.Key_C, CTRL_SHIFT)
    assert QGuiApplication.clipboard().text().startswith(window.say("evidence.staff"))
    press(window, Qt.Key.Key_N, CTRL)
    assert not window.desk.staff.isChecked()
    other = ask(window, question)
    assert not any(evidence.policy.startswith("teller/") for each in other.sentences for evidence in each.evidence)


def test_an_answer_is_copied_with_its_sources_in_its_own_language(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, FEE["es"])
    window.desk.answers.choose(sentences(window, "customer")[0][0])
    press(window, Qt.Key.Key_C, CTRL_SHIFT)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith(f"{answer.sentences[0].text} [1]\n")
    assert "Fuentes\n[1] Transferencia internacional (Versión 2026-03, En vigor desde 1 de marzo de 2026, Español," in copied
    assert "payments/international-transfer" in copied
    window.desk.answers.choose(until(lambda: sentences(window, "teller"))[0][0])
    window.desk.copy.click()
    assert "Sources\n[1] International Transfers (Version 2026-03" in QGuiApplication.clipboard().text()


def test_the_customers_sheet_is_a_pdf_with_answer_sources_and_a_receipt_that_a_reader_reads(kiosk: Kiosk, tmp_path: Path) -> None:
    window = signed_in(kiosk("en"))
    answer = ask(window, FEE["es"])

    def save(dialog: QFileDialog) -> None:
        dialog.findChild(QLineEdit).setText(str(tmp_path / "sheet"))
        dialog.accept()

    in_dialog(save, QFileDialog)
    press(window, Qt.Key.Key_P, CTRL_SHIFT)
    reader = PdfReader(tmp_path / "sheet.pdf")
    # the type joins letters such as fi into one
    text = " ".join(normalize("NFKC", "\n".join(page.extract_text() for page in reader.pages)).split())
    say = Wording("es")
    for part in ("Alborada", FEE["es"], answer.sentences[0].text, "[1] Transferencia internacional", "2026-03", say("sheet.receipt")):
        assert " ".join(normalize("NFKC", part).split()) in text, part
    pictures = [picture.image for page in reader.pages for picture in page.images]
    read = [code.text for picture in pictures if isinstance(picture, Image.Image) for code in zxingcpp.read_barcodes(picture)]
    assert read == [answer.receipt]


def test_the_print_dialog_opens_and_printing_to_a_file_works(kiosk: Kiosk, tmp_path: Path) -> None:
    window = signed_in(kiosk("en"))
    ask(window, FEE["es"])

    def print_to_file(dialog: QPrintDialog) -> None:
        dialog.printer().setOutputFileName(str(tmp_path / "printed.pdf"))
        dialog.done(1)

    in_dialog(print_to_file, QPrintDialog)
    press(window, Qt.Key.Key_P, CTRL)
    assert len(PdfReader(tmp_path / "printed.pdf").pages) == 1
    assert window.statusBar().currentMessage() == window.say("desk.printed")


def test_nothing_is_copied_or_printed_before_there_is_an_answer(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    QGuiApplication.clipboard().setText("before")
    press(window, Qt.Key.Key_C, CTRL_SHIFT)
    assert window.desk.box.notice.text() == window.say("desk.nothing_yet")
    assert QGuiApplication.clipboard().text() == "before"
    assert not window.desk.print.isEnabled()


def test_the_keys_write_phrases_focus_and_stop(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("de"))
    window.desk.answers.setFocus()
    press(window, Qt.Key.Key_L, CTRL)
    assert window.focusWidget() is window.desk.box.text
    press(window, Qt.Key.Key_1, CTRL)
    assert window.desk.box.written == "Was kostet eine Auslandsüberweisung?"
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    assert window.desk.conversation.is_busy
    press(window, Qt.Key.Key_Escape)
    assert not window.desk.conversation.is_busy
    assert window.say("desk.stopped") in texts(window)
    assert window.desk.box.written == "Was kostet eine Auslandsüberweisung?"
    assert not window.desk.copy.isEnabled()
    press(window, Qt.Key.Key_F1)
    assert window.help.isVisible()


def test_an_empty_question_is_not_asked(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    write(window.desk.box.text, "   ")
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    assert not window.desk.conversation.is_busy
    assert window.desk.box.notice.text() == window.say.shared("error.empty")


def test_a_question_the_box_refuses_stays_written(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en"))
    long = "¿Cuánto cuesta una transferencia internacional? " * 60
    write(window.desk.box.text, long)
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: Wording("es").shared("error.too_long") in texts(window))
    assert window.desk.box.written == long.strip()
