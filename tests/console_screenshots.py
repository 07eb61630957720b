"""Takes the screenshots of the console: each screen in three languages at a desk and on a phone; a chosen few are for the documentation."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.appliance import Appliance
from tests.app.faces import PASSWORD
from tests.browser import FLAGS, chromium
from tests.console_demo import demo

LANGUAGES = ("es", "zh", "ar")
DESK = (1280, 860)
PHONE = (400, 860)
CHOSEN = frozenset(
    {*(f"{screen}-{language}" for screen in ("ledger", "turn", "dashboard") for language in LANGUAGES),
     "exports-zh", "questions-ar", "phone-dashboard-ar"}
)  # fmt: skip
"""What is shown in docs/console.md and README.md."""


def take(out: Path, *, every: bool = False) -> None:
    """Writes `console-<screen>-<language>.png` into `out`: the chosen ones, or every one."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, demo(Path(home)) as (url, box), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for language in LANGUAGES:
            for prefix, (width, height) in (("", DESK), ("phone-", PHONE)):
                page = browser.new_context(locale=language, viewport={"width": width, "height": height}).new_page()
                for screen in _screens(page, url, box, language):
                    name = f"{prefix}{screen}-{language}"
                    if every or name in CHOSEN:
                        _save(page, out / f"console-{name}.png")
                page.context.close()
        browser.close()


def _screens(page: Any, url: str, box: Appliance, language: str) -> Iterator[str]:
    """Walks through the console; at each name the page shows that screen."""
    page.goto(f"{url}/console")
    yield "sign-in"
    page.fill("[name=name]", "officer")
    page.fill("[name=password]", PASSWORD)
    _press(page, "main button")
    _press(page, ".head button")
    yield "ledger"
    asked = [entry for entry in box.ledger.find() if entry.header.kind == "turn_opened"]
    turn, index = next((each.header.turn, each.index) for each in asked if each.header.facts["language"]["answer_in"] == language)
    page.goto(f"{url}/console/ledger/{index}")
    yield "record"
    page.goto(f"{url}/console/turns/{turn}")
    yield "turn"
    _press(page, "#replay button")
    yield "replay"
    page.goto(f"{url}/console/exports")
    yield "exports-none"
    for form in ("csv", "pdf", "bundle"):
        page.select_option("[name=format]", form)
        _press(page, "main form button")
    yield "exports"
    page.locator("main .button.small").nth(2).wait_for(timeout=60_000)
    page.goto(f"{url}/console/dashboard?days=7")
    yield "dashboard"
    page.goto(f"{url}/console/questions")
    page.locator("summary").first.click()
    yield "questions"


def _press(page: Any, what: str) -> None:
    with page.expect_navigation():
        page.locator(what).first.click()


def _save(page: Any, path: Path) -> None:
    """A picture with at most 256 colours: a third of the size, and nobody sees it on a page of text."""
    from PIL import Image

    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
