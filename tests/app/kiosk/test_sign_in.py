"""Who gets to the desk: signing in with the keys, what is refused, and that nothing that signs in stays behind."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pyotp
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.appliance import Appliance
from app.kiosk.window import Window
from tests.app.faces import PASSWORD
from tests.app.kiosk.person import CTRL, press, sign_in, signed_in, until, write

Kiosk = Callable[..., Window]


def test_a_teller_signs_in_with_the_keyboard_alone(kiosk: Kiosk) -> None:
    window = signed_in(kiosk())
    assert window.windowTitle() == "Alborada · Teller desk"
    assert window.who.text() == "Teller"
    assert window.pages.currentWidget() is window.desk
    assert window.focusWidget() is window.desk.box.text
    assert window.sign_in.password.text() == ""


def test_a_wrong_password_says_so_and_opens_nothing(kiosk: Kiosk) -> None:
    window = kiosk()
    sign_in(window, password="not the password at all")
    notice = until(window.sign_in.notice.text, "refused")
    assert notice == window.say("sign_in.wrong")
    assert not window.is_open
    assert window.client.teller is None
    assert window.sign_in.name.text() == "teller"
    sign_in(window)
    until(lambda: window.is_open)


def test_nothing_is_sent_without_a_name_and_a_password(kiosk: Kiosk) -> None:
    window = kiosk()
    press(window.sign_in.name, Qt.Key.Key_Return)
    assert window.sign_in.notice.text() == window.say("sign_in.missing")
    assert not window.client.is_waiting


@pytest.mark.parametrize("name", ["officer", "admin"])
def test_a_role_without_the_scopes_is_signed_out_again(kiosk: Kiosk, name: str) -> None:
    window = kiosk()
    sign_in(window, name)
    assert until(window.sign_in.notice.text) == window.say("sign_in.not_a_teller")
    assert not window.is_open
    assert window.client.teller is None


def test_a_steward_has_the_desk_and_no_queue(kiosk: Kiosk) -> None:
    window = signed_in(kiosk(), "steward")
    assert not window.queue_button.isVisible()
    press(window, Qt.Key.Key_F3)
    assert window.pages.currentWidget() is window.desk
    assert window.feed.handoffs == ()


def test_an_account_with_a_second_factor_needs_its_code(kiosk: Kiosk, staffed: Appliance) -> None:
    staffed.staff.accounts.add("careful", "teller", PASSWORD)
    address = staffed.staff.accounts.set_second_factor("careful")
    assert address is not None
    window = kiosk()
    sign_in(window, "careful")
    assert until(window.sign_in.notice.text) == window.say("sign_in.wrong")
    code = pyotp.parse_uri(address).now() if address.startswith("otpauth") else pyotp.TOTP(address).now()
    sign_in(window, "careful", code=code)
    until(lambda: window.is_open)


def test_signing_out_ends_the_sign_in_on_the_box_too(kiosk: Kiosk, staffed_url: str) -> None:
    window = signed_in(kiosk())
    kept = window.client._sign_in
    assert kept is not None
    headers = {"Cookie": kept.cookie.decode()}
    assert httpx.get(f"{staffed_url}/api/v1/me", headers=headers).json()["name"] == "teller"
    window.sign_out()
    until(lambda: not window.client.is_waiting)
    assert httpx.get(f"{staffed_url}/api/v1/me", headers=headers).status_code == 401
    assert not window.is_open
    assert window.client._sign_in is None


def test_unlocking_ends_the_sign_in_it_replaces(kiosk: Kiosk, staffed_url: str) -> None:
    window = signed_in(kiosk())
    first = window.client._sign_in
    assert first is not None
    window.lock()
    sign_in(window)
    until(lambda: window.is_open)
    second = window.client._sign_in
    assert second is not None
    assert second.cookie != first.cookie

    def status(cookie: bytes) -> int:
        return httpx.get(f"{staffed_url}/api/v1/me", headers={"Cookie": cookie.decode()}).status_code

    until(lambda: status(first.cookie) == 401, "the first sign-in ended")
    assert status(second.cookie) == 200


def test_a_sign_in_that_ended_on_the_box_locks_the_screen(kiosk: Kiosk, staffed: Appliance) -> None:
    window = signed_in(kiosk())
    kept = window.client._sign_in
    assert kept is not None
    staffed.staff.sign_ins.sign_out(kept.cookie.decode().split("=", 1)[1])
    write(window.desk.box.text, "What does a card cost?")
    press(window.desk.box.text, Qt.Key.Key_Return, CTRL)
    until(lambda: not window.is_open, "locked")
    assert window.sign_in.notice.text() == window.say("lock.expired")
    sign_in(window)
    until(lambda: window.is_open)


def test_a_display_name_full_of_markup_is_text(kiosk: Kiosk, staffed: Appliance) -> None:
    name = "<b>Eva</b><img src=x>"
    staffed.staff.accounts.add("marked", "teller", PASSWORD, display=name)
    window = signed_in(kiosk(), "marked")
    assert window.who.text() == name
    labels = window.findChildren(QLabel)
    assert len(labels) > 15
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


def test_the_language_is_chosen_before_signing_in(kiosk: Kiosk) -> None:
    window = kiosk("en")
    chosen: list[str] = []
    window.language_chosen.connect(chosen.append)
    languages = window.sign_in.languages
    assert languages.currentText() == "English"
    languages.setFocus()
    press(languages, Qt.Key.Key_Down)
    assert languages.currentText() == "Español"
    assert chosen == ["es"]
