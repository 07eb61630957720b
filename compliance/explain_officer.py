"""Why an answer was given as it was, in English, for an officer: every decision with its scores, and what made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compliance.turn_story import TurnStory, as_list, as_mapping

_OUTCOMES = {
    "answered": "The box answered from the bank's policies.",
    "abstained": "The box did not answer: it found nothing in the bank's policies that settles the question.",
    "handed_off": "The box did not answer by itself: this needs a person.",
    "refused": "The box did not answer: it may not help with this.",
    "abandoned": "The person left before the answer was complete.",
}
_ORIGINS = {
    "model": "worded by the language model, then checked against the policy",
    "quote": "quoted from the policy, word for word",
    "fixed": "a fixed sentence of the box, not from a policy",
}


def explain_to_officer(story: TurnStory) -> str:
    """All that the records of a turn say, in words, line by line."""
    header = story.header
    who = f"{header.channel or 'unknown channel'}, {header.role or 'unknown role'}"
    lines = [
        f"Turn {header.turn}, {header.time_utc[:10]} at {header.time_utc[11:19]} UTC, branch {header.branch}, {who}, "
        f"session {header.session}."
    ]
    for part in (_outcome, _sentences, _received, _decisions, _retrieved, _rejected, _machine, _feedback):
        lines += part(story)
    return "\n".join(lines)


def _outcome(story: TurnStory) -> Iterator[str]:
    if not story.closed:
        yield "The turn was opened and never closed: no answer was completed."
        return
    outcome = str(story.facts.get("outcome"))
    yield _OUTCOMES.get(outcome, f"The outcome was {outcome}.")
    if handoff := story.named("handoff"):
        urgent = ", urgently" if handoff.get("urgent") else ""
        yield f"It was handed to a person{urgent}, because of: {_words(handoff.get('reason'))}."


def _sentences(story: TurnStory) -> Iterator[str]:
    if story.erased:
        yield "The texts were erased; what follows is what is known without them."
    elif question := story.body.get("question"):
        yield f'Asked, redacted: "{question}"'
    shown = story.texts
    for at, sentence in enumerate(story.listed("sentences")):
        text = f'"{shown[at]}"' if at < len(shown) else f"sentence {at + 1}"
        origin = str(sentence.get("origin"))
        key = f" ({sentence['key']})" if sentence.get("key") else ""
        yield f"  {at + 1}. {text}"
        yield f"     {_ORIGINS.get(origin, origin)}{key}"
        yield from (f"     rests on {_place(as_mapping(each))}" for each in as_list(sentence.get("evidence")))


def _received(story: TurnStory) -> Iterator[str]:
    if disclosure := story.named("disclosure"):
        when = "with this answer" if disclosure.get("first") else "earlier in the session"
        yield f"Told that a machine answers: {when}, in {disclosure.get('language')}, text version {disclosure.get('version')}."
    if found := story.redactions:
        named = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found.items()))
        yield f"Before anything else, identifying details were taken out of the question: {named}."


def _decisions(story: TurnStory) -> Iterator[str]:
    if language := story.named("language"):
        seen = language.get("detected")
        scores = ", ".join(" ".join(map(str, as_list(each))) for each in as_list(language.get("scores"))[:3])
        yield (
            f"Language: answered in {story.language}" + (f", detected {seen}" if seen else "") + f" ({_words(language.get('reason'))}"
            f"{'; ' + scores if scores else ''})."
        )
    if guard := story.named("guard"):
        rules = ", ".join(map(str, as_list(guard.get("rules")))) or "none"
        yield f"Guard: {_words(guard.get('category') or 'nothing to stop')}; rules matched: {rules}."
    if scope := story.named("scope"):
        left_out = ", ".join(map(str, as_list(scope.get("exclude")))) or "none"
        yield f"Searched: policies of {scope.get('as_of')} for {scope.get('jurisdiction') or 'any country'}; left out: {left_out}."
    if limits := as_list(story.body.get("limits")):
        yield f"Asked about: {', '.join(map(str, limits))}; statements that hold only for other places or other money were left out."
    if story.facts.get("answerable") is not None:
        threshold = story.facts.get("threshold")
        below = f"; below {threshold} the box abstains" if threshold is not None else ""
        yield f"Judged answerable from the policies: {story.facts['answerable']} of 1{below}."


def _retrieved(story: TurnStory) -> Iterator[str]:
    shown = as_list(story.named("prompt").get("statements"))
    found = story.listed("retrieved") or story.listed("passages")
    if found:
        yield f"Retrieved, best first ({len(found)}):"
    for at, each in enumerate(found):
        yield f"  {_place(each)}" + (f"; statement {shown.index(at) + 1} of the prompt" if at in shown else "")


def _rejected(story: TurnStory) -> Iterator[str]:
    texts = [as_mapping(each).get("text") for each in as_list(story.body.get("rejected"))]
    for at, each in enumerate(story.listed("rejected")):
        said = f': "{texts[at]}"' if at < len(texts) else ""
        yield f"A sentence of the model was not shown: {_words(each.get('reason'))} (score {each.get('score')}){said}."
    if story.named("model").get("declined"):
        yield "The model said that the statements it was given do not answer the question."


def _machine(story: TurnStory) -> Iterator[str]:
    if model := story.named("model"):
        kind = f", {model['quantization']}" if model.get("quantization") else ""
        settings = ", ".join(f"{name} {value}" for name, value in as_mapping(model.get("settings")).items())
        sampling = _words(model.get("sampling") or "unknown") + (f" ({settings})" if settings else "")
        yield f"Model: {model.get('name')}{kind}, sha256 {model.get('sha256')}, sampling {sampling}."
        yield f"It emitted {model.get('tokens') or 0} tokens; ended by: {_words(model.get('finish') or 'it was not needed')}."
    if prompt := story.named("prompt"):
        yield f"Prompt template: version {prompt.get('version')}, sha256 {prompt.get('sha256')}."
    if story.facts.get("index_sha256"):
        ranking = f"; ranking sha256 {story.facts['ranking_sha256']}" if story.facts.get("ranking_sha256") else ""
        yield f"Index of the policies: sha256 {story.facts['index_sha256']}{ranking}."
    if software := story.named("software"):
        yield "Software: " + ", ".join(f"{name} {version}" for name, version in software.items()) + "."
    if timings := story.named("timings_ms"):
        yield "Milliseconds: " + ", ".join(f"{step} {_ms(value)}" for step, value in timings.items()) + "."


def _feedback(story: TurnStory) -> Iterator[str]:
    for header, body in story.feedback:
        useful = "useful" if header.facts.get("useful") else "not useful"
        reasons = ", ".join(_words(each) for each in as_list(header.facts.get("reasons")))
        comment = "; comment erased" if body is None else f'; "{body["comment"]}"' if body.get("comment") else ""
        yield f"Feedback, {header.time_utc}: {useful}{f' ({reasons})' if reasons else ''}{comment}."


def _place(evidence: Mapping[str, Any]) -> str:
    score = evidence.get("score")
    return (
        f"{evidence.get('policy')}, version {evidence.get('version')} ({evidence.get('language')}), characters "
        f"{evidence.get('start')} to {evidence.get('end')}" + (f", score {score}" if score is not None else "")
    )


def _ms(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, (int, float)) else str(value)


def _words(value: object) -> str:
    return str(value).replace("_", " ")
