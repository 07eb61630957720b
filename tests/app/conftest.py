"""The staffed box that the tests of the faces share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from app.appliance import Appliance
from app.web.server import create_app
from tests.app.faces import branch


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """A box without a model and with one account a role."""
    with branch(tmp_path_factory.mktemp("staffed")) as held:
        yield held


@pytest.fixture(scope="session")
def faces(staffed: Appliance) -> FastAPI:
    """Its web application."""
    return create_app(staffed)
