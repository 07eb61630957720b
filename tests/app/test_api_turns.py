"""Turns through the API: streamed by verified sentence, abandoned when the reader leaves, limited, hostile bodies refused."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.settings import Settings
from app.web.api import bodies
from app.web.api.turns import _events
from app.web.limits import Limits
from tests.app.faces import events

QUESTION = {"question": "how much does an international transfer cost online?"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_stream_gives_each_sentence_then_the_whole_answer(faces: FastAPI) -> None:
    client = TestClient(faces)
    answer = client.post("/api/v1/turns/stream", json=QUESTION)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    assert [name for name, _ in told] == ["session", *["sentence"] * (len(told) - 2), "answer"]
    whole = json.loads(told[-1][1])
    assert [json.loads(data) for name, data in told if name == "sentence"] == whole["sentences"]
    assert whole["session"] == json.loads(told[0][1])["session"]
    again = client.post("/api/v1/turns", json=QUESTION).json()
    assert whole.keys() == again.keys()
    assert whole["sentences"] == again["sentences"]


def test_what_goes_wrong_in_a_stream_is_an_event(faces: FastAPI) -> None:
    told = events(TestClient(faces).post("/api/v1/turns/stream", json={"question": "  ", "language": "es"}).text)
    assert [name for name, _ in told] == ["session", "error"]
    assert json.loads(told[1][1])["error"].startswith("Escriba")


@pytest.mark.anyio
async def test_who_leaves_ends_the_turn_which_is_recorded(staffed: Appliance) -> None:
    session = staffed.start_session(channel="api")
    stream = _events(staffed, bodies.Question(question="which documents do I need to open an account?"), session)
    names = [events(await anext(stream))[0][0] for _ in range(2)]
    assert names == ["session", "sentence"]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await stream.aclose()
    facts: list[Any] = [entry.header.facts for entry in staffed.ledger.find(session=session.id)]
    assert facts[-1]["outcome"] == "abandoned"
    assert session.lock.acquire(blocking=False)


def test_too_many_turns_of_a_session_wait(faces: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(faces.state._state, "limits", Limits(Settings(turns_per_minute=2)))
    client = TestClient(faces)
    first = client.post("/api/v1/turns", json=QUESTION).json()
    more = [client.post("/api/v1/turns", json=QUESTION | {"session": first["session"]}) for _ in range(2)]
    assert [answer.status_code for answer in more] == [200, 429]
    assert 1 <= int(more[1].headers["retry-after"]) <= 120
    assert client.post("/api/v1/turns", json=QUESTION).status_code == 200


def test_too_many_requests_of_an_address_or_a_key_wait(faces: FastAPI, staffed: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(faces.state._state, "limits", Limits(Settings(requests_per_minute=10)))
    client = TestClient(faces)
    assert [client.get("/api/v1/policies").status_code for _ in range(11)] == [200] * 10 + [429]
    _, key = staffed.staff.api_keys.add("steward", ["turns"])
    keyed = TestClient(faces, headers={"Authorization": f"Bearer {key}"})
    answers = [keyed.get("/v1/models") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].json()["error"]["type"] == "rate_limit_error"
    assert client.get("/healthz").status_code == 200


def test_a_hundred_sign_ins_from_one_address_are_slowed_before_they_are_tried(
    faces: FastAPI, staffed: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(faces.state._state, "limits", Limits(Settings(sign_ins_per_minute=20, requests_per_minute=1_000)))
    before = staffed.ledger.size
    client = TestClient(faces)
    tried = [client.post("/api/v1/sign-in", json={"name": "nobody-here", "password": f"guess {n}"}) for n in range(100)]
    assert [answer.status_code for answer in tried] == [401] * 20 + [429] * 80
    assert len({answer.text for answer in tried[:20]}) == 1
    assert staffed.ledger.size == before + 20


NEEDLE = "needle-4111111111111111"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422), (b"", 422), (b"[]", 422), (b"null", 422), (b"\xff\xfe", 422), (b'{"question": 5}', 422),
        (json.dumps({"question": NEEDLE, "languages": NEEDLE}).encode(), 422),
        (json.dumps({"question": NEEDLE, "language": NEEDLE}).encode(), 422),
        (json.dumps({"question": "x", "session": NEEDLE * 20}).encode(), 422),
        (json.dumps({NEEDLE: 1, "question": "x"}).encode(), 422),
        (json.dumps({"question": "hi", "as_of": NEEDLE}).encode(), 422),
        (b'{"question": "' + b"a" * 300_000 + b'"}', 422),
        (b'{"question": "' + b"a" * 1_200_000 + b'"}', 413),
        (b'{"question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"question": "\\ud800"}', 422),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/v1/turns", "/api/v1/turns/stream", "/v1/chat/completions", "/api/v1/sign-in"])
def test_a_hostile_body_gets_one_line_that_does_not_repeat_it(faces: FastAPI, staffed: Appliance, path: str, body: bytes, status: int) -> None:
    client = TestClient(faces, raise_server_exceptions=False)
    if path.startswith("/v1"):
        _, key = staffed.staff.api_keys.add("steward", ["turns"])
        client.headers["Authorization"] = f"Bearer {key}"
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    if b"ud800" in body and path != "/api/v1/sign-in":
        assert answer.status_code < 500
        return
    assert answer.status_code == status, answer.text
    assert "error" in answer.json()
    assert NEEDLE not in answer.text
    assert "\n" not in answer.text


def test_a_body_without_a_length_is_limited_too(faces: FastAPI) -> None:
    def endless() -> Any:
        for _ in range(40):
            yield b"a" * 65_536

    answer = TestClient(faces).post("/api/v1/turns", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/api/v1/policies/en/../../../../etc/passwd", "/api/v1/policies/en/%2e%2e%2f%2e%2e%2fREADME", "/api/v1/policies/../en/cards",
     "/api/v1/policies/en/..%5c..%5cboot.ini", "/api/v1/ledger/..%2f..", "/pages/..%2fserver.py", "/api/v1/handoffs/..%2f..%2fetc"],
)  # fmt: skip
def test_a_path_leads_nowhere_else(faces: FastAPI, path: str) -> None:
    answer = TestClient(faces).get(path)
    assert answer.status_code in (401, 404)
    assert "root:" not in answer.text
