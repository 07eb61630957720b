"""The vault: stable pseudonyms, restored for one screen, forgotten for ever."""

from __future__ import annotations

import gc

import pytest

from compliance.errors import ComplianceError
from compliance.redaction.engine import Redactor
from compliance.vault import Vault


def test_one_value_has_one_token_in_any_notation() -> None:
    vault = Vault()
    assert vault.pseudonym("IBAN", "ES91 2100 0418") == vault.pseudonym("IBAN", "es9121000418") == "<IBAN_1>"
    assert vault.pseudonym("IBAN", "DE89 3704") == "<IBAN_2>"
    assert vault.pseudonym("PHONE", "ES91 2100 0418") == "<PHONE_1>"


def test_two_sessions_share_nothing() -> None:
    left, right = Vault(), Vault()
    left.pseudonym("IBAN", "ES91")
    assert right.restore("<IBAN_1>") == "<IBAN_1>"


def test_restore_gives_back_what_was_typed() -> None:
    vault = Vault()
    text = "mi correo es juan@correo.example y mi IBAN ES9121000418450200051332"
    assert vault.restore(Redactor().redact(text, vault).text) == text


@pytest.mark.parametrize("text", ["my pin is 4821", "CVV: 123", "my password is hunter2secret", "code SMS 482913"])
def test_what_must_never_be_kept_cannot_be_restored(text: str) -> None:
    vault = Vault()
    redacted = Redactor().redact(text, vault).text
    assert vault.restore(redacted) == redacted != text


def test_of_a_card_the_last_four_digits_come_back() -> None:
    vault = Vault()
    redacted = Redactor().redact("my card 4111-1111-1111-1111", vault).text
    assert redacted == "my card <CARD_1>"
    assert vault.restore("<CARD_1>") == "•••• 1111"


def test_forgetting_leaves_nothing_in_memory() -> None:
    vault = Vault()
    vault.pseudonym("EMAIL", "unique-needle@correo.example")
    vault.forget()
    with pytest.raises(ComplianceError, match="ended"):
        vault.restore("<EMAIL_1>")
    gc.collect()
    assert not any("unique-needle" in str(value) for value in (vault._tokens, vault._values, vault._key))
