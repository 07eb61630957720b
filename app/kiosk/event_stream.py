"""Server-sent events as they come in (WHATWG HTML §9.2.6): bytes in any pieces, events out. Lines end in LF or CRLF."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (`message` where it has none) and its data."""

    name: str
    data: str


@dataclass(slots=True)
class EventReader:
    """Reads one stream. `last_id` is what goes back as Last-Event-ID after a cut; an event that was cut is not given."""

    last_id: str = ""
    _rest: bytes = b""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes."""
        *lines, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n")
        events: list[Event] = []
        for line in lines:
            if line:
                self._field(line.decode("utf-8", "replace"))
                continue
            if self._data:
                events.append(Event(self._name or "message", "\n".join(self._data)))
            self._name, self._data = "", []
        return events

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self.last_id = value
