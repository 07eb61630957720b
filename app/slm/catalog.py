"""Catalog: which models there are, where they come from, and whether a file is the one it says it is."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import TellerboxError
from knowledge.embedder import file_sha256

CATALOG_FILE = Path(__file__).with_name("catalog.toml")
CHOICE_FILE = "model.json"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Model:
    """One entry. `sha256` is empty when nobody has established it; `verified` says that we hashed the file ourselves; `languages` are
    those in which it words answers: in the others the box quotes."""

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    parameters: str
    quantization: str
    languages: tuple[str, ...]
    source: str
    url: str
    verified: bool
    note: str

    @property
    def shipped(self) -> bool:
        return not self.url


def catalog(path: Path = CATALOG_FILE) -> dict[str, Model]:
    """Every model by name, the shipped one first."""
    raw = tomllib.loads(path.read_text("utf-8"))
    return {
        name: Model(
            name=name,
            file=str(entry["file"]),
            sha256=str(entry.get("sha256", "")),
            bytes=int(entry.get("bytes", 0)),
            licence=str(entry["licence"]),
            parameters=str(entry["parameters"]),
            quantization=str(entry["quantization"]),
            languages=tuple(entry.get("languages", ())),
            source=str(entry["source"]),
            url=str(entry.get("url", "")),
            verified=bool(entry.get("verified", False)),
            note=str(entry.get("note", "")),
        )
        for name, entry in raw["models"].items()
    }


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF that may be loaded: its hash was checked against the catalogue, or taken when it was chosen. `languages` are those in which
    the catalogue has it word answers; None for a file of one's own, which does in every one."""

    name: str
    path: Path
    sha256: str
    quantization: str
    languages: tuple[str, ...] | None = None


def resolve(choice: str, models: Path, home: Path, check: bool = True) -> ModelFile:
    """The GGUF to load: `choice` (a catalogue name or a path), else what `model use` chose, else the shipped one.

    Raises TellerboxError when the file is missing or its sha256 is not the expected one.
    """
    entries = catalog()
    name, expected = choice, ""
    if not name:
        name, expected = _chosen(home)
    if not name:
        name = next(iter(entries))
    entry = entries.get(name)
    if entry is not None:
        path = (models if entry.shipped else home / "models") / entry.file
        expected = entry.sha256
        if not path.is_file():
            hint = "run `make models`" if entry.shipped else f"run `tellerbox model pull {name}`"
            raise TellerboxError(f"model {name} is not on this box ({path}); {hint}")
    else:
        path = Path(name).expanduser()
        if not path.is_file():
            raise TellerboxError(f"no model named {name!r} in the catalogue, and no such file")
    actual = file_sha256(path) if check or not expected else expected
    if expected and actual != expected:
        raise TellerboxError(
            f"model file {path} is not the one expected: its sha256 is {actual[:16]}…, not {expected[:16]}…"
        )
    if entry is None:
        return ModelFile(path.stem, path, actual, "")
    return ModelFile(name, path, actual, entry.quantization, entry.languages)


def _chosen(home: Path) -> tuple[str, str]:
    path = home / CHOICE_FILE
    if not path.is_file():
        return "", ""
    try:
        raw = json.loads(path.read_text("utf-8"))
        return str(raw["model"]), str(raw["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise TellerboxError(f"{path} is damaged; run `tellerbox model use NAME` again") from None


def choose(choice: str, models: Path, home: Path) -> ModelFile:
    """Make a model the one in use from now on; its hash is pinned."""
    if choice not in catalog():
        choice = str(Path(choice).expanduser().resolve())
    chosen = resolve(choice, models, home)
    if not _is_gguf(chosen.path):
        raise TellerboxError(f"{chosen.path} is not a GGUF file")
    try:
        home.mkdir(parents=True, exist_ok=True)
        work = home / (CHOICE_FILE + ".new")
        work.write_text(json.dumps({"model": choice, "sha256": chosen.sha256}), "utf-8")
        os.replace(work, home / CHOICE_FILE)
    except OSError as error:
        raise TellerboxError(f"cannot write to {home} ({error.strerror})") from None
    return chosen


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def pull(name: str, home: Path, progress: Progress | None = None) -> Path:
    """Download a model of the catalogue into the box's folder: resumes, checks the sha256, appears in one step.

    Raises TellerboxError in one line when there is no network, no room, or the file is not the expected one.
    """
    import httpx

    entry = catalog().get(name)
    if entry is None:
        raise TellerboxError(f"no model named {name!r}; `tellerbox model list` shows the catalogue")
    if entry.shipped:
        raise TellerboxError(f"model {name} ships with the box; there is nothing to pull")
    target = home / "models" / entry.file
    partial = target.with_suffix(target.suffix + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file():
            _download(entry, partial, progress)
            _check(entry, partial)
            os.replace(partial, target)
    except httpx.HTTPStatusError as error:
        raise TellerboxError(f"cannot pull {name}: the server answered {error.response.status_code}") from None
    except httpx.HTTPError as error:
        raise TellerboxError(
            f"cannot pull {name}: no network ({type(error).__name__}); what came is kept for a resume"
        ) from None
    except OSError as error:
        raise TellerboxError(f"cannot pull {name}: {error.strerror} ({target.parent})") from None
    return target


def _download(entry: Model, partial: Path, progress: Progress | None) -> None:
    import httpx

    have = partial.stat().st_size if partial.is_file() else 0
    if entry.bytes and have >= entry.bytes:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with httpx.stream("GET", entry.url, headers=headers, follow_redirects=True, timeout=30) as response:
        response.raise_for_status()
        resumed = response.status_code == 206
        have = have if resumed else 0
        with partial.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes(1 << 20):
                file.write(chunk)
                have += len(chunk)
                if progress:
                    progress(have, entry.bytes)


def _check(entry: Model, partial: Path) -> None:
    if not entry.sha256:
        raise TellerboxError(f"{entry.name} has no known sha256; download it yourself and `tellerbox model use PATH`")
    actual = file_sha256(partial)
    if actual != entry.sha256:
        partial.unlink()
        raise TellerboxError(f"{entry.name} is not the expected file (sha256 {actual[:16]}…); it was deleted")
