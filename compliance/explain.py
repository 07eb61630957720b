"""Why this answer, in words, from the records of a turn alone: for the person who asked, or for an officer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from compliance.errors import ComplianceError
from compliance.record import Header, Json

Record = tuple[Header, Mapping[str, Json] | None]

_OUTCOMES = {
    "answered": "The box answered from the bank's policies.",
    "abstained": "The box did not answer: it found nothing in the bank's policies that settles the question.",
    "handed_off": "The box did not answer by itself: this needs a person.",
    "refused": "The box did not answer: it may not help with this.",
}
_ORIGINS = {
    "model": "worded by the language model, then checked against the policy",
    "quote": "quoted from the policy, word for word",
    "fixed": "a fixed sentence of the box, not from a policy",
}


def explain(records: Iterable[Record], *, reader: Literal["customer", "officer"] = "customer") -> str:
    """Why a turn was answered as it was, in plain English, from its records (as `Ledger.read` gives them, in any
    order).

    For a customer: the outcome, each sentence with the policy it rests on, what was left out of the record, and the
    right to a person (GDPR Art. 15 and 22). For an officer also the language decision, the guard's
    rules, what was retrieved with scores, what was rejected and why, the model, the prompt and the time each step took.
    Raises ComplianceError where no record is of a turn."""
    chosen = sorted((each for each in records if each[0].turn), key=lambda each: each[0].time_utc)
    if not chosen:
        raise ComplianceError("there is no turn to explain")
    facts: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for header, sealed in chosen:
        facts.update(header.facts)
        body.update(sealed or {})
    erased = any(sealed is None for _, sealed in chosen)
    header = chosen[-1][0]
    lines = [f"Turn {header.turn}, {_moment(header.time_utc)}, branch {header.branch}."]
    lines += _outcome(facts, closed=any(each[0].kind == "turn_closed" for each in chosen))
    lines += _sentences(facts, body, erased)
    lines += _redactions(facts)
    if reader == "officer":
        lines += _decisions(facts) + _retrieved(facts) + _rejected(facts) + _machine(facts)
    elif facts.get("outcome") != "handed_off":
        lines.append("You can ask for a person at any time, and have this answer looked at by one.")
    return "\n".join(lines)


def _moment(time_utc: str) -> str:
    return f"{time_utc[:10]} at {time_utc[11:19]} UTC"


def _outcome(facts: Mapping[str, Any], *, closed: bool) -> list[str]:
    if not closed:
        return ["The turn was opened and never closed: no answer was completed."]
    outcome = str(facts.get("outcome"))
    lines = [_OUTCOMES.get(outcome, f"The outcome was {outcome}.")]
    if handoff := _mapping(facts.get("handoff")):
        urgent = ", urgently" if handoff.get("urgent") else ""
        lines.append(f"It was handed to a person{urgent}, because of: {_words(handoff.get('reason'))}.")
    return lines


def _sentences(facts: Mapping[str, Any], body: Mapping[str, Any], erased: bool) -> list[str]:
    texts = body.get("answer")
    texts = [texts] if isinstance(texts, str) else _list(texts)
    lines: list[str] = []
    if erased:
        lines.append("The texts were erased; what follows is what is known without them.")
    for at, sentence in enumerate(map(_mapping, _list(facts.get("sentences")))):
        shown = f'"{texts[at]}"' if at < len(texts) else f"sentence {at + 1}"
        origin = str(sentence.get("origin"))
        lines.append(f"  {at + 1}. {shown}")
        lines.append(f"     {_ORIGINS.get(origin, origin)}")
        lines += [f"     rests on {_place(_mapping(each))}" for each in _list(sentence.get("evidence"))]
    return lines


def _redactions(facts: Mapping[str, Any]) -> list[str]:
    found = facts.get("redactions")
    listed = map(_mapping, _list(found))
    counts = found if isinstance(found, Mapping) else {str(each.get("type")): each.get("count") for each in listed}
    if not counts:
        return []
    named = ", ".join(f"{count} {str(kind).replace('_', ' ')}" for kind, count in sorted(counts.items()))
    return [f"Before anything else, identifying details were taken out of the question: {named}."]


def _decisions(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if language := _mapping(facts.get("language")):
        code = language.get("answer_in", language.get("code"))
        seen = language.get("detected")
        scores = ", ".join(" ".join(map(str, _list(each))) for each in _list(language.get("scores"))[:3])
        lines.append(
            f"Language: answered in {code}" + (f", detected {seen}" if seen else "") + f" ({_words(language.get('reason'))}"
            f"{'; ' + scores if scores else ''})."
        )
    if guard := _mapping(facts.get("guard")):
        rules = ", ".join(map(str, _list(guard.get("rules")))) or "none"
        lines.append(f"Guard: {_words(guard.get('category') or 'nothing to stop')}; rules matched: {rules}.")
    if facts.get("answerable") is not None:
        lines.append(f"Judged answerable from the policies: {facts['answerable']} of 1.")
    return lines


def _retrieved(facts: Mapping[str, Any]) -> list[str]:
    found = [_mapping(each) for each in _list(facts.get("retrieved") or facts.get("passages"))]
    return [f"Retrieved, best first ({len(found)}):", *(f"  {_place(each)}" for each in found)] if found else []


def _rejected(facts: Mapping[str, Any]) -> list[str]:
    found = [_mapping(each) for each in _list(facts.get("rejected"))]
    return [f"A sentence of the model was not shown: {_words(each.get('reason'))} (score {each.get('score')})." for each in found]


def _machine(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if model := _mapping(facts.get("model")):
        sampling = _words(model.get("sampling") or "unknown")
        lines.append(f"Model: {model.get('name')}, sha256 {model.get('sha256')}, sampling {sampling}.")
    if prompt := _mapping(facts.get("prompt")):
        lines.append(f"Prompt template: version {prompt.get('version')}, sha256 {prompt.get('sha256')}.")
    if facts.get("index_sha256"):
        lines.append(f"Index of the policies: sha256 {facts['index_sha256']}.")
    if timings := _mapping(facts.get("timings_ms")):
        lines.append("Milliseconds: " + ", ".join(f"{step} {_ms(value)}" for step, value in timings.items()) + ".")
    return lines


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


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else []
