"""The console on the server: what each page shows, what its forms refuse, that nothing a person wrote is markup."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.web.plots import MOST_DAYS_NAMED, Bar, bars, columns
from compliance.record import Header
from tests.app.faces import PASSWORD, sign_in

MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)">'


@pytest.fixture
def officer(faces: FastAPI) -> TestClient:
    return sign_in(TestClient(faces), "officer")


@pytest.fixture
def turn(staffed: Appliance) -> str:
    return staffed.ask("how much is a replacement card", session=staffed.start_session(channel="web")).turn


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def test_nobody_is_sent_to_sign_in_and_back(faces: FastAPI) -> None:
    client = TestClient(faces)
    answer = client.get("/console/ledger", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?back=/console/ledger")
    form = {"name": "officer", "password": PASSWORD, "back": "/console/ledger"}
    signed = client.post("/console/sign-in", data=form, follow_redirects=False)
    assert (signed.status_code, signed.headers["location"]) == (303, "/console/ledger")
    page = client.get("/console/ledger")
    assert page.status_code == 200
    out = client.post("/console/sign-out", data={"csrf": csrf_of(page.text)}, follow_redirects=False)
    assert out.headers["location"] == "/console/sign-in"
    assert client.get("/console/ledger", follow_redirects=False).status_code == 303


def test_a_wrong_password_says_nothing_of_what_was_wrong(faces: FastAPI) -> None:
    client = TestClient(faces)
    pages = [client.post("/console/sign-in", data={"name": name, "password": "wrong wrong"}) for name in ("officer", "nobody")]
    assert [page.status_code for page in pages] == [401, 401]
    assert pages[0].text.replace("officer", "") == pages[1].text.replace("nobody", "")
    hostile = client.post("/console/sign-in", data={"name": f'"{MARKUP}', "password": "x"})
    assert MARKUP not in hostile.text


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/console/..//evil.example", "/console\\evil", "javascript:alert(1)",
                                  "/console/\r\nX: 1", "/elsewhere"])  # fmt: skip
def test_signing_in_leads_nowhere_else(faces: FastAPI, back: str) -> None:
    form = {"name": "officer", "password": PASSWORD, "back": back}
    answer = TestClient(faces).post("/console/sign-in", data=form, follow_redirects=False)
    assert answer.headers["location"] == "/console"


@pytest.mark.parametrize("path", ["/console/sign-out", "/console/ledger/verify", "/console/exports", "/console/turns/0000000000000000/replay"])
def test_a_form_without_its_token_or_of_another_site_is_refused(officer: TestClient, path: str) -> None:
    right = officer.headers["X-CSRF-Token"]
    for data, headers in (({}, {}), ({"csrf": "0" * 64}, {}), ({"csrf": right}, {"Origin": "https://evil.example"})):
        answer = officer.post(path, data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
        assert answer.headers["content-type"].startswith("text/html")
    assert officer.get("/console/ledger").status_code == 200


def test_pages_may_load_their_style_and_nothing_else(officer: TestClient) -> None:
    for path in ("/console/ledger", "/console/sign-in", "/console/none"):
        policy = officer.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        assert "script" not in policy
        assert "unsafe" not in policy
    page = officer.get("/console/dashboard").text
    assert "<script" not in page
    assert "style=" not in page
    assert "onclick" not in page


def test_the_ledger_is_filtered_and_paged(officer: TestClient, turn: str, staffed: Appliance) -> None:
    page = officer.get("/console/ledger", params={"turn": turn}).text
    assert page.count(f"/console/turns/{turn}") == 2
    assert "Turn closed" in page
    only = officer.get("/console/ledger", params={"kind": "turn_closed", "outcome": "answered"}).text
    rows = only.partition("<tbody")[2]
    assert "Turn closed" in rows
    assert "Turn opened" not in rows
    assert "abstained" not in rows
    for _ in range(60):
        staffed.ledger.append(Header.now("note", branch="branch-1"), {})
    first = officer.get("/console/ledger").text
    older = re.search(r'href="(/console/ledger\?before=\d+)"', first)
    assert older is not None
    assert f"/console/turns/{turn}" not in first
    assert f"/console/turns/{turn}" in officer.get(older[1]).text
    assert officer.get("/console/ledger", params={"since": "yesterday"}).status_code == 422
    assert officer.get("/console/ledger", params={"kind": MARKUP}).status_code == 200
    assert MARKUP not in officer.get("/console/ledger", params={"turn": MARKUP}).text


def test_what_a_person_wrote_is_text_on_every_page(officer: TestClient, staffed: Appliance) -> None:
    session = staffed.start_session(channel="web")
    turn = staffed.ask(f"do you sell gold coins {MARKUP}", session=session).turn
    staffed.feedback(session, turn, useful=False, comment=MARKUP)
    held = staffed.ask_for_person(session)
    staffed.handoffs.say(session.id, MARKUP)
    staffed.handoffs.leave(session.id)
    assert held.is_open
    pages = [f"/console/turns/{turn}", "/console/questions", *(f"/console/ledger/{each.index}" for each in staffed.ledger.find(session=session.id))]
    shown = [officer.get(path).text for path in pages]
    assert all("<script" not in page and "<img" not in page for page in shown)
    assert sum("&lt;script&gt;" in page for page in shown) >= 5


def test_an_answer_is_told_with_evidence_and_replayed(officer: TestClient, turn: str) -> None:
    page = officer.get(f"/console/turns/{turn}")
    evidence = re.search(r'href="(/policies/en/[^"]+#evidence)"', page.text)
    assert evidence is not None
    assert 'id="evidence"' in officer.get(evidence[1].replace("&amp;", "&")).text
    replayed = officer.post(f"/console/turns/{turn}/replay", data={"csrf": csrf_of(page.text)})
    assert "It still holds" in replayed.text
    assert "search: same" in replayed.text
    assert officer.get("/console/turns/none").status_code == 404


def test_an_erased_turn_says_so(officer: TestClient, staffed: Appliance) -> None:
    session = staffed.start_session(channel="web")
    turn = staffed.ask("how much is a replacement card", session=session).turn
    staffed.ledger.erase(session.id)
    page = officer.get(f"/console/turns/{turn}").text
    assert "Erased" in page
    assert "replacement card" not in page
    closed = next(entry.index for entry in staffed.ledger.find(turn=turn) if entry.header.kind == "turn_closed")
    assert "Erased" in officer.get(f"/console/ledger/{closed}").text


def test_verify_says_what_it_found(officer: TestClient) -> None:
    token = csrf_of(officer.get("/console/ledger").text)
    assert "The ledger verifies" in officer.post("/console/ledger/verify", data={"csrf": token}).text


def test_an_export_is_made_taken_and_recorded_and_is_nobody_else_s(
    faces: FastAPI, officer: TestClient, staffed: Appliance, turn: str
) -> None:
    token = csrf_of(officer.get("/console/exports").text)
    assert officer.post("/console/exports", data={"csrf": token, "format": "nonsense"}).status_code == 422
    assert officer.post("/console/exports", data={"csrf": token, "format": "csv", "since": "never"}).status_code == 422
    officer.post("/console/exports", data={"csrf": token, "format": "csv", "decrypt": "true"})
    for _ in range(600):
        page = officer.get("/console/exports").text
        if "Download" in page:
            break
        time.sleep(0.05)
    path = re.search(r'href="(/console/exports/[0-9a-f]{16})"', page)
    assert path is not None
    taken = officer.get(path[1])
    assert turn in taken.text
    assert "attachment" in taken.headers["content-disposition"]
    export, download = staffed.ledger.find(last=2)
    assert (export.header.kind, download.header.kind) == ("export", "download")
    assert download.header.facts["account"] == staffed.staff.accounts.named("officer").id
    assert download.header.facts["sha256"] == export.header.facts["sha256"]
    if "second-officer" not in {account.name for account in staffed.staff.accounts.all()}:
        staffed.staff.accounts.add("second-officer", "officer", PASSWORD)
    assert sign_in(TestClient(faces), "second-officer").get(path[1]).status_code == 404
    assert officer.get("/console/exports/..%2f..%2fledger%2fledger.sqlite").status_code == 404
    files = list((staffed.settings.home / "exports").iterdir())
    assert files
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_the_steward_sees_what_had_no_answer_grouped_by_meaning(faces: FastAPI, staffed: Appliance) -> None:
    for question in ("do you sell gold coins?", "can I buy gold coins here?", "¿venden monedas de oro?"):
        assert staffed.ask(question, session=staffed.start_session(channel="web")).outcome == "abstained"
    steward = sign_in(TestClient(faces), "steward")
    page = steward.get("/console/questions").text
    group = next(each for each in page.split('<li class="card">') if "gold coins" in each)
    assert "monedas de oro" in group
    assert "/console/turns/" not in page
    assert steward.get("/console/ledger").status_code == 403
    assert steward.get("/console/dashboard").status_code == 200


@pytest.fixture
def named(staffed: Appliance) -> Iterator[None]:
    staffed.staff.accounts.add("hostile", "officer", PASSWORD, display=MARKUP[:80])
    yield
    staffed.staff.accounts.disable("hostile")


@pytest.mark.usefixtures("named")
def test_a_display_name_is_text(faces: FastAPI) -> None:
    page = sign_in(TestClient(faces), "hostile").get("/console/ledger").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_plots_hold_text_as_text_and_say_their_numbers() -> None:
    drawn = bars([Bar(MARKUP, 3, "3"), Bar("b", 0, "0 of 7")], MARKUP) + columns([("1 Nov", {"answered": 2})], [("answered", MARKUP)], "t", MARKUP)
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "0 of 7" in drawn
    assert "1 Nov: 2" in drawn
    assert bars([], "empty").startswith("<table")


def test_columns_stack_to_the_count_of_their_day_and_name_few_days() -> None:
    days = [(f"day {at}", {"answered": at, "refused": 1}) for at in range(60)]
    drawn = columns(days, [("answered", "a"), ("refused", "r")], "t", "legend")
    heights = [int(each) for each in re.findall(r'<rect class="(?:answered|refused)" y="\d+" width="1" height="(\d+)"', drawn)]
    assert sum(heights) == sum(at + 1 for at in range(60))
    assert drawn.count('class="day"') == 60
    assert drawn.count('class="date') <= MOST_DAYS_NAMED
