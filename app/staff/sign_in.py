"""Signing in: one answer and one duration whatever was wrong, lockout with back-off, browsers that expire; all recorded.

A browser holds a token of 256 bits, the file its sha256. Ending idle and old sign-ins follows NIST SP 800-63B (AAL2).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from app.errors import TellerboxError
from app.staff.accounts import Account, Accounts, is_name
from app.staff.passwords import LONGEST, Passwords, new_totp_secret, open_totp, totp_step
from app.staff.store import StaffStore

FREE_FAILURES = 5
"""Wrong passwords in a row before the account is locked."""
FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS = 30.0, 900.0
"""Each further wrong password doubles the lock, up to the longest: nobody guesses, and nobody is kept out for a day."""
IDLE_SECONDS, MOST_SECONDS = 30 * 60.0, 12 * 3600.0
_CSRF = b"tellerbox/csrf/1"
_DUMMY_SECRET = new_totp_secret()


class SignInRefused(TellerboxError):
    """The name, the password or the code was wrong, or the account is locked or stopped: which is not said."""

    def __init__(self) -> None:
        super().__init__("the name, the password or the code is wrong, or the account is locked for a while")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that is signed in. `token` is its cookie, `csrf` what its forms and writing requests must repeat."""

    account: Account
    token: str
    csrf: str

    @classmethod
    def of(cls, account: Account, token: str) -> SignedIn:
        """The browser that holds this token."""
        return cls(account, token, csrf_of(token))


class SignIns:
    """Signs browsers in and out, and says whose a token is."""

    def __init__(self, store: StaffStore, accounts: Accounts, passwords: Passwords) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords

    def sign_in(self, name: str, password: str, code: str = "", *, channel: str = "web") -> SignedIn:
        """A new browser of an account. Raises SignInRefused, the same for whatever is wrong, once that is recorded; and
        ComplianceError, having signed nobody in, where the ledger cannot write."""
        if len(password) > LONGEST:
            password = ""  # never right, and not worth hashing a megabyte for
        sql = "SELECT id, password, role FROM account WHERE name = ?"
        typed = name.strip().casefold()
        found = next(iter(self._store.rows(sql, typed)), None) if is_name(typed) else None
        right = self._passwords.check(found[1] if found else None, password)
        if found is None:
            totp_step(_DUMMY_SECRET, code, self._store.clock())
            self._record(None, "", "unknown", channel)
            raise SignInRefused
        account, kept, role = found
        with self._store.writing("nobody was signed in") as db:
            result = self._judged(db, account, right, code)
            self._record(account, role, result, channel)
            if result == "accepted":
                if self._passwords.is_outdated(kept):
                    db.execute("UPDATE account SET password = ? WHERE id = ?", (self._passwords.hash(password), account))
                token = new_browser(db, account, self._store.clock())
        if result != "accepted":
            raise SignInRefused
        return SignedIn.of(self._accounts.of(account), token)

    def who(self, token: str) -> SignedIn | None:
        """Whose browser this is, marked as used now; None where it was signed out, expired or never was."""
        now = self._store.clock()
        sql = """SELECT account, seen FROM browser JOIN account ON account.id = browser.account
            WHERE token = ? AND seen > ? AND browser.created > ? AND NOT disabled"""
        rows = self._store.rows(sql, _digest(token), now - IDLE_SECONDS, now - MOST_SECONDS)
        if not rows:
            return None
        if now - rows[0][1] > 5:  # a page of many requests is one write
            with self._store.writing("the sign-in was not renewed") as db:
                db.execute("UPDATE browser SET seen = ? WHERE token = ?", (now, _digest(token)))
        return SignedIn.of(self._accounts.of(rows[0][0]), token)

    def sign_out(self, token: str, *, channel: str = "web") -> bool:
        """Ends a browser's sign-in, recorded; whether there was one."""
        sql = "SELECT account.id, role FROM browser JOIN account ON account.id = browser.account WHERE token = ?"
        rows = self._store.rows(sql, _digest(token))
        if not rows:
            return False
        with self._store.writing("nobody was signed out") as db:
            db.execute("DELETE FROM browser WHERE token = ?", (_digest(token),))
            self._store.record("sign_out", {"account": rows[0][0]}, role=rows[0][1], channel=channel)
        return True

    def sweep(self) -> None:
        """Deletes what expired."""
        now = self._store.clock()
        with self._store.writing("expired sign-ins were not deleted") as db:
            db.execute("DELETE FROM browser WHERE seen <= ? OR created <= ?", (now - IDLE_SECONDS, now - MOST_SECONDS))

    def _judged(self, db: Any, account: str, right: bool, code: str) -> str:
        """What becomes of an attempt; counts a failure. Decided inside the transaction, so that a hundred at once are no
        better than a hundred in a row."""
        sql = "SELECT totp, step, disabled, failures, locked_until FROM account WHERE id = ?"
        sealed, last_step, disabled, failures, locked_until = db.execute(sql, (account,)).fetchone()
        now = self._store.clock()
        secret = _DUMMY_SECRET if sealed is None else open_totp(sealed, account, self._store.key)
        step = totp_step(secret, code, now)
        if disabled:
            return "disabled"
        if now < locked_until:
            return "locked"
        if right and (sealed is None or (step is not None and step > last_step)):
            db.execute("UPDATE account SET failures = 0, locked_until = 0, step = ? WHERE id = ?", (step or last_step, account))
            return "accepted"
        failures += 1
        lock = min(FIRST_LOCK_SECONDS * 2.0 ** min(failures - FREE_FAILURES, 16), LONGEST_LOCK_SECONDS)
        until = now + lock if failures >= FREE_FAILURES else 0
        db.execute("UPDATE account SET failures = ?, locked_until = ? WHERE id = ?", (failures, until, account))
        return "refused"

    def _record(self, account: str | None, role: str, result: str, channel: str) -> None:
        self._store.record("sign_in", {"account": account, "result": result, "method": "password"}, role=role, channel=channel)


def new_browser(db: sqlite3.Connection, account: str, now: float) -> str:
    """A token of a browser that is signed in from now on; its digest is written."""
    token = secrets.token_urlsafe(32)
    db.execute("INSERT INTO browser VALUES (?, ?, ?, ?)", (_digest(token), account, now, now))
    return token


def csrf_of(token: str) -> str:
    """What a page of this browser must repeat when it changes something; tells nothing of the token."""
    return hmac.new(token.encode(), _CSRF, hashlib.sha256).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
