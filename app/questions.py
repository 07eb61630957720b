"""Questions: rows with known answers, as `evaluate` and the factory read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.errors import TellerboxError


@dataclass(frozen=True, slots=True)
class Row:
    """One question. `history` are questions asked before it in the same session; `exclude` leaves policies out. The answer must hold
    all of `must_contain`, none of `must_not_contain`, and rest on one of the statements of `must_quote`, if there are any, which are of
    `policy` or of those in `also`."""

    id: str
    question: str
    language: str | None = None
    answerable: bool | None = None
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    must_quote: tuple[str, ...] = ()
    policy: str | None = None
    also: frozenset[str] = frozenset()
    outcome: str | None = None
    category: str = ""
    role: str = "customer"
    history: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    as_of: date | None = None
    jurisdiction: str | None = None

    @property
    def expected(self) -> str | None:
        """The outcome that is right, as far as the row says."""
        if self.outcome is not None or self.answerable is None:
            return self.outcome
        return "answered" if self.answerable else "abstained"


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSONL file, or of all JSONL files of a folder. Raises TellerboxError naming the line that is wrong."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise TellerboxError(f"no .jsonl file in {path}")
    rows = [row for file in files for row in _read_file(file)]
    if not rows:
        raise TellerboxError(f"{path} holds no questions")
    return rows


def _read_file(path: Path) -> Iterable[Row]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise TellerboxError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TellerboxError(f"{path} is not UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            yield _row(raw, f"{path.stem}:{number}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TellerboxError(f"{path}, line {number}: not a question ({error})") from None


def _row(raw: dict[str, Any], fallback: str) -> Row:
    return Row(
        id=str(raw.get("id", fallback)),
        question=str(raw["question"]),
        language=raw.get("language"),
        answerable=raw.get("answerable"),
        must_contain=tuple(raw.get("must_contain", ())),
        must_not_contain=tuple(raw.get("must_not_contain", ())),
        must_quote=tuple(raw.get("must_quote", ())),
        policy=raw.get("policy"),
        outcome=raw.get("outcome"),
        category=str(raw.get("category", "")),
        role=str(raw.get("role", "customer")),
        history=tuple(raw.get("history", ())),
        exclude=frozenset(raw.get("exclude", ())),
        as_of=date.fromisoformat(raw["as_of"]) if raw.get("as_of") else None,
        jurisdiction=raw.get("jurisdiction"),
    )
