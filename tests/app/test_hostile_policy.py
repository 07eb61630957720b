"""A policy file full of markup: on the policy's page, in the API, in the console it is text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.settings import Settings
from app.staff import Staff
from app.web.server import create_app
from tests.app.faces import CHEAP, PASSWORD, sign_in

POLICY = """---
id: cards/gold"onmouseover="alert(1)
title: <script>alert('title')</script> Gold card
language: en
version: "1\\"><img src=x onerror=alert(2)>"
---

# Gold card <script>alert('heading')</script>

## Cost of the gold card

The gold card costs 77 EUR a year.

## Limit of the gold card

Its <img src=x onerror="alert('text')"> limit is 5,000 EUR a month.

[Read more](javascript:alert('link')) about the gold card in <iframe src="https://evil.example"></iframe> the branch.
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    folder: Path = tmp_path_factory.mktemp("policies")
    (folder / "gold.md").write_text(POLICY, "utf-8")
    home = tmp_path_factory.mktemp("home")
    with Appliance(Settings(home=home, slm=False), policies=folder) as box:
        box.__dict__["staff"] = Staff.open(home / "staff", box.ledger, passwords=CHEAP)
        box.staff.accounts.add("officer", "officer", PASSWORD)
        box.ready()
        yield box


def assert_is_text(page: str) -> None:
    lowered = page.lower()
    for markup in ("<script", "<img", "<iframe", 'href="javascript:', "<a onmouseover"):
        assert markup not in lowered, markup
    assert '"onmouseover="' not in lowered


def test_a_hostile_policy_is_text_wherever_it_is_shown(hostile: Appliance) -> None:
    client = TestClient(create_app(hostile))
    answer = client.post("/api/v1/turns", json={"question": "how much does the gold card cost a year?"}).json()
    assert answer["outcome"] == "answered"
    assert "77 EUR" in answer["answer"]
    policy = hostile.index.policies[0]
    page = client.get(f"/policies/en/{policy.id}", params={"version": policy.version, "start": 200, "end": 240, "in": '"><script>'})
    assert page.status_code == 200
    assert_is_text(page.text)
    assert "script" not in page.headers["content-security-policy"]
    officer = sign_in(client, "officer")
    for path in (f"/console/turns/{answer['turn']}", "/console/ledger", "/console/dashboard", "/console/questions"):
        assert_is_text(officer.get(path).text)
    shown = officer.get(f"/console/turns/{answer['turn']}").text
    assert "&lt;script&gt;" in shown
    assert officer.get("/api/v1/policies").headers["content-type"] == "application/json"
