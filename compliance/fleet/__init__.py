"""A head office gathers the ledgers of its boxes: exported bundles are verified and appended to a copy of each box's ledger."""

from __future__ import annotations

from compliance.fleet.copies import Copies, copies_at
from compliance.fleet.findings import Finding, Gathered
from compliance.fleet.gather import gather
from compliance.fleet.status import BoxStatus, fleet_status
from compliance.fleet.verification import CopyVerification, verify_copies

__all__ = [
    "BoxStatus",
    "Copies",
    "CopyVerification",
    "Finding",
    "Gathered",
    "copies_at",
    "fleet_status",
    "gather",
    "verify_copies",
]
