"""The customer chat (Gradio): its inputs and its events; the page around them is static/chat/.

What the page shows goes to it as JSON in the labels of two hidden buttons. `gr.HTML` would be the obvious place, but it
compiles its templates with `Function()`, which would force 'unsafe-eval' into the page's content security policy.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI, HTTPException
from starlette.routing import Mount

from app import locales
from app.answer import Answer, InQueue, Sentence
from app.appliance import Appliance
from app.conversation import Session
from app.errors import SAFE_ERRORS, Busy, TellerboxError
from app.language import SERVED
from app.web import metrics
from app.web.chat_messages import page_words, told_to_teller, turn_so_far
from app.web.gradio_memory import forget_values
from app.web.gradio_shell import GradioShell
from app.web.limits import Limits

log = logging.getLogger(__name__)

OWN_NAMES = {
    "en": "English", "es": "Español", "fr": "Français", "de": "Deutsch",
    "pt": "Português", "it": "Italiano", "zh": "中文", "ar": "العربية",
}  # fmt: skip
EXAMPLES = 4
STATIC = Path(__file__).with_name("static")
_SCRIPT = '<link rel="stylesheet" href="/pages/chat.css"><script type="module" src="/pages/chat/page.js"></script>'
_FONTS = ["system-ui", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "Noto Sans Arabic", "sans-serif"]

Held = dict[str, str]
"""What Gradio keeps of a page: the id of its session and the language last spoken; never a text."""


def mount_chat(app: FastAPI, box: Appliance) -> FastAPI:
    """The application with the chat at its root, behind `GradioShell`, keeping no value that was typed."""
    theme = gr.themes.Base(primary_hue="teal", neutral_hue="slate", font=_FONTS, font_mono=["ui-monospace", "monospace"])
    mounted: FastAPI = gr.mount_gradio_app(
        app, _blocks(box, app.state.limits), path="/", theme=theme, head=_SCRIPT, footer_links=[], show_error=False, ssr_mode=False,
        allowed_paths=[], enable_monitoring=False, pwa=False, max_file_size=0, run_history=False,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )  # fmt: skip
    mount = next(route for route in reversed(mounted.routes) if isinstance(route, Mount) and route.path == "")
    forget_values(mount.app)
    mount.app = GradioShell(mount.app)
    return mounted


def _blocks(box: Appliance, limits: Limits) -> gr.Blocks:
    start = box.settings.default_language
    together = box.settings.people + box.settings.waiting
    placeholder = locales.text("ui.placeholder", start)
    with gr.Blocks(analytics_enabled=False, title=box.settings.bank, fill_width=True) as page:
        held = gr.State(None)
        shown = gr.State(start)
        words = gr.Button("", visible="hidden", elem_id="words")
        turn = gr.Button("", visible="hidden", elem_id="turn")
        with gr.Row(elem_id="bar"):
            choices = _choices(start)
            language = gr.Dropdown(choices, value="", label=locales.text("ui.language", start), filterable=False, elem_id="language")
            person = gr.Button(locales.text("ui.talk_to_person", start), elem_id="person")
        with gr.Column(elem_id="talk"):
            with gr.Row(elem_id="examples"):
                examples = [gr.Button(locales.text(f"ui.example_{number + 1}", start)) for number in range(EXAMPLES)]
            with gr.Row(elem_id="ask"):
                question = gr.Textbox(
                    show_label=False, label=placeholder, placeholder=placeholder, lines=1, max_lines=5, scale=6, elem_id="question",
                    max_length=box.settings.max_question_chars,
                    html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
                )  # fmt: skip
                send = gr.Button(locales.text("ui.send", start), variant="primary", elem_id="send")

        every = [words, *examples, question, send, language, person]

        def opening(request: gr.Request) -> list[Any]:
            code = browser_language(request.headers.get("accept-language", ""), start)
            return [None, code, *_labels(box, code)]

        def say(text: str, kept: Held | None, chosen: str, code: str) -> Iterator[list[Any]]:
            yield from _converse(box, limits, text, kept, chosen, code)

        def ask_for_person(kept: Held | None, chosen: str, code: str) -> Iterator[list[Any]]:
            yield from _converse(box, limits, locales.text("ui.talk_to_person", code), kept, chosen or code, code)

        def choose(chosen: str, kept: Held | None, request: gr.Request) -> list[Any]:
            code = chosen or (kept or {}).get("language") or browser_language(request.headers.get("accept-language", ""), start)
            return [code, *_labels(box, code, chosen)]

        closed: Any = {"api_visibility": "private", "show_progress": "hidden"}
        turns = closed | {"concurrency_limit": together, "concurrency_id": "turns"}
        spoken = [turn, held, shown, question]
        page.load(opening, None, [held, shown, *every], **closed)
        asked: list[tuple[Any, Any, Any]] = [(send.click, say, question), (question.submit, say, question)]
        asked += [(example.click, say, example) for example in examples]
        for trigger, answer, text in asked:
            done = trigger(answer, [text, held, language, shown], spoken, **turns)
            done.then(choose, [language, held], [shown, *every], **closed)
        person.click(ask_for_person, [held, language, shown], spoken, **turns)
        language.input(choose, [language, held], [shown, *every], **closed)
    page.queue(api_open=False, max_size=2 * together)
    return page


# -- one message --------------------------------------------------------------------------------------------------------


def _converse(box: Appliance, limits: Limits, text: str, kept: Held | None, chosen: str, code: str) -> Iterator[list[Any]]:
    """Yields `[turn, held, language shown, question box]` as the answer comes."""
    kept = dict(kept or {})
    session = box.sessions.get(kept["session"]) if "session" in kept else None
    if session is None:
        session = box.start_session(channel="web")
        session.language = code  # what the page speaks is the best guess until something was typed
        kept = {"session": session.id, "language": code}
    text = (text or "").strip()
    key, sentences = secrets.token_hex(4), list[Sentence]()

    def told(answer: Answer | None = None, failure: str = "", place: int = 0) -> list[Any]:
        return [turn_so_far(key, session.id, code, sentences, answer=answer, failure=failure, place=place), kept, code, ""]

    try:
        limits.turn(session.id)
        teller = _with_teller(box, session)
        if teller is not None:
            box.handoffs.say(session.id, text, session.vault)
            yield [told_to_teller(key, session.id, code, teller), kept, code, ""]
            return
    except HTTPException:
        yield told(failure=locales.text("error.busy", code))
        return
    except SAFE_ERRORS:
        yield told(failure=locales.text("error.record", code))
        return
    yield told()
    for item in _events(box, session, text, chosen):
        if isinstance(item, InQueue):
            yield told(place=item.place)
        elif isinstance(item, str):
            yield told(failure=item)
        elif isinstance(item, Answer):
            metrics.answered(item, "web")
            code = item.language
            kept |= {"language": code}
            yield told(item)
        else:
            sentences.append(item)
            yield told()


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
        metrics.failed()
        log.error("a turn failed: %s", type(error).__name__)
        yield locales.text("error.fault", chosen or session.language or box.settings.default_language)


def _with_teller(box: Appliance, session: Session) -> str | None:
    """The name of the teller who is with the person of this session; None where there is none."""
    handoff = box.handoffs.of_session(session.id)
    if handoff is None or handoff.state != "taken" or handoff.teller is None:
        return None
    try:
        return box.staff.accounts.of(handoff.teller).display
    except TellerboxError:
        return ""


# -- words ----------------------------------------------------------------------------------------------------------------


def _choices(code: str) -> list[tuple[str, str]]:
    return [(locales.text("ui.automatic", code), ""), *((name, each) for each, name in OWN_NAMES.items())]


def _labels(box: Appliance, code: str, chosen: str = "") -> list[Any]:
    """New texts for every part of the page, in the order of `every`."""
    placeholder = locales.text("ui.placeholder", code)
    rtl = code in locales.RIGHT_TO_LEFT
    return [
        page_words(box.settings, code),
        *(gr.update(value=locales.text(f"ui.example_{number + 1}", code)) for number in range(EXAMPLES)),
        gr.update(placeholder=placeholder, label=placeholder, rtl=rtl, text_align="right" if rtl else "left"),
        gr.update(value=locales.text("ui.send", code)),
        gr.update(choices=_choices(code), label=locales.text("ui.language", code), value=chosen),
        gr.update(value=locales.text("ui.talk_to_person", code)),
    ]


def browser_language(accepted: str, fallback: str) -> str:
    """The served language that an Accept-Language header (RFC 9110 §12.5.4) prefers most; `fallback` where it has none."""
    ranked: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().split("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            quality = 0.0
        if code in SERVED and quality > 0:
            ranked.append((quality, code))
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else fallback
