"""A customer's way to a person through the API: queued, taken, answered, ended; streamed; after a restart too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.staff.roles import ROLES
from app.web.api.handoffs import _queue_events
from app.web.auth import Principal
from tests.app.faces import events, sign_in

IBAN = "ES91 2100 0418 4502 0005 1332"


@pytest.fixture
def customer(faces: FastAPI) -> TestClient:
    return TestClient(faces)


@pytest.fixture
def teller(faces: FastAPI) -> TestClient:
    return sign_in(TestClient(faces), "teller")


def lost_card(customer: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = customer.post("/api/v1/turns", json={"question": f"I lost my card, my IBAN is {IBAN}"}).json()
    assert answer["outcome"] == "handed_off"
    return answer


def test_a_turn_that_needs_a_person_is_in_the_queue_and_answered_there(customer: TestClient, teller: TestClient) -> None:
    answer = lost_card(customer)
    own = f"/api/v1/sessions/{answer['session']}/handoff"
    id = answer["handoff"]["id"]
    assert customer.get(own).json()["state"] == "waiting"
    queued = next(each for each in teller.get("/api/v1/handoffs").json() if each["id"] == id)
    assert (queued["urgent"], queued["language"], queued["topic"], queued["mine"]) == (True, "en", "cards/lost-card", False)
    assert answer["session"] not in json.dumps(queued)
    assert teller.post(f"/api/v1/handoffs/{id}/take").json()["mine"] is True
    talk = teller.get(f"/api/v1/handoffs/{id}").json()["transcript"]
    assert [said["who"] for said in talk] == ["customer", "box"]
    assert "<IBAN_1>" in talk[0]["text"]
    stored = teller.post(f"/api/v1/handoffs/{id}/replies", json={"text": f"Is it the card of {IBAN}? Call +34 600 123 456."}).json()
    assert stored["text"] == "Is it the card of <IBAN_1>? Call <PHONE_1>."
    read = customer.get(own).json()
    assert (read["state"], read["teller"], read["position"]) == ("taken", "Teller", None)
    assert [said["text"] for said in read["messages"]] == [f"Is it the card of {IBAN}? Call +34 600 123 456."]
    customer.post(f"{own}/messages", json={"text": "Yes, it is"})
    assert [said["text"] for said in customer.get(own, params={"after": stored["number"]}).json()["messages"]] == ["Yes, it is"]
    assert teller.get(f"/api/v1/handoffs/{id}").json()["transcript"][-1]["text"] == "Yes, it is"
    assert teller.post(f"/api/v1/handoffs/{id}/resolve", json={"how": "solved"}).json()["state"] == "resolved"
    assert customer.post(f"{own}/messages", json={"text": "thanks"}).status_code == 410


def test_a_customer_who_asks_for_a_person_waits_once(customer: TestClient, teller: TestClient) -> None:
    session = customer.post("/api/v1/turns", json={"question": "how much is a replacement card"}).json()["session"]
    own = f"/api/v1/sessions/{session}/handoff"
    assert customer.get(own).status_code == 410
    assert customer.post(own).status_code == 201
    again = customer.post(own).json()
    assert again["state"] == "waiting"
    assert again["position"] >= 1
    customer.delete(f"/api/v1/sessions/{session}")
    assert customer.get(own).json()["state"] == "left"
    assert customer.post(own).status_code == 410


def test_another_teller_gets_409(faces: FastAPI, staffed: Appliance, customer: TestClient, teller: TestClient) -> None:
    if "second" not in {account.name for account in staffed.staff.accounts.all()}:
        staffed.staff.accounts.add("second", "teller", "correct horse battery staple")
    second = sign_in(TestClient(faces), "second")
    id = lost_card(customer)["handoff"]["id"]
    assert teller.post(f"/api/v1/handoffs/{id}/take").status_code == 200
    for path, body in (("take", None), ("replies", {"text": "hello"}), ("resolve", {}), ("release", None)):
        assert second.post(f"/api/v1/handoffs/{id}/{path}", json=body).status_code == 409, path
    assert teller.post(f"/api/v1/handoffs/{id}/release").json()["state"] == "waiting"
    assert second.post(f"/api/v1/handoffs/{id}/take").status_code == 200
    assert second.post(f"/api/v1/handoffs/{id}/resolve", json={"how": "nonsense"}).status_code == 422
    second.post(f"/api/v1/handoffs/{id}/resolve", json={})


def test_replies_stream_and_go_on_after_a_cut(customer: TestClient, teller: TestClient) -> None:
    answer = lost_card(customer)
    id, url = answer["handoff"]["id"], f"/api/v1/sessions/{answer['session']}/handoff/events"
    teller.post(f"/api/v1/handoffs/{id}/take")
    numbers = [teller.post(f"/api/v1/handoffs/{id}/replies", json={"text": text}).json()["number"] for text in ("one", "two")]
    teller.post(f"/api/v1/handoffs/{id}/resolve", json={})
    whole = events(customer.get(url).text)
    assert [name for name, _ in whole] == ["state", "message", "message"]
    assert json.loads(whole[0][1])["state"] == "resolved"
    rest = events(customer.get(url, headers={"Last-Event-ID": str(numbers[0])}).text)
    assert [json.loads(data)["text"] for name, data in rest if name == "message"] == ["two"]
    assert customer.get(url, headers={"Last-Event-ID": "nonsense"}).status_code == 200


@pytest.mark.anyio
async def test_the_queue_streams_at_once_and_at_each_change(staffed: Appliance) -> None:
    account = staffed.staff.accounts.named("teller")
    stream = _queue_events(staffed, Principal(account, ROLES["teller"], "browser", account.id))
    before = events(await anext(stream))
    assert before[0][0] == "queue"
    session = staffed.start_session(channel="web")
    held = staffed.ask_for_person(session)
    after = json.loads(events(await anext(stream))[0][1])
    assert held.id in {each["id"] for each in after}
    assert held.id not in {each["id"] for each in json.loads(before[0][1])}
    staffed.end_session(session.id)
    last = json.loads(events(await anext(stream))[0][1])
    assert {each["id"]: each["state"] for each in last}[held.id] == "left"
    await stream.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_after_a_restart_the_customer_still_waits_and_is_answered(customer: TestClient, teller: TestClient, staffed: Appliance) -> None:
    answer = lost_card(customer)
    own, id = f"/api/v1/sessions/{answer['session']}/handoff", answer["handoff"]["id"]
    staffed.sessions.end(answer["session"])  # what a restart does to sessions, which are in memory alone
    staffed.handoffs.close()
    del staffed.__dict__["handoffs"]
    assert customer.get(own).json()["state"] == "waiting"
    assert customer.post("/api/v1/turns", json={"question": "hello", "session": answer["session"]}).status_code == 410
    teller.post(f"/api/v1/handoffs/{id}/take")
    teller.post(f"/api/v1/handoffs/{id}/replies", json={"text": f"I see {IBAN}"})
    assert [said["text"] for said in customer.get(own).json()["messages"]] == ["I see <IBAN_1>"]
    assert customer.post(f"{own}/messages", json={"text": "thank you"}).status_code == 201
    teller.post(f"/api/v1/handoffs/{id}/resolve", json={})


def test_a_screen_that_looks_keeps_a_session_only_while_its_person_waits(
    customer: TestClient, staffed: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = staffed.sessions._clock()
    monkeypatch.setattr(staffed.sessions, "_clock", lambda: now)
    waiting = lost_card(customer)["session"]
    asked = customer.post("/api/v1/turns", json={"question": "how much is a replacement card"}).json()["session"]
    for _ in range(3):
        now += staffed.settings.idle_minutes * 60 * 0.6
        customer.get(f"/api/v1/sessions/{waiting}/handoff")
        customer.get(f"/api/v1/sessions/{asked}")
    assert customer.get(f"/api/v1/sessions/{waiting}").json()["seconds_left"] > 0
    assert customer.get(f"/api/v1/sessions/{asked}").json() == {"session": asked, "seconds_left": 0, "language": None, "handoff": None}
    customer.delete(f"/api/v1/sessions/{waiting}")
