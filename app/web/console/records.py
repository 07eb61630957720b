"""The ledger as pages: browse with filters, verify, checkpoint and witness; one record; one answer, why, and its replay."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response

from app.appliance import Appliance
from app.locales import LANGUAGES
from app.replay import Replay, chosen, describe, replay
from app.web.api.ledger import signed_head, wanted_records
from app.web.auth import Box, Principal
from app.web.console.pages import PageProblem, Viewer, Writer, show, wording_of
from compliance.browse import Filter, page
from compliance.errors import ComplianceError
from compliance.explain import explain
from compliance.fields import kinds
from compliance.turn_story import TurnStory, as_list, as_mapping, stories
from compliance.verification import Verification

router = APIRouter()
Officer = Annotated[Principal, Depends(Viewer("ledger"))]
Verifying = Annotated[Principal, Depends(Writer("ledger"))]
OUTCOMES = ("answered", "abstained", "handed_off", "refused", "abandoned")
CHANNELS = ("web", "kiosk", "api", "openai", "cli")
A_PAGE = 50


@router.get("/ledger")
def browse(
    box: Box, request: Request, officer: Officer,
    wanted: Annotated[Filter, Depends(wanted_records)],
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:  # fmt: skip
    """Records, newest first."""
    return _browser(box, request, officer, wanted, before, None)


@router.post("/ledger/verify")
def verify(box: Box, request: Request, officer: Verifying) -> Response:
    """Recomputes every hash and checks every signature, then shows the records again."""
    return _browser(box, request, officer, Filter(), None, box.ledger.verify())


def _browser(
    box: Appliance, request: Request, officer: Principal, wanted: Filter, before: int | None, verified: Verification | None
) -> Response:
    found = page(box.ledger, wanted, before=before, limit=A_PAGE)
    chosen_ones = {name: value for name, value in asdict(wanted).items() if value}
    older = f"/console/ledger?{urlencode(chosen_ones | {'before': found.before})}" if found.before is not None else None
    w = wording_of(request)
    choices = {
        "kind": sorted(((kind, w.named("record_kind", kind)) for kind in kinds()), key=lambda each: each[1]),
        "outcome": [(outcome, w.named("result", outcome)) for outcome in OUTCOMES],
        "language": [(code, w.language_name(code)) for code in LANGUAGES],
        "channel": [(channel, w.named("channel_name", channel)) for channel in CHANNELS],
    }
    return show(
        request, "ledger.html", officer, records=found.records, size=found.size, older=older, wanted=wanted, choices=choices,
        filtered=bool(chosen_ones), verified=verified, head=signed_head(box),
    )  # fmt: skip


@router.get("/ledger/{index}")
def read_record(box: Box, request: Request, officer: Officer, index: int) -> Response:
    """One record: header, redacted body, proof."""
    try:
        header, body = box.ledger.read(index)
        receipt = box.ledger.receipt(index)
    except ComplianceError as error:
        raise HTTPException(404, str(error)) from None
    return show(
        request, "record.html", officer, index=index, header=header, facts=_pretty(header.to_json()),
        body=None if body is None else _pretty(dict(body)), has_body=body is None or bool(body), receipt=receipt,
    )  # fmt: skip


@router.get("/turns/{turn}")
def read_turn(box: Box, request: Request, officer: Officer, turn: str) -> Response:
    """An answer: question, sentences with evidence, what was rejected, scores, why."""
    return _turn(box, request, officer, turn, None)


@router.post("/turns/{turn}/replay")
def replay_turn(box: Box, request: Request, officer: Verifying, turn: str) -> Response:
    """The answer with what the recorded model and search say today."""
    _records(box, turn)
    done = [replay(box, record) for record in chosen(box.ledger, turn)]
    return _turn(box, request, officer, turn, [(each, "\n".join(describe(each))) for each in done])


def _records(box: Appliance, turn: str) -> list[tuple[int, Any, Any]]:
    found = [(entry.index, *box.ledger.read(entry.index)) for entry in box.ledger.find(turn=turn)] if turn else []
    if not any(header.kind.startswith("turn_") for _, header, _ in found):
        raise PageProblem(404, "missing")
    return found


def _turn(box: Appliance, request: Request, officer: Principal, turn: str, replayed: list[tuple[Replay, str]] | None) -> Response:
    found = _records(box, turn)
    records = [(header, body) for _, header, body in found]
    story, language = stories(records)[0], wording_of(request).language
    return show(
        request, "turn.html", officer, turn=turn, story=story, sentences=_sentences(story, language),
        rejected=[as_mapping(each) for each in as_list(story.body.get("rejected") or story.facts.get("rejected"))],
        retrieved=[dict(each) | {"href": _href(each, language)} for each in story.listed("retrieved")], question=story.body.get("question"),
        indexes=[(index, header.kind) for index, header, _ in found],
        why=explain(records, language=language), protocol=explain(records, reader="officer"), replayed=replayed,
        feedback=[(header, as_mapping(body).get("comment")) for header, body in story.feedback],
    )  # fmt: skip


def _sentences(story: TurnStory, shown_in: str) -> list[dict[str, Any]]:
    texts = story.texts
    return [
        {
            "text": texts[at] if at < len(texts) else None,
            "origin": sentence.get("origin"),
            "evidence": [dict(each) | {"href": _href(each, shown_in)} for each in map(as_mapping, as_list(sentence.get("evidence")))],
        }
        for at, sentence in enumerate(story.listed("sentences"))
    ]


def _href(evidence: Any, shown_in: str) -> str:
    query = urlencode({name: evidence.get(name) for name in ("version", "start", "end")} | {"in": shown_in})
    return f"/policies/{evidence.get('language')}/{evidence.get('policy')}?{query}#evidence"


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
