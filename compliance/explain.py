"""Why this answer, in words, from the records of a turn alone: for the person who asked, in their language, or an officer.

Needs neither model nor index. For the person who asked it is what GDPR Art. 15(1)(h) and 22 and the EU AI Act Art. 50
ask to be said: that a machine answered and from what, how the sentences came about, that nothing was decided about them,
and that a person may be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from babel.dates import format_datetime

from compliance.explain_officer import explain_to_officer
from compliance.explanations import DEFAULT, LANGUAGES, sentences
from compliance.turn_story import Record, TurnStory, as_list, as_mapping, stories

Reader = Literal["customer", "officer"]
_OUTCOMES = ("answered", "abstained", "handed_off", "refused", "abandoned")
_LANGUAGE_REASONS = {
    "explicit": "explicit", "script": "recognised", "words": "recognised", "detector": "recognised", "guard": "recognised",
    "session": "kept", "default": "kept",
}  # fmt: skip


def explain(records: Iterable[Record], *, reader: Reader = "customer", language: str | None = None) -> str:
    """Why turns were answered as they were, from their records (as `Ledger.read` gives them, in any order).

    For a customer in `language`, else in the language of each turn: the outcome and why, each sentence with the policy
    it rests on, what was hidden, and the right to a person. For an officer, in English, also the language decision, the
    guard's rules, what was retrieved with scores, what was rejected and why, the model, the prompt, feedback, and the
    time each step took. Raises ComplianceError where no record is of a turn.
    """
    told = stories(records)
    if reader == "officer":
        return "\n\n".join(explain_to_officer(story) for story in told)
    return "\n\n".join(_explain_to_customer(story, language or story.language) for story in told)


def _explain_to_customer(story: TurnStory, language: str) -> str:
    code = language if language in LANGUAGES else DEFAULT
    texts = sentences(code)
    lines = [
        texts["heading"].format(turn=story.header.turn, moment=_moment(story.header.time_utc, code), branch=story.header.branch),
        texts["machine"],
    ]
    if kept := _LANGUAGE_REASONS.get(str(story.named("language").get("reason"))):
        lines.append(texts[f"language_{kept}"])
    lines += _outcome(story, texts)
    lines += _sentences(story, texts)
    if hidden := sum(story.redactions.values()):
        lines.append(texts["redacted"].format(count=hidden))
    if drafts := len(story.listed("rejected")):
        lines.append(texts["drafts"].format(count=drafts))
    if story.feedback:
        useful = story.feedback[-1][0].facts.get("useful")
        lines.append(texts["feedback_useful" if useful else "feedback_not_useful"])
    return "\n".join([*lines, texts["no_decision"], texts["person"], texts["receipt"]])


def _moment(time_utc: str, language: str) -> str:
    locale = "en_GB" if language == "en" else language  # day first and 24 hours, as in the other seven
    return str(format_datetime(datetime.fromisoformat(time_utc), "long", locale=locale))


def _outcome(story: TurnStory, texts: Mapping[str, str]) -> Iterator[str]:
    outcome = str(story.facts.get("outcome"))
    reason = texts.get(f"reason_{story.reason}")
    if not story.closed:
        yield texts["outcome_open"]
    elif outcome == "answered" and any(sentence.get("key") == "unsure" for sentence in story.listed("sentences")):
        yield texts["outcome_unsure"]
    elif outcome in _OUTCOMES and story.reason != "greeting":
        yield texts[f"outcome_{outcome}"]
    if reason:
        yield reason
    if story.named("handoff").get("urgent"):
        yield texts["urgent"]


def _sentences(story: TurnStory, texts: Mapping[str, str]) -> Iterator[str]:
    if story.erased:
        yield texts["erased"]
    shown = story.texts
    for at, sentence in enumerate(story.listed("sentences")):
        if at < len(shown):
            yield texts["sentence"].format(number=at + 1, text=shown[at])
        else:
            yield texts["sentence_erased"].format(number=at + 1)
        if origin := texts.get(f"origin_{sentence.get('origin')}"):
            yield f"   {origin}"
        for evidence in map(as_mapping, as_list(sentence.get("evidence"))):
            yield "   " + texts["evidence"].format_map(_place(evidence))


def _place(evidence: Mapping[str, Any]) -> dict[str, Any]:
    names = ("policy", "version", "language", "start", "end")
    return {name: evidence.get(name) for name in names} | {"title": evidence.get("title") or evidence.get("policy")}
