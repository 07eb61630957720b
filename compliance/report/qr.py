"""QR codes (ISO/IEC 18004) of checkpoints and receipts: text that a phone reads off paper or a screen.

A symbol of version 40 with the least error correction holds 2,953 bytes. A receipt from a ledger of a million records
has about 1,300, so it fits with room for a ledger a billion times as long.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import segno

from compliance.errors import ComplianceError
from compliance.store import in_words

Modules: TypeAlias = "tuple[tuple[bool, ...], ...]"
QUIET_ZONE = 4
"""Modules of white on each side, without which readers do not find the symbol."""


def symbol(text: str, error: str = "l") -> segno.QRCode:
    """The smallest symbol that holds `text` as UTF-8 bytes, with at least this error correction (l, m, q, h). Raises
    ComplianceError for text that is too long for any."""
    try:
        return segno.make_qr(text.encode(), error=error, mode="byte", boost_error=True)
    except segno.DataOverflowError:
        raise ComplianceError(f"{len(text.encode())} bytes are more than a QR code holds") from None


def write_symbol(text: str, out: Path) -> None:
    """Writes a symbol to an .svg or .png file; raises ComplianceError for another kind of file, or one that cannot be
    written."""
    if out.suffix not in (".svg", ".png"):
        raise ComplianceError("a QR code is written to a file that ends in .svg or .png")
    code = symbol(text)
    with in_words(out, "the QR code cannot be written"):
        code.save(str(out), scale=4, border=QUIET_ZONE)


def modules(code: segno.QRCode) -> Modules:
    """The rows of a symbol, True for dark, without its quiet zone."""
    return tuple(tuple(bool(each) for each in row) for row in code.matrix)
