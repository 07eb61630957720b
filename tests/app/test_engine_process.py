"""The model's process: when it dies, hangs or cannot load, whoever asked is told, the box goes on, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from app.answer import Answer, InQueue
from app.appliance import Appliance
from app.errors import TellerboxError
from app.settings import Settings
from app.slm.engine import Engine, Tuning
from app.slm.generation import Generation, Limits
from app.slm.prompt import messages
from tests.conftest import PROJECT

CHAT = messages("what does a card cost?", ["A card costs €6."], "English")
LONG = Limits(1500, 120)


def until(true: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there, a zombie too."""
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def engine(babbler: Path) -> Iterator[Engine]:
    made = Engine(babbler, Tuning(context=2048, sequences=2), stall_seconds=1.0)
    yield made
    made.close()


def test_when_the_process_is_killed_those_in_flight_are_told_and_the_next_question_is_answered(engine: Engine) -> None:
    begun = [engine.generate(CHAT, LONG) for _ in range(3)]
    until(lambda: begun[0].tokens)
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert [each.wait() for each in begun] == ["failed"] * 3
    until(lambda: engine.ready and engine.pid != first)
    assert not alive(first)
    after = engine.generate(CHAT, Limits(5, 60))
    assert after.wait() == "length"
    assert len(after.tokens) == 5
    for _ in range(2 + 16):
        engine.generate(CHAT, Limits(1, 60)).cancel()


def test_a_process_that_hangs_is_killed_and_started_again(engine: Engine) -> None:
    begun = engine.generate(CHAT, LONG)
    until(lambda: begun.tokens)
    hung = engine.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    assert begun.wait() == "failed"
    until(lambda: engine.ready and engine.pid != hung)
    assert engine.generate(CHAT, Limits(3, 60)).wait() == "length"


def test_an_answer_of_an_engine_that_hangs_ends_in_its_own_time(babbler: Path) -> None:
    engine = Engine(babbler, Tuning(context=2048, sequences=2))
    try:
        begun = engine.generate(CHAT, Limits(1500, 0.5))
        until(lambda: begun.tokens or begun.finish)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP)
        assert begun.wait() == "timeout"
        os.kill(engine.pid, signal.SIGCONT)
    finally:
        engine.close()


def test_closing_leaves_no_process(babbler: Path) -> None:
    engine = Engine(babbler, Tuning(context=2048, sequences=2))
    begun = engine.generate(CHAT, LONG)
    pid = engine.pid
    assert pid is not None
    engine.close()
    assert not alive(pid)
    assert begun.wait() in ("failed", "cancelled")
    with pytest.raises(TellerboxError, match="closed"):
        engine.generate(CHAT)


def test_the_process_does_not_outlive_a_box_that_is_killed(babbler: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from app.slm.engine import Engine\n"
        "print(Engine(Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    box = subprocess.Popen([sys.executable, "-c", code, str(babbler)], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert box.stdout is not None
    worker = int(box.stdout.readline())
    assert alive(worker)
    box.kill()
    box.wait()
    box.stdout.close()
    until(lambda: not alive(worker) or "\nState:\tZ" in Path(f"/proc/{worker}/status").read_text())


def test_a_file_that_makes_llama_cpp_abort_is_refused_and_the_box_lives(tmp_path: Path) -> None:
    """Two tokens of the same text: llama.cpp ends the process that loads such a vocabulary."""
    path = tmp_path / "aborts.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    for add in (writer.add_context_length, writer.add_embedding_length, writer.add_feed_forward_length):
        add(32)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(["a", "b", "a"])
    writer.add_token_types([1, 1, 1])
    writer.add_token_merges(["a b"])
    writer.add_tensor("token_embd.weight", np.zeros((3, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(TellerboxError, match="gave up"):
        Engine(path)


# -- the whole box -----------------------------------------------------------------------------------------------------


@pytest.fixture
def chatty(babbler: Path, fresh_home: Path) -> Iterator[Appliance]:
    """A box whose model never comes to an end by itself."""
    settings = Settings(home=fresh_home, model=str(babbler), max_tokens=1500, max_seconds=120, people=4, waiting=16)
    with Appliance(settings) as box:
        box.ready()
        yield box


@pytest.fixture
def begun(chatty: Appliance, monkeypatch: pytest.MonkeyPatch) -> list[Generation]:
    """Every answer the box's model has been asked for."""
    kept: list[Generation] = []
    generate = chatty.engine.generate

    def keep(*arguments: Any) -> Generation:
        kept.append(generate(*arguments))
        return kept[-1]

    monkeypatch.setattr(chatty.engine, "generate", keep)
    return kept


def ask(box: Appliance, into: list[Answer | Exception]) -> threading.Thread:
    def turn() -> None:
        try:
            into.append(box.ask("how much does an international transfer cost?"))
        except TellerboxError as error:
            into.append(error)

    thread = threading.Thread(target=turn)
    thread.start()
    return thread


def test_killed_in_mid_answer_the_person_gets_the_policys_own_words_and_the_ledger_verifies(
    chatty: Appliance, begun: list[Generation]
) -> None:
    got: list[Answer | Exception] = []
    asking = [ask(chatty, got) for _ in range(3)]
    until(lambda: len(begun) == 3 and begun[0].tokens)
    assert chatty.engine.pid is not None
    os.kill(chatty.engine.pid, signal.SIGABRT)
    for thread in asking:
        thread.join(timeout=60)
    assert len(got) == 3
    for answer in got:
        assert isinstance(answer, Answer)
        assert answer.outcome == "answered"
        assert {sentence.origin for sentence in answer.sentences} == {"quote"}
        closed = chatty.ledger.find(turn=answer.turn)[-1]
        assert dict(closed.header.facts)["model"]["finish"] == "failed"
    assert chatty.ledger.verify().ok
    until(lambda: chatty.engine.ready)
    assert chatty.ask("how much is a replacement card").outcome == "answered"
    assert begun[-1].finish == "length"
    assert chatty.ledger.verify().ok


def test_the_place_in_line_is_told_to_the_person(chatty: Appliance, begun: list[Generation]) -> None:
    before = [chatty.engine.generate(CHAT, LONG) for _ in range(16)]
    until(lambda: before[0].tokens)
    stream = chatty.run(chatty.start_session(), "how much does an international transfer cost?")
    told = next(stream)
    assert isinstance(told, InQueue)
    assert 1 <= told.place <= 16
    for each in before:
        each.cancel()
    places = [told.place]
    while places[-1]:
        told = next(stream)
        assert isinstance(told, InQueue)
        places.append(told.place)
    stream.close()  # type: ignore[attr-defined]
    assert places == sorted(places, reverse=True)


@pytest.mark.slow
def test_sixty_four_people_on_a_line_of_sixteen(babbler: Path, fresh_home: Path) -> None:
    """Twenty are taken; the others are told when to come again, come, and are answered."""
    from concurrent.futures import ThreadPoolExecutor

    from fastapi.testclient import TestClient

    from app.web.server import create_app

    # All sixty-four have one address here and come again four times a second: the limit of an address is not the line's.
    settings = Settings(
        home=fresh_home, model=str(babbler), max_tokens=20, max_seconds=120, people=4, waiting=16, requests_per_minute=100_000
    )
    with Appliance(settings) as box:
        box.ready()
        client = TestClient(create_app(box))
        away: list[int] = []

        def person(number: int) -> dict[str, Any]:
            for _ in range(1000):
                answer = client.post("/api/v1/turns", json={"question": "how much is a replacement card", "language": "es"})
                if answer.status_code != 429:
                    break
                assert "muchas personas" in answer.json()["error"]
                away.append(int(answer.headers["retry-after"]))
                time.sleep(0.25)
            assert answer.status_code == 200
            return dict(answer.json())

        with ThreadPoolExecutor(64) as crowd:
            answers = list(crowd.map(person, range(64)))
        assert away
        assert all(1 <= seconds <= 60 for seconds in away)
        assert box.admission.inside == 0
        assert all(answer["outcome"] == "answered" for answer in answers)
        assert len({answer["turn"] for answer in answers}) == 64
        assert len([entry for entry in box.ledger.find() if entry.header.kind == "turn_closed"]) == 64
        assert box.ledger.verify().ok
