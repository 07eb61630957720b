"""The stores a ledger can lie in; tests of what the ledger does run on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compliance.ledgers import Store
from tests.compliance.postgres_server import Server, missing


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server that the whole run shares; skipped where none is installed."""
    if reason := missing():
        pytest.skip(reason)
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server of the test's own, to be harmed."""
    if reason := missing():
        pytest.skip(reason)
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Where the ledgers of a test lie: SQLite files, or a PostgreSQL server."""
    made = Store(tmp_path, request.getfixturevalue("postgres") if request.param == "postgresql" else None)
    yield made
    made.give_back()


@pytest.fixture
def postgresql(postgres: Server, tmp_path: Path) -> Iterator[Store]:
    """The store that is a PostgreSQL server."""
    made = Store(tmp_path, postgres)
    yield made
    made.give_back()
