"""The doctor opens the ledger as the box does, and says what is wrong with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.appliance import open_ledger
from app.doctor import Finding, examine
from app.settings import Settings
from compliance.record import Header
from tests.compliance.postgres_server import Server, missing


def ledger_finding(settings: Settings) -> Finding:
    return next(each for each in examine(settings) if each.name == "ledger")


def recorded(settings: Settings) -> None:
    with open_ledger(settings) as ledger:
        ledger.append(Header.now("turn_closed", turn="t1", session="s1"), {"text": "x"})


def test_a_ledger_whose_keys_are_under_a_passphrase_is_examined(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ledger_passphrase=SecretStr("correct horse"))
    recorded(settings)
    found = ledger_finding(settings)
    assert (found.good, found.what.split(";")[0]) == (True, "1 records verified")
    locked = ledger_finding(Settings(home=tmp_path))
    assert (locked.good, "passphrase" in locked.what) == (False, True)


def test_a_ledger_that_does_not_verify_is_bad(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    recorded(settings)
    db = sqlite3.connect(tmp_path / "ledger" / "keys" / "sessions.sqlite", isolation_level=None)
    db.execute("DELETE FROM session_key")
    db.close()
    found = ledger_finding(settings)
    assert (found.good, found.what) == (False, "NOT VERIFIED: the key of record 0 is missing and no erasure of it is recorded")


def test_where_the_box_quotes_is_said(tmp_path: Path) -> None:
    told = next(each.what for each in examine(Settings(home=tmp_path, model_languages=("it", "zh"))) if each.name == "model")
    assert told.endswith("; words answers in it zh, the box quotes in en es fr de pt ar")
    told = next(each.what for each in examine(Settings(home=tmp_path)) if each.name == "model")
    assert told.endswith("; words no answers, the box quotes in every language")
    served = next(each.what for each in examine(Settings(home=tmp_path, server="http://127.0.0.1:9")) if each.name == "model")
    assert "quotes" not in served


def test_the_password_in_the_address_of_a_server_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(ledger_url=SecretStr("postgresql://u:s3cret@h/d")))


@pytest.mark.skipif(missing() is not None, reason="PostgreSQL is not installed, or cannot run here")
def test_a_ledger_on_a_server_is_opened_by_the_settings(tmp_path: Path) -> None:
    server = Server()
    try:
        settings = Settings(home=tmp_path, ledger_url=SecretStr(server.url()))
        recorded(settings)
        assert not (tmp_path / "ledger" / "ledger.sqlite").exists()
        assert ledger_finding(settings).good
        server.stop()
        gone = ledger_finding(settings)
        assert (gone.good, "the server cannot be reached" in gone.what) == (False, True)
    finally:
        server.remove()
