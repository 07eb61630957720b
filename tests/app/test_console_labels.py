"""The console in eight languages: the same labels everywhere, chosen by browser or by hand, written from right to left in Arabic."""

from __future__ import annotations

import html
import re
import string
import unicodedata
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.appliance import Appliance
from app.feedback import REASONS
from app.guard import OUTCOMES as CATEGORIES
from app.locales import LANGUAGES
from app.staff.roles import ROLES
from app.web.console.pages import HERE, LANGUAGE_COOKIE, PROBLEMS
from app.web.console.wording import OWN_NAMES, Wording, labels, preferred
from compliance.export import FORMATS
from compliance.fields import kinds
from compliance.report.tally import OUTCOMES
from tests.app.faces import sign_in
from tests.app.test_locales import placeholders, script

OTHERS = tuple(code for code in LANGUAGES if code != "en")
PAGES = ("ledger", "ledger/0", "exports", "dashboard", "questions", "ledger/999999")
# Names of formats, protocols and files, and words that two languages share, are the same in any language.
NAMES = re.compile(r"API|JSONL?|CSV|Parquet|PDF|OCSF|CEF|SIEM|UTC|OpenAI|web|\.?zip|verify\.py|tellerbox user|\{\w+\}")


def test_every_label_that_a_template_names_is_there_and_none_is_left_over() -> None:
    templates = "".join(path.read_text("utf-8") for path in (HERE / "templates").glob("*.html"))
    code = "".join(path.read_text("utf-8") for path in HERE.glob("*.py"))
    named = set(re.findall(r"\bt\.([a-z_]+)", templates)) | set(re.findall(r'labels\["([a-z_]+)"\]', code))
    plain = {key for key in labels("en") if "." not in key}
    families = {key.partition(".")[0] for key in labels("en") if "." in key}
    used = set(re.findall(r'named\("([a-z_]+)",', templates + code)) | set(re.findall(r'(?:t|labels)\[f?"([a-z_]+)\.', templates + code))
    assert named == plain
    assert families == used


def test_what_a_record_may_say_has_a_name() -> None:
    have = set(labels("en"))
    wanted = {f"record_kind.{kind}" for kind in kinds()} | {f"result.{outcome}" for outcome in OUTCOMES}
    wanted |= {f"category.{category}" for category in CATEGORIES} | {f"role_name.{role}" for role in ("customer", *ROLES)}
    wanted |= {f"{family}.{form}" for form in FORMATS for family in ("format_name", "format_use")}
    wanted |= {f"problem.{name}" for name in PROBLEMS.values()}
    assert wanted - have == set()
    assert all(Wording(language).feedback_reason(reason) != reason for language in LANGUAGES for reason in REASONS)


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_the_same_labels_and_placeholders_as_english(language: str) -> None:
    english, other = labels("en"), labels(language)
    assert set(other) == set(english)
    assert {key: placeholders(text) for key, text in other.items()} == {key: placeholders(text) for key, text in english.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_is_tidy_and_in_the_script_of_its_language(language: str) -> None:
    expected = {"zh": {"CJK"}, "ar": {"ARABIC"}}.get(language, {"LATIN", "MASCULINE"})
    for key, text in labels(language).items():
        assert text == text.strip() != "", key
        assert "  " not in text, key
        assert unicodedata.is_normalized("NFC", text), key
        assert {script(char) for char in NAMES.sub("", text) if char.isalpha()} <= expected, key
        if language != "en" and len(text) > 30:
            assert text != labels("en")[key], key


def test_every_policy_s_topic_has_a_name(staffed: Appliance) -> None:
    assert {f"topic.{policy.id.partition('/')[0]}" for policy in staffed.index.policies} <= set(labels("en"))


@pytest.mark.parametrize(
    ("accept", "language"),
    [("zh-CN,zh;q=0.9", "zh"), ("pl, de;q=0.5, it;q=0.7", "it"), ("ar;q=0, fr", "fr"), ("", "en"), ("pl", "en"), ("*", "en"),
     ("es;q=nonsense, pt;q=0.1", "pt"), ("EN-gb", "en")],
)  # fmt: skip
def test_the_browser_s_best_liked_served_language_is_spoken(accept: str, language: str) -> None:
    assert preferred(accept) == language


@given(st.text(max_size=200))
def test_any_header_leads_to_a_served_language(accept: str) -> None:
    assert preferred(accept) in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_its_language_and_direction(faces: FastAPI, staffed: Appliance, language: str) -> None:
    officer = sign_in(TestClient(faces), "officer")
    turn = staffed.ask("how much is a replacement card", session=staffed.start_session(channel="web")).turn
    for path in (*PAGES, f"turns/{turn}", "no-such-page"):
        page = officer.get(f"/console/{path}", headers={"Accept-Language": language})
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page.text, path
        assert page.headers["content-language"] == language
        assert labels(language)["sign_out"] in page.text
        others = {labels(other)["sign_out"] for other in LANGUAGES} - {labels(language)["sign_out"]}
        assert not [word for word in others if f">{word}<" in page.text], path
    missing = officer.get("/console/ledger/999999", headers={"Accept-Language": language})
    assert labels(language)["problem.missing"] in html.unescape(missing.text)


def test_ids_and_hashes_run_from_left_to_right_in_arabic(faces: FastAPI, staffed: Appliance) -> None:
    officer = sign_in(TestClient(faces), "officer")
    turn = staffed.ask("how much is a replacement card", session=staffed.start_session(channel="web")).turn
    page = officer.get(f"/console/turns/{turn}", headers={"Accept-Language": "ar"}).text
    assert f"<code>{turn}</code>" in page  # the style sheet isolates `code`
    assert "code { unicode-bidi: isolate; direction: ltr; }" in TestClient(faces).get("/pages/console.css").text
    record = officer.get("/console/ledger/0", headers={"Accept-Language": "ar"}).text
    assert len(re.findall(r'<pre tabindex="0" dir="ltr">', record)) >= 2


def test_a_language_is_chosen_on_the_page_and_kept_until_signing_out(faces: FastAPI) -> None:
    client = TestClient(faces, headers={"Accept-Language": "fr"})
    chosen = client.post("/console/language", data={"language": "zh", "back": "/console/sign-in?back=/console/exports"}, follow_redirects=False)
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/console/sign-in?back=/console/exports")
    assert 'lang="zh"' in client.get("/console/sign-in").text
    csrf = sign_in(client, "officer").headers["X-CSRF-Token"]
    assert '<html lang="zh"' in client.get("/console/ledger").text
    assert LANGUAGE_COOKIE in client.cookies
    client.post("/console/sign-out", data={"csrf": csrf})
    assert '<html lang="fr"' in client.get("/console/sign-in").text


@pytest.mark.parametrize("wanted", ["xx", "", "../en", "<script>", "zh\r\nX: 1"])
def test_a_language_that_is_not_served_changes_nothing(faces: FastAPI, wanted: str) -> None:
    client = TestClient(faces)
    answer = client.post("/console/language", data={"language": wanted, "back": "https://evil.example"}, follow_redirects=False)
    assert "set-cookie" not in answer.headers
    assert answer.headers.get("location", "/console") == "/console"
    client.cookies.set(LANGUAGE_COOKIE, "../../etc")
    assert '<html lang="en"' in client.get("/console/sign-in").text


def test_another_site_s_page_chooses_no_language(faces: FastAPI) -> None:
    answer = TestClient(faces).post("/console/language", data={"language": "zh"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_moments_days_numbers_and_durations_are_those_of_the_language() -> None:
    noon = datetime(2026, 11, 6, 12, 5, 9, tzinfo=UTC)
    said = {code: (w.day("2026-11-06"), w.number(12345.6), w.milliseconds(1500), w.milliseconds(250)) for code in LANGUAGES for w in [Wording(code)]}
    assert said["en"][:2] == ("6 Nov", "12,345.6")
    assert said["es"] == ("6 nov", "12.345,6", "1,5 s", "250 ms")
    assert said["zh"] == ("11月6日", "12,345.6", "1.5秒", "250毫秒")
    assert said["ar"][0] == "6 نوفمبر"
    assert len({Wording(code).moment(noon.timestamp()) for code in LANGUAGES}) >= 5
    assert Wording("de").moment(noon.isoformat()) == Wording("de").moment(noon.timestamp())
    assert Wording("fr").day("no day") == "no day"


def test_what_has_no_name_is_shown_as_it_is() -> None:
    w = Wording("de")
    assert w.named("record_kind", "of_a_later_version") == "of_a_later_version"
    assert w.named("replayed", "not asked") == labels("de")["replayed.not_asked"]
    assert w.language_name("xx") == "xx"
    assert w.number("n/a") == "n/a"
    assert set(OWN_NAMES) == set(LANGUAGES)
    with pytest.raises(KeyError):
        labels("../en")


def test_a_label_is_filled_with_what_its_page_gives(faces: FastAPI) -> None:
    officer = sign_in(TestClient(faces), "officer")
    for language in LANGUAGES:
        for path in PAGES:
            page = officer.get(f"/console/{path}", headers={"Accept-Language": language}).text
            shown = re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
            assert not [name for _, name, _, _ in string.Formatter().parse(shown.replace("{}", "")) if name], (language, path)
