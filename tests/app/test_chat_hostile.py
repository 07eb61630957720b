"""What an attacker may send or write: nothing of it becomes code on the chat's page, and Gradio's other doors are shut."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from app.appliance import Appliance
from app.settings import Settings
from app.web.gradio_shell import policy_of
from tests.browser import ask, chromium, open_page, serving

browser = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="NO BROWSER: install Debian's chromium to run the browser tests"),
]
OWNED = "<img src=x onerror=\"document.documentElement.dataset.owned='1'\">"
POLICY = f"""---
id: fees/hostile
title: 'Fees </title><script>document.documentElement.dataset.owned="1"</script>{OWNED.replace("'", '"')}'
language: en
version: 2026-01
effective_from: 2026-01-01
audience: customer
---

# Fees {OWNED}

A hostile transfer costs €77 {OWNED} at the counter. [Read more](javascript:document.documentElement.dataset.owned=1)

<script>document.documentElement.dataset.owned = "1"</script>

![picture](https://elsewhere.example/track.png)
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "hostile.md").write_text(POLICY, "utf-8")
    settings = Settings(home=tmp_path_factory.mktemp("hostile"), slm=False, bank="</title><script>owned</script><b>Bank</b>")
    with Appliance(settings, policies=folder) as box:
        box.ready()
        with serving(box) as address:
            yield address


@pytest.mark.usefixtures("hostile")
class TestPage:
    pytestmark = browser

    def test_markup_in_a_policy_a_bank_s_name_and_a_question_stays_text(self, hostile: str) -> None:
        with open_page(hostile, "en") as (page, requests, errors):
            assert page.locator("#brand .bank").inner_text() == "</title><script>owned</script><b>Bank</b>"
            ask(page, f"how much does a hostile transfer cost? {OWNED}")
            assert OWNED in page.locator("#log .person").inner_text()
            sentence = page.locator("#log .sentence", has_text="77")
            assert "onerror" in sentence.first.inner_text()
            sentence.first.locator(".cite").click()
            frame = page.frame_locator("#panel iframe")
            frame.locator("mark").first.wait_for()
            assert "€77" in frame.locator("mark").first.inner_text()
            assert frame.locator("img, script, a").count() == 0
            for place in (page.locator("html"), frame.locator("html")):
                assert place.get_attribute("data-owned") is None
            assert page.locator("#log img, #log script, #log b, #brand b").count() == 0
            assert [address for address in requests if "elsewhere" in address] == []
            assert errors == []

    def test_script_that_is_put_on_the_page_does_not_run(self, hostile: str) -> None:
        with open_page(hostile, "en") as (page, _, errors):
            page.evaluate("""() => {
                const inline = document.createElement("script");
                inline.textContent = "document.documentElement.dataset.owned = '1'";
                document.body.append(inline);
                const handler = document.createElement("div");
                handler.innerHTML = `<img src=x onerror="document.documentElement.dataset.owned = '1'">`;
                document.body.append(handler);
            }""")
            page.wait_for_timeout(300)
            assert page.locator("html").get_attribute("data-owned") is None
            assert any("Content Security Policy" in error for error in errors)

    def test_nothing_can_be_sent_elsewhere_from_the_page(self, hostile: str) -> None:
        with open_page(hostile, "en") as (page, _, _):
            sent = page.evaluate("fetch('https://elsewhere.example/').then(() => 'sent', () => 'refused')")
            assert sent == "refused"
            assert page.evaluate("fetch('http://localhost:1/').then(() => 'sent', (error) => String(error))") != "sent"


def test_a_policy_s_page_names_its_title_as_text(hostile: str) -> None:
    page = httpx.get(f"{hostile}/policies/en/fees/hostile", params={"in": "<script>", "look": '"><script>'}).text
    assert "<script" not in page
    assert "javascript:" not in re.sub(r">[^<]*<", "><", page)


def test_the_page_s_policy_lets_nothing_be_added_or_compiled(hostile: str) -> None:
    answer = httpx.get(hostile)
    directives = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert directives["default-src"] == "'none'"
    assert "'unsafe-inline'" not in directives["script-src"]
    assert "'unsafe-eval'" not in directives["script-src"]
    assert directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert answer.headers["content-security-policy"] == policy_of(answer.text)
    assert re.findall(r"""(?:src|href|content)=["']https?://(?!127\.0\.0\.1)[^"']+""", answer.text) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/config"), ("GET", "/gradio_api/info"), ("GET", "/gradio_api/openapi.json"), ("GET", "/openapi.json"), ("GET", "/docs"),
        ("GET", "/gradio_api/file=/etc/passwd"), ("GET", "/file=/etc/passwd"), ("GET", "/gradio_api/file=pyproject.toml"),
        ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/proxy=https://elsewhere.example/"), ("GET", "/monitoring"),
        ("GET", "/gradio_api/monitoring"), ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/call/say"), ("POST", "/run/predict"),
        ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/app_id"), ("GET", "/gradio_api/token"), ("GET", "/manifest.json"),
        ("GET", "/gradio_api/vibe-code"), ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/deep_link"), ("GET", "/svelte/x"),
        ("GET", "/gradio_api/runs"), ("GET", "/static/../../etc/passwd"), ("GET", "/assets/..%2f..%2findex.html"), ("PUT", "/"), ("GET", "/login"),
        ("GET", "/gradio_api/custom_component/1/client/x/y.js"), ("GET", "/gradio_api/mcp/sse"), ("GET", "/robots.txt"), ("OPTIONS", "/gradio_api/upload"),
    ],
)  # fmt: skip
def test_what_the_chat_does_not_need_of_gradio_is_closed(hostile: str, method: str, path: str) -> None:
    assert httpx.request(method, hostile + path).status_code in (404, 405)


def test_another_session_s_answers_stay_its_own(hostile: str) -> None:
    with httpx.Client(base_url=hostile) as client:
        turn = client.post("/api/v1/turns", json={"question": "how much does a hostile transfer cost?"}).json()
        for named in ("", "nobody", turn["session"][:-1], "x" * 64):
            header = {"X-Tellerbox-Session": named}
            for method, path in (("GET", f"/chat/turns/{turn['turn']}/why"), ("GET", f"/chat/turns/{turn['turn']}/receipt"), ("POST", "/chat/stay")):
                assert client.request(method, path, headers=header).status_code == 410
            assert client.post(f"/chat/turns/{turn['turn']}/feedback", headers=header, json={"useful": True}).status_code == 410
        assert client.get(f"/chat/turns/{turn['turn']}/why").status_code == 422
        assert client.post("/chat/finish", headers={"X-Tellerbox-Session": "x" * 5000}).status_code == 422
        assert client.post("/chat/turns/x/feedback", headers={"X-Tellerbox-Session": "nobody"}, content=b"{").status_code in (410, 422)


def test_hostile_paths_and_bodies_are_refused(hostile: str) -> None:
    with httpx.Client(base_url=hostile) as client:
        for path in ("/policies/en/../../etc/passwd", "/policies/en/%2e%2e%2f%2e%2e%2fREADME", "/pages/../server.py", "/pages/chat/../../chat.py", "/policies/xx/none"):
            assert client.get(path).status_code == 404
        assert client.post("/gradio_api/queue/join", content=b"x" * 2_000_000).status_code == 413
        assert client.post("/gradio_api/queue/join", content=b"{").status_code == 422
        assert client.post("/gradio_api/queue/join", json={"fn_index": 999, "data": [], "session_hash": "abc"}).status_code in (400, 404, 422, 500)
