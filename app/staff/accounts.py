"""Accounts of the staff: made, listed, stopped, given a new password or a second factor; each change is a record."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from app.errors import TellerboxError
from app.staff.passwords import Passwords, check_new_password, new_totp_secret, seal_totp
from app.staff.roles import check_role
from app.staff.store import StaffStore

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
VOUCHED = "oidc-"
"""What the names of accounts begin with that the bank's sign-in service vouches for (app/staff/vouched.py)."""
_COLUMNS = "id, name, display, role, disabled, totp IS NOT NULL, locked_until, created"


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `id` names it in records, which hold no names; times are seconds since 1970."""

    id: str
    name: str
    display: str
    role: str
    disabled: bool
    second_factor: bool
    locked_until: float
    created: float


class Accounts:
    """The accounts in one file. Every change is recorded in the same step; where the ledger cannot write, nothing changes."""

    def __init__(self, store: StaffStore, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    def add(self, name: str, role: str, password: str, *, display: str = "", by: str = "") -> Account:
        """A new account. `name` is what is typed to sign in, `display` what others see; `by` is the id of whoever makes it,
        empty at the command line. Raises TellerboxError for a name, a role or a password that cannot be."""
        if not is_name(name):
            raise TellerboxError("a name has 2 to 32 characters: small letters, digits, '.', '_' and '-'")
        if name.startswith(VOUCHED):
            raise TellerboxError(f"names that begin with {VOUCHED!r} are for accounts of the bank's sign-in service")
        if len(display) > 80:
            raise TellerboxError("the name that others see has at most 80 characters")
        check_role(role)
        check_new_password(password, name)
        hashed = self._passwords.hash(password)
        values = (secrets.token_hex(4), name, display or name, role, hashed, self._store.clock())
        with self._store.writing("the account was not made") as db:
            if db.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise TellerboxError(f"there is an account {name!r} already")
            db.execute("INSERT INTO account (id, name, display, role, password, created) VALUES (?, ?, ?, ?, ?, ?)", values)
            self._record(values[0], "created", by, role)
        return self.named(name)

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [_account(row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM account ORDER BY name")]

    def named(self, name: str) -> Account:
        """The account of that name; raises TellerboxError where there is none."""
        return self._one("name", name)

    def of(self, account: str) -> Account:
        """The account with that id; raises TellerboxError where there is none."""
        return self._one("id", account)

    def disable(self, name: str, *, by: str = "") -> Account:
        """Stops an account: its browsers are signed out and its API keys gone at once."""
        account = self.named(name)
        with self._store.writing("the account was not stopped") as db:
            db.execute("UPDATE account SET disabled = 1 WHERE id = ?", (account.id,))
            db.execute("DELETE FROM browser WHERE account = ?", (account.id,))
            db.execute("DELETE FROM api_key WHERE account = ?", (account.id,))
            self._record(account.id, "disabled", by, account.role)
        return self.named(name)

    def enable(self, name: str, *, by: str = "") -> Account:
        """Restores a stopped account, and ends a lock."""
        account = self.named(name)
        with self._store.writing("the account was not restored") as db:
            db.execute("UPDATE account SET disabled = 0, failures = 0, locked_until = 0 WHERE id = ?", (account.id,))
            self._record(account.id, "enabled", by, account.role)
        return self.named(name)

    def set_password(self, name: str, password: str, *, by: str = "") -> None:
        """A new password; its browsers are signed out."""
        account = self._local(name)
        check_new_password(password, name)
        hashed = self._passwords.hash(password)
        with self._store.writing("the password was not changed") as db:
            db.execute("UPDATE account SET password = ?, failures = 0, locked_until = 0 WHERE id = ?", (hashed, account.id))
            db.execute("DELETE FROM browser WHERE account = ?", (account.id,))
            self._record(account.id, "password", by, account.role)

    def set_second_factor(self, name: str, *, wanted: bool = True, by: str = "") -> str | None:
        """Asks for one-time codes from now on and returns their secret, which is shown once; or stops asking."""
        account = self._local(name)
        secret = new_totp_secret() if wanted else None
        sealed = None if secret is None else seal_totp(secret, account.id, self._store.key)
        with self._store.writing("the second factor was not changed") as db:
            db.execute("UPDATE account SET totp = ?, step = 0 WHERE id = ?", (sealed, account.id))
            db.execute("DELETE FROM browser WHERE account = ?", (account.id,))
            self._record(account.id, "second_factor_on" if wanted else "second_factor_off", by, account.role)
        return secret

    def _local(self, name: str) -> Account:
        account = self.named(name)
        if name.startswith(VOUCHED):
            raise TellerboxError("this account has no password here: it signs in through the bank's sign-in service")
        return account

    def _one(self, column: str, value: str) -> Account:
        rows = self._store.rows(f"SELECT {_COLUMNS} FROM account WHERE {column} = ?", value)
        if not rows:
            raise TellerboxError("there is no such account")
        return _account(rows[0])

    def _record(self, account: str, change: str, by: str, role: str) -> None:
        self._store.record("account_change", {"account": account, "change": change, "by": by, "role": role})


def is_name(text: str) -> bool:
    """Whether an account could have this name."""
    return _NAME.fullmatch(text) is not None


def _account(row: tuple[str, str, str, str, int, int, float, float]) -> Account:
    return Account(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6], row[7])
