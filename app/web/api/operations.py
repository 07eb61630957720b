"""Operations: is the process alive, can it answer, what has it counted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from app.errors import SAFE_ERRORS
from app.web import metrics
from app.web.auth import Box

router = APIRouter(tags=["operations"])


class Readiness(BaseModel):
    """Whether the box can answer, and what is missing otherwise."""

    ready: bool
    why: Annotated[str | None, Field(examples=["the model is missing"])] = None


@router.get("/healthz", response_class=PlainTextResponse, summary="Alive", responses={200: {"content": {"text/plain": {"example": "ok"}}}})
def healthz() -> str:
    """The process is alive."""
    return "ok"


@router.get("/readyz", summary="Ready", response_model_exclude_none=True, responses={503: {"model": Readiness}})
def readyz(box: Box, response: Response) -> Readiness:
    """The box can answer: policies indexed, model loaded, ledger open."""
    try:
        if why := box.readiness():
            response.status_code = 503
            return Readiness(ready=False, why=why)
    except SAFE_ERRORS as error:
        response.status_code = 503
        return Readiness(ready=False, why=str(error))
    return Readiness(ready=True)


@router.get(
    "/metrics", response_class=PlainTextResponse, summary="Metrics",
    responses={200: {"content": {"text/plain": {"example": "tellerbox_turns_total{channel=\"web\"} 12.0"}}}},
)  # fmt: skip
def read_metrics(box: Box) -> PlainTextResponse:
    """Prometheus metrics; names begin with `tellerbox_`."""
    metrics.waiting(len(box.handoffs.waiting()))
    return PlainTextResponse(metrics.exposition(), media_type="text/plain; version=0.0.4")
