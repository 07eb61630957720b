"""What the box says by itself: complete, consistent and free of figures in every served language."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata

import pytest

from app import locales
from app.locales import keys, sentences, text

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
NEEDED = {
    "disclosure", "abstained", "unsure", "handed_off", "greeting", "thanks", "unserved_language", "quoted_other_language",
    "guard.account_action", "guard.balance", "guard.fraud", "guard.lost_card", "guard.complaint", "guard.self_harm",
    "guard.abuse", "guard.hardship", "guard.advice", "guard.person", "guard.injection", "guard.out_of_scope",
    "guard.fault", "error.empty", "error.too_long", "error.busy", "error.record", "error.fault", "error.timeout",
    "ui.title", "ui.placeholder", "ui.send", "ui.new_session", "ui.finish", "ui.language", "ui.evidence", "ui.why",
    "ui.policy", "ui.version", "ui.in_force_since", "ui.receipt", "ui.talk_to_person", "ui.copy", "ui.example_1",
    "ui.example_2", "ui.example_3", "ui.example_4", "ui.waiting", "ui.in_line", "ui.session_wiped", "ui.large_text", "ui.contrast",
    "ui.citations", *(f"language.{code}" for code in LANGUAGES),
}  # fmt: skip


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def script(character: str) -> str:
    return unicodedata.name(character, "?").split()[0]


def test_every_needed_sentence_exists() -> None:
    assert keys() >= NEEDED


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_same_keys_and_placeholders_as_english(language: str) -> None:
    english, other = sentences("en"), sentences(language)
    assert set(other) == set(english)
    assert {k: placeholders(v) for k, v in other.items()} == {k: placeholders(v) for k, v in english.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_untidy_or_holds_a_figure(language: str) -> None:
    for key, sentence in sentences(language).items():
        assert sentence == sentence.strip(), key
        assert sentence, key
        assert not any(ch.isnumeric() and script(ch) != "CJK" for ch in sentence), key
        assert unicodedata.is_normalized("NFC", sentence), key
        assert "  " not in sentence, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_is_written_in_its_own_language(language: str) -> None:
    expected = {"zh": "CJK", "ar": "ARABIC"}.get(language, "LATIN")
    for key, sentence in sentences(language).items():
        letters = [ch for ch in re.sub(r"\{\w+\}", "", sentence) if ch.isalpha()]
        assert all(script(ch) == expected for ch in letters), key
        if language != "en" and len(letters) > 20:
            assert sentence != sentences("en")[key], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_disclosure_is_the_same_promise_everywhere(language: str) -> None:
    """EU AI Act Art. 50: a machine; the bank's policies; a person is available. Three sentences, none of them short."""
    machine = {"en": "machine", "es": "máquina", "fr": "machine", "de": "Maschine", "pt": "máquina", "it": "macchina",
               "zh": "机器", "ar": "آلة"}  # fmt: skip
    assert machine[language] in text("disclosure", language)


def test_placeholders_are_filled_and_a_missing_value_is_an_error() -> None:
    said = text("quoted_other_language", "fr", name=text("language.de", "fr"))
    assert said == "Cette fiche n'existe qu'en allemand\u00a0; en voici le texte."
    with pytest.raises(KeyError):
        text("quoted_other_language", "fr")


def test_a_value_is_never_read_as_a_template() -> None:
    assert "{name.__class__}" in text("quoted_other_language", "en", name="{name.__class__}")


def test_an_unserved_language_gets_english_and_an_unknown_key_is_an_error() -> None:
    assert text("thanks", "nl") == text("thanks", "en")
    with pytest.raises(KeyError):
        text("no such key", "en")
    with pytest.raises(KeyError):
        locales.sentences("nl")


def test_a_changed_disclosure_has_a_new_version() -> None:
    """A record names the version: when a text changes, raise DISCLOSURE_VERSION and put the new hash here."""
    texts = "\n".join(text("disclosure", language) for language in LANGUAGES)
    stated = {"2026-11-4": "bb62b0540d8dc397511dc92542e89b8550fd9d7bdcdabe2e366588db84a69cf9"}
    assert hashlib.sha256(texts.encode()).hexdigest() == stated[locales.DISCLOSURE_VERSION]
