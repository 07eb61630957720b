"""Admission: how many turns run at once. Whoever comes when the house is full is told when to come again, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Busy

LONGEST_WAIT = 60
"""Seconds; nobody is told to wait longer than this."""


class Admission:
    """At most `most` turns at once, of which `each` may be one session's; `together` of them are answered at the same time."""

    def __init__(self, most: int, together: int, each: int = 2) -> None:
        self._most, self._together, self._each = most, together, each
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._seconds = 1.0

    @property
    def inside(self) -> int:
        """Turns that run now."""
        return self._inside.total()

    @contextmanager
    def enter(self, session: str, message: str) -> Iterator[None]:
        """Run a turn. Raises Busy with `message`, and in how many seconds one place will likely be free."""
        with self._lock:
            if self.inside >= self._most or self._inside[session] >= self._each:
                raise Busy(message, max(1, min(LONGEST_WAIT, round(self._seconds * self.inside / self._together))))
            self._inside[session] += 1
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds += 0.1 * (time.monotonic() - began - self._seconds)
                self._inside[session] -= 1
                if not self._inside[session]:
                    del self._inside[session]
