"""The console in a real browser: sign-in, lockout, pages without a fault that axe finds, nothing from elsewhere, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.appliance import Appliance
from app.web.server import create_app
from tests.app.faces import PASSWORD, branch
from tests.browser import FLAGS, chromium
from tests.console_demo import demo, listening

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="NO AXE: install axe-playwright-python")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]
PAGES = {"officer": ("ledger", "ledger/3", "turns/{turn}", "exports", "dashboard", "questions"), "steward": ("dashboard", "questions")}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Appliance]]:
    with demo(tmp_path_factory.mktemp("console")) as held:
        yield held


@contextmanager
def browser_page(language: str = "en", width: int = 1360) -> Iterator[tuple[Any, list[str], list[str]]]:
    """`(page, requested addresses, console errors)`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_context(locale=language, viewport={"width": width, "height": 900}).new_page()
        requests: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            yield page, requests, errors
        finally:
            browser.close()


def enter(page: Any, url: str, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/console")
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def faults(page: Any) -> list[tuple[str, str]]:
    """What axe finds, by all of its rules and the one of WCAG 2.2 AA that it leaves off by itself; it must have looked at something."""
    found = axe.Axe().run(page, options={"rules": {"target-size": {"enabled": True}}}).response
    assert len(found["passes"]) > 5
    assert "target-size" in {each["id"] for kind in ("passes", "inapplicable", "violations", "incomplete") for each in found[kind]}
    return [(each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]]


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ar", 1280), ("ar", 400), ("es", 360)])
def test_every_page_is_sound_in_a_browser(served: tuple[str, Appliance], language: str, width: int) -> None:
    url, box = served
    turn = next(entry.header.turn for entry in box.ledger.find() if entry.header.kind == "turn_closed")
    for role, pages in PAGES.items():
        with browser_page(language, width) as (page, requests, errors):
            page.goto(f"{url}/console")
            assert faults(page) == []
            assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
            enter(page, url, role)
            for path in pages:
                answer = page.goto(f"{url}/console/{path.format(turn=turn)}")
                assert answer.status == 200, path
                assert faults(page) == [], path
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
            assert [address for address in requests if not address.startswith(url)] == []
            assert errors == []


def test_verify_replay_and_export_by_hand(served: tuple[str, Appliance]) -> None:
    url, box = served
    turn = next(entry.header.turn for entry in box.ledger.find() if entry.header.kind == "turn_closed")
    with browser_page() as (page, _, errors):
        enter(page, url, "officer")
        page.click("text=Verify the ledger")
        assert "The ledger verifies" in page.locator("[role=status]").inner_text()
        page.goto(f"{url}/console/turns/{turn}")
        page.locator(".sentences a").first.click()
        assert page.locator("#evidence").is_visible()
        page.go_back()
        page.click("button:text('Replay')")
        assert "still holds" in page.locator("[role=status]").inner_text()
        page.goto(f"{url}/console/exports")
        page.click("button:text('Export')")
        page.wait_for_selector("text=Download", timeout=60_000)
        with page.expect_download() as download:
            page.click("text=Download")
        assert download.value.suggested_filename.endswith(".zip")
        assert errors == []


def test_the_keyboard_reaches_the_content_first(served: tuple[str, Appliance]) -> None:
    url, _ = served
    with browser_page() as (page, _, _):
        enter(page, url, "officer")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_arabic_is_laid_out_from_right_to_left_and_a_language_is_chosen_on_the_page(served: tuple[str, Appliance]) -> None:
    url, _ = served
    with browser_page("ar") as (page, _, errors):
        enter(page, url, "officer")
        page.goto(f"{url}/console/dashboard")
        brand, leave = page.locator(".brand").bounding_box(), page.locator(".who button").bounding_box()
        assert brand["x"] > leave["x"]
        name, value = page.locator(".bars th").first.bounding_box(), page.locator(".bars .value").first.bounding_box()
        assert name["x"] > value["x"]
        first, last = page.locator(".columns .day").first.bounding_box(), page.locator(".columns .day").last.bounding_box()
        assert first["x"] > last["x"]
        with page.expect_navigation():
            page.click("footer button:text('Deutsch')")
        assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["de", "ltr"]
        assert page.url == f"{url}/console/dashboard"
        page.goto(f"{url}/console/questions")
        assert page.locator("h1").inner_text() == "Unbeantwortet"
        assert errors == []


def test_signing_in_through_another_site_and_out_again(tmp_path: Path) -> None:
    """To a browser `localhost` and `127.0.0.1` are two sites: the strict cookie must survive the way back from the other one."""
    pytest.importorskip("authlib", reason="NO AUTHLIB: install the extra oidc")
    from tests.app.sign_in_service import CLIENT, SECRET, SignInService

    service = SignInService(shows_page=True)
    with listening(service.app()) as issuer:
        service.issuer = issuer
        settings = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_roles": {"bank-officers": "officer"}}
        with branch(tmp_path, **settings) as box, listening(create_app(box)) as address, browser_page() as (page, _, errors):
            url = address.replace("127.0.0.1", "localhost")
            page.goto(f"{url}/console/exports")
            assert faults(page) == []
            page.click("text=Sign in through the bank")
            page.click("text=It is me")
            page.wait_for_url(f"{url}/console/exports")
            assert "Marta Ruiz" in page.locator(".who").inner_text()
            with page.expect_navigation():
                page.click("text=Sign out")
            page.goto(f"{url}/console/exports")
            assert page.locator("[name=password]").is_visible()
            assert errors == []


def test_five_wrong_passwords_lock_out_the_right_one(served: tuple[str, Appliance]) -> None:
    url, box = served
    with browser_page() as (page, _, _):
        for _ in range(5):
            enter(page, url, "admin", "a wrong password")
            assert page.locator("[role=alert]").is_visible()
        enter(page, url, "admin")
        assert page.locator("[role=alert]").is_visible()
        box.staff.accounts.enable("admin")
        enter(page, url, "admin")
        assert page.locator("text=There is no page for your role").is_visible()
