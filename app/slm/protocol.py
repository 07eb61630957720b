"""Protocol: what the box and the process of the model say to each other, one JSON object a line over a pipe.

JSON and not pickle: what a process reads from another can then do nothing but be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Ask:
    """Make an answer to a chat, `(role, content)` each."""

    id: int
    person: str
    messages: Sequence[tuple[str, str]]
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Score:
    """Go over a prompt and its given tokens again; `end` is the token that ended the answer, if one did."""

    id: int
    prompt: Sequence[int]
    tokens: Sequence[int]
    end: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this one any more."""

    id: int


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Token ids of a text."""

    id: int
    text: str
    special: bool


@dataclass(frozen=True, slots=True)
class Render:
    """The text of a prompt."""

    id: int
    messages: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of a token."""

    id: int
    token: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, and since when are you at one and the same step?"""

    id: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    description: str
    context: int
    people: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """The model cannot be loaded, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """An answer will be made to this prompt."""

    id: int
    text: str
    prompt: Sequence[int]


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not, and why."""

    id: int
    why: str


@dataclass(frozen=True, slots=True)
class Place:
    """The place in line; 0: it has begun."""

    id: int
    place: int


@dataclass(frozen=True, slots=True)
class Token:
    """One more token; its bytes as hexadecimal digits, since a character may be split over tokens."""

    id: int
    token: int
    logprob: float
    piece: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An answer ended: `finish` as in `generation.Generation`; `stop` the token that ended it and its log-probability;
    `reused` how many tokens of the prompt were not read again."""

    id: int
    finish: str
    stop: tuple[int, float] | None = None
    reused: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """The model's choices: `(token, ends, logprob, given)` each, as in `generation.Choice`."""

    id: int
    choices: Sequence[tuple[int, bool, float, float | None]]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The reply to Tokenize."""

    id: int
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class Text:
    """The reply to Render and Piece."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The reply to Ping: `step_seconds` since the step began that is being run, 0 when none is; bytes kept for prefixes."""

    id: int
    step_seconds: float
    prefixes: int = 0
    prefix_bytes: int = 0


Message = (
    Ask | Score | Cancel | Tokenize | Render | Piece | Ping | Ready | Unfit | Accepted | Refused | Place | Token | Ended | Scored
    | Tokens | Text | Alive
)  # fmt: skip
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in Message.__args__}


@dataclass(slots=True)
class Wire:
    """Writes messages to a pipe and reads them from one. Writing is for whoever holds the lock of the owner."""

    reader: BinaryIO
    writer: BinaryIO
    _held: list[bytes] = field(default_factory=list)

    def hold(self, message: Message) -> None:
        """Have a message go out with the next `flush`."""
        self._held.append(json.dumps([type(message).__name__, asdict(message)], separators=(",", ":")).encode() + b"\n")

    def flush(self) -> None:
        """Write what was held, in one piece. Raises OSError when nobody reads any more."""
        if self._held:
            held, self._held = self._held, []
            self.writer.write(b"".join(held))
            self.writer.flush()

    def send(self, message: Message) -> None:
        """Write a message now."""
        self.hold(message)
        self.flush()

    def __iter__(self) -> Iterator[Message]:
        """Messages until the other side closes, or breaks off in the middle of one."""
        for line in self.reader:
            if not line.endswith(b"\n"):
                return
            name, values = json.loads(line)
            yield _KINDS[name](**values)
