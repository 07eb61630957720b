"""The console for officers and stewards: pages drawn on the server, without a script, for whoever is signed in."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.console import dashboard, entrance, exports, questions, records, single_sign_on
from app.web.console.pages import PageProblem

router = APIRouter(include_in_schema=False)
for part in (entrance, single_sign_on, records, exports, dashboard, questions):
    router.include_router(part.router, prefix="/console")


@router.get("/console/{rest:path}")
def nowhere(rest: str) -> None:
    """A page that is not there, said like everything else here."""
    raise PageProblem(404, "missing")
