"""Feedback: what a person thought of an answer, recorded under their session's key beside the turn it is about."""

from __future__ import annotations

from collections.abc import Sequence

from app import locales
from app.conversation import Session
from app.errors import TellerboxError
from app.turn import Parts
from compliance.errors import ComplianceError
from compliance.ledger import Entry
from compliance.record import Header

REASONS = ("wrong", "incomplete", "outdated", "off_topic", "unclear", "language", "wanted_a_person", "other")
"""What may be wrong with an answer: in clear in the record, so that an officer can count it without reading comments."""


def record(parts: Parts, session: Session, turn: str, *, useful: bool, reasons: Sequence[str] = (), comment: str = "") -> Entry:
    """Records feedback on a turn of this session; the comment is redacted with the session's pseudonyms, then sealed.

    Several may be given on one turn; each is a record of its own. Raises TellerboxError when the turn is not of this
    session, a reason is none of REASONS, the comment is too long, or the ledger cannot write.
    """
    language = session.language or parts.default_language
    if not any(entry.header.session == session.id for entry in parts.ledger.find(turn=turn)):
        raise TellerboxError("there is no such answer in this session")
    if unknown := [reason for reason in reasons if reason not in REASONS]:
        raise TellerboxError(f"{len(unknown)} of the reasons are unknown; choose from {', '.join(REASONS)}")
    if len(comment) > 20 * parts.max_question_chars:
        raise TellerboxError(locales.text("error.too_long", language))
    redacted = parts.redactor.redact(comment, session.vault)
    if len(redacted.text) > parts.max_question_chars:
        raise TellerboxError(locales.text("error.too_long", language))
    header = Header.now(
        "feedback", turn=turn, session=session.id, branch=parts.branch, channel=session.channel, role=session.role,
        facts={"useful": useful, "reasons": list(dict.fromkeys(reasons)), "redactions": dict(redacted.counts)},
    )  # fmt: skip
    try:
        return parts.ledger.append(header, {"comment": redacted.text} if redacted.text.strip() else {})
    except ComplianceError as error:
        raise TellerboxError(locales.text("error.record", language)) from error
