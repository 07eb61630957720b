"""Fixtures that more than one test module needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from app.appliance import Appliance
from app.language import SERVED
from app.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared" / "data"

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test writes into the home of whoever runs it."""
    monkeypatch.setenv("TELLERBOX_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights: what it says makes no sense, and does not end by itself."""
    from factory.slm.shapes import make

    return make("tiny", "F16", tmp_path_factory.mktemp("babbler") / "babbler.gguf")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the box that the whole run shares."""
    return tmp_path_factory.mktemp("box")


@pytest.fixture(scope="session")
def box(home: Path) -> Iterator[Appliance]:
    """A real box on the reference bank, with every part: its model is asked in every language."""
    with Appliance(Settings(home=home, model_languages=SERVED)) as appliance:
        appliance.ready()
        yield appliance


@pytest.fixture
def fresh_home(box: Appliance, home: Path, tmp_path: Path) -> Path:
    """A data folder of its own, with the index of the shared box, so that it need not be built once more."""
    shutil.copytree(home / "index", tmp_path / "fresh" / "index")
    return tmp_path / "fresh"
