"""The staff: sign in and out, who is signed in, and the accounts, for an admin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from app.appliance import Appliance
from app.staff.accounts import Account
from app.staff.roles import ROLES
from app.web.api import bodies
from app.web.auth import Anyone, Box, Principal, Scope, check_same_site, clear_cookie, cookie_of, set_cookie
from app.web.limits import address_of, limited, limits_of

router = APIRouter(prefix="/api/v1", tags=["staff"], dependencies=[Depends(limited)])
Admin = Annotated[Principal, Depends(Scope("accounts"))]
UNKNOWN: dict[int | str, dict[str, Any]] = {401: {"model": bodies.Problem, "description": "Nobody is signed in"}}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": bodies.Problem}}


@router.post(
    "/sign-in", summary="Sign in",
    responses={401: {"model": bodies.Problem, "description": "The same for whatever was wrong"}, 429: {"model": bodies.Problem}},
)  # fmt: skip
def sign_in(box: Box, request: Request, response: Response, body: bodies.Credentials) -> bodies.Me:
    """Gives the browser a cookie. Five wrong passwords in a row lock an account, for longer each time; every try is recorded."""
    check_same_site(request)
    limits_of(request).sign_in(address_of(request))
    signed = box.staff.sign_ins.sign_in(body.name, body.password, body.code, channel=body.channel)
    set_cookie(request, response, signed)
    return _me(box, signed.account, ROLES[signed.account.role], signed.csrf)


@router.post("/sign-out", status_code=204, summary="Sign out", responses=UNKNOWN)
def sign_out(box: Box, request: Request, response: Response, principal: Anyone) -> None:
    """Ends the sign-in of this browser."""
    token = cookie_of(request)
    if principal is None or principal.via != "browser" or token is None:
        raise HTTPException(401, "nobody is signed in, or the token against forgery is missing")
    box.staff.sign_ins.sign_out(token, channel="api")
    clear_cookie(request, response)


@router.get("/me", summary="Who is signed in", responses=UNKNOWN)
def me(box: Box, principal: Anyone) -> bodies.Me:
    """Whoever sent this cookie or key, and what they may do."""
    if principal is None:
        raise HTTPException(401, "nobody is signed in")
    return _me(box, principal.account, principal.scopes, principal.csrf)


@router.get("/accounts", summary="List accounts")
def list_accounts(box: Box, admin: Admin) -> list[bodies.AccountEntry]:
    """The accounts of the staff."""
    return [bodies.AccountEntry(**asdict(account)) for account in box.staff.accounts.all()]


@router.post("/accounts/{name}/disable", summary="Stop an account", responses=MISSING)
def disable(box: Box, admin: Admin, name: str) -> bodies.AccountEntry:
    """Its browsers are signed out and its keys gone at once."""
    _exists(box, name)
    return bodies.AccountEntry(**asdict(box.staff.accounts.disable(name, by=admin.account.id)))


@router.post("/accounts/{name}/enable", summary="Restore an account", responses=MISSING)
def enable(box: Box, admin: Admin, name: str) -> bodies.AccountEntry:
    """Ends a stop or a lock."""
    _exists(box, name)
    return bodies.AccountEntry(**asdict(box.staff.accounts.enable(name, by=admin.account.id)))


def _exists(box: Box, name: str) -> None:
    if name not in (account.name for account in box.staff.accounts.all()):
        raise HTTPException(404, "there is no such account")


def _me(box: Appliance, account: Account, scopes: frozenset[str], csrf: str) -> bodies.Me:
    return bodies.Me(
        name=account.name, display=account.display, role=account.role, scopes=sorted(scopes), csrf=csrf, bank=box.settings.bank
    )
