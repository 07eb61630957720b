"""Takes the screenshots of the documentation from a running box: `python -m tests.screenshots docs/screenshots [chat|console]`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import console_screenshots
from tests.browser import ask, open_page

QUESTIONS = {
    "es": "¿Cuánto cuesta una transferencia internacional?",
    "zh": "国际汇款要多少钱？",
    "ar": "كم رسوم التحويل الدولي؟",
}


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A box of its own, served on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"TELLERBOX_HOME": str(home)}, cwd=Path(__file__).parent.parent)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError("the server ended before it was ready")
            try:
                urllib.request.urlopen(url + "/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


TABLET = (1024, 768)
PHONE = (390, 844)


def main(out: Path, faces: list[str]) -> None:
    """The screens of each face, or of those that are named; `console-all` takes every screen of the console, chosen or not."""
    out.mkdir(parents=True, exist_ok=True)
    if not faces or "chat" in faces:
        _chat(out)
    if not faces or {"console", "console-all"} & set(faces):
        console_screenshots.take(out, every="console-all" in faces)


def _chat(out: Path) -> None:
    """Each screen of the chat in each language: what a customer sees from the opening to a person who answers."""
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        for language in QUESTIONS:
            with open_page(url, language, *TABLET) as (page, _, _):
                _tablet(page, language, out)
            with open_page(url, language, *PHONE) as (page, _, _):
                ask(page, QUESTIONS[language])
                _take(page, out / f"chat-phone-{language}.png")


def _tablet(page: Any, language: str, out: Path) -> None:
    _take(page, out / f"chat-opening-{language}.png")
    ask(page, QUESTIONS[language])
    page.locator("#log .cite").first.click()
    page.frame_locator("#panel iframe").locator("#evidence").wait_for()
    _take(page, out / f"chat-{language}.png")
    page.click("#mode-contrast")
    _take(page, out / f"chat-contrast-{language}.png")
    page.click("#mode-contrast")
    page.locator("#log .why").click()
    page.locator("#panel .leaf").wait_for()
    _take(page, out / f"chat-why-{language}.png")
    page.locator("#log .foot .receipt").click()
    page.locator("#panel img").wait_for()
    _take(page, out / f"chat-receipt-{language}.png")
    page.click("#panel-close")
    page.click("#person")
    page.locator("#handoff").wait_for()
    _take(page, out / f"chat-person-{language}.png")
    page.click("#finish")  # or the next one would stand behind them in the queue
    page.locator("#log .note").wait_for()


def _take(page: Any, path: Path) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(700)  # scrolling is smooth
    page.screenshot(path=str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
