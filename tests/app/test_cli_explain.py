"""`audit show` and `audit replay` as an officer meets them: real processes, and an explanation that needs no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.test_cli import one_line, tellerbox


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A box's folder, and the id of the one turn in its ledger."""
    home = tmp_path_factory.mktemp("explained")
    assert tellerbox("ask", "¿Cuánto cuesta una transferencia internacional?", home=home, model_languages='["es"]').returncode == 0
    listed = tellerbox("audit", "show", "--json", home=home).stdout.decode().splitlines()
    return home, json.loads(listed[-1])["header"]["turn"]


def test_an_explanation_needs_neither_model_nor_policies(asked: tuple[Path, str], tmp_path: Path) -> None:
    home, turn = asked
    nowhere = {"models": str(tmp_path / "nowhere"), "policies": str(tmp_path / "none"), "model": "no-such"}
    customer = tellerbox("audit", "show", turn, "--for", "customer", home=home, **nowhere)
    assert customer.returncode == 0, customer.stderr
    assert "La respuesta está en las políticas del banco" in customer.stdout.decode()
    assert "第" in tellerbox("audit", "show", turn, "--for", "customer", "--language", "zh", home=home, **nowhere).stdout.decode()
    officer = tellerbox("audit", "show", turn, home=home, **nowhere).stdout.decode()
    assert "Retrieved, best first" in officer
    assert "Prompt template" in officer


def test_spans_are_one_line_of_json_a_turn(asked: tuple[Path, str]) -> None:
    home, turn = asked
    done = tellerbox("audit", "show", turn, "--otel", home=home)
    (line,) = done.stdout.decode().splitlines()
    assert len(json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 3
    assert "internacional" not in line.replace("international-transfer", "")


def test_a_replay_says_token_by_token_and_ends_with_its_verdict(asked: tuple[Path, str]) -> None:
    home, turn = asked
    done = tellerbox("audit", "replay", turn, home=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert any(line.split()[:2] == ["0", "same"] for line in lines)
    assert "search: same" in done.stdout.decode()
    assert lines[-1].startswith("1 of 1 turns hold")
    told = json.loads(tellerbox("audit", "replay", "0..1000", "--json", home=home).stdout)
    assert (told["turn"], told["model"]["status"], told["ok"]) == (turn, "reproduced", True)
    assert {"verdict", "recorded", "today", "choice", "ahead"} <= set(told["model"]["tokens"][0])


def test_a_replay_with_another_model_fails_in_one_clear_line(asked: tuple[Path, str]) -> None:
    home, turn = asked
    done = tellerbox("audit", "replay", turn, home=home, slm="false")
    assert "could not be reproduced" in one_line(done)
    assert "refused (the record was made with" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "no-such-turn", "--for", "customer"], "no record"),
        (["show", "--for", "neighbour"], "customer or officer"),
        (["replay", "no-such-turn"], "no answer is recorded"),
        (["replay", "monday..friday"], "a range is"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(asked: tuple[Path, str], arguments: list[str], says: str) -> None:
    assert says in one_line(tellerbox("audit", *arguments, home=asked[0]))
