"""Nobody there, or the box away: what is erased, what stays, what is refused, and how it goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt

from app.appliance import Appliance
from app.kiosk.window import Window
from tests.app.kiosk.person import CTRL, ask, choose_handoff, holds, press, sign_in, signed_in, texts, until, write
from tests.app.kiosk.test_queue import Customer
from tests.browser import serving

Kiosk = Callable[..., Window]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_idle_the_screen_locks_and_the_customer_is_erased_here_and_on_the_box(kiosk: Kiosk, staffed: Appliance) -> None:
    window = signed_in(kiosk("en", lock_seconds=2.5))
    answer = ask(window, "How much is an international transfer?")
    write(window.desk.box.text, "half a question")
    until(lambda: "locks in" in window.banner.text() and window.banner.isVisible(), "warned")
    until(lambda: not window.is_open, "locked")
    assert window.sign_in.name.text() == "teller"
    assert window.sign_in.name.isReadOnly()
    assert not window.menu_button.isVisible()
    until(lambda: staffed.sessions.peek(answer.session) is None, "wiped on the box")
    assert texts(window) == window.say("desk.empty")
    assert window.desk.box.written == ""
    press(window, Qt.Key.Key_F2)
    assert not window.is_open
    sign_in(window, password="not the password at all")
    assert until(window.sign_in.notice.text) == window.say("sign_in.wrong")
    assert not window.is_open
    sign_in(window)
    until(lambda: window.is_open)


def test_somebody_who_types_is_not_idle(kiosk: Kiosk) -> None:
    window = signed_in(kiosk("en", lock_seconds=1.0))
    for _ in range(3):
        until(window.banner.isVisible, "warned")
        press(window.desk.box.text, Qt.Key.Key_A)
        assert not window.banner.isVisible()
    assert window.is_open
    assert window.desk.box.written == "aaa"


def test_a_locked_screen_says_how_many_wait_and_shows_nothing_of_them(kiosk: Kiosk, staffed_url: str) -> None:
    window = signed_in(kiosk("en"))
    customer = Customer(staffed_url)
    choose_handoff(window, customer.id)
    write(window.queue.talk.box.text, "half a reply")
    window.lock()
    assert str(window.feed.waiting) in window.sign_in.waiting.text()
    assert window.queue.talk.transcript.cards.cards == []
    assert window.queue.list.cards.cards == []
    assert window.queue.talk.box.written == ""
    before = window.feed.waiting
    second = Customer(staffed_url)
    until(lambda: window.sign_in.waiting.text() == window.say("lock.waiting", number=str(before + 1)), "counted while locked")
    assert window.queue.list.cards.cards == []
    customer.leave()
    second.leave()


def test_while_the_box_is_away_questions_are_refused_and_stay_written(kiosk: Kiosk, staffed: Appliance, port: int) -> None:
    with serving(staffed, port) as url:
        window = signed_in(kiosk("en", url))
        ask(window, "How much is an international transfer?")
    until(lambda: not window.reach.is_up, "noticed by itself")
    assert window.banner.isVisible()
    turns = len(staffed.ledger.find(last=1_000))
    write(window.desk.box.text, "What does a card cost?")
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    assert window.desk.box.notice.text() == f"{window.say('problem.away')} {window.say('problem.not_asked')}"
    assert window.desk.box.written == "What does a card cost?"
    with serving(staffed, port):
        until(lambda: window.reach.is_up, "back by itself")
        assert not window.banner.isVisible()
        assert len(staffed.ledger.find(last=1_000)) == turns, "something was kept and sent later"
        press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
        until(lambda: not window.desk.conversation.is_busy and not window.desk.box.written)
        assert "What does a card cost?" in texts(window)
        assert window.is_open, "the sign-in outlives a restart"


def test_a_customer_taken_over_is_still_there_when_the_box_comes_back(kiosk: Kiosk, staffed: Appliance, port: int) -> None:
    with serving(staffed, port) as url:
        customer = Customer(url)
        window = signed_in(kiosk("en", url))
        choose_handoff(window, customer.id)
        window.queue.talk.take.click()
        until(lambda: holds(window, customer.id))
    until(lambda: not window.reach.is_up)
    write(window.queue.talk.box.text, "Voy enseguida")
    press(window.queue.talk.box.text, Qt.Key.Key_Return, CTRL)
    assert window.queue.talk.box.notice.text() == f"{window.say('problem.away')} {window.say('problem.not_sent')}"
    assert window.queue.talk.box.written == "Voy enseguida"
    with serving(staffed, port):
        until(lambda: window.reach.is_up)
        newcomer = Customer(f"http://127.0.0.1:{port}")
        until(lambda: newcomer.id in {each.id for each in window.feed.handoffs}, "the queue's stream is open again")
        assert customer.state()["messages"] == [], "a reply was kept and sent later"
        assert holds(window, customer.id)
        press(window.queue.talk.box.text, Qt.Key.Key_Return, CTRL)
        until(lambda: [said["text"] for said in customer.state()["messages"]] == ["Voy enseguida"])
        customer.leave()
        newcomer.leave()


def test_signing_in_at_a_box_that_is_away_says_so(kiosk: Kiosk, port: int) -> None:
    window = kiosk("en", f"http://127.0.0.1:{port}")
    sign_in(window)
    told = until(window.sign_in.notice.text)
    assert told == f"{window.say('problem.away')} {window.say('problem.not_signed_in')}"
    assert window.banner.isVisible()


def test_an_answer_that_is_cut_says_so_and_the_question_is_written_again(kiosk: Kiosk) -> None:
    """A box that dies in the middle of an answer: one sentence came, then nothing."""
    sentence = 'event: sentence\ndata: {"text":"One.","origin":"fixed","evidence":[]}\n\n'
    replies = [f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{len(sentence):x}\r\n{sentence}\r\n"]
    window = signed_in(kiosk("en"))
    with cut_off(replies) as url:
        window.client.url = url
        write(window.desk.box.text, "What does a card cost?")
        press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
        until(lambda: window.say("problem.not_answered") in texts(window), "told")
    assert "One." in texts(window)
    assert window.desk.box.written == "What does a card cost?"
    assert not window.desk.copy.isEnabled()
    assert not window.desk.print.isEnabled()


def cut_off(replies: list[str]) -> CutOff:
    return CutOff(replies)


class CutOff:
    """A server that answers each connection with some bytes and hangs up."""

    def __init__(self, replies: list[str]) -> None:
        self.replies = replies
        self.socket = socket.socket()

    def __enter__(self) -> str:
        import threading

        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(4)
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _serve(self) -> None:
        for reply in self.replies:
            connection, _ = self.socket.accept()
            connection.recv(65_536)
            connection.sendall(reply.encode())
            connection.close()
