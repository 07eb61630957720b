"""Take records out of the box: to be verified (bundle, JSONL), counted (CSV, Parquet), watched (OCSF, CEF) or read (PDF).

Every export reads one snapshot of the ledger in constant memory, appears whole or not at all, and is itself recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from compliance.errors import ComplianceError
from compliance.export.bundle import export_bundle
from compliance.export.jsonl import write_jsonl
from compliance.export.period import Progress, Write, export_file
from compliance.ledger import Ledger
from compliance.report.policy_text import PolicyTexts

__all__ = ["FORMATS", "export", "export_bundle", "export_jsonl"]

FORMATS: Mapping[str, str] = {
    "bundle": "a folder or a .zip that an auditor can verify by itself",
    "jsonl": "the records alone, for verify.py",
    "csv": "a row a turn, for a spreadsheet",
    "parquet": "a row a turn, for a data warehouse",
    "pdf": "a report to be read",
    "ocsf": "an event a record, for a SIEM",
    "cef": "a line a record, for a SIEM",
}


def export(
    ledger: Ledger,
    out: Path,
    form: str,
    *,
    since: str | None = None,
    until: str | None = None,
    decrypt: bool = False,
    sealed: bool = False,
    progress: Progress | None = None,
    role: str = "officer",
    bank: str = "",
    policies: PolicyTexts | None = None,
) -> int:
    """Exports a period in one of FORMATS; returns how many records it covers. See `export_file`.

    `sealed` is for a bundle; `bank` and `policies` are for the report: whose it is, and where the text around a piece of
    evidence is found."""
    if form == "bundle":
        return export_bundle(ledger, out, since=since, until=until, decrypt=decrypt, sealed=sealed, progress=progress, role=role)
    if sealed:
        raise ComplianceError("sealed texts are exported in a bundle alone")
    write = _writer(form, bank, policies)
    return export_file(ledger, out, form, write, since=since, until=until, decrypt=decrypt, progress=progress, role=role)


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
    return export(ledger, out, "jsonl", since=since, until=until, decrypt=decrypt, progress=progress, role=role)


def _writer(form: str, bank: str, policies: PolicyTexts | None) -> Write:
    # Arrow and the PDF library take a second to import: only an export that needs them pays for it.
    if form == "jsonl":
        return write_jsonl
    if form == "csv":
        from compliance.export.csv_table import write_csv

        return write_csv
    if form == "parquet":
        from compliance.export.parquet import write_parquet

        return write_parquet
    if form == "ocsf":
        from compliance.export.ocsf import write_ocsf

        return write_ocsf
    if form == "cef":
        from compliance.export.cef import write_cef

        return write_cef
    if form == "pdf":
        from compliance.report.audit_report import write_report

        return partial(write_report, bank=bank, policies=policies)
    raise ComplianceError(f"the format must be one of {', '.join(FORMATS)}")
