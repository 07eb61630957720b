"""Page: docs/models.md, where the tables stand between markers, each with the command that made it."""

from __future__ import annotations

import json
from pathlib import Path

from factory.slm.measure import Row
from factory.slm.tables import by_language, overall, plot

STEPS = ("quantize", "prune", "distil")
ONNX = "onnx"


class PageError(ValueError):
    """The page lacks a marker."""


def put(text: str, name: str, content: str) -> str:
    """`text` with `content` between the markers `<!-- name -->` and `<!-- /name -->`. Raises PageError when they are not there."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise PageError(f"the page must have {begin} and then {end} once")
    return text[: text.index(begin) + len(begin)] + f"\n{content}\n" + text[text.index(end) :]


def section(command: str, rows: list[Row], about: str) -> str:
    """The tables of a step."""
    return f"`{command}` {about}\n\n{overall(rows)}\n\n{by_language(rows)}"


def write_page(folder: Path, page: Path, about: str) -> Path:
    """Put what lies measured in `folder` into `page` and draw the plot beside it; steps not measured keep what stands there."""
    text = page.read_text("utf8")
    families = {}
    for step in STEPS:
        if (folder / f"{step}.json").exists():
            table = json.loads((folder / f"{step}.json").read_text("utf8"))
            families[step] = table["rows"]
            text = put(text, step, section(table["command"], table["rows"], about))
    if (folder / f"{ONNX}.json").exists():
        text = put(text, ONNX, onnx_table(json.loads((folder / f"{ONNX}.json").read_text("utf8"))))
    page.write_text(text, encoding="utf8")
    if families:
        plot(families, page.with_suffix(".svg"))
    return page


def onnx_table(rows: list[Row]) -> str:
    """One line a file."""
    lines = ["`python -m factory onnx`", "", "| file | size MB | largest difference | tolerance | against |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| `{row['file']}` | {row['bytes'] / 1e6:.1f} | {row['difference']:.2g} | {row['tolerance']:g} | {row['against']} |")
    return "\n".join(lines)
