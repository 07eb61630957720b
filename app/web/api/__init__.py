"""The API: every router, under /api/v1; OpenAI-compatible routes under /v1; operations beside them."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.api import completions, handoffs, ledger, operations, policies, staff, turns

router = APIRouter()
for part in (operations, turns, policies, handoffs, staff, ledger, completions):
    router.include_router(part.router)
