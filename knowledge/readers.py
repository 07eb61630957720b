"""Reading a document: Markdown, text, HTML, PDF or DOCX in, one text with Markdown headings, bullets and tables out."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from knowledge.errors import KnowledgeError

SUFFIXES = frozenset({".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".docx"})
MAX_BYTES = 20 * 1024 * 1024


def read_document(path: Path) -> str:
    """The text of a file.

    Markdown and text come back character for character, so that offsets into the text are offsets into the file.
    Raises KnowledgeError, naming the file, for one that is missing, too large, binary or broken.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise KnowledgeError(f"{path.name}: larger than {MAX_BYTES // 2**20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({error.strerror})") from None
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        return _read_pdf(data, path.name)
    if suffix == ".docx":
        return _read_docx(data, path.name)
    text = _decode(data, path.name)
    return _read_html(text) if suffix in (".html", ".htm") else text


def _decode(data: bytes, name: str) -> str:
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise KnowledgeError(f"{name}: not text (it holds NUL bytes)")
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{name}: not {encoding.upper()} at byte {error.start}; save it as UTF-8") from None


def _read_pdf(data: bytes, name: str) -> str:
    import logging

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        pages = [page.extract_text() or "" for page in PdfReader(io.BytesIO(data)).pages]
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise KnowledgeError(f"{name}: not a PDF that can be read ({type(error).__name__})") from None
    text = "\n\n".join(_unwrap(page) for page in pages)
    if not text.strip():
        raise KnowledgeError(f"{name}: the PDF holds no text (scanned pages need OCR first)")
    return text


_BULLET = re.compile(r"^\s*[•▪◦‣·–*-]\s+")


def _unwrap(page: str) -> str:
    """Lines of a PDF page joined into paragraphs: a line that ends without a stop goes on in the next."""
    paragraphs: list[str] = []
    for line in (raw.strip() for raw in page.splitlines()):
        if not line:
            paragraphs.append("")
        elif _BULLET.match(line):
            paragraphs.append("- " + _BULLET.sub("", line))
        elif (
            paragraphs
            and paragraphs[-1]
            and not re.search(r"[.!?:;。！？؟|]$", paragraphs[-1])
            and _goes_on(paragraphs[-1], line)
        ):
            glue = "" if paragraphs[-1].endswith("-") and line[:1].islower() else " "
            paragraphs[-1] = (paragraphs[-1][:-1] if not glue else paragraphs[-1]) + glue + line
        else:
            paragraphs.append(line)
    return "\n\n".join(part for part in paragraphs if part)


def _goes_on(previous: str, line: str) -> bool:
    # A short line followed by a capital is a heading, not a broken sentence.
    return len(previous) > 45 or line[:1].islower()


def _read_docx(data: bytes, name: str) -> str:
    import zipfile

    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table

    try:
        document = docx.Document(io.BytesIO(data))
        blocks: list[str] = []
        for block in document.iter_inner_content():
            blocks.append("\n".join(_docx_table(block)) if isinstance(block, Table) else _docx_paragraph(block))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise KnowledgeError(f"{name}: not a DOCX that can be read ({type(error).__name__})") from None
    return "\n\n".join(block for block in blocks if block.strip())


def _docx_paragraph(paragraph: object) -> str:
    text = str(getattr(paragraph, "text", "")).strip()
    style = str(getattr(getattr(paragraph, "style", None), "name", "") or "")
    if style == "Title":
        return f"# {text}"
    if style.startswith("Heading"):
        level = style.rsplit(" ", 1)[-1]
        return "#" * (int(level) if level.isdigit() else 2) + f" {text}"
    return f"- {text}" if style.startswith("List") else text


def _docx_table(table: object) -> Iterator[str]:
    rows = getattr(table, "rows", [])
    for number, row in enumerate(rows):
        cells = [" ".join(cell.text.split()) for cell in row.cells]
        yield "| " + " | ".join(cells) + " |"
        if number == 0:
            yield "|" + "---|" * len(cells)


class _HtmlText(HTMLParser):
    """Collects headings, paragraphs, list items and table rows; drops scripts, styles and navigation."""

    _DROP = frozenset({"script", "style", "nav", "noscript", "template", "svg", "head", "footer"})
    _BLOCK = frozenset(
        {"p", "div", "section", "article", "ul", "ol", "table", "tr", "br", "dd", "dt", "blockquote", "main"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self._text: list[str] = []
        self._prefix = ""
        self._dropping = 0
        self._row: list[str] | None = None
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._DROP:
            self._dropping += 1
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._flush("#" * int(tag[1]) + " ")
        elif tag == "li":
            self._flush("- ")
        elif tag == "table":
            self._flush("")
            self._rows = 0
        elif tag == "tr":
            self._flush("")
            self._row = []
        elif tag in self._BLOCK and self._row is None:
            self._flush("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._DROP:
            self._dropping = max(0, self._dropping - 1)
        elif tag in ("td", "th") and self._row is not None:
            self._row.append(self._take())
        elif tag == "tr" and self._row is not None:
            line = "| " + " | ".join(self._row) + " |"
            rule = "\n|" + "---|" * len(self._row) if self._rows == 0 else ""
            if self._rows and self.blocks:
                self.blocks[-1] += "\n" + line
            else:
                self.blocks.append(line + rule)
            self._rows += 1
            self._row = None
        elif (tag == "li" or tag in self._BLOCK or (len(tag) == 2 and tag[0] == "h")) and self._row is None:
            self._flush("")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._text.append(data)

    def _take(self) -> str:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        return text

    def _flush(self, prefix: str) -> None:
        text = self._take()
        if text:
            self.blocks.append(self._prefix + text)
        self._prefix = prefix


def _read_html(text: str) -> str:
    parser = _HtmlText()
    parser.feed(text)
    parser.close()
    parser._flush("")
    return "\n\n".join(parser.blocks)
