"""What goes wrong, as responses: one line that is safe to show, in the form of the face it goes to."""

from __future__ import annotations

import logging
import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from app import locales
from app.errors import Busy, TellerboxError
from app.handoffs import NoHandoff, NotYours
from app.staff.sign_in import SignInRefused
from app.web.api.completions import Unsupported, unsupported
from app.web.auth import signed_in
from app.web.console.pages import PROBLEMS, PageProblem, show, wording_of
from compliance.errors import ComplianceError
from knowledge.errors import KnowledgeError

log = logging.getLogger(__name__)
_PATH = re.compile(r" \(/[^()]*\)$")
"""Where a file lies is for the log, not for whoever asks over the network."""
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (SignInRefused, 401), (NoHandoff, 404), (NotYours, 409), (TellerboxError, 422), (ComplianceError, 503), (KnowledgeError, 503),
)  # fmt: skip


def tell_failures(app: FastAPI) -> None:
    """Every error of the API is `{"error": …}`, under /v1 the OpenAI protocol's form of it; none repeats what was sent."""
    app.add_exception_handler(Busy, _busy)
    for kind, status in _STATUS:
        app.add_exception_handler(kind, _safe(status))
    app.add_exception_handler(Unsupported, unsupported)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _fault)


def _safe(status: int) -> Any:
    async def told(request: Request, error: Exception) -> Response:
        if status >= 500:
            log.error("%s", error)
        return _response(request, _PATH.sub("", str(error)), status)

    return told


async def _busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return _response(request, str(error), 429, {"Retry-After": str(error.retry_after)})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = error.name if isinstance(error, PageProblem) else ""
    return _response(request, str(error.detail), error.status_code, dict(error.headers or {}), name)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # a place is named by the fields of the schema; a name that was sent and is none of them is not repeated
    place = [str(part) for part in first["loc"][1:] if first["type"] != "extra_forbidden"]
    return _response(request, f"{'.'.join(place) or 'the request'}: {_words(first['type'])}", 422)


def _words(kind: str) -> str:
    known = {
        "missing": "is missing", "extra_forbidden": "holds a field that is not known", "json_invalid": "is not JSON",
        "string_too_long": "is too long", "too_long": "is too long", "literal_error": "is not one of the values it may have",
    }  # fmt: skip
    return known.get(kind, f"is not right ({kind.replace('_', ' ')})")


async def _fault(request: Request, error: Exception) -> Response:
    log.error("a request failed: %s", type(error).__name__)
    return _response(request, locales.text("error.fault", "en"), 500)


def _response(request: Request, message: str, status: int, headers: dict[str, str] | None = None, name: str = "") -> Response:
    if request.url.path.startswith("/console"):
        return _page(request, message, status, headers, name)
    if request.url.path.startswith("/v1/"):
        kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        content: dict[str, Any] = {"error": {"message": message, "type": kind, "param": None, "code": None}}
        return JSONResponse(content, status_code=status, headers=headers)
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def _page(request: Request, message: str, status: int, headers: dict[str, str] | None, name: str) -> Response:
    """The sentence for what went wrong in the page's language and, where the error says more than its status does, the error's
    own words, which are English."""
    if headers and "Location" in headers:
        return RedirectResponse(headers["Location"], status)
    try:
        viewer = signed_in(request)
    except ComplianceError:
        viewer = None
    problem = wording_of(request).named("problem", name or PROBLEMS.get(status, "fault"))
    detail = message if status in (404, 422, 503) and not name else ""
    response = show(request, "problem.html", viewer, status, problem=problem, detail=detail)
    response.headers.update(headers or {})
    return response
