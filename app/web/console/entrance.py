"""The entrance of the console: its language, sign in, sign out, and the page one's role begins with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.locales import LANGUAGES
from app.staff.sign_in import SignInRefused
from app.web.auth import Box, Principal, check_same_site, clear_cookie, cookie_of, set_cookie, signed_in
from app.web.console.pages import LANGUAGE_COOKIE, PAGES, Anybody, Writer, inside, keep_language, show, wording_of
from app.web.limits import address_of, limits_of

router = APIRouter()


@router.get("")
def begin(request: Request, viewer: Anybody) -> Response:
    """The first page that the role has; for a role without one, a page that says so."""
    path = next((path for _, path, scope in PAGES if scope in viewer.scopes), None)
    return RedirectResponse(path, 303) if path else show(request, "nothing.html", viewer)


@router.post("/language")
def choose_language(
    request: Request, language: Annotated[str, Form(max_length=8)] = "", back: Annotated[str, Form(max_length=500)] = "/console"
) -> Response:
    """Shows the page again in another language; also before signing in."""
    check_same_site(request)
    response = RedirectResponse(inside(back), 303)
    if language in LANGUAGES:
        keep_language(request, response, language)
    return response


@router.get("/sign-in")
def sign_in_page(request: Request, back: Annotated[str, Query(max_length=200)] = "/console") -> Response:
    """The form to sign in."""
    if signed_in(request) is not None:
        return RedirectResponse("/console", 303)
    return sign_in_form(request, back=back)


@router.post("/sign-in")
def sign_in(
    box: Box, request: Request,
    name: Annotated[str, Form(max_length=1_000)] = "", password: Annotated[str, Form(max_length=1_000)] = "",
    code: Annotated[str, Form(max_length=20)] = "", back: Annotated[str, Form(max_length=200)] = "/console",
) -> Response:  # fmt: skip
    """Signs in and goes back to where one wanted to be; what was wrong is not said."""
    check_same_site(request)
    limits_of(request).sign_in(address_of(request))
    try:
        signed = box.staff.sign_ins.sign_in(name, password, code, channel="web")
    except SignInRefused:
        return sign_in_form(request, 401, "wrong", back=back, name=name)
    response = RedirectResponse(inside(back), 303)
    set_cookie(request, response, signed)
    return response


@router.post("/sign-out")
def sign_out(box: Box, request: Request, viewer: Annotated[Principal, Depends(Writer())]) -> Response:
    """Signs out."""
    box.staff.sign_ins.sign_out(cookie_of(request) or "", channel="web")
    response = RedirectResponse("/console/sign-in", 303)
    clear_cookie(request, response)
    response.delete_cookie(LANGUAGE_COOKIE, path="/console")
    return response


def sign_in_form(request: Request, status: int = 200, problem: str = "", *, back: str = "/console", name: str = "") -> Response:
    """The form to sign in, with the label `problem.<problem>` above it where something went wrong."""
    shown = wording_of(request).labels[f"problem.{problem}"] if problem else ""
    elsewhere = request.app.state.oidc is not None
    return show(request, "sign_in.html", None, status, back=inside(back), name=name, problem=shown, elsewhere=elsewhere)
