"""Crash: what an unexpected fault may leave behind: where it happened, never what was typed."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType

PR_SET_DUMPABLE = 4
"""Of prctl(2). A process that is not dumpable leaves no core, not even through a pipe, for which RLIMIT_CORE does not count."""


def no_core_dump() -> None:
    """From here on a crash of this process writes none of its memory to disk (a no-op where the platform has no such call)."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def where(error: BaseException) -> str:
    """The kinds of an error and of its causes, with file, line and function of each frame: a traceback without the messages, in
    which a library may repeat the value it could not take."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(type(current).__name__)
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(current.__traceback__)]
        current = current.__cause__ or current.__context__
    return "\n".join(lines)


class WhereFormatter(logging.Formatter):
    """Log lines whose exceptions are told by `where`."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        error = ei[1] if isinstance(ei, tuple) else None
        return where(error) if isinstance(error, BaseException) else "unknown fault"


def hide_messages() -> None:
    """Uncaught exceptions, in any thread, and logged ones are told by `where` from here on."""
    handler = logging.StreamHandler()
    handler.setFormatter(WhereFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)

    def told(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        print(where(error), file=sys.stderr)

    sys.excepthook = told
    threading.excepthook = lambda found: told(found.exc_type, found.exc_value or RuntimeError(), found.exc_traceback)
