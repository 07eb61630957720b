"""One root error of the appliance, and the list of errors whose message may be shown to a person."""

from __future__ import annotations

from compliance.errors import ComplianceError
from knowledge.errors import KnowledgeError


class TellerboxError(Exception):
    """The message is one line, holds nothing a person typed, and is safe to show."""


SAFE_ERRORS: tuple[type[Exception], ...] = (TellerboxError, KnowledgeError, ComplianceError)
"""What a face of the box may print as it is; anything else is a fault and is shown as one fixed sentence."""
