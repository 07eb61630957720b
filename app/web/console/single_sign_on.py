"""Signing in through the bank's sign-in service: off to it, and back with what it says; only where the settings name one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.appliance import Appliance
from app.staff.vouched import NoRole, Stopped
from app.web.auth import Box, set_cookie
from app.web.console.entrance import sign_in_form
from app.web.console.pages import PageProblem, inside, show
from app.web.limits import address_of, limits_of

if TYPE_CHECKING:
    from app.staff.oidc import Provider

router = APIRouter()
COOKIE = "tellerbox-oidc"
"""Ties the way back to the browser that set out. Lax, because the way back begins at the service's page."""
PATH = "/console/oidc"
Text = Annotated[str, Query(max_length=4096)]


def open_provider(box: Appliance) -> Provider | None:
    """The sign-in service of the settings; None where there is none, and then nothing of it is imported. Raises TellerboxError."""
    if not box.settings.oidc_issuer:
        return None
    from app.staff.oidc import Provider

    return Provider(box.settings)


def provider_of(request: Request) -> Provider:
    """The sign-in service of this server; a missing page where there is none."""
    limits_of(request).sign_in(address_of(request))
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise PageProblem(404, "missing")
    return provider



@router.get("/oidc")
def set_out(box: Box, request: Request, back: Text = "/console") -> Response:
    """Off to the service; with a clear page where it cannot be reached."""
    provider = provider_of(request)
    from app.staff.oidc import WITHIN_SECONDS, ProviderUnavailable

    try:
        begun = provider.begin(_callback(box, request), inside(back))
    except ProviderUnavailable:
        return sign_in_form(request, 503, "provider", back=back)
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        COOKIE, begun.browser, max_age=int(WITHIN_SECONDS), path=PATH, secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    return response


@router.get("/oidc/callback")
def come_back(box: Box, request: Request, state: Text = "", code: Text = "", error: Text = "", iss: Text = "") -> Response:
    """Back from the service: signed in, or the form again with what went wrong. Each way back serves once."""
    provider, browser = provider_of(request), request.cookies.get(COOKIE, "")
    from app.staff.oidc import ProviderRefused, ProviderUnavailable

    try:
        if error:
            provider.cancel(state, browser)
            return _again(request, 401, "provider_cancelled")
        who, back = provider.finish(state, browser, code, iss)
        signed = box.staff.vouched.sign_in(who)
    except ProviderRefused:
        box.staff.vouched.refuse()
        return _again(request, 401, "provider_refused")
    except ProviderUnavailable:
        return _again(request, 503, "provider")
    except (NoRole, Stopped) as refused:
        return _again(request, 403, "no_role" if isinstance(refused, NoRole) else "stopped")
    # A page and not a redirect: a browser keeps the strict cookie back from requests that another site's page began.
    response = show(request, "signed_in.html", None, back=back)
    set_cookie(request, response, signed)
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _callback(box: Appliance, request: Request) -> str:
    return box.settings.oidc_callback or str(request.url_for("come_back"))


def _again(request: Request, status: int, problem: str) -> Response:
    response = sign_in_form(request, status, problem)
    response.delete_cookie(COOKIE, path=PATH)
    return response
