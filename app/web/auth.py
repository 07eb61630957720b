"""Who is asking: a browser that signed in (cookie), a program (API key), or nobody; and what each may do."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.appliance import Appliance
from app.staff.accounts import Account
from app.staff.roles import ROLES
from app.staff.sign_in import MOST_SECONDS, SignedIn

COOKIE = "tellerbox"
SECURE_COOKIE = "__Host-tellerbox"
"""The name that browsers only take over https, for this host alone (RFC 6265bis §4.1.3.2)."""
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(auto_error=False, scheme_name="API key", description="`tellerbox user key add`; a browser has its cookie instead")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `id` is the key's or the account's, for limits; `csrf` is empty for a program."""

    account: Account
    scopes: frozenset[str]
    via: Literal["browser", "key"]
    id: str
    csrf: str = ""
    token: str = ""


def box_of(request: Request) -> Appliance:
    """The box that this server belongs to."""
    box: Appliance = request.app.state.box
    return box


Box = Annotated[Appliance, Depends(box_of)]


def cookie_of(request: Request) -> str | None:
    """The token of a signed-in browser, as far as it sent one."""
    return request.cookies.get(SECURE_COOKIE if request.url.scheme == "https" else COOKIE)


def signed_in(request: Request) -> Principal | None:
    """Whose browser this is, whatever the method: for pages, whose forms carry the token against forgery themselves."""
    token = cookie_of(request)
    found = box_of(request).staff.sign_ins.who(token) if token else None
    if found is None:
        return None
    scopes = ROLES.get(found.account.role, frozenset())
    return Principal(found.account, scopes, "browser", found.account.id, found.csrf, found.token)


async def anyone(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal | None:
    """Who is asking, None for nobody. Raises 401 for a key that is not one: a program must not fall back to nobody unseen. A
    browser that writes without the token against forgery is nobody."""
    if bearer is not None:
        found = await run_in_threadpool(box_of(request).staff.api_keys.who, bearer.credentials)
        if found is None:
            raise _unknown("this API key is unknown, expired or revoked")
        account, key = found
        return Principal(account, key.scopes, "key", key.id)
    principal = await run_in_threadpool(signed_in, request)
    if principal is not None and request.method not in _SAFE and not is_own(principal, request.headers.get(CSRF_HEADER, "")):
        return None
    return principal


Anyone = Annotated[Principal | None, Depends(anyone)]


class Scope:
    """A dependency that lets through whoever has a scope: 401 for nobody, 403 for anybody else."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __call__(self, request: Request, principal: Anyone) -> Principal:
        if principal is None:
            if cookie_of(request) and request.method not in _SAFE:
                raise HTTPException(403, f"sign in, and repeat the token of your sign-in as {CSRF_HEADER}")
            raise _unknown("sign in, or send an API key")
        if self.scope not in principal.scopes:
            raise HTTPException(403, f"this needs the scope {self.scope!r}")
        return principal


def is_own(principal: Principal, csrf: str) -> bool:
    """Whether a form or request repeats the token against forgery of this browser."""
    return hmac.compare_digest(principal.csrf.encode(), csrf.encode("utf-8", "replace"))


def check_same_site(request: Request) -> None:
    """Raises 403 for a request that another site's page made: signing somebody in as somebody else is forgery too."""
    origin = request.headers.get("origin")
    foreign = origin not in (None, "null") and urlsplit(origin or "").netloc != request.headers.get("host")
    if foreign or request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise HTTPException(403, "this page belongs to another site")


def set_cookie(request: Request, response: Response, signed: SignedIn) -> None:
    """Gives a browser its token: not readable by scripts, not sent from other sites, only over https where there is https."""
    secure = request.url.scheme == "https"
    name = SECURE_COOKIE if secure else COOKIE
    response.set_cookie(name, signed.token, max_age=int(MOST_SECONDS), path="/", secure=secure, httponly=True, samesite="strict")


def clear_cookie(request: Request, response: Response) -> None:
    """Takes the token away."""
    secure = request.url.scheme == "https"
    response.delete_cookie(SECURE_COOKIE if secure else COOKIE, path="/", secure=secure, httponly=True, samesite="strict")


def _unknown(why: str) -> HTTPException:
    return HTTPException(401, why, headers={"WWW-Authenticate": "Bearer"})
