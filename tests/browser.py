"""A real browser for tests and screenshots: Debian's chromium, headless, that can reach nothing but this machine."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.appliance import Appliance

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str | None:
    """The browser's path, or None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def serving(box: Appliance, port: int = 0) -> Iterator[str]:
    """The address of a box that is served from this process, so that a test can do the teller's part on the same box; a free port
    unless one is given."""
    import uvicorn

    from app.web.server import create_app

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(box), port=port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server ended before it was ready")
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


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
