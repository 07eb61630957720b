"""The chat in a real browser: asked in three languages, a citation opened, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import ask, chromium, open_page
from tests.screenshots import QUESTIONS, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.mark.parametrize("language", list(QUESTIONS))
def test_ask_and_open_a_citation(url: str, language: str) -> None:
    with open_page(url, language) as (page, requests, errors):
        page.wait_for_function("code => document.documentElement.lang === code && document.documentElement.dir", arg=language, timeout=20_000)
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        ask(page, QUESTIONS[language])
        page.locator("#log .cite").first.click()
        frame = page.frame_locator("iframe[name=policy]")
        frame.locator("#evidence").wait_for(timeout=20_000)
        assert "15" in frame.locator("main").inner_text()
        outside = [address for address in requests if not address.startswith((url, "data:", "blob:"))]
        assert outside == []
        assert errors == []


def test_what_a_person_types_is_shown_as_text(url: str) -> None:
    with open_page(url, "en") as (page, _, _):
        ask(page, '<img src=x onerror="document.title=\'owned\'"> how much is a replacement card')
        assert page.title() != "owned"
        assert page.locator("#log img").count() == 0


def test_finish_wipes_the_screen_and_the_session(url: str) -> None:
    with open_page(url, "en") as (page, _, _):
        ask(page, "how much is a replacement card")
        page.click("#finish")
        page.wait_for_selector("#log .note")
        assert page.locator("#log .person").count() == 0


def test_headers_and_hostile_paths(url: str, tmp_path: Path) -> None:
    import httpx

    with httpx.Client(base_url=url) as client:
        home = client.get("/")
        assert "frame-ancestors 'self'" in home.headers["content-security-policy"]
        assert home.headers["x-content-type-options"] == "nosniff"
        for path in ("/policies/en/../../etc/passwd", "/policies/en/%2e%2e%2f%2e%2e%2fREADME", "/pages/../server.py", "/policies/xx/none"):
            assert client.get(path).status_code == 404
        assert client.get("/policies/en/teller/suspicious-activity").status_code == 404
        assert client.post("/api/v1/turns", content=b"x" * 2_000_000).status_code == 413
        assert client.post("/api/v1/turns", json={"question": ""}).status_code == 422
        assert client.post("/api/v1/turns", content=b"{").status_code == 422
        assert client.get("/readyz").json() == {"ready": True}
        assert "tellerbox_turns_total" in client.get("/metrics").text


def test_the_api_answers_as_the_command_line_does(url: str) -> None:
    import httpx

    with httpx.Client(base_url=url, timeout=30) as client:
        first = client.post("/api/v1/turns", json={"question": "how much does an international transfer cost online?"}).json()
        assert first["outcome"] == "answered"
        assert first["disclosure"]
        again = client.post("/api/v1/turns", json={"question": "and at the counter?", "session": first["session"]}).json()
        assert again["disclosure"] is None
        client.delete(f"/api/v1/sessions/{first['session']}")
        gone = client.post("/api/v1/turns", json={"question": "hello", "session": first["session"]})
        assert gone.status_code == 410
