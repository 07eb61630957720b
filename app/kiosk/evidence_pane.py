"""The policy behind a sentence: its text with the evidence marked, its version and the days it is in force."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QTextEdit, QVBoxLayout, QWidget

from app.kiosk.client import Problem
from app.kiosk.evidence_facts import facts_of
from app.kiosk.look import em, plain_label
from app.kiosk.policy_document import write_policy
from app.kiosk.policy_shelf import PolicyShelf, key_of
from app.kiosk.problems import in_words
from app.kiosk.values import Evidence, Policy, Sentence
from app.kiosk.wording import Wording


class EvidencePane(QWidget):
    """Shows what a sentence rests on."""

    def __init__(self, shelf: PolicyShelf, say: Wording) -> None:
        super().__init__()
        self._shelf = shelf
        self._say = say
        self._shown: Evidence | None = None
        self.title = plain_label(strong=True)
        self.facts = plain_label(quiet=True)
        self.staff = plain_label(say("evidence.staff"), staff=True)
        self.staff.setWordWrap(False)
        self.text = QTextEdit(readOnly=True, acceptRichText=False)
        self.text.setObjectName("policy")
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(say("evidence.text"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.staff)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.facts)
        column.addWidget(self.text, 1)
        column.addStretch(0)
        self.clear()

    def clear(self) -> None:
        """Shows how to come by evidence."""
        self._tell(self._say.shared("ui.evidence"), self._say("evidence.hint"))

    def show_for(self, sentence: Sentence) -> None:
        """Shows the evidence of a sentence, once its policy has come."""
        if not sentence.evidence:
            self._tell(self._say.shared("ui.evidence"), self._say("evidence.none"))
            return
        evidence = sentence.evidence[0]
        self._shown = evidence
        self._shelf.read(key_of(evidence), lambda policy: self._show(evidence, policy), lambda problem: self._quote(evidence, problem))

    def _tell(self, title: str, text: str) -> None:
        self._shown = None
        self.title.setText(title)
        self.facts.setText(text)
        self.staff.hide()
        self.text.clear()
        self.text.setVisible(False)

    def _show(self, evidence: Evidence, policy: Policy) -> None:
        if evidence is not self._shown:
            return
        self.title.setText(policy.title)
        self.facts.setText(" · ".join(facts_of(policy, self._say)))
        self.staff.setVisible(policy.is_for_staff)
        self.text.setVisible(True)
        first = write_policy(self.text.document(), policy, evidence.start, evidence.end, em(self))
        cursor = self.text.textCursor()
        cursor.setPosition(first)
        self.text.setTextCursor(cursor)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.value() + self.text.cursorRect().top() - self.text.viewport().height() // 3)

    def _quote(self, evidence: Evidence, problem: Problem) -> None:
        if evidence is self._shown:
            self._tell(evidence.title, f"{in_words(problem, self._say, 'evidence.quoted')}\n\n{evidence.quote}")
