"""A policy's page marks the evidence, the whole of it and nothing else, and holds no markup but its own."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.appliance import Appliance
from app.web.policy_page import LOOKS, policy_page
from knowledge.policy import Policy

ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "header", "dl", "div", "dt", "dd", "bdi", "main", "mark", "h1", "h2", "h3", "h4", "h5", "h6",
    "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "code", "pre", "blockquote", "hr", "br",
}  # fmt: skip
ATTRIBUTES = {"lang", "dir", "class", "charset", "name", "content", "rel", "href", "tabindex", "id", "start", "style"}
VOID = {"meta", "link", "hr", "br"}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text inside the marked one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.marked: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "mark" in self._open:
            self.marked.append(data)


def letters(text: str) -> str:
    """Without what Markdown adds and rendering takes away."""
    return re.sub(r"[\W_]+", "", text)


@pytest.mark.parametrize("language", ["es", "zh", "ar", "de"])
def test_the_evidence_is_marked_to_the_character(box: Appliance, language: str) -> None:
    statements = [(passage.policy, statement) for passage in box.index.passages if passage.policy.language == language for statement in passage.statements]
    assert len(statements) > 500
    wrong = []
    for policy, statement in statements[::12]:
        page = Page(policy_page(policy, statement.start, statement.end, "en"))
        if letters("".join(page.marked)) != letters(policy.text[statement.start : statement.end]):
            wrong.append((policy.source, statement.start, statement.end))
    assert wrong == []


def policy(text: str) -> Policy:
    return Policy("made", "Made", "en", "1", None, None, "customer", (), "", "", None, (), text, 0, "en/made.md", "")


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("<>&\"'`*_[]()!|#-\n :;/=abçx1€\ue000\ue001") | st.characters(exclude_categories=["Cs"]), max_size=200), st.data())
def test_no_text_becomes_markup_wherever_the_mark_stands(text: str, data: st.DataObject) -> None:
    made = policy("# Title\n\n" + text + "\n\n<script>x</script> [a](javascript:x) ![b](https://elsewhere.example/c)")
    start = data.draw(st.integers(0, len(made.text)))
    end = data.draw(st.integers(start, len(made.text)))
    page = Page(policy_page(made, start, end, "en"))
    assert page.tags <= ALLOWED
    assert [value for name, value in page.attributes if name == "id"] in ([], ["evidence"])
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert {value for name, value in page.attributes if name == "href"} == {"/pages/policy.css"}


def test_a_page_is_drawn_only_in_looks_that_exist(box: Appliance) -> None:
    made = box.policy("payments/international-transfer", "es")
    classes = [value for name, value in Page(policy_page(made, 0, 0, "es", ["contrast", 'x"><script>', "large"])).attributes if name == "class"]
    assert classes == [" ".join(LOOKS)]
    assert made.effective_from == date(2026, 3, 1)
    assert "1 de marzo de 2026" in policy_page(made, 0, 0, "es")
    assert "1 مارس 2026" in policy_page(made, 0, 0, "ar")
