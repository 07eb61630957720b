"""Reading HTML, PDF and DOCX."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import KnowledgeError
from knowledge.passages import passages_of
from knowledge.policy import load_policy
from knowledge.readers import read_document


def statements(path: Path) -> list[str]:
    policy = load_policy(path, path.parent)
    return [statement.text for passage in passages_of(policy) for statement in passage.statements]


def test_html_keeps_structure_and_drops_scripts(tmp_path: Path) -> None:
    path = tmp_path / "fees.html"
    path.write_text(
        "<html><head><title>x</title><style>p{}</style></head><body><nav>Home</nav><h1>Fees</h1><p>An account costs "
        "<b>&euro;4</b> a month.</p><ul><li>Students pay nothing.</li></ul><script>alert('no')</script>"
        "<table><tr><th>Card</th><th>Price</th></tr><tr><td>Debit</td><td>€6</td></tr></table></body></html>"
    )
    assert statements(path) == ["An account costs €4 a month.", "Students pay nothing.", "Debit: €6"]


def test_docx_keeps_structure(tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_heading("Fees", 1)
    document.add_paragraph("An account costs €4 a month.")
    document.add_paragraph("Students pay nothing.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], ["Card", "Price", "Debit", "€6"], strict=True):
        cell.text = text
    path = tmp_path / "fees.docx"
    document.save(str(path))
    assert statements(path) == ["An account costs €4 a month.", "Students pay nothing.", "Debit: €6"]


def test_pdf_lines_are_joined_into_sentences(tmp_path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "fees.pdf"
    canvas = Canvas(str(path))
    lines = [
        "An international transfer outside the euro area costs 0.3 percent of",
        "the amount, with a minimum of 15 EUR.",
    ]
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 14 * number, line)
    canvas.save()
    assert statements(path) == [" ".join(lines)]


@pytest.mark.parametrize("suffix", [".pdf", ".docx"])
def test_a_broken_file_is_one_line_of_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"%PDF-1.4 nothing" * 10)
    with pytest.raises(KnowledgeError, match="broken"):
        read_document(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"gone\.md"):
        read_document(tmp_path / "gone.md")
