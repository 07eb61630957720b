"""The API describes itself completely: each route has a summary, a description, a model of its answer and an example of it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

Operation = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def schema(faces: FastAPI) -> dict[str, Any]:
    described: dict[str, Any] = TestClient(faces).get("/api/openapi.json").json()
    return described


def operations(schema: dict[str, Any]) -> list[Operation]:
    return [(f"{method.upper()} {path}", each) for path, methods in schema["paths"].items() for method, each in methods.items()]


def resolved(schema: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in model:
        model = schema["components"]["schemas"][model["$ref"].rsplit("/", 1)[1]]
    return model


def lacks_example(schema: dict[str, Any], model: dict[str, Any], place: str) -> list[str]:
    """The places of a model that say by no example, default or closed set of values what stands there."""
    model = resolved(schema, model)
    if any(name in model for name in ("example", "examples", "default", "enum", "const")) or model.get("type") in ("boolean", "null"):
        return []
    for name in ("anyOf", "oneOf", "allOf"):
        if name in model:
            found = [lacks_example(schema, each, place) for each in model[name] if resolved(schema, each).get("type") != "null"]
            return min(found, key=len)
    if model.get("type") == "array":
        return lacks_example(schema, model["items"], f"{place}[]")
    if model.get("type") == "object" and "properties" in model:
        return [each for name, inner in model["properties"].items() for each in lacks_example(schema, inner, f"{place}.{name}")]
    return [] if model.get("format") in ("date", "date-time") else [place]


def test_every_route_has_a_summary_a_description_and_a_model(schema: dict[str, Any]) -> None:
    wrong: list[str] = []
    for name, operation in operations(schema):
        if not operation.get("summary") or not operation.get("description") or not operation.get("tags"):
            wrong.append(f"{name}: no summary, description or tag")
        status, answer = next((status, each) for status, each in operation["responses"].items() if status.startswith("2"))
        content = answer.get("content", {})
        if status != "204" and not content:
            wrong.append(f"{name}: no model of its answer")
        for media, each in content.items():
            model = each.get("schema", {})
            if media == "application/json" and not (model.get("$ref") or model.get("items")):
                wrong.append(f"{name}: its answer is any object")
    assert wrong == []


def test_every_body_and_answer_has_examples(schema: dict[str, Any]) -> None:
    wrong: list[str] = []
    for name, operation in operations(schema):
        bodies = [("body", operation["requestBody"]["content"])] if "requestBody" in operation else []
        bodies += [(status, each.get("content", {})) for status, each in operation["responses"].items() if status.startswith("2")]
        for part, content in bodies:
            for media, each in content.items():
                if "example" in each or "examples" in each:
                    continue
                wrong += lacks_example(schema, each.get("schema", {"type": media}), f"{name} {part}")
    assert wrong == []


def test_every_route_that_asks_who_is_there_says_so(schema: dict[str, Any]) -> None:
    open_to_all = {"GET /healthz", "GET /readyz", "GET /metrics"}
    assert {name for name, operation in operations(schema) if not operation.get("security")} == open_to_all
