"""Hand-offs at the kiosk: taken, answered in the customer's chat, ended; refused to a second teller; never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PySide6.QtCore import Qt

from app.appliance import Appliance
from app.kiosk.values import Said
from app.kiosk.window import Window
from tests.app.faces import PASSWORD
from tests.app.kiosk.person import CTRL, choose_handoff, holds, pass_time, pick, press, signed_in, until, write

Kiosk = Callable[..., Window]


class Customer:
    """A customer at the API, who lost a card."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        question = "He perdido la tarjeta, soy Ana García, IBAN ES91 2100 0418 4502 0005 1332"
        answer = self.http.post("/api/v1/turns", json={"question": question}).json()
        self.session, self.id = answer["session"], answer["handoff"]["id"]
        self.own = f"/api/v1/sessions/{self.session}/handoff"

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(self.own).json()
        return found

    def write(self, text: str) -> None:
        assert self.http.post(f"{self.own}/messages", json={"text": text}).status_code == 201

    def leave(self) -> None:
        self.http.delete(self.own)


@pytest.fixture
def customer(staffed_url: str) -> Any:
    came = Customer(staffed_url)
    yield came
    came.leave()


def transcript(window: Window) -> list[tuple[str, str | None]]:
    cards = window.queue.talk.transcript.cards.cards
    return [(card.payload.who, card.payload.text) for card in cards if isinstance(card.payload, Said)]


def test_a_customer_is_taken_answered_in_their_chat_and_finished(kiosk: Kiosk, customer: Customer) -> None:
    window = signed_in(kiosk("en"))
    choose_handoff(window, customer.id)
    card = window.queue.list.current
    assert card is not None
    assert card.text == "Urgent · Lost or stolen card"
    # with the policy's title in the teller's language, once the policies are listed
    until(lambda: window.queue.list.current.detail == "Spanish · Lost or Stolen Cards", "language and topic")  # type: ignore[union-attr]
    who, said = transcript(window)[0]
    assert who == "customer"
    assert said is not None
    assert said.startswith("He perdido la tarjeta")
    assert "<PERSON_1>" in said
    assert "<IBAN_1>" in said
    assert "Ana" not in said
    assert "2100" not in said
    assert not window.queue.talk.box.send.isEnabled()
    press(window, Qt.Key.Key_T, CTRL)
    until(lambda: holds(window, customer.id), "taken")
    assert customer.state()["teller"] == "Teller"
    press(window, Qt.Key.Key_2, CTRL)
    assert window.queue.talk.box.written == "Pase por el mostrador, por favor; allí le atiendo."
    press(window.queue.talk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: not window.queue.talk.box.written, "sent")
    assert [said["text"] for said in customer.state()["messages"]] == ["Pase por el mostrador, por favor; allí le atiendo."]
    customer.write("Gracias, ya voy")
    until(lambda: ("customer", "Gracias, ya voy") in transcript(window), "the customer's message")
    pick(window.queue.talk.endings, window.say("resolution.at_counter"))
    until(lambda: customer.state()["state"] == "resolved")
    until(lambda: customer.id not in {each.id for each in window.feed.handoffs}, "gone from the queue")
    assert transcript(window) == []


def test_put_back_a_customer_waits_again(kiosk: Kiosk, customer: Customer) -> None:
    window = signed_in(kiosk("en"))
    choose_handoff(window, customer.id)
    window.queue.talk.take.click()
    until(lambda: holds(window, customer.id))
    window.queue.talk.release.click()
    until(lambda: customer.state()["state"] == "waiting")
    until(window.queue.talk.take.isVisible)


def test_of_two_tellers_the_second_is_told_plainly(kiosk: Kiosk, staffed: Appliance, customer: Customer) -> None:
    if "second" not in {account.name for account in staffed.staff.accounts.all()}:
        staffed.staff.accounts.add("second", "teller", PASSWORD)
    window = signed_in(kiosk("en"))
    choose_handoff(window, customer.id)
    staffed.handoffs.take(customer.id, staffed.staff.accounts.named("second").id)
    window.queue.talk.take.click()
    told = until(window.queue.talk.box.notice.text, "refused")
    assert told == f"{window.say('problem.taken')} {window.say('problem.not_yours')}"
    until(lambda: window.queue.talk.state.text().endswith("with second"), "who has them")
    assert not window.queue.talk.box.send.isEnabled()


def test_who_was_taken_is_there_again_after_the_kiosk_was_started_anew(kiosk: Kiosk, customer: Customer) -> None:
    first = signed_in(kiosk("en"))
    choose_handoff(first, customer.id)
    first.queue.talk.take.click()
    until(lambda: holds(first, customer.id))
    first.close()
    second = signed_in(kiosk("en"))
    press(second, Qt.Key.Key_F3)
    until(lambda: holds(second, customer.id), "chosen by itself")
    until(lambda: transcript(second), "the transcript too")
    write(second.queue.talk.box.text, "back again")
    press(second.queue.talk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: [said["text"] for said in customer.state()["messages"]] == ["back again"])


def test_the_bell_rings_for_somebody_new_and_not_for_who_was_there(kiosk: Kiosk, customer: Customer, staffed_url: str) -> None:
    window = kiosk("en")
    rung: list[int] = []
    window.bell.rung.connect(rung.append)
    signed_in(window)
    until(lambda: rung, "those who wait already")
    rung.clear()
    newcomer = Customer(staffed_url)
    until(lambda: rung == [1], "somebody new")
    assert str(window.feed.waiting) in window.queue_button.text()
    window.queue.bell.setChecked(False)
    silent = Customer(staffed_url)
    until(lambda: silent.id in {each.id for each in window.feed.handoffs})
    assert rung == [1]
    newcomer.leave()
    silent.leave()


def test_the_waiting_time_goes_on_by_itself(kiosk: Kiosk, customer: Customer) -> None:
    window = signed_in(kiosk("en"))
    choose_handoff(window, customer.id)

    def waited() -> str:
        return next(card.trailing for card in window.queue.list.cards.cards if card.payload.id == customer.id)

    before = waited()
    until(lambda: waited() != before, "a second passed")


def test_a_reply_full_of_markup_is_text_on_both_screens(kiosk: Kiosk, customer: Customer) -> None:
    markup = "<b>hello</b> <img src=x onerror=alert()>"
    window = signed_in(kiosk("en"))
    choose_handoff(window, customer.id)
    window.queue.talk.take.click()
    until(lambda: holds(window, customer.id))
    write(window.queue.talk.box.text, markup)
    press(window.queue.talk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: ("teller", markup) in transcript(window))
    customer.write(markup)
    until(lambda: ("customer", markup) in transcript(window))
    pass_time(0.05)
