"""Tuned: what `tellerbox model bench` found best for a model on this box, kept in the box's home."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.errors import TellerboxError
from app.slm.llama import KV_BITS

TUNED_FILE = "tuned.json"


@dataclass(frozen=True, slots=True)
class Tuned:
    """Settings of llama.cpp that were measured with the model of this sha256 on this many cores."""

    sha256: str
    cores: int
    threads: int
    flash_attention: bool
    kv: str
    repack: bool


def load_tuned(home: Path, sha256: str, cores: int) -> Tuned | None:
    """What was measured, None where nothing was for this model and this number of cores. Raises TellerboxError when the file
    is damaged."""
    path = home / TUNED_FILE
    if not path.is_file():
        return None
    try:
        tuned = Tuned(**json.loads(path.read_text("utf-8")))
        sound = isinstance(tuned.threads, int) and tuned.threads > 0 and tuned.kv in KV_BITS
    except (OSError, ValueError, TypeError):
        sound = False
    if not sound:
        raise TellerboxError(f"{path} is damaged; run `tellerbox model bench` again, or remove it")
    return tuned if (tuned.sha256, tuned.cores) == (sha256, cores) else None


def save_tuned(home: Path, tuned: Tuned) -> Path:
    """Keep what was measured, in one step. Raises TellerboxError when the folder cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        work = home / (TUNED_FILE + ".new")
        work.write_text(json.dumps(asdict(tuned)), "utf-8")
        os.replace(work, home / TUNED_FILE)
    except OSError as error:
        raise TellerboxError(f"cannot write to {home} ({error.strerror})") from None
    return home / TUNED_FILE
