"""Backend: what a turn needs of a model, whether it runs on the box or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.slm.generation import Generation, Limits
from app.slm.prompt import Message


class Backend(Protocol):
    """Words answers. `generate` raises Busy when too many wait, TellerboxError when it cannot be asked at all."""

    def generate(self, messages: Sequence[Message], limits: Limits | None = None, person: str = "") -> Generation: ...

    def describe(self) -> str: ...

    @property
    def context_size(self) -> int: ...

    def wait_ready(self) -> None: ...

    def close(self) -> None: ...
