"""The chat in a real browser: what a customer does, from the first question to finishing, in several languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import locales
from app.appliance import Appliance
from tests.browser import ask, chromium, open_page, serving
from tests.screenshots import QUESTIONS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]


@pytest.fixture(scope="module")
def url(box: Appliance) -> Iterator[str]:
    with serving(box) as address:
        yield address


def outside(url: str, requests: list[str]) -> list[str]:
    return [address for address in requests if not address.startswith((url, "data:", "blob:"))]


@pytest.mark.parametrize("language", list(QUESTIONS))
def test_ask_and_read_the_policy_at_its_evidence(url: str, language: str) -> None:
    with open_page(url, language) as (page, requests, errors):
        root = page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, locales_direction(language))
        assert page.locator(".disclosure").inner_text() == locales.text("disclosure", language)
        assert page.locator("#examples button").first.inner_text() == locales.text("ui.example_1", language)
        assert page.locator("#person").inner_text() == locales.text("ui.talk_to_person", language)
        ask(page, QUESTIONS[language])
        first = page.locator("#log .sentence").first
        said = first.inner_text()
        first.locator(".cite").click()
        frame = page.frame_locator("#panel iframe")
        marked = frame.locator("mark")
        marked.first.wait_for(timeout=20_000)
        assert "15" in "".join(marked.all_inner_texts())
        assert "15" in said
        assert "2026-03" in frame.locator("header").inner_text()
        assert locales.text("ui.in_force_since", language) in frame.locator("header").inner_text()
        page.keyboard.press("Escape")
        page.locator("#panel").wait_for(state="hidden")
        assert first.locator(".cite").evaluate("mark => mark === document.activeElement")
        assert outside(url, requests) == []
        assert errors == []


def locales_direction(language: str) -> str:
    return "rtl" if language in locales.RIGHT_TO_LEFT else "ltr"


def test_the_language_that_is_chosen_is_spoken_by_every_part(url: str) -> None:
    with open_page(url, "en") as (page, _, errors):
        page.click("#language input")
        page.get_by_role("option", name="Deutsch").click()
        page.locator("html[lang=de]").wait_for()
        for selector, key in (("#send", "ui.send"), ("#finish", "ui.finish"), ("#person", "ui.talk_to_person"), (".disclosure", "disclosure")):
            page.locator(selector, has_text=locales.text(key, "de")).wait_for()
        assert page.locator("#question textarea").get_attribute("placeholder") == locales.text("ui.placeholder", "de")
        assert page.locator("#mode-large").get_attribute("aria-label") == locales.text("ui.large_text", "de")
        ask(page, "¿Cuánto cuesta una transferencia internacional?")
        assert page.locator("#log .why").inner_text() == locales.text("ui.why", "de"), "what was chosen wins over what was typed"
        assert errors == []


def test_the_page_follows_the_language_that_is_typed_and_a_follow_up_is_understood(url: str) -> None:
    with open_page(url, "en") as (page, _, _):
        ask(page, "¿Cuánto cuesta una transferencia internacional por internet?")
        page.locator("html[lang=es]").wait_for()
        ask(page, "¿y en ventanilla?")
        turn = page.locator("#log .turn").nth(1)
        assert "ventanilla" in turn.locator(".sentence").first.inner_text()
        assert turn.locator(".cite").count() > 0


@pytest.mark.parametrize(("page_in", "asked_in", "written"), [("ar", "es", "ltr"), ("es", "ar", "rtl")])
def test_a_question_is_written_as_its_own_letters_are(url: str, page_in: str, asked_in: str, written: str) -> None:
    with open_page(url, page_in) as (page, _, errors):
        ask(page, QUESTIONS[asked_in])
        bubble = page.locator("#log .person").last
        assert bubble.evaluate("each => getComputedStyle(each).direction") == written, "the label before it decides nothing"
        assert errors == []


def test_why_the_receipt_and_its_file(url: str, box: Appliance, tmp_path: Path) -> None:
    with open_page(url, "es") as (page, requests, errors):
        ask(page, QUESTIONS["es"])
        page.locator("#log .why").click()
        page.locator("#panel .leaf").wait_for()
        why = page.locator("#panel .leaf").inner_text()
        assert "payments/international-transfer" in why
        page.locator("#panel-close").click()
        page.locator("#log .foot .receipt").click()
        picture = page.locator("#panel img")
        picture.wait_for()
        assert picture.get_attribute("src").startswith("data:image/svg+xml")
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
        with page.expect_download() as download:
            page.locator("#panel .save").click()
        download.value.save_as(tmp_path / "receipt.txt")
        text = (tmp_path / "receipt.txt").read_text("utf-8")
        assert box.ledger.prove(text).header.kind == "turn_closed"
        assert outside(url, requests) == []
        assert errors == []


def test_feedback_with_reasons_is_recorded_and_redacted(url: str, box: Appliance) -> None:
    with open_page(url, "fr") as (page, _, errors):
        ask(page, "Combien coûte un virement international ?")
        page.locator("#log .no").click()
        page.get_by_label(locales.text("reason.incomplete", "fr")).check()
        page.locator("#log form textarea").fill("Écrivez-moi à marie.dupont@exemple.example")
        page.locator("#log form button").click()
        page.locator("#log .told", has_text=locales.text("chat.thanks", "fr")).wait_for()
        assert errors == []
    entry = box.ledger.find(last=1)[0]
    header, body = box.ledger.read(entry.index)
    assert header.kind == "feedback"
    assert (header.facts["useful"], list(header.facts["reasons"])) == (False, ["incomplete"])
    assert "<EMAIL_1>" in str(body)
    assert "dupont" not in str(body)


def test_a_person_is_one_tap_away_and_answers_in_the_chat(url: str, box: Appliance) -> None:
    teller = box.staff.accounts.add("marta", "teller", "correct horse battery", display="<b>Marta</b>").id
    with open_page(url, "en") as (page, _, errors):
        page.click("#person")
        page.locator("#handoff.waiting").wait_for()
        waiting = box.handoffs.waiting()[-1]
        box.handoffs.take(waiting.id, teller)
        page.locator("#handoff.taken").wait_for()
        assert "<b>Marta</b>" in page.locator("#handoff").inner_text(), "a name is text"
        assert page.locator("#handoff b").count() == 0
        box.handoffs.reply(waiting.id, teller, "Please come to <i>counter</i> three.")
        reply = page.locator("#log .teller .sentence")
        reply.wait_for()
        assert reply.inner_text() == "Please come to <i>counter</i> three."
        page.fill("#question textarea", "I am on my way")
        page.click("#send")
        page.locator("#log .sent").wait_for()
        assert page.locator("#log .foot").count() == 1, "the machine does not answer what is written to a teller"
        box.handoffs.resolve(waiting.id, teller, "solved")
        page.locator("#handoff.resolved").wait_for()
        ask(page, "How much does an international transfer cost?")
        assert errors == []


def test_an_error_is_in_the_language_of_the_person(url: str) -> None:
    with open_page(url, "it") as (page, _, errors):
        page.click("#send")
        page.locator("#log .failure").wait_for()
        assert page.locator("#log .failure").inner_text() == locales.text("error.empty", "it")
        assert errors == []


def test_a_box_that_is_away_is_said_to_be_away(url: str) -> None:
    with open_page(url, "pt") as (page, _, _):
        page.context.set_offline(True)
        page.fill("#question textarea", "Quanto custa uma transferência internacional?")
        page.click("#send")
        page.locator("#log .note", has_text=locales.text("chat.unreachable", "pt")).wait_for(timeout=20_000)


def test_the_page_is_used_with_the_keyboard_alone(url: str) -> None:
    with open_page(url, "en") as (page, _, errors):
        focus_by_tab(page, "#mode-large")
        page.keyboard.press("Enter")
        assert "large" in page.locator("html").get_attribute("class")
        focus_by_tab(page, "#question textarea")
        page.keyboard.type("how much is a replacement card")
        page.keyboard.press("Enter")
        page.locator("#log .foot").wait_for()
        focus_by_tab(page, "#log .cite", backwards=True)
        page.keyboard.press("Enter")
        page.frame_locator("#panel iframe").locator("#evidence").first.wait_for()
        assert page.locator("#panel-heading").evaluate("heading => heading === document.activeElement")
        page.keyboard.press("Escape")
        page.locator("#panel").wait_for(state="hidden")
        assert errors == []


def focus_by_tab(page: Any, selector: str, *, backwards: bool = False) -> None:
    """Presses Tab until the first element of a selector, or one like it, has the focus; fails after fifty."""
    for _ in range(50):
        if page.evaluate("selector => Boolean(document.activeElement?.matches(selector))", selector):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{selector} is not reached with the keyboard")
