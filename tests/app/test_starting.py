"""A server that is starting says so, serves what it can already, and ends when it cannot be made."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.web.server import complete, create_api
from app.web.starting import Starting
from tests.conftest import PROJECT

HTML = {"accept": "text/html,*/*"}


class Steps:
    """An application whose two steps are let go by the test."""

    def __init__(self, error: Exception | None = None) -> None:
        self.api, self.chat = threading.Event(), threading.Event()
        self.failures: list[BaseException] = []
        self.ready = threading.Event()
        self._error = error
        self.app = Starting(self._make_api, self._make_whole, self.failures.append, self.ready.set)

    def _make_api(self) -> FastAPI:
        self.api.wait(20)
        app = FastAPI()
        app.add_api_route("/api/thing", lambda: {"thing": 1})
        app.add_api_route("/healthz", lambda: "from the application")
        return app

    def _make_whole(self, app: FastAPI) -> FastAPI:
        self.chat.wait(20)
        if self._error:
            raise self._error
        app.add_api_route("/", lambda: "the chat")
        return app


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_lives_at_once_serves_the_api_next_and_then_the_chat() -> None:
    steps = Steps()
    with TestClient(steps.app) as client:
        assert client.get("/healthz").text == "ok"
        assert (client.get("/readyz").status_code, client.get("/readyz").json()["ready"]) == (503, False)
        page = client.get("/", headers=HTML)
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "refresh" in page.text
        assert client.get("/api/thing").json() == {"error": "the box is starting"}
        steps.api.set()
        until(lambda: client.get("/api/thing").status_code == 200)
        assert client.get("/", headers=HTML).status_code == 503
        assert client.get("/readyz").status_code == 503
        assert not steps.ready.is_set()
        steps.chat.set()
        until(steps.ready.is_set)
        assert client.get("/").json() == "the chat"
        assert client.get("/healthz").json() == "from the application"
    assert steps.failures == []


def test_what_cannot_be_made_is_told_and_nothing_is_served_as_if_it_were() -> None:
    error = RuntimeError("no model")
    steps = Steps(error)
    steps.api.set()
    steps.chat.set()
    with TestClient(steps.app) as client:
        until(lambda: bool(steps.failures))
        assert client.get("/", headers=HTML).status_code == 503
    assert steps.failures == [error]
    assert not steps.ready.is_set()


@pytest.mark.slow
def test_the_api_is_made_without_reading_gradio() -> None:
    code = """
import sys, tempfile
from app.appliance import Appliance
from app.settings import Settings
from app.web.server import create_api
with Appliance(Settings(home=tempfile.mkdtemp(), slm=False)) as box:
    create_api(box)
    box.ask("how much is a replacement card")
print(sorted({"gradio", "pandas", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_server_has_loaded_is_out_of_the_collectors_sight_and_what_it_makes_is_not(box: Appliance) -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

    left = Knot()
    before, forgotten = gc.get_freeze_count(), weakref.ref(left)
    del left
    try:
        complete(create_api(box), box)
        assert forgotten() is None  # not kept for ever with the rest
        assert gc.get_freeze_count() - before > 100_000
        assert len(gc.get_objects()) < 10_000
        made = weakref.ref(Knot())
        gc.collect()
        assert made() is None
    finally:
        gc.unfreeze()
