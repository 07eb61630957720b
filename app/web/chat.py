"""The customer chat (Gradio): streams by verified sentence; each citation opens the policy at its highlighted span."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from app import locales
from app.answer import Answer, InQueue, Sentence
from app.appliance import Appliance
from app.conversation import Session
from app.errors import SAFE_ERRORS, Busy
from app.language import SERVED
from app.web import metrics
from app.web.policy_page import policy_href

log = logging.getLogger(__name__)

OWN_NAMES = {
    "en": "English", "es": "Español", "fr": "Français", "de": "Deutsch",
    "pt": "Português", "it": "Italiano", "zh": "中文", "ar": "العربية",
}  # fmt: skip
CSS = Path(__file__).with_name("static") / "chat.css"

# The whole page turns with the language of the log, not only its texts.
_TURN = """() => {
    const log = document.querySelector("#log .log");
    document.documentElement.lang = log.lang;
    document.documentElement.dir = log.dir;
}"""

Messages = list[dict[str, Any]]
"""What the log shows, oldest first: `{"who": "person"|"box"|"note", "html": …}`; kept in the session's state only."""


def mount_chat(app: FastAPI, box: Appliance) -> FastAPI:
    """The application with the chat at its root."""
    fonts = ["system-ui", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "Noto Sans Arabic", "sans-serif"]
    theme = gr.themes.Base(primary_hue="teal", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "monospace"])
    mounted: FastAPI = gr.mount_gradio_app(
        app, _blocks(box), path="/", theme=theme, css=CSS.read_text("utf-8"), footer_links=[], show_error=False, ssr_mode=False,
        allowed_paths=[], enable_monitoring=False, pwa=False, max_file_size=0,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )  # fmt: skip
    return mounted


def _blocks(box: Appliance) -> gr.Blocks:
    start = box.settings.default_language
    together = box.settings.people + box.settings.waiting
    with gr.Blocks(analytics_enabled=False, title=f"{box.settings.bank}", fill_width=True) as page:
        state = gr.State(
            None, time_to_live=box.settings.idle_minutes * 60 + 30, delete_callback=lambda held: _forget(box, held)
        )
        shown = gr.State(start)
        head = gr.HTML(_head(box, start), elem_id="head")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=3, min_width=340, elem_id="talk"):
                talk = gr.HTML(_log([], start), elem_id="log")
                with gr.Row(elem_id="examples"):
                    examples = [
                        gr.Button(locales.text(f"ui.example_{number}", start), size="sm", elem_classes="example")
                        for number in range(1, 5)
                    ]
                with gr.Row(elem_id="ask"):
                    question = gr.Textbox(
                        show_label=False, label=locales.text("ui.placeholder", start), placeholder=locales.text("ui.placeholder", start),
                        lines=1, max_lines=5, max_length=box.settings.max_question_chars, autofocus=True, scale=6, elem_id="question",
                    )  # fmt: skip
                    send = gr.Button(
                        locales.text("ui.send", start), variant="primary", scale=1, min_width=90, elem_id="send"
                    )
                with gr.Row(elem_id="actions"):
                    choices = [
                        (locales.text("ui.automatic", start), ""),
                        *((name, code) for code, name in OWN_NAMES.items()),
                    ]
                    language = gr.Dropdown(
                        choices, value="", label=locales.text("ui.language", start), scale=2, elem_id="language"
                    )
                    person = gr.Button(locales.text("ui.talk_to_person", start), scale=1, elem_id="person")
                    finish = gr.Button(locales.text("ui.finish", start), variant="stop", scale=1, elem_id="finish")
            with gr.Column(scale=2, min_width=320, elem_id="side"):
                side = gr.HTML(_side(start), elem_id="panel")

        every = [head, *examples, question, send, language, person, finish, side]

        def opening(request: gr.Request) -> Any:
            code = _browser_language(request, start)
            return [None, code, _log([], code), *_labels(box, code)]

        def say(text: str, held: Any, chosen: str, code: str) -> Iterator[Any]:
            yield from _converse(box, text, held, chosen, code)

        def ask_for_person(held: Any, chosen: str, code: str) -> Iterator[Any]:
            yield from _converse(box, locales.text("ui.talk_to_person", code), held, chosen or code, code)

        def choose(chosen: str, held: Any, code: str, request: gr.Request) -> Any:
            code = chosen or (held or {}).get("language") or _browser_language(request, start)
            messages = (held or {}).get("messages", [])
            return [code, _log(messages, code), *_labels(box, code, chosen)]

        def wipe(held: Any, code: str) -> Any:
            _forget(box, held)
            note = {"who": "note", "html": html.escape(locales.text("ui.session_wiped", code))}
            return [None, _log([note], code), "", _side(code)]

        closed: Any = {"api_visibility": "private", "show_progress": "hidden"}
        spoken = [talk, state, shown, question]
        page.load(opening, None, [state, shown, talk, *every], **closed).then(None, None, None, js=_TURN, **closed)
        for trigger in (send.click, question.submit):
            trigger(say, [question, state, language, shown], spoken, concurrency_limit=together, **closed).then(
                choose, [language, state, shown], [shown, talk, *every], **closed
            ).then(None, None, None, js=_TURN, **closed)
        for example in examples:
            example.click(say, [example, state, language, shown], spoken, concurrency_limit=together, **closed)
        person.click(ask_for_person, [state, language, shown], spoken, concurrency_limit=together, **closed)
        language.change(choose, [language, state, shown], [shown, talk, *every], **closed).then(
            None, None, None, js=_TURN, **closed
        )
        finish.click(wipe, [state, shown], [state, talk, question, side], **closed)
    page.queue(api_open=False, max_size=2 * together)
    return page


# -- one message --------------------------------------------------------------------------------------------------------


def _converse(box: Appliance, text: str, held: Any, chosen: str, code: str) -> Iterator[Any]:
    """Yields `[log, state, shown language, question box]` as the answer comes."""
    held = dict(held or {"session": None, "messages": [], "language": None})
    session = box.sessions.get(held["session"]) if held["session"] else None
    if session is None:
        session = box.start_session(channel="web")
        held |= {"session": session.id}
    messages: Messages = list(held["messages"])
    if text and text.strip():
        messages.append({"who": "person", "html": html.escape(text.strip())})
    waiting = {"who": "waiting", "html": html.escape(locales.text("ui.waiting", code))}
    yield [_log([*messages, waiting], code), held, code, ""]
    spoken: list[Sentence] = []
    for item in _events(box, session, text or "", chosen):
        if isinstance(item, InQueue):
            if not spoken and item.place:
                line = locales.text("ui.in_line", code, place=str(item.place))
                yield [_log([*messages, {"who": "waiting", "html": html.escape(line)}], code), held, code, ""]
        elif isinstance(item, str):
            messages.append({"who": "note", "html": html.escape(item)})
        elif isinstance(item, Answer):
            metrics.answered(item, "web")
            code = item.language
            messages.append({"who": "box", "html": _answer_html(spoken, item, code), "language": code})
        else:
            spoken.append(item)
            live = {"who": "box", "html": _answer_html(spoken, None, code), "language": code}
            yield [_log([*messages, live], code), held, code, ""]
    held |= {"messages": messages, "language": code}
    yield [_log(messages, code), held, code, ""]


def _events(box: Appliance, session: Session, text: str, chosen: str) -> Iterator[Sentence | InQueue | Answer | str]:
    """The turn's sentences and answer; an error as its message, in the person's language where it has one."""
    try:
        yield from box.run(session, text, language=chosen or None)
    except Busy as error:
        metrics.turned_away()
        yield str(error)
    except SAFE_ERRORS as error:
        metrics.failed()
        yield str(error)
    except Exception as error:
        log.error("a turn failed: %s", type(error).__name__)
        metrics.failed()
        yield locales.text("error.fault", chosen or session.language or box.settings.default_language)


def _forget(box: Appliance, held: Any) -> None:
    if held and held.get("session"):
        box.sessions.end(held["session"])


# -- HTML -----------------------------------------------------------------------------------------------------------------


def _direction(code: str) -> str:
    return "rtl" if code == "ar" else "ltr"


def _head(box: Appliance, code: str) -> str:
    title, subtitle = (html.escape(locales.text(f"ui.{name}", code)) for name in ("title", "subtitle"))
    bank = html.escape(box.settings.bank)
    return (
        f'<header lang="{code}" dir="{_direction(code)}"><span class="mark" aria-hidden="true"></span>'
        f"<div><h1>{bank} · {title}</h1><p>{subtitle}</p></div></header>"
    )


def _log(messages: Messages, code: str) -> str:
    disclosure = html.escape(locales.text("disclosure", code))
    parts = [f'<div class="disclosure">{disclosure}</div>']
    for message in messages:
        language = message.get("language", code)
        parts.append(f'<div class="{message["who"]}" dir="auto" lang="{language}">{message["html"]}</div>')
    return (
        f'<div class="log" role="log" aria-live="polite" lang="{code}" dir="{_direction(code)}">{"".join(parts)}</div>'
    )


def _answer_html(sentences: list[Sentence], answer: Answer | None, code: str) -> str:
    body: list[str] = []
    sources: dict[str, list[str]] = {}
    number = 0
    for sentence in sentences:
        marks = ""
        for evidence in sentence.evidence:
            number += 1
            link = html.escape(policy_href(evidence, code), quote=True)
            label = html.escape(f"{evidence.title} · {evidence.version}")
            marks += f'<a class="cite" href="{link}" target="policy" title="{label}">{number}</a>'
            sources.setdefault(label, []).append(f'<a class="cite" href="{link}" target="policy">{number}</a>')
        body.append(f'<p class="{sentence.origin}">{html.escape(sentence.text)}{marks}</p>')
    out = "".join(body)
    if sources:
        items = "".join(f"<li>{label} {' '.join(links)}</li>" for label, links in sources.items())
        out += f'<ul class="sources" aria-label="{html.escape(locales.text("ui.citations", code))}">{items}</ul>'
    if answer is not None:
        out += _foot(answer, code)
    return out


def _foot(answer: Answer, code: str) -> str:
    notes = ""
    if answer.redactions:
        notes += f'<p class="redacted">{html.escape(locales.text("ui.redacted", code))}</p>'
    outcome = html.escape(locales.text(f"outcome.{answer.outcome}", code))
    receipt = html.escape(locales.text("ui.receipt", code))
    return (
        f'{notes}<div class="foot"><span class="outcome {answer.outcome}">{outcome}</span>'
        f"<details><summary>{receipt} {answer.turn[:8]}</summary><pre>{html.escape(answer.receipt)}</pre></details></div>"
    )


def _side(code: str) -> str:
    heading = html.escape(locales.text("ui.evidence", code))
    return (
        f'<section class="side" lang="{code}" dir="{_direction(code)}"><h2>{heading}</h2>'
        f'<p class="hint">{html.escape(locales.text("ui.evidence_hint", code))}</p>'
        f'<iframe name="policy" title="{heading}" src="about:blank" sandbox="allow-same-origin"></iframe></section>'
    )


def _labels(box: Appliance, code: str, chosen: str = "") -> list[Any]:
    """New texts for every part of the page, in the order of `every`."""
    ui = {
        name: locales.text(f"ui.{name}", code)
        for name in ("placeholder", "send", "language", "automatic", "talk_to_person", "finish")
    }
    choices = [(ui["automatic"], ""), *((name, key) for key, name in OWN_NAMES.items())]
    return [
        _head(box, code),
        *(gr.update(value=locales.text(f"ui.example_{number}", code)) for number in range(1, 5)),
        gr.update(placeholder=ui["placeholder"], label=ui["placeholder"], rtl=code == "ar", text_align="right" if code == "ar" else "left"),
        gr.update(value=ui["send"]),
        gr.update(choices=choices, label=ui["language"], value=chosen),
        gr.update(value=ui["talk_to_person"]),
        gr.update(value=ui["finish"]),
        _side(code),
    ]  # fmt: skip


def _browser_language(request: gr.Request | None, fallback: str) -> str:
    """The first served language that the browser asks for."""
    header = (request.headers.get("accept-language", "") if request else "") or ""
    for part in header.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in SERVED:
            return code
    return fallback
