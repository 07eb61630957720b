"""The console for officers and stewards: pages drawn on the server, without a script, for whoever is signed in."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.console import dashboard, entrance, exports, questions, records

router = APIRouter(include_in_schema=False)
for part in (entrance, records, exports, dashboard, questions):
    router.include_router(part.router, prefix="/console")
