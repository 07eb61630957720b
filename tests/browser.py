"""A real browser for tests and screenshots: Debian's chromium, headless, that can reach nothing but this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str | None:
    """The browser's path, or None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def open_page(url: str, language: str, width: int = 1360, height: int = 900) -> Iterator[tuple[Any, list[str], list[str]]]:
    """`(page, requested addresses, console errors)` with a browser whose language is `language`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_context(locale=language, viewport={"width": width, "height": height}).new_page()
        requests: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector(".disclosure:not(:empty)", timeout=60_000)
        try:
            yield page, requests, errors
        finally:
            browser.close()


def ask(page: Any, question: str) -> None:
    """Type a question, send it, wait for the whole answer."""
    before = page.locator("#log .foot").count()
    page.fill("#question textarea", question)
    page.click("#send")
    # A selector, because the page's policy lets nothing be compiled from text, not even by the test.
    page.locator("#log .foot").nth(before).wait_for(timeout=60_000)
