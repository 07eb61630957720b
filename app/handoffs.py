"""Hand-offs: customers who wait for a person, durably; a restart of the server or of a kiosk loses nobody.

The queue (HOME/handoffs/queue.sqlite) holds who waits since when, in which language, about what and with whom, and no
text. What was said is read from the ledger's records of the session, sealed with its key: erasing a session erases its
hand-off too. Each step is a record of kind `handoff`, appended in the same transaction that changes the queue.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.answer import Handoff
from app.errors import TellerboxError
from compliance.errors import ComplianceError
from compliance.ledger import Entry, Ledger
from compliance.record import Header, Json
from compliance.redaction.engine import Redactor
from compliance.schema import schema_problem
from compliance.store import connect, in_words, sync_folder, transaction
from compliance.vault import Vault

State = Literal["waiting", "taken", "resolved", "left"]
RESOLUTIONS = ("solved", "at_counter", "appointment", "unreachable", "other")
"""How a hand-off may end, in clear in its record."""
ABANDONED_SECONDS = 600.0
"""Someone taken over by a teller who has done nothing for this long waits again, with the waiting time kept."""
KEPT_SECONDS = 7 * 86_400.0
"""How long a hand-off that ended stays in the queue's file; its records stay in the ledger."""
LONGEST_CHARS = 4_000
_OPEN = "state IN ('waiting', 'taken')"
_SCHEMA = (
    # teller: the account's id; active: when the teller last did something
    """CREATE TABLE handoff (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL,
        turn TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        urgent INTEGER NOT NULL,
        language TEXT NOT NULL,
        topic TEXT,
        channel TEXT NOT NULL,
        created REAL NOT NULL,
        teller TEXT,
        active REAL NOT NULL,
        ended REAL
    ) STRICT""",
    """CREATE INDEX handoff_session ON handoff (session)""",
)
_COLUMNS = "id, session, turn, state, reason, urgent, language, topic, channel, created, teller, active, ended"


class NotYours(TellerboxError):
    """The hand-off is not in the state, or not with the teller, that this needs."""


class NoHandoff(TellerboxError):
    """There is no hand-off with that id, or for that session."""

    def __init__(self) -> None:
        super().__init__("there is no such hand-off")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One hand-off. `session` and `teller` are ids; times are seconds since 1970; `teller` is None while nobody has taken it."""

    id: str
    session: str
    turn: str
    state: State
    reason: str
    urgent: bool
    language: str
    topic: str | None
    channel: str
    created: float
    teller: str | None
    active: float
    ended: float | None

    @property
    def is_open(self) -> bool:
        """Whether the person still waits or is being helped."""
        return self.state in ("waiting", "taken")


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said, redacted. `number` is its record's; `who` is customer, box or teller; None: its key was destroyed."""

    number: int
    time_utc: str
    who: Literal["customer", "box", "teller"]
    text: str | None


class Handoffs:
    """The queue of one box. Thread-safe; several processes may share it. `version` grows with each change made here."""

    def __init__(self, path: Path, db: sqlite3.Connection, ledger: Ledger, redactor: Redactor, clock: Callable[[], float]) -> None:
        self.path = path
        self.version = 0
        self._db = db
        self._ledger = ledger
        self._redactor = redactor
        self._clock = clock
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path, ledger: Ledger, redactor: Redactor, clock: Callable[[], float] = time.time) -> Handoffs:
        """Opens the queue in `folder`, made on first use. Raises ComplianceError where it cannot be, or was changed."""
        path = folder / "queue.sqlite"
        with in_words(path, "the queue of hand-offs cannot be opened"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            db = connect(path, create=True)
            try:
                with transaction(db):
                    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                        for statement in _SCHEMA:
                            db.execute(statement)
                if problem := schema_problem(db, _SCHEMA):
                    raise ComplianceError(f"the queue of hand-offs is damaged: {problem} ({path})")
            except BaseException:
                db.close()
                raise
            sync_folder(folder)
            return cls(path, db, ledger, redactor, clock)

    # -- the customer's side -----------------------------------------------------------------------------------------

    def queue(self, session: str, handoff: Handoff, *, turn: str = "", channel: str = "web") -> Waiting:
        """Puts a session in the queue; one that waits already stays in its place, and becomes urgent if this is."""
        with self._changing("nobody was told that you wait") as db:
            held = self._find("session = ? AND " + _OPEN, session)
            if held is None:
                now = self._clock()
                new = Waiting(
                    secrets.token_hex(8), session, turn, "waiting", handoff.reason, handoff.urgent, handoff.language,
                    handoff.topic, channel, now, None, now, None,
                )  # fmt: skip
                self._insert(db, new)
                self._record(new, "queued")
                return new
            if handoff.urgent and not held.urgent:
                db.execute("UPDATE handoff SET urgent = 1, topic = coalesce(?, topic) WHERE id = ?", (handoff.topic, held.id))
                self._record(held, "urgent")
        return self.one(held.id)

    def of_session(self, session: str) -> Waiting | None:
        """The hand-off of a session: the open one, else the last that ended; None where there never was one."""
        return self._find("session = ? ORDER BY " + _OPEN + " DESC, created DESC", session)

    def position(self, handoff: Waiting) -> int | None:
        """How many are served before this one, and itself: 1 is next; None once it does not wait any more."""
        ids = [each.id for each in self.waiting()]
        return ids.index(handoff.id) + 1 if handoff.id in ids else None

    def say(self, session: str, text: str, vault: Vault | None = None) -> Said:
        """What a customer writes to the teller, redacted, recorded. Raises NoHandoff where no hand-off is open."""
        with self._changing("your message was not recorded"):
            held = self._find("session = ? AND " + _OPEN, session)
            if held is None:
                raise NoHandoff
            return self._said(held, "message", "customer", text, vault)

    def leave(self, session: str) -> None:
        """The customer no longer waits; nothing happens where no hand-off is open."""
        with self._changing("you are still in the queue") as db:
            held = self._find("session = ? AND " + _OPEN, session)
            if held is not None:
                self._end(db, held, "left")

    # -- the teller's side -------------------------------------------------------------------------------------------

    def waiting(self) -> list[Waiting]:
        """Those who wait, in the order they are served: urgent ones first, then by waiting time."""
        return self._all("state = 'waiting' ORDER BY urgent DESC, created, id")

    def everyone(self) -> list[Waiting]:
        """Those who wait, as `waiting`, then those who were taken over, then those whose hand-off ended within a week."""
        ended = self._all(f"NOT {_OPEN} ORDER BY ended DESC")
        return [*self.waiting(), *self._all("state = 'taken' ORDER BY created"), *ended]

    def one(self, id: str) -> Waiting:
        """The hand-off with that id; raises NoHandoff."""
        found = self._find("id = ?", id)
        if found is None:
            raise NoHandoff
        return found

    def take(self, id: str, teller: str, *, channel: str = "kiosk") -> Waiting:
        """Gives a waiting customer to a teller, once: of two who try, one raises NotYours. Taking what is one's own already
        changes nothing."""
        with self._changing("the customer still waits") as db:
            held = self.one(id)
            if held.state == "taken" and held.teller == teller:
                return held
            if held.state != "waiting":
                raise NotYours("somebody else has taken over" if held.state == "taken" else "this hand-off has ended")
            now = self._clock()
            db.execute("UPDATE handoff SET state = 'taken', teller = ?, active = ? WHERE id = ?", (teller, now, id))
            facts: dict[str, Json] = {"account": teller, "waited_seconds": round(now - held.created)}
            self._record(held, "taken", facts, channel=channel, role="teller")
        return self.one(id)

    def reply(self, id: str, teller: str, text: str, vault: Vault | None = None, *, channel: str = "kiosk") -> Said:
        """What the teller writes to the customer, redacted, recorded. Raises NotYours unless that teller has taken over."""
        with self._changing("the reply was not recorded"):
            held = self._held_by(id, teller)
            return self._said(held, "reply", "teller", text, vault, {"account": teller}, channel)

    def resolve(self, id: str, teller: str, how: str, *, channel: str = "kiosk") -> Waiting:
        """Ends a hand-off; `how` is one of RESOLUTIONS."""
        if how not in RESOLUTIONS:
            raise TellerboxError(f"a hand-off ends as one of {', '.join(RESOLUTIONS)}")
        with self._changing("the hand-off has not ended") as db:
            held = self._held_by(id, teller)
            self._end(db, held, "resolved", {"account": teller, "how": how}, channel, "teller")
        return self.one(id)

    def release(self, id: str, teller: str, *, channel: str = "kiosk") -> Waiting:
        """Puts a customer back in the queue, at the place of the time they came."""
        with self._changing("the customer is still yours") as db:
            self._released(db, self._held_by(id, teller), channel)
        return self.one(id)

    def still_here(self, id: str, teller: str) -> None:
        """Notes that a teller is looking at a hand-off of theirs, so that it does not go back to the queue."""
        with self._changing("the queue was not written", told=False) as db:
            db.execute("UPDATE handoff SET active = ? WHERE id = ? AND teller = ?", (self._clock(), id, teller))

    def sweep(self) -> None:
        """Puts back whom an absent teller holds, and drops from the file what ended long ago."""
        now = self._clock()
        stale = self._all("state = 'taken' AND active < ?", now - ABANDONED_SECONDS)
        for each in stale:
            with self._changing("the queue was not written") as db:
                held = self.one(each.id)
                if held.state == "taken" and held.active < now - ABANDONED_SECONDS:
                    self._released(db, held, "")
        with self._changing("the queue was not written", told=False) as db:
            db.execute("DELETE FROM handoff WHERE ended < ?", (now - KEPT_SECONDS,))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _held_by(self, id: str, teller: str) -> Waiting:
        held = self.one(id)
        if held.state != "taken" or held.teller != teller:
            raise NotYours("take over first" if held.is_open else "this hand-off has ended")
        self._db.execute("UPDATE handoff SET active = ? WHERE id = ?", (self._clock(), id))
        return held

    def _released(self, db: sqlite3.Connection, held: Waiting, channel: str) -> None:
        db.execute("UPDATE handoff SET state = 'waiting', teller = NULL WHERE id = ?", (held.id,))
        self._record(held, "released", {"account": held.teller}, channel=channel, role="teller")

    def _end(
        self, db: sqlite3.Connection, held: Waiting, state: State, facts: Mapping[str, Json] | None = None,
        channel: str = "", role: str = "customer",
    ) -> None:  # fmt: skip
        now = self._clock()
        db.execute("UPDATE handoff SET state = ?, ended = ? WHERE id = ?", (state, now, held.id))
        known: dict[str, Json] = {"open_seconds": round(now - held.created)} | dict(facts or {})
        self._record(held, state, known, channel=channel, role=role)

    def _said(
        self, held: Waiting, change: str, who: Literal["customer", "teller"], text: str, vault: Vault | None,
        facts: Mapping[str, Json] | None = None, channel: str = "",
    ) -> Said:  # fmt: skip
        if not text.strip():
            raise TellerboxError("there is no text")
        if len(text) > LONGEST_CHARS:
            raise TellerboxError(f"a message has at most {LONGEST_CHARS} characters")
        redacted = self._redactor.redact(text.strip(), vault)
        told = {"redactions": dict(redacted.counts)} | dict(facts or {})
        entry = self._record(held, change, told, body={"text": redacted.text}, channel=channel, role=who)
        return Said(entry.index, entry.header.time_utc, who, redacted.text)

    def _record(
        self, held: Waiting, change: str, facts: Mapping[str, Json] | None = None, *, body: Mapping[str, Json] | None = None,
        channel: str = "", role: str = "customer",
    ) -> Entry:  # fmt: skip
        known: dict[str, Json] = {"handoff": held.id, "change": change} | dict(facts or {})
        if change == "queued":
            known |= {"reason": held.reason, "urgent": held.urgent, "language": held.language, "topic": held.topic}
        header = Header.now(
            "handoff", turn=held.turn, session=held.session, branch=self._ledger.branch, channel=channel or held.channel,
            role=role, facts=known,
        )  # fmt: skip
        return self._ledger.append(header, body or {})

    def _insert(self, db: sqlite3.Connection, new: Waiting) -> None:
        values = tuple(getattr(new, name) for name in _COLUMNS.split(", "))
        db.execute(f"INSERT INTO handoff ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)

    def _find(self, where: str, *values: object) -> Waiting | None:
        return next(iter(self._all(where + " LIMIT 1", *values)), None)

    def _all(self, where: str, *values: object) -> list[Waiting]:
        with self._lock, in_words(self.path, "the queue of hand-offs cannot be read"):
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM handoff WHERE {where}", values).fetchall()
        return [_waiting(row) for row in rows]

    @contextmanager
    def _changing(self, doing: str, *, told: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            with in_words(self.path, doing), transaction(self._db):
                yield self._db
            self.version += told


def _waiting(row: tuple[Any, ...]) -> Waiting:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Waiting(**named | {"urgent": bool(named["urgent"])})
