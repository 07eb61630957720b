"""The queue of hand-offs: urgent first, taken once, never lost, redacted, erased with its session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.answer import Handoff
from app.errors import TellerboxError
from app.handoff_talk import replies, transcript
from app.handoffs import ABANDONED_SECONDS, KEPT_SECONDS, Handoffs, NoHandoff, NotYours
from compliance.errors import ComplianceError
from compliance.fields import undocumented
from compliance.ledger import Ledger
from compliance.redaction.engine import Redactor
from compliance.vault import Vault
from tests.app.test_staff import Clock

PERSON = Handoff("person", False, "es", None)
LOST = Handoff("lost_card", True, "en", "cards/lost-card")


@dataclass
class Queue:
    handoffs: Handoffs
    ledger: Ledger
    folder: Path
    clock: Clock

    def again(self) -> Handoffs:
        """The queue after a restart."""
        self.handoffs.close()
        self.handoffs = Handoffs.open(self.folder / "handoffs", self.ledger, Redactor(), self.clock)
        return self.handoffs

    def changes(self, id: str) -> list[str]:
        found = (entry.header for entry in self.ledger.find() if entry.header.kind == "handoff")
        return [str(header.facts["change"]) for header in found if header.facts["handoff"] == id]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    clock = Clock()
    with Ledger.open(tmp_path / "ledger") as ledger:
        held = Queue(Handoffs.open(tmp_path / "handoffs", ledger, Redactor(), clock), ledger, tmp_path, clock)
        yield held
        held.handoffs.close()


def test_urgent_first_then_by_waiting_time(queue: Queue) -> None:
    for name, handoff in (("s1", PERSON), ("s2", PERSON), ("s3", LOST), ("s4", PERSON)):
        queue.clock.now += 1
        queue.handoffs.queue(name, handoff)
    assert [each.session for each in queue.handoffs.waiting()] == ["s3", "s1", "s2", "s4"]
    held = queue.handoffs.of_session("s2")
    assert held is not None
    assert queue.handoffs.position(held) == 3


def test_who_waits_already_keeps_their_place_and_becomes_urgent(queue: Queue) -> None:
    first = queue.handoffs.queue("s1", PERSON)
    queue.handoffs.queue("s2", PERSON)
    again = queue.handoffs.queue("s1", LOST)
    assert (again.id, again.created, again.urgent, again.topic) == (first.id, first.created, True, "cards/lost-card")
    assert len(queue.handoffs.waiting()) == 2
    assert queue.changes(first.id) == ["queued", "urgent"]


def test_of_many_tellers_who_take_at_once_one_gets_the_customer(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", PERSON)
    other = Handoffs.open(queue.folder / "handoffs", queue.ledger, Redactor(), queue.clock)
    barrier, won, lost = threading.Barrier(8), [], []

    def take(teller: str, through: Handoffs) -> None:
        barrier.wait()
        try:
            won.append(through.take(held.id, teller).teller)
        except NotYours:
            lost.append(teller)

    threads = [threading.Thread(target=take, args=(f"t{n}", (queue.handoffs, other)[n % 2])) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(won) == 1
    assert len(lost) == 7
    assert queue.changes(held.id) == ["queued", "taken"]
    assert queue.handoffs.take(held.id, str(won[0])).state == "taken"
    assert queue.changes(held.id) == ["queued", "taken"]


def test_a_restart_loses_nobody(queue: Queue) -> None:
    waiting = queue.handoffs.queue("s1", LOST, turn="0123456789abcdef")
    taken = queue.handoffs.queue("s2", PERSON)
    queue.handoffs.take(taken.id, "t1")
    handoffs = queue.again()
    assert handoffs.one(waiting.id) == waiting
    assert handoffs.one(taken.id).teller == "t1"
    handoffs.reply(taken.id, "t1", "I am on my way")
    assert [said.text for said in replies(queue.ledger, "s2")] == ["I am on my way"]


def test_only_whoever_took_over_replies_ends_and_puts_back(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", PERSON)
    for act in (
        lambda: queue.handoffs.reply(held.id, "t1", "hello"),
        lambda: queue.handoffs.resolve(held.id, "t1", "solved"),
        lambda: queue.handoffs.release(held.id, "t1"),
    ):
        with pytest.raises(NotYours):
            act()
    queue.handoffs.take(held.id, "t2")
    with pytest.raises(NotYours):
        queue.handoffs.reply(held.id, "t1", "hello")
    queue.handoffs.release(held.id, "t2")
    queue.handoffs.take(held.id, "t1")
    with pytest.raises(TellerboxError, match="ends as one of"):
        queue.handoffs.resolve(held.id, "t1", "whatever")
    queue.handoffs.resolve(held.id, "t1", "at_counter")
    with pytest.raises(NotYours):
        queue.handoffs.reply(held.id, "t1", "hello")
    with pytest.raises(NoHandoff):
        queue.handoffs.take("0" * 16, "t1")
    assert queue.changes(held.id) == ["queued", "taken", "released", "taken", "resolved"]


def test_replies_are_redacted_with_the_session_s_pseudonyms_and_erased_with_it(queue: Queue) -> None:
    vault = Vault()
    iban = "ES91 2100 0418 4502 0005 1332"
    held = queue.handoffs.queue("s1", PERSON)
    queue.handoffs.say("s1", f"my IBAN is {iban}", vault)
    queue.handoffs.take(held.id, "t1")
    said = queue.handoffs.reply(held.id, "t1", f"I see {iban}", vault)
    assert said.text == "I see <IBAN_1>"
    assert [(each.who, each.text) for each in transcript(queue.ledger, "s1")] == [
        ("customer", "my IBAN is <IBAN_1>"), ("teller", "I see <IBAN_1>"),
    ]  # fmt: skip
    stored = b"".join(path.read_bytes() for path in queue.folder.rglob("*") if path.is_file())
    assert iban.encode() not in stored
    assert iban.replace(" ", "").encode() not in stored
    assert b"I see" not in stored
    queue.ledger.erase("s1")
    assert [each.text for each in transcript(queue.ledger, "s1")] == [None, None]
    assert queue.ledger.verify().ok


def test_an_absent_teller_s_customer_waits_again_at_their_old_place(queue: Queue) -> None:
    first = queue.handoffs.queue("s1", PERSON)
    queue.handoffs.take(first.id, "t1")
    queue.clock.now += 1
    queue.handoffs.queue("s2", PERSON)
    queue.clock.now += ABANDONED_SECONDS - 2
    queue.handoffs.still_here(first.id, "t1")
    queue.clock.now += 10
    queue.handoffs.sweep()
    assert queue.handoffs.one(first.id).state == "taken"
    queue.clock.now += ABANDONED_SECONDS
    queue.handoffs.sweep()
    assert [each.session for each in queue.handoffs.waiting()] == ["s1", "s2"]
    assert queue.changes(first.id) == ["queued", "taken", "released"]


def test_who_leaves_is_out_of_the_queue_and_may_come_back(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", PERSON)
    queue.handoffs.leave("s1")
    queue.handoffs.leave("s1")
    assert queue.handoffs.waiting() == []
    with pytest.raises(NoHandoff):
        queue.handoffs.say("s1", "hello?")
    again = queue.handoffs.queue("s1", PERSON)
    assert again.id != held.id
    found = queue.handoffs.of_session("s1")
    assert found is not None
    assert found.id == again.id


def test_what_ended_long_ago_leaves_the_file_and_stays_in_the_ledger(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", PERSON)
    queue.handoffs.leave("s1")
    queue.clock.now += KEPT_SECONDS + 1
    queue.handoffs.sweep()
    with pytest.raises(NoHandoff):
        queue.handoffs.one(held.id)
    assert queue.changes(held.id) == ["queued", "left"]


def test_without_a_record_the_queue_does_not_change(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", PERSON)
    queue.ledger.close()
    for act in (lambda: queue.handoffs.take(held.id, "t1"), lambda: queue.handoffs.queue("s2", PERSON)):
        with pytest.raises(ComplianceError):
            act()
    assert [each.id for each in queue.handoffs.waiting()] == [held.id]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 5_000])
def test_a_message_that_is_none_is_refused(queue: Queue, text: str) -> None:
    queue.handoffs.queue("s1", PERSON)
    with pytest.raises(TellerboxError):
        queue.handoffs.say("s1", text)


def test_every_record_is_documented_and_holds_no_text_in_clear(queue: Queue) -> None:
    held = queue.handoffs.queue("s1", LOST, turn="0123456789abcdef")
    queue.handoffs.say("s1", "mi número es +34 600 123 456")
    queue.handoffs.take(held.id, "t1")
    queue.handoffs.reply(held.id, "t1", "Vengo")
    queue.handoffs.resolve(held.id, "t1", "solved")
    found = [entry for entry in queue.ledger.find() if entry.header.kind == "handoff"]
    assert len(found) == 5
    for entry in found:
        header, body = queue.ledger.read(entry.index)
        assert undocumented("handoff", header.facts, body) == set()
        assert "Vengo" not in str(header)
