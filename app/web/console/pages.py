"""What every page of the console shares: who may see it, its labels, its template, its forms' token against forgery."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from app.locales import DEFAULT, LANGUAGES, RIGHT_TO_LEFT
from app.web.auth import Principal, box_of, check_same_site, is_own, signed_in
from app.web.limits import limits_of

HERE = Path(__file__).parent
PAGES = (
    ("ledger", "/console/ledger", "ledger"), ("exports", "/console/exports", "exports"),
    ("dashboard", "/console/dashboard", "insights"), ("questions", "/console/questions", "insights"),
)  # fmt: skip
"""Name, path and scope of each page of the menu, in its order."""
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@lru_cache(maxsize=len(LANGUAGES))
def labels(language: str) -> Mapping[str, str]:
    """The console's own words in a language, English for those that are not translated."""
    texts: dict[str, str] = tomllib.loads((HERE / "labels" / f"{DEFAULT}.toml").read_text("utf-8"))
    own = HERE / "labels" / f"{language}.toml"
    if language != DEFAULT and own.is_file():
        texts |= tomllib.loads(own.read_text("utf-8"))
    return MappingProxyType(texts)


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
            raise HTTPException(403, "this page is for another role")
        return principal


class Writer(Viewer):
    """A dependency of a form: a viewer whose form repeats the token against forgery."""

    def __call__(self, request: Request, csrf: Annotated[str, Form(max_length=128)] = "") -> Principal:
        principal = super().__call__(request)
        check_same_site(request)
        if not is_own(principal, csrf):
            raise HTTPException(403, "this form is out of date; load its page again")
        return principal


Anybody = Annotated[Principal, Depends(Viewer())]


def language_of(request: Request) -> str:
    """The first served language that the browser asks for, English where it asks for none."""
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return DEFAULT


def show(request: Request, template: str, principal: Principal | None, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template; everything in it is escaped."""
    language = language_of(request)
    texts = labels(language)
    menu = [(texts[f"page_{name}"], path) for name, path, scope in PAGES if principal is not None and scope in principal.scopes]
    html = _templates.get_template(template).render(
        t=texts, language=language, direction="rtl" if language in RIGHT_TO_LEFT else "ltr", bank=box_of(request).settings.bank,
        branch=box_of(request).settings.branch, menu=menu, here=request.url.path, who=principal,
        csrf=principal.csrf if principal else "", moment=lambda text: moment(text, language), day=lambda text: day(text, language),
        number=lambda value: format_decimal(value, locale=language), percent=lambda value: format_percent(value, locale=language),
        **values,
    )  # fmt: skip
    return HTMLResponse(html, status)


def moment(time: str | float, language: str) -> str:
    """A moment (a record's, or seconds since 1970) as people of a language write it, in UTC, to the second."""
    when = datetime.fromtimestamp(time, UTC) if isinstance(time, (int, float)) else datetime.fromisoformat(time)
    return str(format_datetime(when, "medium", locale="en_GB" if language == "en" else language))


def day(text: str, language: str) -> str:
    """A day as people of a language write it, short."""
    try:
        return str(format_date(datetime.fromisoformat(text).date(), "d MMM", locale="en_GB" if language == "en" else language))
    except ValueError:
        return text
