"""Process: a worker started, spoken to and ended; never left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.slm.protocol import Message, Wire
from app.slm.worker import Options

PROJECT = Path(__file__).resolve().parents[2]
END_SECONDS = 5.0
"""What a worker may take to free its model when it is asked to end."""


class Process:
    """A running worker. Iterate over it for what it says, from one thread; `send` from any."""

    def __init__(self, options: Options) -> None:
        options = replace(options, parent=os.getpid())
        environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH", ""))))
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "app.slm.worker", options.encode()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._wire = Wire(self._popen.stdout, self._popen.stdin)  # type: ignore[arg-type]
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def __iter__(self) -> Iterator[Message]:
        with suppress(OSError, ValueError, json.JSONDecodeError):
            yield from self._wire

    def send(self, message: Message) -> None:
        """Send a message; to a worker that is gone, or does not read, nothing."""
        # A worker that is stopped fills its pipe: its watchdog must not wait behind whoever writes to it.
        if self._lock.acquire(timeout=1.0):
            try:
                with suppress(OSError, ValueError):
                    self._wire.send(message)
            finally:
                self._lock.release()

    def kill(self) -> None:
        """End it now."""
        with suppress(OSError):
            self._popen.kill()

    def end(self) -> None:
        """Ask it to end, see that it does, and take its exit status, so that no zombie stays."""
        stdin = self._popen.stdin
        assert stdin is not None
        with suppress(OSError, ValueError):
            stdin.close()
        try:
            self._popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._popen.wait()
