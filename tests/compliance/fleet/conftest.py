"""A head office in each of the stores, and one that keeps files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compliance.fleet.office import Office
from tests.compliance.ledgers import Store


@pytest.fixture
def office(tmp_path: Path, store: Store) -> Iterator[Office]:
    """A head office whose copies lie in SQLite, then one whose copies lie in PostgreSQL."""
    made = Office(tmp_path, store)
    yield made
    made.ledger.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Office]:
    """A head office whose copies lie in SQLite."""
    made = Office(tmp_path)
    yield made
    made.ledger.close()
