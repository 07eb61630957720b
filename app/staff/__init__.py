"""The staff of the branch: their accounts, roles, sign-ins and API keys, in one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.staff.accounts import Accounts
from app.staff.api_keys import ApiKeys
from app.staff.passwords import Passwords
from app.staff.sign_in import SignIns
from app.staff.store import Recorder, StaffStore
from app.staff.vouched import VouchedSignIns


@dataclass(frozen=True, slots=True)
class Staff:
    """What the box knows of its staff."""

    accounts: Accounts
    sign_ins: SignIns
    api_keys: ApiKeys
    vouched: VouchedSignIns
    store: StaffStore

    @classmethod
    def open(
        cls, folder: Path, ledger: Recorder, *, passphrase: bytes | None = None,
        passwords: Passwords | None = None, clock: Callable[[], float] = time.time,
    ) -> Staff:  # fmt: skip
        """Opens the file in `folder`, made on first use; raises ComplianceError. See `StaffStore.open`."""
        store = StaffStore.open(folder, ledger, passphrase=passphrase, clock=clock)
        passwords = passwords or Passwords()
        accounts = Accounts(store, passwords)
        vouched = VouchedSignIns(store, accounts, passwords)
        return cls(accounts, SignIns(store, accounts, passwords), ApiKeys(store, accounts), vouched, store)

    def close(self) -> None:
        """Closes the file."""
        self.store.close()
