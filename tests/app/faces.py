"""The people of the branch for tests of the faces: a small box, an account a role, clients that are signed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.settings import Settings
from app.staff import Staff
from app.staff.passwords import Passwords

PASSWORD = "correct horse battery staple"
ROLES = ("teller", "steward", "officer", "admin")
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""The same algorithm with parameters that cost nothing, so that a test may try a hundred passwords."""


@contextmanager
def branch(home: Path, **settings: Any) -> Iterator[Appliance]:
    """A box without a model and with one account a role, named like it."""
    many: dict[str, Any] = {"turns_per_minute": 1_000, "requests_per_minute": 10_000, "sign_ins_per_minute": 1_000}
    with Appliance(Settings(home=home, slm=False, **(many | settings))) as box:
        box.__dict__["staff"] = Staff.open(home / "staff", box.ledger, passwords=CHEAP)
        for role in ROLES:
            box.staff.accounts.add(role, role, PASSWORD, display=role.title())
        box.ready()
        yield box


def sign_in(client: TestClient, name: str) -> TestClient:
    """The client, signed in, with its token against forgery in every request."""
    answer = client.post("/api/v1/sign-in", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def events(text: str) -> list[tuple[str, str]]:
    """`(event, data)` of a stream of server-sent events, comments left out."""
    blocks = (dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")) for block in text.split("\n\n"))
    return [(block.get("event", ""), block["data"]) for block in blocks if "data" in block]
