"""Carrying: the training data to a GPU machine in one small folder, and its results back in parts of 16 MB.

    python -m factory pack --parts build/pack       # here; there: python -m factory pretrain, then train, --preset gpu --data build/pack
    python -m factory split --parts build/parts     # there, after `export`
    python -m factory join --parts build/parts --out build/slm
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

DATA = ("qa", "parallel", "intents", "docs")
"""What the tokenizer, pre-training and training read of the shared data."""
MOST = 60_000_000
PART = 16_000_000


class CarryError(ValueError):
    """What is to travel is too large, incomplete or damaged."""


def pack(data: Path, out: Path, most: int = MOST) -> int:
    """Copy what training reads into `out`; the bytes it takes. Raises CarryError when they are more than `most`."""
    files = [file for part in DATA for file in sorted((data / part).glob("*.xz"))]
    total = sum(file.stat().st_size for file in files)
    if total > most:
        raise CarryError(f"the data takes {total} bytes, more than {most}")
    for file in files:
        target = out / file.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return total


def split(files: list[Path], out: Path, size: int = PART) -> list[Path]:
    """Cut files into parts of at most `size` bytes with a list of them, `parts.json`, that `join` reads."""
    out.mkdir(parents=True, exist_ok=True)
    listed: dict[str, dict[str, object]] = {}
    written = []
    for file in files:
        content = file.read_bytes()
        names = []
        for number, start in enumerate(range(0, len(content), size)):
            part = out / f"{file.name}.{number:02d}"
            part.write_bytes(content[start : start + size])
            names.append(part.name)
            written.append(part)
        listed[file.name] = {"sha256": hashlib.sha256(content).hexdigest(), "parts": names}
    (out / "parts.json").write_text(json.dumps(listed, indent=1), encoding="utf8")
    return [*written, out / "parts.json"]


def join(parts: Path, folder: Path) -> list[Path]:
    """Put the files of `split` together again. Raises CarryError when a part is missing or a file is not what was cut."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, row in json.loads((parts / "parts.json").read_text("utf8")).items():
        if Path(name).name != name:
            raise CarryError(f"{name} is no file name")
        try:
            content = b"".join((parts / Path(part).name).read_bytes() for part in row["parts"])
        except FileNotFoundError as error:
            raise CarryError(f"a part of {name} is missing: {error.filename}") from None
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            raise CarryError(f"{name} is damaged")
        (folder / name).write_bytes(content)
        made.append(folder / name)
    return made
