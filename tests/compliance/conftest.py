"""The stores a ledger can lie in; tests of what the ledger does run on each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compliance.ledgers import Store
from tests.compliance.postgres_server import Server, missing


def _installed() -> Server:
    if reason := missing():
        warnings.warn(f"NOT TESTED: the ledger in PostgreSQL, for {reason}", stacklevel=2)  # shown at the end of the run
        pytest.skip(reason)
    return Server()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server that the whole run shares; skipped where none is installed."""
    server = _installed()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server of the test's own, to be harmed."""
    server = _installed()
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
