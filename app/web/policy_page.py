"""The page of one policy, with the evidence highlighted at its exact span."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from urllib.parse import quote, urlencode

from app import locales
from app.grounding import Evidence
from knowledge.policy import Policy

# Private-use characters mark the span while Markdown is rendered; a policy that holds them loses them first.
_OPEN, _CLOSE = "\ue000", "\ue001"
_TAG = re.compile(r"(<[^>]*>)")
_MARKERS = re.compile(f"([{_OPEN}{_CLOSE}])")


def policy_href(evidence: Evidence, shown_in: str) -> str:
    """Where the policy is read, opened at the evidence."""
    query = urlencode(
        {"version": evidence.version, "start": evidence.start, "end": evidence.end, "in": shown_in},
    )
    return f"/policies/{evidence.language}/{quote(evidence.policy)}?{query}#evidence"


LOOKS = ("large", "contrast")
"""How a page may be drawn: in large type, in high contrast, or both."""


def policy_page(policy: Policy, start: int, end: int, shown_in: str, looks: Collection[str] = ()) -> str:
    """HTML of a policy; labels are in `shown_in`, the text in the policy's language. Everything is escaped.

    `looks` are any of LOOKS; others are left out.
    """
    body = _rendered(policy, start, end)
    drawn = " ".join(look for look in LOOKS if look in looks)
    direction = _direction(policy.language)
    facts = [(locales.text("ui.version", shown_in), policy.version)]
    if policy.effective_from:
        facts.append((locales.text("ui.in_force_since", shown_in), day_text(policy.effective_from, shown_in)))
    if policy.effective_to:
        facts.append((locales.text("ui.in_force_until", shown_in), day_text(policy.effective_to, shown_in)))
    listed = "".join(f"<div><dt>{html.escape(name)}</dt><dd><bdi>{html.escape(value)}</bdi></dd></div>" for name, value in facts)
    return (
        f'<!doctype html><html lang="{html.escape(policy.language)}" dir="{direction}" class="{drawn}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{html.escape(policy.title)}</title>'
        '<link rel="stylesheet" href="/pages/policy.css"></head><body>'
        f'<header lang="{html.escape(shown_in)}" dir="{_direction(shown_in)}"><dl>{listed}</dl></header>'
        f'<main tabindex="0">{body}</main></body></html>'
    )


def _direction(code: str) -> str:
    return "rtl" if code in locales.RIGHT_TO_LEFT else "ltr"


def day_text(day: object, language: str) -> str:
    """A day as people of a language write it."""
    from babel.dates import format_date

    return str(format_date(day, format="long", locale=language))


def _rendered(policy: Policy, start: int, end: int) -> str:
    from markdown_it import MarkdownIt

    text = policy.text
    begin = policy.body_start
    clean = text.replace(_OPEN, " ").replace(_CLOSE, " ")
    clean = clean[begin:start] + _OPEN + clean[start:end] + _CLOSE + clean[end:] if begin <= start < end <= len(text) else clean[begin:]
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # A policy is read here, not left: a link or a picture would lead to another host from inside the bank's frame.
    for rule in ("link_open", "link_close"):
        markdown.add_render_rule(rule, lambda *_: "")
    markdown.add_render_rule("image", lambda renderer, tokens, at, *_: html.escape(tokens[at].content))
    return _marked(markdown.render(clean))


def _marked(rendered: str) -> str:
    """HTML with each run of text between the two markers in a `mark` of its own, the first of them with the id "evidence".

    One mark around all of it would cross the borders of cells, paragraphs and emphasis.
    """
    out: list[str] = []
    inside, first = False, ' id="evidence"'
    for part in _TAG.split(rendered):
        for piece in _MARKERS.split(part):
            if piece in (_OPEN, _CLOSE):
                inside = piece == _OPEN
            elif inside and piece.strip() and not part.startswith("<"):
                out.append(f"<mark{first}>{piece}</mark>")
                first = ""
            else:
                out.append(piece)
    return "".join(out)
