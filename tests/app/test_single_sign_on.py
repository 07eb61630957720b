"""Signing in through the bank's sign-in service: only who it vouches for, now, for this box, in this browser, and with a role here."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

from app.appliance import Appliance
from app.errors import TellerboxError
from app.settings import Settings
from app.web.console.wording import labels
from app.web.server import create_app
from compliance.fields import undocumented
from tests.app.faces import PASSWORD, branch

pytest.importorskip("authlib", reason="NO AUTHLIB: install the extra oidc")
import httpx2

from app.staff import oidc
from app.staff.oidc import WITHIN_SECONDS, Provider, ProviderRefused
from tests.app.sign_in_service import CLIENT, SECRET, SignInService
from tests.console_demo import listening

ROLES = {"bank-officers": "officer", "bank-stewards": "steward"}


@pytest.fixture(scope="module")
def running() -> Iterator[SignInService]:
    service = SignInService()
    with listening(service.app()) as url:
        service.issuer = url
        yield service


@pytest.fixture
def service(running: SignInService) -> SignInService:
    """The service, honest again."""
    fresh = SignInService(issuer=running.issuer, key=running.key)
    running.__dict__.update(fresh.__dict__)
    return running


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, running: SignInService) -> Iterator[Appliance]:
    home = tmp_path_factory.mktemp("sso")
    (home / "secret").write_text(SECRET + "\n", "utf-8")
    settings = {"oidc_issuer": running.issuer, "oidc_client_id": CLIENT, "oidc_client_secret_file": home / "secret", "oidc_roles": ROLES}
    with branch(home, **settings) as held:
        yield held


@pytest.fixture(scope="module")
def web(box: Appliance) -> FastAPI:
    return create_app(box)


@pytest.fixture
def browser(web: FastAPI) -> TestClient:
    return TestClient(web, follow_redirects=False)


def there(url: str) -> str:
    """What a browser does at the service, and where that sends it."""
    answer = httpx2.get(url, follow_redirects=False)
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


def travel(browser: TestClient, back: str = "/console/ledger") -> Any:
    """Off to the service and back."""
    off = browser.get("/console/oidc", params={"back": back})
    assert off.status_code == 303, off.text
    return browser.get(there(off.headers["location"]))


def records(box: Appliance, kind: str) -> list[dict[str, Any]]:
    found = [entry.header for entry in box.ledger.find() if entry.header.kind == kind]
    assert all(undocumented(kind, header.facts, None) == set() for header in found)
    return [dict(header.facts) for header in found]


def says(answer: Any, problem: str) -> bool:
    return labels("en")[f"problem.{problem}"] in html.unescape(answer.text)


def test_who_has_a_role_comes_in_and_is_recorded_by_id_alone(browser: TestClient, box: Appliance, service: SignInService) -> None:
    before = len(box.ledger.find())
    back = travel(browser)
    assert back.status_code == 200
    assert 'content="0;url=/console/ledger"' in back.text
    assert browser.get("/console/ledger").status_code == 200
    assert "Marta Ruiz" in browser.get("/console/ledger").text
    last = records(box, "sign_in")[-1]
    account = box.staff.accounts.of(last["account"])
    assert last == {"account": account.id, "result": "accepted", "method": "oidc"}
    assert (account.display, account.role) == ("Marta Ruiz", "officer")
    assert records(box, "account_change")[-1] == {"account": account.id, "change": "created", "by": account.id, "role": "officer"}
    written = b"".join(repr(box.ledger.read(index)).encode() for index in range(before, len(box.ledger.find())))
    assert b"Marta" not in written
    assert service.person["sub"].encode() not in written
    assert service.issuer.encode() not in written


def test_what_the_service_is_asked_for(browser: TestClient, service: SignInService) -> None:
    off = browser.get("/console/oidc")
    asked = {name: value[0] for name, value in parse_qs(urlsplit(off.headers["location"]).query).items()}
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert asked["redirect_uri"] == "http://testserver/console/oidc/callback"
    assert asked["prompt"] == "login"
    assert asked["scope"].split()[0] == "openid"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    cookie = off.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    again = parse_qs(urlsplit(browser.get("/console/oidc").headers["location"]).query)
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & {again[name][0] for name in ("state", "nonce", "code_challenge")}


@pytest.mark.parametrize(
    "lies",
    [{"nonce": "another"}, {"nonce": None}, {"aud": "another client"}, {"aud": [CLIENT, "another"]}, {"aud": None}, {"aud": "another client", "azp": CLIENT},
     {"iss": "https://evil.example"},
     {"exp": int(time.time()) - 3_600}, {"exp": None}, {"iat": int(time.time()) + 3_600}, {"sub": ""}, {"sub": None}, {"sub": 7},
     {"azp": "another client"}, {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}],
    ids=" ".join,  # claims alone: a time in a name would differ between the test processes
)  # fmt: skip
def test_a_token_that_is_not_for_here_and_now_lets_nobody_in(browser: TestClient, box: Appliance, service: SignInService, lies: dict[str, Any]) -> None:
    service.lies = lies
    back = travel(browser)
    assert back.status_code == 401
    assert says(back, "provider_refused")
    assert browser.get("/console/ledger").status_code == 303
    assert records(box, "sign_in")[-1] == {"account": None, "result": "refused", "method": "oidc"}


@pytest.mark.parametrize("how", ["a foreign key", "HS256", "none"])
def test_a_token_that_the_service_did_not_sign_lets_nobody_in(browser: TestClient, service: SignInService, how: str) -> None:
    service.foreign_key, service.algorithm = how == "a foreign key", "RS256" if how == "a foreign key" else how
    assert says(travel(browser), "provider_refused")
    assert browser.get("/console/ledger").status_code == 303


def test_a_way_back_serves_once(browser: TestClient, web: FastAPI, service: SignInService) -> None:
    service.codes_serve_again = True  # a careless service: the state alone must stop it
    path = there(browser.get("/console/oidc").headers["location"])
    cookie = browser.cookies["tellerbox-oidc"]
    assert browser.get(path).status_code == 200
    thief = TestClient(web, follow_redirects=False, cookies={"tellerbox-oidc": cookie})
    assert says(thief.get(path), "provider_refused")
    assert thief.get("/console/ledger").status_code == 303


def test_a_way_back_is_for_the_browser_that_set_out(browser: TestClient, web: FastAPI, service: SignInService) -> None:
    path = there(browser.get("/console/oidc").headers["location"])
    other = TestClient(web, follow_redirects=False)
    assert says(other.get(path), "provider_refused")
    other.get("/console/oidc")
    assert says(other.get(path), "provider_refused")
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=access_denied&state=x", "?state=%00&code=%ff"])
def test_a_way_back_that_nobody_set_out_for_proves_nothing(browser: TestClient, service: SignInService, query: str) -> None:
    assert says(browser.get(f"/console/oidc/callback{query}"), "provider_refused")
    assert service.fetched == []


def test_an_answer_in_the_name_of_another_issuer_is_refused(browser: TestClient, service: SignInService) -> None:
    for change in (lambda path: path.split("&iss=")[0], lambda path: path.split("&iss=")[0] + "&iss=https://evil.example"):
        path = there(browser.get("/console/oidc").headers["location"])
        assert says(browser.get(change(path)), "provider_refused")


def test_who_has_no_role_stays_out_and_is_signed_out_elsewhere(browser: TestClient, web: FastAPI, box: Appliance, service: SignInService) -> None:
    service.person = {"sub": "leaver", "groups": ["bank-officers"]}
    travel(browser)
    assert browser.get("/console/ledger").status_code == 200
    account = records(box, "sign_in")[-1]["account"]
    for groups in (["staff"], "nothing", None, 7, {"bank-officers": True}, [["bank-officers"]]):
        service.person = {"sub": "leaver", "groups": groups}
        back = travel(TestClient(web, follow_redirects=False))
        assert back.status_code == 403
        assert says(back, "no_role")
        assert records(box, "sign_in")[-1] == {"account": account, "result": "unmapped", "method": "oidc"}
    assert browser.get("/console/ledger").status_code == 303
    service.person = {"sub": "stranger"}
    assert says(travel(browser), "no_role")
    assert records(box, "sign_in")[-1]["account"] is None


def test_the_role_is_that_of_the_last_sign_in(browser: TestClient, web: FastAPI, box: Appliance, service: SignInService) -> None:
    service.person = {"sub": "mover", "groups": ["bank-officers", "bank-stewards"]}
    travel(browser)
    assert browser.get("/console/ledger").status_code == 200
    service.person = {"sub": "mover", "groups": ["bank-stewards"]}
    travel(TestClient(web, follow_redirects=False), "/console/questions")
    assert browser.get("/console/ledger").status_code == 403
    assert records(box, "account_change")[-1]["change"] == "role"


def test_a_stopped_account_stays_out(browser: TestClient, box: Appliance, service: SignInService) -> None:
    service.person = {"sub": "stopped", "groups": ["bank-officers"]}
    travel(browser)
    name = box.staff.accounts.of(records(box, "sign_in")[-1]["account"]).name
    box.staff.accounts.disable(name)
    back = travel(browser)
    assert (back.status_code, says(back, "stopped")) == (403, True)
    assert records(box, "sign_in")[-1]["result"] == "disabled"
    for change in (lambda: box.staff.accounts.set_password(name, PASSWORD), lambda: box.staff.accounts.set_second_factor(name)):
        with pytest.raises(TellerboxError, match="sign-in service"):
            change()
    with pytest.raises(TellerboxError, match="oidc-"):
        box.staff.accounts.add("oidc-mine", "officer", PASSWORD)


def test_signing_out_ends_it_here_and_a_local_account_goes_on_working(browser: TestClient, box: Appliance, service: SignInService) -> None:
    travel(browser)
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', browser.get("/console/ledger").text)
    assert csrf is not None
    assert browser.post("/console/sign-out", data={"csrf": csrf[1]}).status_code == 303
    assert browser.get("/console/ledger").status_code == 303
    assert records(box, "sign_out")[-1] == {"account": records(box, "sign_in")[-1]["account"]}
    page = browser.get("/console/sign-in").text
    assert 'href="/console/oidc?back=/console"' in page
    assert browser.post("/console/sign-in", data={"name": "officer", "password": PASSWORD}).status_code == 303
    assert records(box, "sign_in")[-1]["method"] == "password"


def test_a_sign_in_that_is_broken_off_says_so(browser: TestClient, service: SignInService) -> None:
    service.denied = True
    back = travel(browser)
    assert (back.status_code, says(back, "provider_cancelled")) == (401, True)


@pytest.mark.parametrize(
    "lies", [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None},
             {"authorization_endpoint": "javascript:alert(1)"}, {"code_challenge_methods_supported": ["plain"]}], ids=str,
)  # fmt: skip
def test_a_service_that_describes_another_one_is_not_believed(browser: TestClient, service: SignInService, lies: dict[str, Any]) -> None:
    service.metadata_lies = lies
    answer = browser.get("/console/oidc")
    assert (answer.status_code, says(answer, "provider")) == (503, True)


def test_a_service_that_is_down_is_a_clear_page_and_the_box_goes_on(tmp_path: Path) -> None:
    settings = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": CLIENT, "oidc_roles": ROLES}
    with branch(tmp_path, **settings) as box:
        client = TestClient(create_app(box), follow_redirects=False)
        answer = client.get("/console/oidc")
        assert (answer.status_code, says(answer, "provider")) == (503, True)
        assert 'name="password"' in answer.text
        assert client.post("/console/sign-in", data={"name": "officer", "password": PASSWORD}).status_code == 303


def test_a_service_that_goes_down_on_the_way_is_a_clear_page(browser: TestClient, service: SignInService) -> None:
    service.metadata_lies = {"token_endpoint": "http://127.0.0.1:9/token"}
    back = travel(browser)
    assert (back.status_code, says(back, "provider")) == (503, True)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(Response("<html>", 200), "provider"), (Response("[]", 200), "provider"), (Response("7", 200), "provider"), (Response("", 500), "provider"),
     (Response("{}", 200), "provider_refused"), (Response('{"error": "invalid_grant"}', 400), "provider_refused"),
     (Response('{"access_token": "x", "id_token": 7}', 200), "provider_refused"), (Response('{"access_token": "x"}', 200), "provider_refused"),
     (Response('{"access_token": "x", "id_token": "a.b.c"}', 200), "provider_refused")],
    ids=lambda value: getattr(value, "body", value),
)  # fmt: skip
def test_whatever_comes_in_place_of_a_token_is_a_clear_page(browser: TestClient, service: SignInService, answer: Response, problem: str) -> None:
    service.token_answer = answer
    assert says(travel(browser), problem)
    assert browser.get("/console/ledger").status_code == 303


@pytest.mark.parametrize("lies", [{"code_challenge_methods_supported": None}, {"token_endpoint_auth_methods_supported": None}], ids=str)
def test_what_a_service_does_not_say_of_itself_is_what_the_standard_says(browser: TestClient, service: SignInService, lies: dict[str, Any]) -> None:
    service.metadata_lies = lies
    assert travel(browser).status_code == 200


def test_nothing_is_asked_before_somebody_signs_in(box: Appliance, service: SignInService) -> None:
    client = TestClient(create_app(box))
    assert client.get("/console/sign-in").status_code == 200
    assert service.fetched == []
    travel(TestClient(create_app(box), follow_redirects=False))
    assert service.fetched == ["metadata", "keys"]


def test_a_role_may_lie_deeper_in_the_token(tmp_path: Path, service: SignInService) -> None:
    settings = {"oidc_issuer": service.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_roles": ROLES,
                "oidc_role_claim": "realm_access.roles", "oidc_callback": "https://box.bank.example/console/oidc/callback"}  # fmt: skip
    service.person = {"sub": "deep", "realm_access": {"roles": ["bank-stewards"]}}
    provider = Provider(Settings(home=tmp_path, **settings))
    begun = provider.begin("https://box.bank.example/console/oidc/callback", "/console")
    query = parse_qs(urlsplit(there(begun.url)).query)
    who, back = provider.finish(query["state"][0], begun.browser, query["code"][0], query["iss"][0])
    assert (who.role, back) == ("steward", "/console")
    assert who.name.startswith("oidc-")


def test_what_takes_too_long_or_is_too_much_is_forgotten(
    tmp_path: Path, service: SignInService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "MOST_BEGUN", 5)
    now = time.time()
    settings = Settings(home=tmp_path, oidc_issuer=service.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET, oidc_roles=ROLES)
    provider = Provider(settings, clock=lambda: now)
    provider.__dict__["_metadata"] = lambda: {"issuer": service.issuer, "authorization_endpoint": f"{service.issuer}/authorize"}
    begun = [provider.begin("http://testserver/back", "/console") for _ in range(8)]
    states = [parse_qs(urlsplit(each.url).query)["state"][0] for each in begun]
    with pytest.raises(ProviderRefused):
        provider.cancel(states[2], begun[2].browser)
    provider.cancel(states[3], begun[3].browser)
    now += WITHIN_SECONDS
    with pytest.raises(ProviderRefused):
        provider.cancel(states[-1], begun[-1].browser)


@pytest.mark.parametrize(
    "wrong", [{"oidc_client_id": ""}, {"oidc_roles": {}}, {"oidc_issuer": "http://bank.example"}, {"oidc_issuer": "bank.example"},
              {"oidc_client_secret_file": Path("/nonexistent/secret")}], ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_stop_the_start(tmp_path: Path, wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"oidc_issuer": "https://bank.example", "oidc_client_id": CLIENT, "oidc_roles": ROLES} | wrong
    with pytest.raises(TellerboxError, match=next(iter(wrong)).removesuffix("_file").replace("oidc_client_secret", "secret")):
        Provider(Settings(home=tmp_path, **given))


def test_without_the_setting_nothing_of_it_is_imported_and_its_page_is_missing(faces: FastAPI, tmp_path: Path) -> None:
    client = TestClient(faces)
    assert "/console/oidc" not in client.get("/console/sign-in").text
    assert client.get("/console/oidc").status_code == 404
    assert client.get("/console/oidc/callback").status_code == 404
    code = f"""
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from app.appliance import Appliance
from app.settings import Settings
from app.web.server import create_app
with Appliance(Settings(home=Path({str(tmp_path)!r}), slm=False)) as box:
    client = TestClient(create_app(box))
    assert client.get("/console/sign-in").status_code == 200
    assert client.get("/console/oidc").status_code == 404
print([name for name in sys.modules if name.partition(".")[0] in ("authlib", "joserfc")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
