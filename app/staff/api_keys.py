"""API keys: given to a program by an account, with some of its scopes, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import TellerboxError
from app.staff.accounts import Account, Accounts
from app.staff.roles import ROLES, check_scopes
from app.staff.store import StaffStore

_KEY = re.compile(r"tbx_([0-9a-f]{8})_([\w-]{43})", re.ASCII)
_COLUMNS = "id, account, label, scopes, created, expires, used"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret; times are seconds since 1970, `used` is to the minute and 0 for never."""

    id: str
    account: str
    label: str
    scopes: frozenset[str]
    created: float
    expires: float
    used: float


class ApiKeys:
    """The keys in one file; making and revoking one is recorded."""

    def __init__(self, store: StaffStore, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    def add(self, name: str, scopes: Iterable[str], *, label: str = "", days: int = 365) -> tuple[ApiKey, str]:
        """A key of an account and its text, which is shown once. Raises TellerboxError where the account is stopped or its
        role lacks a scope."""
        account = self._accounts.named(name)
        if account.disabled:
            raise TellerboxError("the account is stopped")
        if not 1 <= days <= 3650 or len(label) > 80:
            raise TellerboxError("a key lives 1 to 3650 days, and its label has at most 80 characters")
        given = check_scopes(scopes, account.role)
        secret, now = secrets.token_urlsafe(32), self._store.clock()
        key = ApiKey(secrets.token_hex(4), account.id, label, given, now, now + days * 86_400, 0)
        row = (key.id, key.account, label, _digest(secret), " ".join(sorted(given)), key.created, key.expires, 0)
        with self._store.writing("the key was not made") as db:
            db.execute("INSERT INTO api_key VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._record(key, "key_made", account)
        return key, f"tbx_{key.id}_{secret}"

    def all(self) -> list[ApiKey]:
        """Every key, oldest first."""
        return [_key(row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM api_key ORDER BY created")]

    def revoke(self, key: str) -> None:
        """Deletes a key; raises TellerboxError where there is none with that id."""
        held = next((each for each in self.all() if each.id == key), None)
        if held is None:
            raise TellerboxError("there is no such key")
        with self._store.writing("the key was not revoked") as db:
            db.execute("DELETE FROM api_key WHERE id = ?", (key,))
            self._record(held, "key_revoked", self._accounts.of(held.account))

    def who(self, text: str) -> tuple[Account, ApiKey] | None:
        """Whose key this is, with the scopes it still has: those that the role of its account has lost are gone."""
        parts = _KEY.fullmatch(text)
        rows = self._store.rows(f"SELECT {_COLUMNS}, secret FROM api_key WHERE id = ?", parts[1]) if parts else []
        secret = rows[0][7] if rows else bytes(32)
        if not hmac.compare_digest(secret, _digest(parts[2] if parts else "")) or not rows:
            return None
        key, now = _key(rows[0]), self._store.clock()
        account = self._accounts.of(key.account)
        if account.disabled or now >= key.expires:
            return None
        if now - key.used > 60:
            with self._store.writing("the use of a key was not noted") as db:
                db.execute("UPDATE api_key SET used = ? WHERE id = ?", (now, key.id))
        kept = key.scopes & ROLES.get(account.role, frozenset())
        return account, ApiKey(key.id, key.account, key.label, kept, key.created, key.expires, now)

    def _record(self, key: ApiKey, change: str, account: Account) -> None:
        facts = {"account": account.id, "change": change, "by": "", "role": account.role, "key": key.id, "scopes": sorted(key.scopes)}
        self._store.record("account_change", facts)


def _key(row: tuple[str, str, str, str, float, float, float]) -> ApiKey:
    return ApiKey(row[0], row[1], row[2], frozenset(row[3].split()), row[4], row[5], row[6])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
