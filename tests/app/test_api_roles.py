"""Every route with every role, and with none: who is let through is written here, and a route that is not is a failure."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.staff.roles import ROLES as SCOPES_OF
from tests.app.faces import ROLES, sign_in

ALL = frozenset(ROLES)
ANYONE = ALL | {"nobody"}
TURN = {"question": "how much is a replacement card"}
CHAT = {"model": "tellerbox", "messages": [{"role": "user", "content": "how much is a replacement card"}]}

# method and path: who is let through, and a body that a route takes
TABLE: dict[tuple[str, str], tuple[frozenset[str], object]] = {
    ("GET", "/healthz"): (ANYONE, None),
    ("GET", "/readyz"): (ANYONE, None),
    ("GET", "/metrics"): (ANYONE, None),
    ("POST", "/api/v1/turns"): (ANYONE, TURN),
    ("POST", "/api/v1/turns/stream"): (ANYONE, TURN),
    ("POST", "/api/v1/turns/{turn}/feedback"): (ANYONE, {"session": "none", "useful": True}),
    ("GET", "/api/v1/turns/{turn}/explanation"): (ANYONE, None),
    ("GET", "/api/v1/sessions/{session}"): (ANYONE, None),
    ("DELETE", "/api/v1/sessions/{session}"): (ANYONE, None),
    ("POST", "/api/v1/sessions/{session}/handoff"): (ANYONE, None),
    ("GET", "/api/v1/sessions/{session}/handoff"): (ANYONE, None),
    ("GET", "/api/v1/sessions/{session}/handoff/events"): (ANYONE, None),
    ("POST", "/api/v1/sessions/{session}/handoff/messages"): (ANYONE, {"text": "hello"}),
    ("DELETE", "/api/v1/sessions/{session}/handoff"): (ANYONE, None),
    ("GET", "/api/v1/policies"): (ANYONE, None),
    ("GET", "/api/v1/policies/{language}/{policy_id:path}"): (ANYONE, None),
    ("GET", "/api/v1/handoffs"): (frozenset({"teller"}), None),
    ("GET", "/api/v1/handoffs/events"): (frozenset({"teller"}), None),
    ("GET", "/api/v1/handoffs/{id}"): (frozenset({"teller"}), None),
    ("POST", "/api/v1/handoffs/{id}/take"): (frozenset({"teller"}), None),
    ("POST", "/api/v1/handoffs/{id}/replies"): (frozenset({"teller"}), {"text": "hello"}),
    ("POST", "/api/v1/handoffs/{id}/resolve"): (frozenset({"teller"}), {}),
    ("POST", "/api/v1/handoffs/{id}/release"): (frozenset({"teller"}), None),
    ("POST", "/api/v1/sign-in"): (ANYONE, {"name": "nobody", "password": "", "code": 5}),
    ("POST", "/api/v1/sign-out"): (ALL, None),
    ("GET", "/api/v1/me"): (ALL, None),
    ("GET", "/api/v1/accounts"): (frozenset({"admin"}), None),
    ("POST", "/api/v1/accounts/{name}/disable"): (frozenset({"admin"}), None),
    ("POST", "/api/v1/accounts/{name}/enable"): (frozenset({"admin"}), None),
    ("GET", "/api/v1/ledger"): (frozenset({"officer"}), None),
    ("GET", "/api/v1/ledger/checkpoint"): (frozenset({"officer"}), None),
    ("POST", "/api/v1/ledger/verify"): (frozenset({"officer"}), None),
    ("GET", "/api/v1/ledger/{index}"): (frozenset({"officer"}), None),
    ("GET", "/api/v1/ledger/turns/{turn}/explanation"): (frozenset({"officer"}), None),
    ("GET", "/v1/models"): (frozenset({"teller", "steward"}), None),
    ("GET", "/v1/models/{model}"): (frozenset({"teller", "steward"}), None),
    ("POST", "/v1/chat/completions"): (frozenset({"teller", "steward"}), CHAT),
    ("GET", "/policies/{language}/{policy_id:path}"): (ANYONE, None),
    ("POST", "/chat/stay"): (ANYONE, None),
    ("POST", "/chat/finish"): (ANYONE, None),
    ("GET", "/chat/replies"): (ANYONE, None),
    ("GET", "/chat/turns/{turn}/why"): (ANYONE, None),
    ("GET", "/chat/turns/{turn}/receipt"): (ANYONE, None),
    ("POST", "/chat/turns/{turn}/feedback"): (ANYONE, {"useful": True}),
    ("GET", "/console"): (ALL, None),
    ("GET", "/console/{rest:path}"): (ANYONE, None),
    ("POST", "/console/language"): (ANYONE, {"language": "de"}),
    ("GET", "/console/oidc"): (ANYONE, None),
    ("GET", "/console/oidc/callback"): (ANYONE, None),
    ("GET", "/console/sign-in"): (ANYONE, None),
    ("POST", "/console/sign-in"): (ANYONE, {"code": "x" * 50}),
    ("POST", "/console/sign-out"): (ALL, {}),
    ("GET", "/console/ledger"): (frozenset({"officer"}), None),
    ("POST", "/console/ledger/verify"): (frozenset({"officer"}), {}),
    ("GET", "/console/ledger/{index}"): (frozenset({"officer"}), None),
    ("GET", "/console/turns/{turn}"): (frozenset({"officer"}), None),
    ("POST", "/console/turns/{turn}/replay"): (frozenset({"officer"}), {}),
    ("GET", "/console/exports"): (frozenset({"officer"}), None),
    ("POST", "/console/exports"): (frozenset({"officer"}), {"format": "none"}),
    ("GET", "/console/exports/{id}"): (frozenset({"officer"}), None),
    ("GET", "/console/dashboard"): (frozenset({"officer", "steward"}), None),
    ("GET", "/console/questions"): (frozenset({"officer", "steward"}), None),
}
STREAMS = {("GET", "/api/v1/handoffs/events")}
"""Streams without an end: asked only for by those who are not let through; tests/app/test_api_handoffs.py reads them."""
NAMES = {"turn": "0" * 16, "session": "none", "language": "en", "policy_id:path": "none", "id": "none", "name": "none", "index": "0", "model": "none"}


@pytest.fixture
def box(staffed: Appliance) -> Appliance:
    return staffed


@pytest.fixture
def app(faces: FastAPI) -> FastAPI:
    return faces


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Every route of ours; what Gradio brings is mounted and has no account to escape to."""
    found = (context for context in iter_route_contexts(app.routes) if isinstance(context.original_route, APIRoute))
    return {(method, context.path) for context in found for method in context.methods or ()}


def test_every_route_is_in_the_table(app: FastAPI) -> None:
    assert routes(app) == set(TABLE)


@pytest.mark.parametrize("who", [*ROLES, "nobody"])
def test_a_route_lets_through_whom_the_table_says(app: FastAPI, who: str) -> None:
    client = TestClient(app)
    for (method, path), (allowed, body) in TABLE.items():
        if who != "nobody":
            sign_in(client, who)
        if who in allowed and (method, path) in STREAMS:
            continue
        filled = path
        for name, value in NAMES.items():
            filled = filled.replace(f"{{{name}}}", value)
        sent: dict[str, Any] = {} if body is None else {"json": body}
        if path.startswith("/console") and isinstance(body, dict):
            sent = {"data": body | {"csrf": client.headers.get("X-CSRF-Token", "")}}
        answer = client.request(method, filled, follow_redirects=False, **sent)
        sent_away = path.startswith("/console") and answer.headers.get("location", "").startswith("/console/sign-in?")
        refused = answer.status_code in (401, 403) or sent_away
        assert refused == (who not in allowed), (method, path, answer.status_code, answer.text)
        assert answer.status_code != 500, (method, path)
        if who == "nobody" and refused:
            assert answer.status_code == (303 if sent_away else 401), (method, path)


@pytest.mark.parametrize("role", ROLES)
def test_a_key_is_let_through_no_further_than_its_scopes(app: FastAPI, box: Appliance, role: str) -> None:
    for scope in sorted(SCOPES_OF[role]):
        _, key = box.staff.api_keys.add(role, [scope])
        client = TestClient(app, headers={"Authorization": f"Bearer {key}"})
        for path, needed in (
            ("/api/v1/handoffs", "handoffs"), ("/api/v1/accounts", "accounts"), ("/api/v1/ledger", "ledger"), ("/v1/models", "turns"),
        ):  # fmt: skip
            assert client.get(path).status_code == (200 if needed == scope else 403), (role, scope, path)


def test_a_key_that_is_none_is_not_nobody(app: FastAPI) -> None:
    client = TestClient(app, headers={"Authorization": "Bearer tbx_guessed"})
    assert client.get("/api/v1/policies").status_code == 401
    assert client.post("/api/v1/turns", json=TURN).status_code == 401


def test_a_browser_that_writes_without_its_token_is_refused(app: FastAPI) -> None:
    client = sign_in(TestClient(app), "admin")
    token = client.headers.pop("X-CSRF-Token")
    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": token[:-1]}, {"X-CSRF-Token": "é".encode()}):
        answer = client.post("/api/v1/accounts/teller/disable", headers=wrong)
        assert answer.status_code == 403, wrong
    assert client.get("/api/v1/accounts").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_another_site_signs_nobody_in(app: FastAPI, headers: dict[str, str]) -> None:
    body = {"name": "teller", "password": "correct horse battery staple"}
    answer = TestClient(app).post("/api/v1/sign-in", json=body, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_hidden_from_scripts_and_other_sites_and_secure_under_https(app: FastAPI) -> None:
    body = {"name": "teller", "password": "correct horse battery staple"}
    plain = TestClient(app).post("/api/v1/sign-in", json=body).headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(plain.split("; "))
    assert "Secure" not in plain
    secure = TestClient(app, base_url="https://testserver").post("/api/v1/sign-in", json=body).headers["set-cookie"]
    assert secure.startswith("__Host-tellerbox=")
    assert "Secure" in secure


def test_a_teller_s_session_is_that_teller_s_alone(app: FastAPI, box: Appliance) -> None:
    teller, other = sign_in(TestClient(app), "teller"), sign_in(TestClient(app), "steward")
    first = teller.post("/api/v1/turns", json=TURN | {"role": "teller"}).json()
    assert teller.post("/api/v1/turns", json=TURN | {"session": first["session"]}).status_code == 200
    for client in (other, TestClient(app)):
        assert client.post("/api/v1/turns", json=TURN | {"session": first["session"]}).status_code == 410
        answer = client.get(f"/api/v1/turns/{first['turn']}/explanation", params={"session": first["session"]})
        assert answer.status_code == 410
        assert client.get(f"/api/v1/sessions/{first['session']}").json()["seconds_left"] == 0
        client.delete(f"/api/v1/sessions/{first['session']}")
        assert client.post(f"/api/v1/sessions/{first['session']}/handoff").status_code == 410
    assert box.sessions.peek(first["session"]) is not None
    assert TestClient(app).post("/api/v1/turns", json=TURN | {"role": "teller"}).status_code == 401
    assert sign_in(TestClient(app), "officer").post("/api/v1/turns", json=TURN | {"role": "teller"}).status_code == 403


def test_policies_for_tellers_are_not_for_customers(app: FastAPI) -> None:
    hidden = "/api/v1/policies/en/teller/suspicious-activity"
    assert TestClient(app).get(hidden).status_code == 404
    assert "teller" not in {policy["audience"] for policy in TestClient(app).get("/api/v1/policies").json()}
    teller = sign_in(TestClient(app), "teller")
    assert teller.get(hidden).json()["audience"] == "teller"
    assert TestClient(app).get("/api/v1/policies/en/cards/lost-card").json()["text"]
