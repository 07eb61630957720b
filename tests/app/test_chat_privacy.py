"""Nothing typed survives in the chat: not on the screen, in the browser, or in the server's memory."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio.state_holder import SessionState

from app import locales
from app.appliance import Appliance
from app.settings import Settings
from tests.browser import ask, chromium, open_page, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]
IDLE_SECONDS = 12
STORED = """async () => JSON.stringify([
    {...localStorage}, {...sessionStorage}, document.cookie, (await indexedDB.databases()).length, (await caches.keys()).length,
    location.href, document.title, document.body.innerText, [...document.querySelectorAll("textarea, input, button")].map((field) => field.value)
])"""


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Appliance, str]]:
    """A box that wipes after a few seconds."""
    settings = Settings(home=tmp_path_factory.mktemp("hurried"), slm=False, idle_minutes=IDLE_SECONDS / 60)
    with Appliance(settings) as box:
        box.ready()
        with serving(box) as address:
            yield box, address


def test_an_idle_session_is_wiped_after_a_warning_with_a_countdown(hurried: tuple[Appliance, str]) -> None:
    box, url = hurried
    with open_page(url, "es") as (page, _, errors):
        ask(page, "Me llamo Aurelia Quintanar. ¿Cuánto cuesta una transferencia internacional?")
        assert "0:" in page.locator("#session .left").inner_text()
        page.locator("#warning[open]").wait_for(timeout=IDLE_SECONDS * 1000)
        assert locales.text("chat.still_there", "es") in page.locator("#warning").inner_text()
        page.locator("#warning .primary").click()
        page.locator("#warning").wait_for(state="hidden")
        assert page.locator("#log .person").count() == 1, "who says that they are there keeps the conversation"
        page.fill("#question textarea", "Quintanar, half typed")
        page.locator("#log .note", has_text=locales.text("ui.session_wiped", "es")).wait_for(timeout=IDLE_SECONDS * 3000)
        assert page.locator("#log .person").count() == 0
        assert "Quintanar" not in page.evaluate(STORED)
        assert box.sessions.sweep() == 0
        assert errors == []


def test_what_was_typed_and_never_sent_is_wiped_too(hurried: tuple[Appliance, str]) -> None:
    _, url = hurried
    with open_page(url, "en") as (page, _, _):
        page.fill("#question textarea", "my secret draft")
        page.locator("#log .note", has_text=locales.text("ui.session_wiped", "en")).wait_for(timeout=IDLE_SECONDS * 3000)
        assert "secret" not in page.evaluate(STORED)
        page.locator("#question textarea").focus()
        page.keyboard.press("Control+z")
        assert page.locator("#question textarea").input_value() == ""


def test_modes_are_kept_nowhere_and_end_with_the_session(hurried: tuple[Appliance, str]) -> None:
    _, url = hurried
    with open_page(url, "en") as (page, _, _):
        page.click("#mode-large")
        page.click("#mode-contrast")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.click("#finish")
        page.locator("#log .note").wait_for()
        assert "large" not in (page.locator("html").get_attribute("class") or "")


def test_finishing_and_leaving_end_the_session_on_the_box(hurried: tuple[Appliance, str]) -> None:
    box, url = hurried
    with open_page(url, "en") as (page, _, _):
        ask(page, "how much is a replacement card")
        assert box.sessions.sweep() == 1
        page.click("#finish")
        page.locator("#log .note", has_text=locales.text("ui.session_wiped", "en")).wait_for()
        assert box.sessions.sweep() == 0
        ask(page, "how much is a replacement card")
        page.goto("about:blank")
        deadline = time.monotonic() + 5
        while box.sessions.sweep() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert box.sessions.sweep() == 0
        page.go_back()
        page.locator(".disclosure:not(:empty)").wait_for()
        assert page.locator("#log .person").count() == 0


def test_gradio_keeps_no_value_of_a_question_that_was_not_answered(box: Appliance) -> None:
    """Gradio notes a question before it is passed on, and an answer writes over the note; this question gets none, since its
    language is not one of the list."""
    with serving(box) as url, httpx.Client(base_url=url, timeout=30) as client:
        found = re.search(r"window\.gradio_config = (.*?);</script>", client.get("/").text, re.DOTALL)
        assert found is not None
        config = json.loads(found[1])
        send = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "send")
        asking = next(event["id"] for event in config["dependencies"] if [send, "click"] in event["targets"])
        body = {"data": ["zqneedle how much is a replacement card", None, "none of the list", "en"], "fn_index": asking, "session_hash": "gone"}
        assert client.post("/gradio_api/queue/join", json=body).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "gone"}) as events:
            last = next(line for line in events.iter_lines() if "process_completed" in line)
        assert not json.loads(last.removeprefix("data:"))["success"]
        pages = [state for state in gc.get_objects() if isinstance(state, SessionState)]
        assert pages
        assert [config for state in pages for config in state.components if "zqneedle" in repr(config)] == []


_VISIT = """
import secrets, sys
from tests.browser import ask, open_page
needle = "zq" + secrets.token_hex(8)
with open_page(sys.argv[1], "en") as (page, _, _):
    ask(page, "I call it " + needle + ". How much does an international transfer cost?")
    ask(page, needle + " what is the weather like")
    page.fill("#question textarea", needle + " how much is a replacement card")
    page.click("#send")
    page.click("#finish")
    page.locator("#log .note").wait_for()
print(needle[::-1])
"""


def test_the_server_s_memory_holds_nothing_that_was_typed(box: Appliance) -> None:
    """The visit is another process's, so that this one knows the word only through the server; it prints it reversed."""
    with serving(box) as url:
        visit = subprocess.run(
            [sys.executable, "-c", _VISIT, url], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=True
        )
        needle = visit.stdout.strip()[::-1]
        assert len(needle) == 18
        deadline = time.monotonic() + 20  # the last turn was left while it was answered, and may still be at work
        while (held := _holders(needle)) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert held == set()


def _holders(needle: str) -> set[tuple[str, str]]:
    gc.collect()
    return {
        (type(holder).__name__, value[:80] if isinstance(value, str) else value[:80].decode("utf-8", "replace"))
        for holder in gc.get_objects()
        for value in gc.get_referents(holder)
        if isinstance(value, (str, bytes)) and len(value) > len(needle) and (needle in value if isinstance(value, str) else needle.encode() in value)
    }
