"""Measurement: one row for every file of a family: size, memory, speed, fidelity to the first file, and answers by language.

Rows are written as they come, by the file's sha256, so that a killed run goes on; speeds are measured last, all files in turn.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gguf
from tqdm import tqdm

from factory.slm.evaluate import Tally, judge
from factory.slm.fidelity import Logs, compare, expectations
from factory.slm.held_out import HeldOut
from factory.slm.runtime import Runtime
from factory.slm.speed import Load, added_memory, speeds

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A GGUF to measure, by the name it has in the table."""

    name: str
    path: Path
    note: str = ""


def parameters(path: Path) -> int:
    """How many numbers the tensors of a GGUF hold."""
    return sum(int(tensor.n_elements) for tensor in gguf.GGUFReader(str(path)).tensors)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, rows: Any) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf8")
    os.replace(partial, path)


def _answers(runtime: Runtime, prompts: Sequence[HeldOut], each: int) -> dict[str, Row]:
    tallies: dict[str, Tally] = {}
    for prompt in prompts:
        tally = tallies.setdefault(prompt.language, Tally())
        if tally.answerable + tally.unanswerable < each:
            judge(runtime, prompt.item, random.Random(prompt.item.question), tally)
    return {language: tally.row() for language, tally in tallies.items()}


def _row(candidate: Candidate, digest: str, prompts: Sequence[HeldOut], reference: Sequence[Logs] | None, each: int) -> Row:
    runtime = Runtime(candidate.path)
    try:
        found = expectations(runtime, prompts)
        fidelity = compare(reference or found, found, prompts)
        answers = _answers(runtime, prompts, each)
    finally:
        runtime.close()
    return {
        "sha256": digest, "bytes": candidate.path.stat().st_size, "parameters": parameters(candidate.path),
        "memory": added_memory(candidate.path), "fidelity": {name: asdict(value) for name, value in fidelity.items()}, "answers": answers,
    }


def _settings(reference: Path, prompts: Sequence[HeldOut], each: int) -> str:
    """What a row depends on beside its file."""
    asked = json.dumps([(prompt.language, prompt.example.prompt, prompt.example.target) for prompt in prompts])
    return f"{_sha256(reference)} {hashlib.sha256(asked.encode()).hexdigest()} {each}"


def _known(folder: Path, settings: str) -> dict[str, Row]:
    """Rows of any table in the folder that were measured with these settings, by the sha256 of their files."""
    tables = [json.loads(path.read_text("utf8")) for path in folder.glob("*.json")]
    return {row["sha256"]: row for table in tables if isinstance(table, dict) and table["settings"] == settings for row in table["rows"]}


def measure(candidates: Sequence[Candidate], prompts: Sequence[HeldOut], each: int, load: Load, out: Path, command: str = "") -> list[Row]:
    """A row for each file, compared with the first; `out` (JSON) keeps them, and by which `command` they came. `each`: whole answers
    a language."""
    settings = _settings(candidates[0].path, prompts, each)
    known = _known(out.parent, settings)
    rows: list[Row] = []
    reference: list[Logs] | None = None
    for candidate in tqdm(candidates, desc="measure", unit="file"):
        digest = _sha256(candidate.path)
        if digest not in known:
            if reference is None:
                runtime = Runtime(candidates[0].path)
                reference = expectations(runtime, prompts)
                runtime.close()
            known[digest] = _row(candidate, digest, prompts, reference, each)
        rows.append({**known[digest], "name": candidate.name, "note": candidate.note})
        done = {row["sha256"] for row in rows}
        _write(out, {"settings": settings, "command": command, "rows": rows + [row for digest, row in known.items() if digest not in done]})
    for row, speed in zip(rows, speeds({c.name: c.path for c in candidates}, load).values(), strict=True):
        row["speed"] = asdict(speed)
    _write(out, {"settings": settings, "command": command, "rows": rows})
    return rows
