"""The kiosk's words: complete, in their own script, and every one of them used; phrases in every language."""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path

import pytest

import app.kiosk
from app.errors import TellerboxError
from app.handoffs import RESOLUTIONS
from app.kiosk import talk_pane
from app.kiosk.phrases import in_language, load_phrases
from app.kiosk.shortcuts import SHORTCUTS
from app.kiosk.wording import Wording, duration, labels, reads_right_to_left, served
from app.locales import LANGUAGES

ABBREVIATIONS = {"PDF"}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_keys_and_placeholders_of_english(language: str) -> None:
    english, other = labels("en"), labels(language)
    assert list(other) == list(english)
    assert {key: placeholders(text) for key, text in other.items()} == {key: placeholders(text) for key, text in english.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_is_tidy_and_written_in_its_own_script(language: str) -> None:
    expected = {"zh": "CJK", "ar": "ARABIC"}.get(language, "LATIN")
    for key, text in labels(language).items():
        assert text, key
        assert text == text.strip(), key
        assert "  " not in text, key
        assert unicodedata.is_normalized("NFC", text), key
        words = re.sub(r"\{\w+\}", " ", text)
        letters = [ch for word in words.split() if word not in ABBREVIATIONS for ch in word if ch.isalpha()]
        assert all(unicodedata.name(ch, "?").split()[0] in (expected, "FULLWIDTH") for ch in letters if ch != "s" or expected == "LATIN"), key
        if language != "en" and len(letters) > 20:
            assert text != labels("en")[key], key


def test_every_label_is_used_and_every_used_label_exists() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(app.kiosk.__file__).parent.glob("*.py"))
    named = set(re.findall(r"[\"']([a-z_]+\.[a-z_]+)[\"']", sources))
    made = {"resolution", "reason", "state", "talk", "keys"}
    for key in labels("en"):
        assert key in named or key.split(".")[0] in made, f"{key} is not used"
    tables = {key.split(".")[0] for key in labels("en")}
    assert {key for key in named if key.split(".")[0] in tables and not key.endswith(".toml")} <= set(labels("en"))


def test_values_of_the_server_have_a_label() -> None:
    assert talk_pane.RESOLUTIONS == RESOLUTIONS
    known = set(labels("en"))
    assert {f"resolution.{how}" for how in RESOLUTIONS} <= known
    assert {f"keys.{shortcut.name}" for shortcut in SHORTCUTS} <= known
    from app.guard import OUTCOMES

    needs_person = {category for category, outcome in OUTCOMES.items() if outcome == "handed_off"}
    assert {f"reason.{category}" for category in needs_person | {"unserved_language"}} <= known


def test_the_shipped_phrases_are_in_every_language_and_have_nine_keys() -> None:
    phrases = load_phrases()
    assert len(phrases.asks) == len(phrases.replies) == 9
    for phrase in (*phrases.asks, *phrases.replies):
        assert set(phrase) == set(LANGUAGES)


def test_a_banks_own_phrases_may_lack_languages_but_not_english(tmp_path: Path) -> None:
    file = tmp_path / "phrases.toml"
    file.write_text('[[ask]]\nen = "Opening hours?"\n', "utf-8")
    assert in_language(load_phrases(file).asks[0], "zh") == "Opening hours?"
    for wrong, told in (
        ('[[ask]]\nes = "¿Horario?"\n', "needs a text for en"), ('[[asks]]\nen = "x"\n', "not known: asks"), ("[[ask]\n", "not TOML"),
        ('[ask]\nen = "x"\n', "two brackets"), ('[[ask]]\nen = "  "\n', "1 to 500"), ("[[ask]]\nen = 5\n", "1 to 500"),
    ):  # fmt: skip
        file.write_text(wrong, "utf-8")
        with pytest.raises(TellerboxError, match=re.escape(told)):
            load_phrases(file)
    with pytest.raises(TellerboxError, match="cannot be read"):
        load_phrases(tmp_path / "missing.toml")


def test_the_systems_language_is_taken_where_it_is_served() -> None:
    assert [served(name) for name in ("pt_BR", "zh-Hans-CN", "ar_EG", "nl_NL", "C")] == ["pt", "zh", "ar", "en", "en"]


def test_times_and_names_are_those_of_the_language() -> None:
    assert [duration(seconds) for seconds in (0, 59.9, 61, 3_725)] == ["0:00", "0:59", "1:01", "1:02:05"]
    assert Wording("es").language_title("ar") == "Árabe"
    assert Wording("en").named("reason", "a reason of a later server") == "a reason of a later server"


def test_a_text_of_an_unknown_language_reads_as_its_first_letter_does() -> None:
    assert reads_right_to_left("12. كم", "")
    assert not reads_right_to_left("¿Cuánto? كم", "")
    assert reads_right_to_left("SEPA كم", "ar")
    assert not reads_right_to_left("", "")
