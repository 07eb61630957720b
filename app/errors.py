"""One root error of the appliance, and the list of errors whose message may be shown to a person."""

from __future__ import annotations

from compliance.errors import ComplianceError
from knowledge.errors import KnowledgeError


class TellerboxError(Exception):
    """The message is one line, holds nothing a person typed, and is safe to show."""


class Busy(TellerboxError):
    """Too many people are asking at once; `retry_after` is in how many seconds it is worth asking again."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


SAFE_ERRORS: tuple[type[Exception], ...] = (TellerboxError, KnowledgeError, ComplianceError)
"""What a face of the box may print as it is; anything else is a fault and is shown as one fixed sentence."""
