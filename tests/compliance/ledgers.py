"""Records and ledgers that several test modules fill alike, in each of the stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compliance.database import FILE
from compliance.ledger import Entry, Ledger
from compliance.record import Header
from tests.compliance.postgres_server import Server


def header(turn: str = "t1", session: str = "s1", *, time: str | None = None, kind: str = "turn_closed") -> Header:
    made = Header.now(kind, turn=turn, session=session, branch="b1", channel="kiosk", role="customer")
    return made if time is None else Header(kind, turn, session, "b1", "kiosk", "customer", time, 1)


def fill(ledger: Ledger, count: int, mark: str = "t", sessions: int = 3) -> list[Entry]:
    """`count` records with texts, spread over some sessions."""
    return [ledger.append(header(f"{mark}{n}", f"s{n % sessions}"), {"question": f"{mark} {n}"}) for n in range(count)]


class Store:
    """Where ledgers lie, each under a name: a folder, and with a server a database for the records."""

    def __init__(self, root: Path, server: Server | None) -> None:
        self.root, self.server = root, server
        self._urls: dict[str, str] = {}

    def folder(self, name: str = "ledger") -> Path:
        return self.root / name

    def url(self, name: str = "ledger") -> str:
        """Empty for SQLite."""
        if self.server is None:
            return ""
        if name not in self._urls:
            self._urls[name] = self.server.new_database()
        return self._urls[name]

    def open(self, name: str = "ledger", *, branch: str = "b1", passphrase: bytes | None = None) -> Ledger:
        return Ledger.open(self.folder(name), branch=branch, passphrase=passphrase, url=self.url(name))

    def give_back(self) -> None:
        """The databases, once the test is over."""
        for url in self._urls.values():
            assert self.server is not None
            self.server.give_back(url)

    def attacker(self, name: str = "ledger", branch: str = "b1") -> Any:
        """A connection beside the ledger's, which commits each statement."""
        if self.server is None:
            import sqlite3

            return sqlite3.connect(self.folder(name) / FILE, isolation_level=None)
        from compliance.postgres import PostgresDatabase

        return PostgresDatabase(self.url(name), branch).connect()
