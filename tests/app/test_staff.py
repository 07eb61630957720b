"""Accounts of the staff: one answer for whatever is wrong, lockout with back-off, expiry, nothing in clear; all recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import pytest

from app.errors import TellerboxError
from app.staff import Staff
from app.staff.sign_in import IDLE_SECONDS, LONGEST_LOCK_SECONDS, MOST_SECONDS, SignInRefused
from compliance.errors import ComplianceError
from compliance.fields import undocumented
from compliance.ledger import Ledger
from tests.app.faces import CHEAP, PASSWORD


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Branch:
    staff: Staff
    ledger: Ledger
    folder: Path
    clock: Clock = field(default_factory=Clock)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [dict(entry.header.facts) for entry in self.ledger.find() if entry.header.kind == kind]


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    clock = Clock()
    with Ledger.open(tmp_path / "ledger") as ledger:
        staff = Staff.open(tmp_path / "staff", ledger, passwords=CHEAP, clock=clock)
        staff.accounts.add("marta", "teller", PASSWORD, display="Marta")
        yield Branch(staff, ledger, tmp_path, clock)
        staff.close()


def test_the_right_password_signs_in_and_out(branch: Branch) -> None:
    signed = branch.staff.sign_ins.sign_in("Marta ", PASSWORD)
    found = branch.staff.sign_ins.who(signed.token)
    assert found is not None
    assert (found.account.name, found.csrf) == ("marta", signed.csrf)
    assert signed.token not in signed.csrf
    assert branch.staff.sign_ins.sign_out(signed.token)
    assert branch.staff.sign_ins.who(signed.token) is None
    assert not branch.staff.sign_ins.sign_out(signed.token)
    account = branch.staff.accounts.named("marta").id
    assert branch.records("sign_in") == [{"account": account, "result": "accepted", "method": "password"}]
    assert branch.records("sign_out") == [{"account": account}]


def _unknown(branch: Branch) -> tuple[str, str, str]:
    return "nobody", PASSWORD, ""


def _wrong(branch: Branch) -> tuple[str, str, str]:
    return "marta", "not her password", ""


def _stopped(branch: Branch) -> tuple[str, str, str]:
    branch.staff.accounts.disable("marta")
    return "marta", PASSWORD, ""


def _without_code(branch: Branch) -> tuple[str, str, str]:
    branch.staff.accounts.set_second_factor("marta")
    return "marta", PASSWORD, ""


def _locked(branch: Branch) -> tuple[str, str, str]:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            branch.staff.sign_ins.sign_in("marta", "wrong")
    return "marta", PASSWORD, ""


@pytest.mark.parametrize(
    ("attempt", "result"),
    [(_unknown, "unknown"), (_wrong, "refused"), (_stopped, "disabled"), (_without_code, "refused"), (_locked, "locked")],
)
def test_whatever_is_wrong_the_answer_is_the_same(branch: Branch, attempt: Callable[[Branch], tuple[str, str, str]], result: str) -> None:
    name, password, code = attempt(branch)
    with pytest.raises(SignInRefused) as refused:
        branch.staff.sign_ins.sign_in(name, password, code)
    assert str(refused.value) == str(SignInRefused())
    assert branch.records("sign_in")[-1]["result"] == result


def test_an_unknown_name_costs_a_hash_too(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str | None] = []
    check = type(CHEAP).check

    def counted(self: Any, kept: str | None, password: str) -> bool:
        hashed.append(kept)
        return check(self, kept, password)

    monkeypatch.setattr(type(CHEAP), "check", counted)
    for name in ("nobody", "marta", "\ud800", "x" * 500):
        with pytest.raises(SignInRefused):
            branch.staff.sign_ins.sign_in(name, "wrong")
    assert [kept is None for kept in hashed] == [True, False, True, True]


def test_a_hundred_wrong_passwords_lock_with_back_off_and_the_right_one_waits(branch: Branch) -> None:
    locks = []
    for _ in range(100):
        with pytest.raises(SignInRefused):
            branch.staff.sign_ins.sign_in("marta", "wrong password")
        until = branch.staff.accounts.named("marta").locked_until
        if until > branch.clock.now:
            locks.append(until - branch.clock.now)
            with pytest.raises(SignInRefused):
                branch.staff.sign_ins.sign_in("marta", PASSWORD)
            branch.clock.now = until
    assert locks[:6] == [30, 60, 120, 240, 480, 900]
    assert set(locks[6:]) == {LONGEST_LOCK_SECONDS}
    assert len(branch.records("sign_in")) == 100 + len(locks)
    assert branch.staff.sign_ins.sign_in("marta", PASSWORD).account.locked_until == 0


def test_one_time_codes_count_once_and_only_near_their_time(branch: Branch) -> None:
    secret = branch.staff.accounts.set_second_factor("marta")
    assert secret is not None
    code = pyotp.TOTP(secret).at(int(branch.clock.now))
    branch.staff.sign_ins.sign_in("marta", PASSWORD, f"{code[:3]} {code[3:]}")
    for stale in (code, pyotp.TOTP(secret).at(int(branch.clock.now) - 300), "", "\ud800", "000000000"):
        with pytest.raises(SignInRefused):
            branch.staff.sign_ins.sign_in("marta", PASSWORD, stale)
    branch.staff.accounts.set_second_factor("marta", wanted=False)
    branch.staff.accounts.enable("marta")
    assert branch.staff.sign_ins.sign_in("marta", PASSWORD)


@pytest.mark.parametrize(("step", "total"), [(IDLE_SECONDS, IDLE_SECONDS), (IDLE_SECONDS - 1, MOST_SECONDS)])
def test_a_sign_in_ends_when_idle_and_after_a_day_of_work(branch: Branch, step: float, total: float) -> None:
    signed = branch.staff.sign_ins.sign_in("marta", PASSWORD)
    began = branch.clock.now
    while branch.clock.now + step < began + total:
        branch.clock.now += step
        assert branch.staff.sign_ins.who(signed.token) is not None
    branch.clock.now = max(branch.clock.now + step, began + total)
    assert branch.staff.sign_ins.who(signed.token) is None


@pytest.mark.parametrize("change", ["disable", "set_password", "set_second_factor"])
def test_changing_an_account_signs_it_out_everywhere(branch: Branch, change: str) -> None:
    signed = branch.staff.sign_ins.sign_in("marta", PASSWORD)
    arguments = {"set_password": ("marta", "another long password")}.get(change, ("marta",))
    getattr(branch.staff.accounts, change)(*arguments)
    assert branch.staff.sign_ins.who(signed.token) is None


def test_a_key_does_what_it_was_given_and_no_more(branch: Branch) -> None:
    key, text = branch.staff.api_keys.add("marta", ["turns"], label="search", days=1)
    found = branch.staff.api_keys.who(text)
    assert found is not None
    assert (found[0].name, found[1].scopes) == ("marta", {"turns"})
    for wrong in (text[:-1] + ("A" if text[-1] != "A" else "B"), text + "A", "tbx_", "", key.id, "tbx_00000000_" + "A" * 43):
        assert branch.staff.api_keys.who(wrong) is None
    with pytest.raises(TellerboxError, match="may be given"):
        branch.staff.api_keys.add("marta", ["turns", "ledger"])
    branch.clock.now += 86_400
    assert branch.staff.api_keys.who(text) is None
    _, fresh = branch.staff.api_keys.add("marta", ["turns"])
    branch.staff.accounts.disable("marta")
    assert branch.staff.api_keys.who(fresh) is None


def test_a_revoked_key_is_gone(branch: Branch) -> None:
    key, text = branch.staff.api_keys.add("marta", ["turns"])
    branch.staff.api_keys.revoke(key.id)
    assert branch.staff.api_keys.who(text) is None
    assert [each["change"] for each in branch.records("account_change")] == ["created", "key_made", "key_revoked"]


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [("Marta", "teller", PASSWORD), ("x", "teller", PASSWORD), ("ana", "boss", PASSWORD), ("ana", "teller", "short"),
     ("ana", "teller", "ana-ana-ana-ana!"), ("ana", "teller", "aaaaaaaaaaaaaaaa"), ("marta", "teller", PASSWORD), ("a\nb", "teller", PASSWORD)],
)  # fmt: skip
def test_an_account_that_cannot_be_is_refused(branch: Branch, name: str, role: str, password: str) -> None:
    before = branch.ledger.size
    with pytest.raises(TellerboxError) as refused:
        branch.staff.accounts.add(name, role, password)
    assert password not in str(refused.value)
    assert branch.ledger.size == before


def test_nothing_secret_is_on_disk_and_records_hold_no_names(branch: Branch) -> None:
    secret = branch.staff.accounts.set_second_factor("marta")
    assert secret is not None
    signed = branch.staff.sign_ins.sign_in("marta", PASSWORD, pyotp.TOTP(secret).at(int(branch.clock.now)))
    _, key = branch.staff.api_keys.add("marta", ["turns"])
    with pytest.raises(SignInRefused):
        branch.staff.sign_ins.sign_in("typed-password-here", "other")
    held = {path.name: path.read_bytes() for path in branch.folder.rglob("*") if path.is_file()}
    for value in (PASSWORD, secret, signed.token, key, key.split("_", 2)[2], "typed-password-here"):
        assert [name for name, data in held.items() if value.encode() in data] == []
    assert all((path.stat().st_mode & 0o077) == 0 for path in (branch.folder / "staff").rglob("*.sqlite"))
    for entry in branch.ledger.find():
        assert "marta" not in str(entry.header)
        assert undocumented(entry.header.kind, entry.header.facts, None) == set()


def test_without_a_record_nobody_is_signed_in_and_nothing_changes(branch: Branch) -> None:
    branch.ledger.close()
    for attempt in (
        lambda: branch.staff.sign_ins.sign_in("marta", PASSWORD),
        lambda: branch.staff.accounts.disable("marta"),
        lambda: branch.staff.accounts.add("ana", "teller", PASSWORD),
        lambda: branch.staff.api_keys.add("marta", ["turns"]),
    ):
        with pytest.raises(ComplianceError):
            attempt()
    assert branch.staff.store.rows("SELECT count(*) FROM browser") == [(0,)]
    assert [account.name for account in branch.staff.accounts.all() if not account.disabled] == ["marta"]
    assert branch.staff.api_keys.all() == []


def test_a_file_that_was_changed_is_not_opened(branch: Branch) -> None:
    with branch.staff.store.writing("x") as db:
        db.execute("ALTER TABLE account ADD COLUMN extra TEXT")
    with pytest.raises(ComplianceError, match="damaged"):
        Staff.open(branch.folder / "staff", branch.ledger, passwords=CHEAP)
