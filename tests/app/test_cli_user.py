"""The user commands as an administrator meets them: real processes, nothing secret printed but what is shown once."""

from __future__ import annotations

import json
from pathlib import Path

import pyotp

from tests.app.faces import PASSWORD
from tests.app.test_cli import one_line, tellerbox


def test_an_account_from_its_making_to_its_end(tmp_path: Path) -> None:
    typed = f"{PASSWORD}\n".encode()
    made = tellerbox("user", "add", "marta", "--role", "teller", "--display", "Marta", "--password-stdin", home=tmp_path, stdin=typed)
    assert made.returncode == 0, made.stderr
    assert PASSWORD.encode() not in made.stdout + made.stderr
    assert "already" in one_line(tellerbox("user", "add", "marta", "--role", "teller", "--password-stdin", home=tmp_path, stdin=typed))
    address = tellerbox("user", "totp", "marta", home=tmp_path).stdout.decode().strip()
    assert pyotp.parse_uri(address).issuer == "Alborada Tellerbox"
    key = tellerbox("user", "key", "add", "marta", "--scope", "turns", "--label", "search", home=tmp_path).stdout.decode().strip()
    listed = tellerbox("user", "key", "list", home=tmp_path).stdout.decode()
    assert key.split("_")[1] in listed
    assert key not in listed
    assert "may be given" in one_line(tellerbox("user", "key", "add", "marta", "--scope", "ledger", home=tmp_path))
    assert tellerbox("user", "key", "revoke", key.split("_")[1], home=tmp_path).returncode == 0
    assert tellerbox("user", "disable", "marta", home=tmp_path).returncode == 0
    account = json.loads(tellerbox("user", "list", "--json", home=tmp_path).stdout)
    assert (account["name"], account["role"], account["disabled"], account["second_factor"]) == ("marta", "teller", True, True)
    records = tellerbox("audit", "show", "--json", home=tmp_path).stdout.decode().splitlines()
    changes = [json.loads(record)["header"]["facts"]["change"] for record in records]
    assert changes == ["created", "second_factor_on", "key_made", "key_revoked", "disabled"]


def test_without_a_terminal_a_password_is_asked_from_standard_input_alone(tmp_path: Path) -> None:
    assert "--password-stdin" in one_line(tellerbox("user", "add", "ana", "--role", "officer", home=tmp_path))
    weak = tellerbox("user", "add", "ana", "--role", "officer", "--password-stdin", home=tmp_path, stdin=b"weak\n")
    assert "12 to 256" in one_line(weak)
    assert "no such account" in one_line(tellerbox("user", "disable", "ana", home=tmp_path))
