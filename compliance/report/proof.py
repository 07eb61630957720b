"""The last section of the report: which records it was made from, and how to check them without trusting the box."""

from __future__ import annotations

from collections.abc import Mapping

from fpdf.enums import Align, WrapMode, XPos, YPos

from compliance.export.period import Source
from compliance.report.paper import INK, MARGIN, QUIET, WIDTH, Paper
from compliance.report.qr import modules, symbol

SIDE = 46.0
"""Side of the QR code in mm: modules of 0.8 mm for a checkpoint with one signature, which any phone reads."""

_KINDS = {
    "turn_opened": "turns opened",
    "turn_closed": "turns closed",
    "export": "exports",
    "erasure": "erasures",
    "pruned": "pruned to their hashes",
}


def proof_section(paper: Paper, source: Source, kinds: Mapping[str, int]) -> None:
    """The records by kind, the checkpoint as text and QR code, the key, and the commands that check them."""
    period = source.period
    paper.section("What this report was made from", room=88)
    span = f"records {period.first:,} to {period.first + period.count - 1:,}" if period.count else "no record"
    paper.paragraph(
        f"This report covers {span} of the ledger {source.ledger.origin}, which held {period.size:,} records when it was made: "
        + (", ".join(f"{count:,} {_KINDS.get(kind, kind.replace('_', ' '))}" for kind, count in kinds.items()) or "none in the period")
        + ". It summarises; the proof is the ledger itself. Export the same period as a bundle and verify it:"
    )
    begin, end = (period.since or "")[:10], (period.until or "")[:10]
    asked = (f" --from {period.since}" if begin else "") + (f" --to {period.until}" if end else "")
    for command in (
        f"tellerbox audit export{asked} --format bundle --out bundle",
        "python bundle/verify.py bundle --key '<the branch key below>'",
    ):
        paper.font("", 8.5, INK)
        paper.cell(WIDTH, 5, "    " + command, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(3)
    _checkpoint(paper, source)


def _checkpoint(paper: Paper, source: Source) -> None:
    paper.room(SIDE + 8)
    top = paper.get_y()
    _draw_symbol(paper, source.period.note, MARGIN, top)
    x, w = MARGIN + SIDE + 8, WIDTH - SIDE - 8
    for title, text in (
        ("The signed checkpoint (also the QR code)", source.period.note.rstrip("\n")),
        ("The branch key", source.ledger.vkey),
    ):
        paper.set_xy(x, paper.get_y())
        paper.font("B", 8.5)
        paper.cell(w, 5, title, new_x=XPos.LEFT, new_y=YPos.NEXT)
        paper.font("", 7, QUIET)
        paper.multi_cell(w, 3.7, text, align=Align.L, wrapmode=WrapMode.CHAR, new_x=XPos.LEFT, new_y=YPos.NEXT)
        paper.ln(2)
    paper.set_xy(MARGIN, max(paper.get_y(), top + SIDE + 4))
    paper.paragraph(
        "Keep the code: with it anyone can show later that the ledger still begins with these records. Compare the branch key with"
        " the one the bank published.",
        size=8.5,
        color=QUIET,
    )


def _draw_symbol(paper: Paper, text: str, x: float, y: float) -> None:
    rows = modules(symbol(text, "m"))
    step = SIDE / len(rows)
    paper.set_fill_color(0, 0, 0)
    for down, row in enumerate(rows):
        across = 0
        while across < len(row):
            length = 1
            if row[across]:
                while across + length < len(row) and row[across + length]:
                    length += 1
                # neighbouring dark modules are one rectangle: no hair lines between them in any viewer
                paper.rect(x + across * step, y + down * step, length * step, step * 1.02, style="F")
            across += length
