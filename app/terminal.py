"""What the commands share: the option types, an open box, a progress bar, standard input and JSON out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import TellerboxError

if TYPE_CHECKING:
    from app.appliance import Appliance

Policies = Annotated[Path | None, typer.Option("--policies", help="answer from this folder instead", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Language = Annotated[str | None, typer.Option("--language", "-l", help="answer in this language", show_default=False)]


@contextmanager
def open_box(policies: Path | None = None) -> Iterator[Appliance]:
    """The appliance as the settings describe it, closed at the end; raises one of SAFE_ERRORS."""
    from app.appliance import Appliance
    from app.settings import load_settings

    with progress_bar("indexing passages") as progress, Appliance(load_settings(), policies, progress) as box:
        yield box


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr that appears only when there is something to wait for."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task: Any = None

    def update(done: int, total: int) -> None:
        nonlocal task
        if task is None:
            bar.start()
            task = bar.add_task(what, total=total or None)
        bar.update(task, completed=done)
        if done >= total:
            bar.stop()

    try:
        yield update
    finally:
        bar.stop()


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    print(json.dumps(value, ensure_ascii=False))


def read_stdin() -> str:
    """The text of standard input, at most 4 MiB of UTF-8; raises TellerboxError otherwise."""
    data = sys.stdin.buffer.read(4 * 1024 * 1024 + 1)
    if len(data) > 4 * 1024 * 1024:
        raise TellerboxError("the input is larger than 4 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TellerboxError(f"the input is not UTF-8 (byte {error.start})") from None
