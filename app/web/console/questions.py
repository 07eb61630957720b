"""Unanswered questions as a page: grouped by meaning, the largest group first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from app.unanswered import MOST_QUESTIONS, grouped, unanswered
from app.web.auth import Box, Principal
from app.web.console.pages import Viewer, show

router = APIRouter()
DAYS = (7, 30, 90, 365)


@router.get("/questions")
def read_questions(
    box: Box, request: Request, steward: Annotated[Principal, Depends(Viewer("insights"))],
    days: Annotated[int, Query(ge=1, le=3650)] = 30,
) -> Response:  # fmt: skip
    """What the policies did not answer."""
    since = (datetime.now(UTC) - timedelta(days=days)).date().isoformat()
    found = unanswered(box.ledger, since)
    groups = grouped(found, box.embedder)
    return show(request, "questions.html", steward, groups=groups, total=len(found), days=days, choices=DAYS, most=MOST_QUESTIONS)
