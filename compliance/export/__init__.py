"""Take records out of the box: to be verified (bundle, JSONL), counted (CSV, Parquet), watched (OCSF, CEF) or read (PDF).

Every export reads one snapshot of the ledger in constant memory, appears whole or not at all, and is itself recorded.
"""

from __future__ import annotations

from pathlib import Path

from compliance.export.bundle import export_bundle
from compliance.export.jsonl import write_jsonl
from compliance.export.period import Progress, export_file
from compliance.ledger import Ledger

__all__ = ["export_bundle", "export_jsonl"]


def export_jsonl(
    ledger: Ledger,
    out: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
) -> int:
    """JSONL, which `verify.py` checks; see `export_file`."""
    return export_file(
        ledger, out, "jsonl", write_jsonl, since=since, until=until, decrypt=decrypt, progress=progress, role=role
    )
