"""Exports as pages: choose a format and a period, watch the progress, take the file; both are recorded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from app.errors import SAFE_ERRORS, TellerboxError
from app.export_jobs import ExportJobs, ExportRefused
from app.web.auth import Principal
from app.web.console.pages import Viewer, Writer, show, wording_of
from compliance.export import FORMATS

router = APIRouter()
Officer = Annotated[Principal, Depends(Viewer("exports"))]
Exporting = Annotated[Principal, Depends(Writer("exports"))]
Day = Annotated[str, Form(max_length=40)]


def jobs_of(request: Request) -> ExportJobs:
    """The exports of this server."""
    jobs: ExportJobs = request.app.state.exports
    return jobs


Jobs = Annotated[ExportJobs, Depends(jobs_of)]


@router.get("/exports")
def list_exports(request: Request, officer: Officer, jobs: Jobs) -> Response:
    """The form, and what one asked for."""
    return _page(request, officer, jobs)


@router.post("/exports")
def start(
    request: Request, officer: Exporting, jobs: Jobs,
    format: Annotated[str, Form(max_length=20)] = "bundle", since: Day = "", until: Day = "", decrypt: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Begins an export."""
    try:
        jobs.start(officer.account.id, format, since, until, decrypt=decrypt)
    except ExportRefused as error:
        return _page(request, officer, jobs, wording_of(request).named("problem", error.name), 422)
    except SAFE_ERRORS:
        return _page(request, officer, jobs, wording_of(request).named("problem", "input"), 422)
    return RedirectResponse("/console/exports", 303)


@router.get("/exports/{id}")
def take(request: Request, officer: Officer, jobs: Jobs, id: str) -> Response:
    """The file, once its taking is recorded."""
    try:
        path = jobs.take(id, officer.account.id)
    except TellerboxError as error:
        raise HTTPException(404, str(error)) from None
    return FileResponse(path, media_type="application/octet-stream", filename=f"tellerbox-{path.name}")


def _page(request: Request, officer: Principal, jobs: ExportJobs, problem: str = "", status: int = 200) -> Response:
    own = jobs.of(officer.account.id)
    running = any(job.state == "running" for job in own)
    return show(request, "exports.html", officer, status, formats=FORMATS, jobs=own, running=running, problem=problem)
