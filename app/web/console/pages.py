"""What every page of the console shares: who may see it, in which language, its template, its forms' token against forgery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from app.appliance import Appliance
from app.locales import DEFAULT, LANGUAGES
from app.web.auth import Principal, box_of, check_same_site, is_own, signed_in
from app.web.console.wording import OWN_NAMES, Wording, preferred
from app.web.limits import limits_of

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "tellerbox-language"
"""Until the browser is closed or its person signs out; a preference, no proof of anything."""
PAGES = (
    ("ledger", "/console/ledger", "ledger"), ("exports", "/console/exports", "exports"),
    ("dashboard", "/console/dashboard", "insights"), ("questions", "/console/questions", "insights"),
)  # fmt: skip
"""Name, path and scope of each page of the menu, in its order."""
PROBLEMS = {401: "wrong", 403: "site", 404: "missing", 413: "input", 422: "input", 429: "often", 503: "unavailable"}
"""The label of what went wrong, by status; any other status is a fault."""
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


class PageProblem(HTTPException):
    """A refusal that has a sentence of its own: the label `problem.<name>`."""

    def __init__(self, status: int, name: str) -> None:
        super().__init__(status, Wording(DEFAULT).labels[f"problem.{name}"])
        self.name = name


class Viewer:
    """A dependency of a page: whoever has its scope; nobody is sent to sign in, anybody else is refused."""

    def __init__(self, scope: str | None = None) -> None:
        self.scope = scope

    def __call__(self, request: Request) -> Principal:
        principal = signed_in(request)
        if principal is None:
            back = quote(request.url.path) if request.method == "GET" else "/console"
            raise HTTPException(303, "sign in", headers={"Location": f"/console/sign-in?back={back}"})
        limits_of(request).request(f"browser:{principal.id}")
        if self.scope is not None and self.scope not in principal.scopes:
            raise PageProblem(403, "role")
        return principal


class Writer(Viewer):
    """A dependency of a form: a viewer whose form repeats the token against forgery."""

    def __call__(self, request: Request, csrf: Annotated[str, Form(max_length=128)] = "") -> Principal:
        principal = super().__call__(request)
        check_same_site(request)
        if not is_own(principal, csrf):
            raise PageProblem(403, "form")
        return principal


Anybody = Annotated[Principal, Depends(Viewer())]


def wording_of(request: Request) -> Wording:
    """How the page speaks: in the language that was chosen on a page, else the one that the browser likes best."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return Wording(chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", "")))


def keep_language(request: Request, response: Response, language: str) -> None:
    """Speaks a language from now on, until the browser is closed or its person signs out."""
    secure = request.url.scheme == "https"
    response.set_cookie(LANGUAGE_COOKIE, language, path="/console", secure=secure, httponly=True, samesite="lax")


def inside(path: str) -> str:
    """A path of the console, whatever was asked for: nobody is sent elsewhere from here."""
    within = path == "/console" or (path.startswith("/console/") and "//" not in path and "\\" not in path)
    return path if within and path.isprintable() and path.isascii() else "/console"


def show(request: Request, template: str, principal: Principal | None, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template; everything in it is escaped."""
    wording, box = wording_of(request), box_of(request)
    texts = wording.labels
    menu = [(texts[f"page.{name}"], path) for name, path, scope in PAGES if principal is not None and scope in principal.scopes]
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    html = _templates.get_template(template).render(
        t=texts, w=wording, language=wording.language, direction=wording.direction, languages=OWN_NAMES,
        bank=box.settings.bank, branch=box.settings.branch, menu=menu, here=request.url.path, who=principal,
        again=inside(here if request.method == "GET" else request.url.path.rpartition("/")[0]), csrf=principal.csrf if principal else "",
        title=lambda policy: policy_title(box, policy, wording.language), **values,
    )  # fmt: skip
    return HTMLResponse(html, status, headers={"Content-Language": wording.language})


def policy_title(box: Appliance, policy: str, language: str) -> str:
    """A policy by its title: in this language, else in the branch's default one; its id where it is not here any more."""
    titles = {each.language: each.title for each in box.index.policies if each.id == policy}
    return titles.get(language) or titles.get(box.settings.default_language) or policy
