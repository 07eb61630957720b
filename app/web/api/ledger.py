"""The ledger for an officer: headers with filters, one record, why, verify, the signed head."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query

from app.appliance import Appliance
from app.web.api import bodies
from app.web.auth import Box, Principal, Scope
from app.web.limits import limited
from compliance.browse import Filter, page
from compliance.errors import ComplianceError
from compliance.explain import explain

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"], dependencies=[Depends(limited)])
Officer = Annotated[Principal, Depends(Scope("ledger"))]
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": bodies.Problem}}


def wanted_records(
    kind: Annotated[str, Query(description="of record", examples=["turn_closed"])] = "",
    turn: Annotated[str, Query(description="id of a turn")] = "",
    session: Annotated[str, Query(description="id of a session")] = "",
    channel: Annotated[str, Query(examples=["web"])] = "",
    role: Annotated[str, Query(examples=["customer"])] = "",
    outcome: Annotated[str, Query(description="of a turn, result of a sign-in, change of a hand-off", examples=["abstained"])] = "",
    language: Annotated[str, Query(examples=["es"])] = "",
    since: Annotated[str, Query(description="a day, or an ISO 8601 time, in UTC", examples=["2026-11-01"])] = "",
    until: Annotated[str, Query(description="a day, included, or a time", examples=["2026-11-30"])] = "",
) -> Filter:
    """The filter that a query asks for; 422 for a moment that is none."""
    try:
        return Filter(kind, turn, session, channel, role, outcome, language, since, until)
    except ComplianceError as error:
        raise HTTPException(422, str(error)) from None


@router.get("", summary="Browse records", responses={422: {"model": bodies.Problem}})
def browse(
    box: Box, officer: Officer,
    wanted: Annotated[Filter, Depends(wanted_records)],
    before: Annotated[int | None, Query(ge=0, description="older than this record", examples=[992])] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> bodies.RecordPage:  # fmt: skip
    """Headers, newest first. A page may be short of `limit` where few records fit: `before` goes on from where it looked."""
    found = page(box.ledger, wanted, before=before, limit=limit)
    records = [bodies.RecordHeader(index=index, header=header) for index, header in found.records]
    return bodies.RecordPage(size=found.size, records=records, before=found.before)


@router.get("/checkpoint", summary="The signed head")
def checkpoint(box: Box, officer: Officer) -> bodies.Checkpoint:
    """The head of the ledger as signed, to be kept elsewhere, and how far a witness has cosigned."""
    return signed_head(box)


def signed_head(box: Appliance) -> bodies.Checkpoint:
    """The head as signed and the last one that a witness cosigned, from one view of the ledger; publishes nothing."""
    with box.ledger.snapshot() as view:
        note, size, cosigned = box.ledger.published(view), view.size, view.cosigned(last=1)
    last = cosigned[0] if cosigned else (None, None)
    return bodies.Checkpoint(size=size, key=box.ledger.vkey, checkpoint=note, cosigned_size=last[0], cosigned=last[1])


@router.post("/verify", summary="Verify everything")
def verify(box: Box, officer: Officer) -> bodies.Verified:
    """Recomputes every hash and checks every signature; about a second for 75,000 records."""
    result = box.ledger.verify()
    return bodies.Verified(ok=result.ok, summary=result.summary)


@router.get("/{index}", summary="One record", responses=MISSING)
def read_record(box: Box, officer: Officer, index: int) -> bodies.RecordWithBody:
    """Header and redacted body, proved against the signed head, with the proof."""
    try:
        header, body = box.ledger.read(index)
        receipt = box.ledger.receipt(index)
    except ComplianceError as error:
        raise HTTPException(404, str(error)) from None
    return bodies.RecordWithBody(index=index, header=header.to_json(), body=None if body is None else dict(body), receipt=receipt)


@router.get("/turns/{turn}/explanation", summary="Why, for an officer", responses=MISSING)
def explain_to_officer(box: Box, officer: Officer, turn: str) -> bodies.Explanation:
    """Everything the record says of how a turn was answered, in words, in English."""
    records = [box.ledger.read(entry.index) for entry in box.ledger.find(turn=turn)] if turn else []
    if not records:
        raise HTTPException(404, "there is no such turn")
    return bodies.Explanation(turn=turn, explanation=explain(records, reader="officer"))
