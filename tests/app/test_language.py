"""Which language a short bank question is in, and why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.language import SERVED, LanguageDetector
from tests.conftest import PROJECT

DETECTOR = LanguageDetector()


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (PROJECT / "tests/gold/language" / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("language", SERVED)
def test_short_questions(language: str) -> None:
    for split, least in (("dev", 0.97), ("test", 0.93)):
        judged = [DETECTOR.detect(row["text"]).language == language for row in rows(language) if row["split"] == split]
        assert len(judged) >= 25
        assert sum(judged) / len(judged) >= least


def test_all_languages_together_reach_the_goal() -> None:
    judged = [
        DETECTOR.detect(row["text"]).language == code for code in SERVED for row in rows(code) if row["split"] == "test"
    ]
    assert sum(judged) / len(judged) >= 0.97


def test_unserved_languages_are_recognised() -> None:
    judged = [not DETECTOR.detect(row["text"]).served for row in rows("unserved")]
    assert sum(judged) / len(judged) >= 0.85


def test_an_explicit_choice_wins() -> None:
    decision = DETECTOR.detect("¿Cuánto cuesta la tarjeta?", explicit="ar", session="fr")
    assert (decision.language, decision.reason) == ("ar", "explicit")


@pytest.mark.parametrize("text", ["PIN", "IBAN?", "ok", "12345", "🙂", "", "ok gracias 👍", "visa", "...", "SEPA"])
@pytest.mark.parametrize("session", ["es", "de", "zh", "ar"])
def test_a_word_that_says_nothing_does_not_flip_the_session(text: str, session: str) -> None:
    decision = DETECTOR.detect(text, session=session)
    assert decision.language in ({session} if "gracias" not in text else {session, "es"})


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_any_text_gets_a_served_language(text: str) -> None:
    decision = DETECTOR.detect(text)
    assert decision.language in SERVED
    assert 0 <= decision.confidence <= 1
    assert DETECTOR.detect(text) == decision
