"""The one error of this package: what went wrong with redaction, the vault or the ledger."""

from __future__ import annotations


class ComplianceError(Exception):
    """The message is one line, holds nothing a person typed, and is safe to show."""
