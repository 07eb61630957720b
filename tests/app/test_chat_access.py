"""The chat for everybody: axe finds no failure of WCAG 2.2 AA on any of its screens, in any of its looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.appliance import Appliance
from tests.browser import ask, chromium, open_page, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SIZES = {"tablet": (1024, 768), "phone": (390, 844)}
QUESTION = {"de": "Was kostet eine Auslandsüberweisung?", "ar": "كم رسوم التحويل الدولي؟"}


@pytest.fixture(scope="module")
def url(box: Appliance) -> Iterator[str]:
    with serving(box) as address:
        yield address


def violations(page: Any) -> list[tuple[str, str, str]]:
    """`(rule, impact, where)` of everything that axe finds wrong."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="NO AXE: install the dev dependencies to check accessibility")
    found = axe.Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], rule["impact"], node["html"][:160]) for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("language", list(QUESTION))
@pytest.mark.parametrize("size", list(SIZES))
def test_no_screen_keeps_anybody_out(url: str, size: str, language: str) -> None:
    width, height = SIZES[size]
    with open_page(url, language, width, height) as (page, _, errors):
        found = {"opening": violations(page)}
        ask(page, QUESTION[language])
        page.click("#log .no")
        found["answer"] = violations(page)
        for name, opener in (("policy", "#log .cite"), ("why", "#log .why"), ("receipt", "#log .foot .receipt")):
            page.locator(opener).first.click()
            page.locator("#panel img, #panel iframe, #panel .leaf").first.wait_for()
            address = page.locator("#panel iframe").get_attribute("src") if name == "policy" else None
            found[name] = violations(page)
            page.click("#panel-close")
            if address is not None:
                policy = address
        page.click("#mode-contrast")
        found["contrast"] = violations(page)
        page.click("#mode-large")
        found["large"] = violations(page)
        page.click("#language input")
        page.get_by_role("option").first.wait_for()
        found["languages"] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off at the side"
        page.goto(url + policy)
        found["policy's page"] = violations(page)
        assert {screen: wrong for screen, wrong in found.items() if wrong} == {}
        assert errors == []


def test_targets_are_large_enough_for_a_finger(url: str) -> None:
    """WCAG 2.2, 2.5.8 asks for 24 px a side."""
    with open_page(url, "de", *SIZES["phone"]) as (page, _, _):
        ask(page, QUESTION["de"])
        sizes = page.locator("button:visible, a:visible, textarea:visible").evaluate_all(
            "found => found.map((each) => [each.id || each.className, each.getBoundingClientRect().width, each.getBoundingClientRect().height])"
        )
        assert len(sizes) > 10
        assert [each for each in sizes if each[1] < 24 or each[2] < 24] == []


def test_the_looks_change_what_is_seen_also_in_the_policy(url: str) -> None:
    with open_page(url, "en") as (page, _, _):
        ask(page, "How much does an international transfer cost?")
        page.locator("#log .cite").first.click()
        frame = page.frame_locator("#panel iframe")
        before = [place.evaluate("body => parseFloat(getComputedStyle(body).fontSize)") for place in (page.locator("#log .sentence").first, frame.locator("body"))]
        page.click("#mode-large")
        page.click("#mode-contrast")
        frame.locator("xpath=/html[contains(@class, 'large') and contains(@class, 'contrast')]").wait_for()
        after = [place.evaluate("body => parseFloat(getComputedStyle(body).fontSize)") for place in (page.locator("#log .sentence").first, frame.locator("body"))]
        assert all(large > 1.3 * plain for plain, large in zip(before, after, strict=True))
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
        assert page.locator("#mode-contrast").get_attribute("aria-pressed") == "true"
