"""Signing in whom the bank's sign-in service vouches for: an account for each, made the first time, with the role of today.

Such an account is named `oidc-` and a digest of issuer and subject, and has no password that anybody knows.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import TellerboxError
from app.staff.accounts import VOUCHED, Accounts
from app.staff.passwords import Passwords
from app.staff.sign_in import SignedIn, new_browser
from app.staff.store import StaffStore

LONGEST_DISPLAY = 80


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the service says came. `name` is that of the account here, `display` what others see, `role` None where it has none here."""

    name: str
    display: str
    role: str | None


class NoRole(TellerboxError):
    """The service knows the person, and its claims map to no role of this box."""

    def __init__(self) -> None:
        super().__init__("your account at the bank has no role on this box")


class Stopped(TellerboxError):
    """The person's account on this box is stopped."""

    def __init__(self) -> None:
        super().__init__("your account on this box is stopped")


def identity(claims: Mapping[str, Any], role_claim: str, roles: Mapping[str, str]) -> Identity:
    """Who a verified ID token is about. `role_claim` is a claim's name, or a path of names with dots, and holds a text or a list of
    texts; the first line of `roles` (text to role) whose text is among them decides."""
    held = _claim(claims, role_claim)
    values = {held} if isinstance(held, str) else {each for each in held if isinstance(each, str)} if isinstance(held, list) else set()
    role = next((role for text, role in roles.items() if text in values), None)
    digest = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()[:24]
    shown = next((each for each in (claims.get("name"), claims.get("preferred_username")) if isinstance(each, str)), "")
    display = "".join(char for char in shown if char.isprintable()).strip()[:LONGEST_DISPLAY]
    return Identity(VOUCHED + digest, display, role)


class VouchedSignIns:
    """Signs in by what the service says; recorded like any other sign-in, with the method `oidc`."""

    def __init__(self, store: StaffStore, accounts: Accounts, passwords: Passwords) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords

    def sign_in(self, who: Identity, *, channel: str = "web") -> SignedIn:
        """A new browser of the person's account, with the role that the service gives today. Raises NoRole, having signed out every
        browser of the account, or Stopped, once that is recorded; ComplianceError where the ledger cannot write."""
        nobody_knows = self._passwords.hash(secrets.token_urlsafe(32))
        with self._store.writing("nobody was signed in") as db:
            found = db.execute("SELECT id, role, disabled FROM account WHERE name = ?", (who.name,)).fetchone()
            if who.role is None:
                if found is not None:
                    db.execute("DELETE FROM browser WHERE account = ?", (found[0],))
                self._record(found and found[0], "unmapped", "", channel)
                result = "unmapped"
            elif found is not None and found[2]:
                self._record(found[0], "disabled", found[1], channel)
                result = "disabled"
            else:
                account = self._kept(db, who, found, nobody_knows)
                self._record(account, "accepted", who.role, channel)
                token, result = new_browser(db, account, self._store.clock()), "accepted"
        if result != "accepted":
            raise NoRole if result == "unmapped" else Stopped
        return SignedIn.of(self._accounts.of(account), token)

    def refuse(self, *, channel: str = "web") -> None:
        """Records an attempt that proved nothing of who made it."""
        self._record(None, "refused", "", channel)

    def _kept(self, db: Any, who: Identity, found: tuple[str, str, int] | None, password: str) -> str:
        """The id of the account, made or brought up to date."""
        display = who.display or who.name
        if found is None:
            account = secrets.token_hex(4)
            values = (account, who.name, display, who.role, password, self._store.clock())
            db.execute("INSERT INTO account (id, name, display, role, password, created) VALUES (?, ?, ?, ?, ?, ?)", values)
            self._changed(account, "created", who.role)
            return account
        account, role, _ = found
        db.execute("UPDATE account SET display = ?, role = ? WHERE id = ?", (display, who.role, account))
        if role != who.role:
            self._changed(account, "role", who.role)
        return account

    def _changed(self, account: str, change: str, role: str | None) -> None:
        self._store.record("account_change", {"account": account, "change": change, "by": account, "role": role})

    def _record(self, account: str | None, result: str, role: str, channel: str) -> None:
        self._store.record("sign_in", {"account": account, "result": result, "method": "oidc"}, role=role, channel=channel)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name; a name with dots that is none leads into objects."""
    if path in claims:
        return claims[path]
    held: Any = claims
    for part in path.split("."):
        held = held.get(part) if isinstance(held, Mapping) else None
    return held
