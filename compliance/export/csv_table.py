"""CSV, one row a turn, for a spreadsheet: RFC 4180, UTF-8 with a byte order mark (Excel needs it), formulas defused.

A cell that begins with = + - @ a tab or a carriage return would be run as a formula by a spreadsheet, and part of a
question is what a stranger typed. Such a cell gets an apostrophe in front (OWASP, CSV Injection). Numbers are ours and
stay as they are.
"""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

from compliance.export.period import Source
from compliance.export.turns import COLUMNS, turn_rows

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Full-width signs too: spreadsheets in Chinese and Japanese read them as the ASCII ones."""


def write_csv(source: Source, file: BinaryIO) -> None:
    """A header line, then one row for each turn of the period."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
    try:
        table = csv.writer(text, lineterminator="\r\n")
        table.writerow(COLUMNS)
        for row in turn_rows(source):
            table.writerow([cell(getattr(row, name)) for name in COLUMNS])
        text.flush()
    finally:
        text.detach()


def cell(value: object) -> str:
    """A value as CSV shows it: empty for None, `true` and `false`, text that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value).replace("\0", "")
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text
