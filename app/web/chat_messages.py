"""What the chat page is told, as JSON: the words of a language, and a turn as its sentences come.

Everything is text. The page's script puts it on the screen as text nodes, so that nothing in a policy, an answer or a
name can become markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app import locales
from app.answer import Answer, Sentence
from app.feedback import REASONS
from app.grounding import Evidence
from app.settings import Settings
from app.web.policy_page import policy_href

_PAGE = (
    "ui.title", "ui.subtitle", "ui.placeholder", "ui.evidence", "ui.close", "ui.why", "ui.receipt", "ui.large_text", "ui.contrast",
    "ui.finish", "ui.waiting", "ui.session_wiped", "ui.examples", "chat.conversation", "chat.you",
    "chat.display", "chat.erased_in", "chat.still_there", "chat.about_to_erase", "chat.stay", "chat.one_moment", "chat.unreachable",
    "chat.not_available", "chat.teller", "chat.teller_told", "chat.place", "chat.with_you", "chat.talk_over", "disclosure",
)  # fmt: skip
_MESSAGE = (
    "ui.citations", "ui.why", "ui.receipt", "chat.source", "chat.assistant", "chat.you", "chat.useful", "chat.yes", "chat.no",
    "chat.what_was_wrong", "chat.comment", "chat.comment_hidden", "chat.send_feedback", "chat.thanks", "chat.receipt_about",
    "chat.receipt_code", "chat.save_file", "chat.show_text", "chat.one_moment", "chat.not_available", "chat.unreachable", "ui.waiting",
)  # fmt: skip


def direction(code: str) -> str:
    """Which way a language is written: "ltr" or "rtl"."""
    return "rtl" if code in locales.RIGHT_TO_LEFT else "ltr"


def page_words(settings: Settings, code: str) -> str:
    """What every part of the page says in a language, and how long a session may be idle (seconds)."""
    told = {
        "language": code,
        "direction": direction(code),
        "bank": settings.bank,
        "idle_seconds": settings.idle_minutes * 60,
        "words": _words(_PAGE, code),
    }
    return json.dumps(told, ensure_ascii=False)


def turn_so_far(
    key: str,
    session: str,
    code: str,
    sentences: Sequence[Sentence],
    *,
    answer: Answer | None = None,
    failure: str = "",
    place: int = 0,
) -> str:
    """A turn as far as it has come; each message holds all of the turn, so that one that is lost costs nothing.

    What the person typed is not in it: the page knows that, and what is not passed on cannot
    be kept. `key` tells it which of its turns this is. `failure` is a sentence that is safe to show;
    `place` is the person's place in the line for the model, 0 for none.
    """
    state = "failed" if failure else "done" if answer else "speaking" if sentences else "waiting"
    told: dict[str, Any] = {
        "key": key,
        "session": session,
        "language": code,
        "direction": direction(code),
        "state": state,
        "failure": failure,
        "sentences": _sentences(sentences, code),
        "words": _words(_MESSAGE, code),
    }
    if place and not sentences:
        told["words"] |= {"waiting": locales.text("ui.in_line", code, place=str(place))}
    if answer is not None:
        mark = "unsure" if any(sentence.key == "unsure" for sentence in answer.sentences) else answer.outcome
        told |= {
            "turn": answer.turn,
            "outcome": answer.outcome,
            "mark": mark,
            "outcome_text": locales.text(f"outcome.{mark}", code),
            "redacted": locales.text("ui.redacted", code) if answer.redactions else "",
            "reasons": [[reason, locales.text(f"reason.{reason}", code)] for reason in REASONS],
        }
    return json.dumps(told, ensure_ascii=False)


def told_to_teller(key: str, session: str, code: str, name: str) -> str:
    """A message of the person that went to the teller who is with them, not to the machine."""
    told = {
        "key": key,
        "session": session,
        "language": code,
        "direction": direction(code),
        "state": "sent",
        "sent": locales.text("chat.told_to", code, name=name),
        "sentences": [],
        "words": _words(_MESSAGE, code),
    }
    return json.dumps(told, ensure_ascii=False)


def _sentences(sentences: Sequence[Sentence], code: str) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    number = 0
    for sentence in sentences:
        sources = []
        for evidence in sentence.evidence:
            number += 1
            sources.append(_source(number, evidence, code))
        out.append({"text": sentence.text, "origin": sentence.origin, "language": _language_of(sentence, code), "sources": sources})
    return out


def _language_of(sentence: Sentence, code: str) -> str:
    """A quotation is in the language of its policy, which a screen reader has to know."""
    return sentence.evidence[0].language if sentence.origin == "quote" and sentence.evidence else code


def _source(number: int, evidence: Evidence, code: str) -> dict[str, Any]:
    return {
        "number": number,
        "title": evidence.title,
        "version": evidence.version,
        "language": evidence.language,
        "href": policy_href(evidence, code),
    }


def _words(keys: Sequence[str], code: str) -> dict[str, str]:
    """Sentences by the last part of their keys; the page fills their placeholders itself."""
    said = locales.sentences(code)
    return {key.rpartition(".")[2]: said[key] for key in keys}
