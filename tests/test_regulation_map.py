"""The regulation map names nothing that is not there: fields, kinds of records, commands, routes, settings and files."""

from __future__ import annotations

import re

import pytest
import typer
from fastapi.routing import iter_route_contexts
from typer.main import get_command

from app.cli import cli
from app.settings import Settings
from app.web.api import router
from compliance.fields import FIELDS, kinds
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "regulation-map.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("|---")]
PATHS = {field.path for field in FIELDS}
NAMED = sorted({span for row in ROWS for span in re.findall(r"`([^`]+)`", row[2])})
ASKED = ("Art. 12", "Art. 19", "Art. 26", "Art. 50", "Art. 5(", "Art. 15", "Art. 17", "Art. 22", "Art. 30", "Art. 32",
         "12(2)(a)", "12(2)(f)", "3.", "10.")  # fmt: skip


def command_problem(words: list[str]) -> str | None:
    command = get_command(cli)
    for word in words:
        if word.startswith("--"):
            options = {option for parameter in command.params for option in parameter.opts}
            if word not in options:
                return f"no option {word}"
        elif isinstance(command, typer.core.TyperGroup):
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
    return None


def problem(span: str) -> str | None:
    """Why what a span of the map names does not exist, or None."""
    if span.startswith("tellerbox "):
        return command_problem(span.split()[1:])
    if re.match(r"(GET|POST|DELETE) /", span):
        method, path = span.split()
        known = {(name, route.path) for route in iter_route_contexts(router.routes) for name in route.methods or ()}
        return None if (method, path) in known else "no such route"
    if span.startswith("<"):
        return None if re.fullmatch(r"<[A-Z]+_1>", span) else "no pseudonym"
    if "/" in span:
        return None if (PROJECT / span).is_file() else "no such file"
    if span in kinds() or span in PATHS or span in Settings.model_fields:
        return None
    return "no such field, kind of record or setting"


@pytest.mark.parametrize("span", NAMED)
def test_what_the_map_names_exists(span: str) -> None:
    assert problem(span) is None


@pytest.mark.parametrize(
    "span",
    ["tellerbox audit sing", "tellerbox audit show --loudly", "GET /nowhere", "no/file.py", "retrieved[].colour", "tellerbox sing"],
)
def test_what_does_not_exist_is_noticed(span: str) -> None:
    assert problem(span) is not None


def test_every_duty_says_what_it_asks_what_answers_it_and_what_remains() -> None:
    assert len(ROWS) > 40
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row), row
    places = [row[0] for row in ROWS]
    for asked in ASKED:
        assert any(place.startswith(asked) for place in places), asked
    assert "CFPB" in PAGE


def test_rescinded_guidance_is_not_cited_as_live() -> None:
    for mention in re.finditer(r"SR 11-7", PAGE):
        assert "rescinded" in PAGE[mention.start() : mention.end() + 80]
