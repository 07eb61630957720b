"""A turn's records as OpenTelemetry spans, under the `gen_ai.*` semantic conventions where they have a name for it.

One trace a turn: the turn (`invoke_workflow`), the search in it (`retrieval`) and the model's part (`chat`), with the
grounding of each sentence, and feedback, as `gen_ai.evaluation.result` events. Only what stands in clear in the headers
leaves with it: no question, no answer, no prompt, whether or not the keys are there. Names after the OpenTelemetry GenAI
semantic conventions (status: development); what they have no name for is under `tellerbox.`. The output is OTLP in its
JSON encoding, one object a turn, which a collector reads as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from compliance.record import canonical
from compliance.turn_story import Record, TurnStory, as_list, as_mapping, stories

Value: TypeAlias = "str | bool | int | float | list[str]"
Attributes = dict[str, Value]

PROVIDER = "llama.cpp"
WORKFLOW = "branch answer"
INTERNAL, SERVER = 1, 2
"""OTLP span kinds: the model runs in the same process; the turn serves a person."""
_FAILED = 2
_ERRORS = frozenset({"timeout", "cancelled", "failed", "busy", "not asked"})
_BEFORE_SEARCH = ("redact", "language", "guard", "record")


def turn_attributes(story: TurnStory) -> Attributes:
    """Attributes of the whole turn."""
    header = story.header
    found: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": WORKFLOW,
        "gen_ai.conversation.id": header.session,
        "gen_ai.response.id": header.turn,
        "gen_ai.output.type": "text",
        "tellerbox.schema": header.schema,
        "tellerbox.branch": header.branch,
        "tellerbox.channel": header.channel,
        "tellerbox.role": header.role,
        "tellerbox.outcome": story.facts.get("outcome"),
        "tellerbox.answerable": story.facts.get("answerable"),
        "tellerbox.threshold": story.facts.get("threshold"),
        "tellerbox.guard.rules": [str(each) for each in as_list(story.named("guard").get("rules"))],
        "tellerbox.sentences": [str(each.get("origin")) for each in story.listed("sentences")],
    }
    for name, members in (
        ("disclosure", ("version", "language", "first")), ("language", ("answer_in", "detected", "reason", "confidence")),
        ("guard", ("category",)), ("handoff", ("reason", "urgent")), ("scope", ("as_of", "jurisdiction")),
    ):  # fmt: skip
        found |= {f"tellerbox.{name}.{member}": story.named(name).get(member) for member in members}
    found |= {f"tellerbox.redactions.{kind.lower()}": count for kind, count in story.redactions.items()}
    return _kept(found)


def search_attributes(story: TurnStory) -> Attributes:
    """Attributes of the search; empty where nothing was searched."""
    documents = [
        {
            "id": f"{each.get('policy')}@{each.get('version')}/{each.get('language')}#{each.get('start')}-{each.get('end')}",
            "score": each.get("score"),
        }
        for each in story.listed("retrieved")
    ]
    if not documents:
        return {}
    return _kept({
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": story.facts.get("index_sha256"),
        "gen_ai.retrieval.documents": canonical(documents).decode(),
        "tellerbox.ranking_sha256": story.facts.get("ranking_sha256"),
    })  # fmt: skip


def model_attributes(story: TurnStory) -> Attributes:
    """Attributes of the model's part; empty where it was not asked. There is no seed: decoding is greedy."""
    model, prompt = story.named("model"), story.named("prompt")
    settings = as_mapping(model.get("settings"))
    finish = str(model.get("finish") or "")
    if not finish:
        return {}
    return _kept({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model.get("name"),
        "gen_ai.response.model": model.get("name"),
        "gen_ai.response.id": story.header.turn,
        "gen_ai.conversation.id": story.header.session,
        "gen_ai.output.type": "text",
        "gen_ai.request.temperature": _float(settings.get("temperature")),
        "gen_ai.request.top_k": _float(settings.get("top_k")),
        "gen_ai.request.seed": settings.get("seed"),
        "gen_ai.request.max_tokens": settings.get("max_tokens"),
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": [finish],
        "gen_ai.usage.input_tokens": prompt.get("tokens"),
        "gen_ai.usage.output_tokens": model.get("tokens"),
        "error.type": finish if finish in _ERRORS else None,
        "tellerbox.model.sha256": model.get("sha256"),
        "tellerbox.model.quantization": model.get("quantization"),
        "tellerbox.model.declined": model.get("declined"),
        "tellerbox.prompt.version": prompt.get("version"),
        "tellerbox.prompt.sha256": prompt.get("sha256"),
    })  # fmt: skip


def evaluations(story: TurnStory) -> Iterator[Attributes]:
    """What was judged: the grounding of each sentence that rests on a policy or was rejected, and feedback."""
    for sentence in story.listed("sentences"):
        for evidence in map(as_mapping, as_list(sentence.get("evidence"))):
            yield _evaluation("grounding", evidence.get("score"), "shown", str(sentence.get("origin")))
    for rejected in story.listed("rejected"):
        yield _evaluation("grounding", rejected.get("score"), "rejected", str(rejected.get("reason")))
    for header, _ in story.feedback:
        useful = bool(header.facts.get("useful"))
        reasons = ", ".join(str(each) for each in as_list(header.facts.get("reasons")))
        yield _evaluation("feedback", float(useful), "useful" if useful else "not_useful", reasons or None)


def otlp(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """One OTLP/JSON `TracesData` object a turn, from records as `Ledger.read` gives them (bodies are not looked at).
    Raises ComplianceError where none is of a turn."""
    for story in stories(records):
        software = story.named("software")
        resource = _kept({"service.name": "tellerbox", "service.version": software.get("tellerbox")})
        scope = {"name": "tellerbox.compliance.telemetry"}
        spans = list(_spans(story))
        yield {"resourceSpans": [{"resource": {"attributes": _pairs(resource)}, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _spans(story: TurnStory) -> Iterator[dict[str, Any]]:
    timings = {str(step): _float(value) or 0.0 for step, value in story.named("timings_ms").items()}
    end = int(datetime.fromisoformat(story.header.time_utc).timestamp() * 1000) * 1_000_000
    start = end - _nanoseconds(timings.get("total", 0.0))
    searched = start + _nanoseconds(sum(timings.get(step, 0.0) for step in _BEFORE_SEARCH))
    asked = searched + _nanoseconds(timings.get("search", 0.0))
    judged = [_event(each, end) for each in evaluations(story)]
    yield _span(story, "turn", f"invoke_workflow {WORKFLOW}", SERVER, start, end, turn_attributes(story), judged)
    if search := search_attributes(story):
        yield _span(story, "search", f"retrieval {str(story.facts.get('index_sha256'))[:16]}", INTERNAL, searched, asked, search)
    if model := model_attributes(story):
        done = asked + _nanoseconds(timings.get("slm", 0.0))
        yield _span(story, "model", f"chat {story.named('model').get('name')}", INTERNAL, asked, done, model)


def _span(
    story: TurnStory, part: str, name: str, kind: int, start: int, end: int, attributes: Attributes,
    events: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    span: dict[str, Any] = {
        "traceId": _id(story, "", 16), "spanId": _id(story, part, 8), "name": name, "kind": kind,
        "startTimeUnixNano": str(start), "endTimeUnixNano": str(end), "attributes": _pairs(attributes),
    }  # fmt: skip
    if part != "turn":
        span["parentSpanId"] = _id(story, "turn", 8)
    if events:
        span["events"] = events
    if "error.type" in attributes:
        span["status"] = {"code": _FAILED}
    return span


def _event(attributes: Attributes, at: int) -> dict[str, Any]:
    return {"name": "gen_ai.evaluation.result", "timeUnixNano": str(at), "attributes": _pairs(attributes)}


def _evaluation(name: str, score: object, label: str, explanation: str | None) -> Attributes:
    return _kept({
        "gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": _float(score),
        "gen_ai.evaluation.score.label": label, "gen_ai.evaluation.explanation": explanation,
    })  # fmt: skip


def _id(story: TurnStory, part: str, length: int) -> str:
    # Derived, so that the same turn exported twice is one trace to a collector.
    return hashlib.sha256(f"{story.header.branch}/{story.header.turn}/{part}".encode()).digest()[:length].hex()


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _nanoseconds(milliseconds: float) -> int:
    return int(milliseconds * 1_000_000)


def _kept(found: Mapping[str, Any]) -> Attributes:
    """Without what is not known, and without what a span cannot carry."""
    kept: Attributes = {}
    for name, value in found.items():
        if isinstance(value, (str, bool, int, float)) or (isinstance(value, list) and value):
            kept[name] = value
    return kept


def _pairs(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": name, "value": _any_value(value)} for name, value in attributes.items()]


def _any_value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}
    return {"stringValue": value}
