"""Feedback is a record of its own, redacted, under the session's key, and only on answers of one's own session."""

from __future__ import annotations

import pytest

from app.appliance import Appliance
from app.errors import TellerboxError
from compliance.errors import ComplianceError


def test_feedback_is_recorded_redacted_and_erased_with_its_session(box: Appliance) -> None:
    session = box.start_session(channel="api")
    answer = box.ask("how much is a replacement card", session=session)
    entry = box.feedback(session, answer.turn, useful=False, reasons=["outdated", "outdated"], comment="mail me: ana@correo.example")
    header, body = box.ledger.read(entry.index)
    assert (header.kind, header.turn, header.session, header.channel) == ("feedback", answer.turn, session.id, "api")
    assert dict(header.facts) == {"useful": False, "reasons": ["outdated"], "redactions": {"EMAIL": 1}}
    assert body == {"comment": "mail me: <EMAIL_1>"}
    box.ledger.erase(session.id)
    assert box.ledger.read(entry.index)[1] is None
    assert box.ledger.verify().ok


def test_a_thumb_alone_has_no_body(box: Appliance) -> None:
    session = box.start_session()
    answer = box.ask("how much is a replacement card", session=session)
    assert box.ledger.read(box.feedback(session, answer.turn, useful=True).index)[1] == {}


def test_feedback_on_what_is_not_ones_own_or_makes_no_sense_is_refused_and_not_recorded(box: Appliance) -> None:
    session, other = box.start_session(), box.start_session()
    answer = box.ask("how much is a replacement card", session=session)
    before = box.ledger.size
    with pytest.raises(TellerboxError, match="no such answer"):
        box.feedback(other, answer.turn, useful=True)
    with pytest.raises(TellerboxError, match="reasons"):
        box.feedback(session, answer.turn, useful=False, reasons=["because I say so"])
    with pytest.raises(TellerboxError, match="long"):
        box.feedback(session, answer.turn, useful=False, comment="x" * 100_000)
    session.wipe()
    with pytest.raises(ComplianceError, match="ended"):
        box.feedback(session, answer.turn, useful=False, comment="too late: ana@correo.example")
    assert box.ledger.size == before
