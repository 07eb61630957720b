"""The API lets a person say what they thought of an answer of their session, and read why it was given; nobody else."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.web.server import create_app


@pytest.fixture(scope="module")
def client(box: Appliance) -> TestClient:
    return TestClient(create_app(box))


def ask(client: TestClient, question: str) -> tuple[str, str]:
    """Turn and session."""
    answer = client.post("/api/v1/turns", json={"question": question}).json()
    return answer["turn"], answer["session"]


def test_feedback_is_recorded_redacted(client: TestClient, box: Appliance) -> None:
    turn, session = ask(client, "how much is a replacement card")
    body = {"session": session, "useful": False, "reasons": ["unclear"], "comment": "call +34 600 123 456"}
    answer = client.post(f"/api/v1/turns/{turn}/feedback", json=body)
    assert answer.status_code == 201
    header, text = box.ledger.read(answer.json()["record"])
    assert (header.kind, header.turn, dict(header.facts)["reasons"]) == ("feedback", turn, ["unclear"])
    assert "600" not in str(text)


def test_why_this_answer_is_told_in_its_language_or_another(client: TestClient) -> None:
    turn, session = ask(client, "¿Cuánto cuesta una transferencia internacional?")
    told = client.get(f"/api/v1/turns/{turn}/explanation", params={"session": session}).json()
    assert told["turn"] == turn
    assert "La respuesta está en las políticas del banco" in told["explanation"]
    german = client.get(f"/api/v1/turns/{turn}/explanation", params={"session": session, "language": "de"}).json()
    assert "Die Antwort steht in den Merkblättern der Bank" in german["explanation"]


def test_another_session_reads_and_says_nothing(client: TestClient, box: Appliance) -> None:
    turn, _ = ask(client, "how much is a replacement card")
    _, other = ask(client, "how much is a replacement card")
    before = box.ledger.size
    assert client.get(f"/api/v1/turns/{turn}/explanation", params={"session": other}).status_code == 404
    assert client.get(f"/api/v1/turns/{turn}/explanation", params={"session": "guessed"}).status_code == 410
    assert client.get(f"/api/v1/turns/{turn}/explanation").status_code == 422
    for session, status in ((other, 422), ("guessed", 410)):
        assert client.post(f"/api/v1/turns/{turn}/feedback", json={"session": session, "useful": True}).status_code == status
    assert box.ledger.size == before


@pytest.mark.parametrize("wrong", [{"useful": "perhaps"}, {"reasons": ["nonsense"]}, {"comment": 5}, {"reasons": ["wrong"] * 50}])
def test_feedback_that_makes_no_sense_is_refused(client: TestClient, box: Appliance, wrong: dict[str, object]) -> None:
    turn, session = ask(client, "how much is a replacement card")
    before = box.ledger.size
    assert client.post(f"/api/v1/turns/{turn}/feedback", json={"session": session, "useful": True} | wrong).status_code == 422
    assert box.ledger.size == before
