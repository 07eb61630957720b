"""Conversation: what a session remembers, in memory only, wiped when idle."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from compliance.vault import Vault

REMEMBERED = 4


@dataclass(slots=True)
class Session:
    """One person's conversation. Questions are kept redacted; raw values live in the vault alone. `owner` is the account of
    the teller it belongs to, empty for a customer's."""

    id: str
    role: str = "customer"
    channel: str = "cli"
    owner: str = ""
    vault: Vault = field(default_factory=Vault)
    language: str | None = None
    disclosed: bool = False
    questions: list[str] = field(default_factory=list)
    touched: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, question: str, language: str) -> None:
        """Keep the last few redacted questions and the language they were asked in."""
        self.questions = [*self.questions[-(REMEMBERED - 1) :], question]
        self.language = language

    def wipe(self) -> None:
        """Forget everything; the vault's key is deleted."""
        self.vault.forget()
        self.questions.clear()
        self.language = None


class Sessions:
    """The open sessions, at most `most`; each is wiped `idle_seconds` after its last message."""

    def __init__(self, idle_seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle_seconds
        self._most = most
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, role: str = "customer", channel: str = "cli", owner: str = "") -> Session:
        """A new session with an unguessable id (128 bits)."""
        session = Session(secrets.token_urlsafe(16), role, channel, owner, touched=self._clock())
        with self._lock:
            self._sweep()
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].wipe()
            self._open[session.id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """The session, marked as used just now; None when it ended or never was."""
        with self._lock:
            self._sweep()
            session = self._open.get(session_id)
            if session is not None:
                session.touched = self._clock()
                self._open.move_to_end(session_id)
            return session

    def peek(self, session_id: str) -> Session | None:
        """The session, without marking it as used: a screen that only looks must not keep a session alive."""
        with self._lock:
            self._sweep()
            return self._open.get(session_id)

    def seconds_left(self, session: Session) -> float:
        """How long until the session is wiped unless it is used again."""
        return max(0.0, session.touched + self._idle - self._clock())

    def end(self, session_id: str) -> bool:
        """Wipe a session now; whether there was one."""
        with self._lock:
            session = self._open.pop(session_id, None)
        if session is not None:
            session.wipe()
        return session is not None

    def end_all(self) -> None:
        """Wipe every session."""
        for session_id in list(self._open):
            self.end(session_id)

    def sweep(self) -> int:
        """Wipe the idle ones; how many are still open."""
        with self._lock:
            self._sweep()
            return len(self._open)

    def _sweep(self) -> None:
        limit = self._clock() - self._idle
        for session_id in [key for key, session in self._open.items() if session.touched < limit]:
            self._open.pop(session_id).wipe()
