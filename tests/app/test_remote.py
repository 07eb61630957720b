"""A server that words answers instead of the box: over real HTTP, grounded and recorded alike, and left when it fails."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from app.appliance import Appliance
from app.errors import TellerboxError
from app.language import SERVED
from app.settings import Settings
from app.slm.generation import Limits
from app.slm.prompt import Message, labels
from app.slm.remote import Remote

CHAT = [Message("system", "s"), Message("user", "[1] A card costs €6. [/1]\nwhat does a card cost?")]


class Server:
    """An OpenAI-compatible server that repeats the statement with the price of QUESTION, slowly enough to be left. `mode` is what is
    wrong with it."""

    def __init__(self) -> None:
        self.mode = "well"
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.left = threading.Event()
        self.app = FastAPI()
        self.app.get("/v1/models")(self.models)
        self.app.post("/v1/chat/completions")(self.complete)

    async def models(self) -> dict[str, Any]:
        return {"data": [{"id": "large"}]}

    async def complete(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization", ""))
        if self.mode == "down":
            return JSONResponse({"error": "overloaded"}, status_code=503)
        if self.mode == "gibberish":
            return Response("data: {]\n\n", media_type="text/event-stream")
        return StreamingResponse(self.stream(request), media_type="text/event-stream")

    async def stream(self, request: Request) -> AsyncIterator[str]:
        import asyncio

        user = self.asked[-1]["messages"][-1]["content"]
        shown = re.findall(r"\[\d+\].*?(?=\[/\d+\])", user, re.DOTALL) if labels(user) else []
        said = next((text for text in shown if "debit card costs" in text), shown[0] if shown else "nothing").strip()
        words = said.split(" ") * (500 if self.mode == "endless" else 1)
        try:
            for number, word in enumerate(words):
                if self.mode == "breaks" and number == 2:
                    raise RuntimeError("broken on purpose")
                yield event({"content": ("" if number == 0 else " ") + word})
                await asyncio.sleep(0.01 if self.mode == "endless" else 0)
            yield event({}, "stop")
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.left.set()
            raise


def event(delta: dict[str, str], why: str | None = None) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": why}]}) + "\n\n"


@pytest.fixture
def served() -> Iterator[tuple[Server, str]]:
    server = Server()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        runner = uvicorn.Server(uvicorn.Config(server.app, log_config=None))
        thread = threading.Thread(target=runner.run, args=([listening],), daemon=True)
        thread.start()
        while not runner.started:
            time.sleep(0.01)
        yield server, f"http://127.0.0.1:{listening.getsockname()[1]}"
        runner.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def box(served: tuple[Server, str], fresh_home: Path) -> Iterator[Appliance]:
    with Appliance(Settings(home=fresh_home, server=served[1], server_key="secret-key", model_languages=SERVED)) as made:
        yield made


QUESTION = "how much is a replacement card, my card is 4111 1111 1111 1111"


def test_what_a_server_says_is_grounded_and_recorded_as_its_own(served: tuple[Server, str], box: Appliance) -> None:
    server, _ = served
    answer = box.ask(QUESTION)
    assert answer.outcome == "answered"
    assert answer.sentences[0].origin == "model"
    assert answer.sentences[0].evidence[0].quote
    assert answer.model_name.startswith("large at 127.0.0.1")
    assert "4111" not in json.dumps(server.asked)
    assert server.asked[0]["temperature"] == 0
    assert server.keys == ["Bearer secret-key"]
    header, body = box.ledger.read(box.ledger.find(turn=answer.turn)[-1].index)
    model = dict(header.facts)["model"]
    assert (model["name"], model["sha256"], model["finish"]) == (answer.model_name, "", "stop")
    assert body is not None
    assert server.asked[0]["messages"][-1]["content"] in body["prompt"]
    assert "secret-key" not in json.dumps(body) + str(dict(header.facts)) + repr(box.settings)


@pytest.mark.parametrize("mode", ["down", "gone"])
def test_when_the_server_does_not_answer_the_model_of_the_box_does(served: tuple[Server, str], box: Appliance, mode: str) -> None:
    server, _ = served
    server.mode = mode
    if mode == "gone":
        object.__setattr__(box, "backend", Remote("http://127.0.0.1:9", "large", "", 2048, fallback=box.engine))
    answers = [box.ask(QUESTION) for _ in range(2)]
    assert len(server.asked) == (1 if mode == "down" else 0)
    for answer in answers:
        assert answer.outcome == "answered"
        assert answer.model_sha256 == box.model_file.sha256


def test_a_model_that_adds_nothing_does_not_stand_in_either(served: tuple[Server, str], box: Appliance, tmp_path: Path) -> None:
    server, address = served
    server.mode = "down"
    shutil.copytree(box.settings.home / "index", tmp_path / "index", dirs_exist_ok=True)
    with Appliance(Settings(home=tmp_path, server=address)) as made:
        answer = made.ask(QUESTION)
        assert "engine" not in vars(made)
    assert len(server.asked) == 1
    assert answer.outcome == "answered"
    assert {sentence.origin for sentence in answer.sentences} == {"quote"}
    assert answer.model_sha256 == ""


@pytest.mark.parametrize("mode", ["breaks", "gibberish"])
def test_a_stream_that_breaks_ends_in_the_policys_own_words(served: tuple[Server, str], box: Appliance, mode: str) -> None:
    server, _ = served
    server.mode = mode
    answer = box.ask(QUESTION)
    assert answer.outcome == "answered"
    assert {sentence.origin for sentence in answer.sentences} == {"quote"}
    assert dict(box.ledger.find(turn=answer.turn)[-1].header.facts)["model"]["finish"] == "failed"
    assert box.ask(QUESTION).model_sha256 == box.model_file.sha256


def test_whoever_leaves_is_hung_up_for(served: tuple[Server, str]) -> None:
    server, address = served
    server.mode = "endless"
    remote = Remote(address, "", "", 2048)
    generation = remote.generate(CHAT, Limits(100, 60))
    assert next(iter(generation)) == "[1]"
    generation.cancel()
    assert generation.wait() == "cancelled"
    assert server.left.wait(20)
    late = remote.generate(CHAT, Limits(100, 0.1))
    assert late.wait() == "timeout"
    remote.close()


def test_an_address_that_is_none_is_refused_and_a_dead_server_alone_is_told() -> None:
    for address in ("localhost", "file:///etc/passwd", "http://"):
        with pytest.raises(TellerboxError, match="server"):
            Remote(address, "m", "", 2048)
    with pytest.raises(TellerboxError, match="does not answer"):
        Remote("http://127.0.0.1:9", "m", "", 2048).generate(CHAT)
