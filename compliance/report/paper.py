"""The paper of the report: fonts, colours, running head and foot, and the blocks a page is built from.

A4, millimetres. Latin, Greek and Cyrillic are set in Noto Sans, Arabic and Chinese in their own Noto fonts, shaped by
HarfBuzz and embedded as the subset that is used.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont
from fpdf.line_break import Fragment

Color: TypeAlias = tuple[int, int, int]

INK: Color = (31, 41, 55)
QUIET: Color = (107, 114, 128)
LINE: Color = (221, 225, 231)
PANEL: Color = (246, 247, 249)
BRAND: Color = (17, 66, 92)
MARK: Color = (255, 236, 158)
_PAGES = "\ue000\ue001"
"""Stands for the number of pages until it is known: private-use characters, which `drawable` takes out of every text."""
FONTS = Path(__file__).parent / "fonts"
MARGIN = 18.0
WIDTH = 210.0 - 2 * MARGIN
BOTTOM = 20.0


class Paper(FPDF):
    """A document being written from top to bottom; `y` is where the next block goes."""

    def __init__(self, title: str, running_head: str, running_foot: str) -> None:
        super().__init__(format="A4", unit="mm")
        self._running_head, self._running_foot = running_head, running_foot
        self.set_title(title)
        self.set_creator("Tellerbox")
        self.set_lang("en")
        self.set_margins(MARGIN, 24, MARGIN)
        self.set_auto_page_break(True, BOTTOM)
        self.alias_nb_pages(_PAGES)
        self._add_fonts()
        self.c_margin = 0
        self.add_page()

    def _add_fonts(self) -> None:
        for family, name in (("sans", "NotoSans"), ("arabic", "NotoSansArabic")):
            self.add_font(family, "", FONTS / f"{name}-Regular.ttf")
            self.add_font(family, "B", FONTS / f"{name}-Bold.ttf")
        self.add_font("chinese", "", FONTS / "NotoSansSC-Regular.ttf")
        self._faces = [font for font in self.fonts.values() if isinstance(font, TTFFont)]
        self.set_fallback_fonts(["sans", "arabic", "chinese"], exact_match=False)
        self.set_text_shaping(True)
        self.font("", 9.5)

    def header(self) -> None:
        """The running head, on every page but the first."""
        if self.page_no() == 1:
            return
        self.font("", 7.5, QUIET)
        self.set_xy(MARGIN, 11)
        self.cell(WIDTH, 4, self._running_head)
        self.set_xy(MARGIN, 11)
        self.font("B", 7.5, BRAND)
        self.cell(WIDTH, 4, "Tellerbox", align=Align.R)
        self.rule(16.5)
        self.set_y(22)

    def footer(self) -> None:
        """The running foot: what the report was made from, and the page."""
        self.rule(297 - 15)
        self.font("", 7, QUIET)
        self.set_xy(MARGIN, 297 - 13.5)
        self.cell(WIDTH, 4, self._running_foot)
        self.set_xy(MARGIN + WIDTH - self.get_string_width("Page 00 of 00"), 297 - 13.5)
        self.cell(None, 4, f"Page {self.page_no()} of {_PAGES}")

    # -- small things ------------------------------------------------------------------------------------------------

    def font(self, style: str, size: float, color: Color = INK, family: str = "sans") -> None:
        """The font, its size in points and its colour for what comes next."""
        self.set_font(family, style, size)
        self.set_text_color(*color)

    def drawable(self, text: str) -> str:
        """The text with U+FFFD for what no font here draws, and without control and formatting characters: those that
        reorder text could make a line read otherwise than it was written."""
        return "".join(self._drawn(char) for char in text)

    def _drawn(self, char: str) -> str:
        if char in "\u200c\u200d":
            return char  # joiners: Arabic needs them
        if char.isspace():
            return " "
        if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn"):
            return ""
        return char if any(ord(char) in font.cmap for font in self._faces) else "\ufffd"

    def _parse_chars(self, *args: Any, **options: Any) -> Iterator[Fragment]:
        """fpdf2 2.8 ends a fragment at every combining mark, for Unicode gives those no script of their own, and a
        letter next to one is then shaped as if its word ended there. Such fragments are one again here."""
        held: Fragment | None = None
        for fragment in super()._parse_chars(*args, **options):
            if held is not None and _belongs(held, fragment):
                held.characters.extend(fragment.characters)
                continue
            if held is not None:
                yield held
            held = fragment
        if held is not None:
            yield held

    def rule(self, y: float, color: Color = LINE, *, start: float = MARGIN) -> None:
        """A hair line to the right margin."""
        self.set_draw_color(*color)
        self.set_line_width(0.2)
        self.line(start, y, MARGIN + WIDTH, y)

    def box(self, x: float, y: float, w: float, h: float, color: Color, *, rounded: bool = False) -> None:
        """A filled rectangle."""
        self.set_fill_color(*color)
        if w > 0 and h > 0:
            self.rect(x, y, w, h, style="F", round_corners=rounded, corner_radius=1.2 if rounded else 0)

    def label(self, x: float, y: float, text: str, *, w: float = 0, align: Align = Align.L, h: float = 4) -> None:
        """One line of text in a place, cut with an ellipsis where it is wider than `w`."""
        text = self.drawable(text)
        self.set_xy(x, y)
        self.cell(w or None, h, self.fitted(text, w) if w else text, align=align)

    def fitted(self, text: str, width: float) -> str:
        """The text, shortened until it is no wider than `width` mm."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def room(self, height: float) -> None:
        """Begins a new page unless `height` mm are left on this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    # -- blocks ------------------------------------------------------------------------------------------------------

    def section(self, title: str, room: float = 40) -> None:
        """A heading, in the outline too, kept with at least `room` mm of what follows."""
        self.room(room + 12)
        self.ln(4)
        self.start_section(title)
        self.font("B", 13, BRAND)
        self.cell(WIDTH, 7, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.5)

    def subsection(self, title: str, room: float = 25) -> None:
        """A smaller heading."""
        self.room(room + 8)
        self.font("B", 10)
        self.cell(WIDTH, 6, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(0.5)

    def paragraph(self, text: str, *, size: float = 9.5, color: Color = INK) -> None:
        """Running text in the report's own language."""
        self.font("", size, color)
        self.multi_cell(WIDTH, size * 0.5, text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.5)

    def tiles(self, values: Sequence[tuple[str, str, str]]) -> None:
        """A row of figures: (value, what it is, a note)."""
        gap, top = 4.0, self.get_y()
        w = (WIDTH - gap * (len(values) - 1)) / len(values)
        for number, (value, name, note) in enumerate(values):
            x = MARGIN + number * (w + gap)
            self.box(x, top, w, 22, PANEL, rounded=True)
            self.font("", 7.5, QUIET)
            self.label(x + 4, top + 2.5, name, w=w - 8)
            self.font("B", 17, BRAND)
            self.label(x + 4, top + 7, value, w=w - 8, h=8)
            self.font("", 7, QUIET)
            self.label(x + 4, top + 16, note, w=w - 8)
        self.set_xy(MARGIN, top + 26)

    def grid(self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """A table: the first column to the left, figures to the right; its head is repeated on a new page."""
        self._grid_row(head, widths, head=True)
        for row in rows:
            if self.get_y() + 6 > self.h - BOTTOM:
                self.add_page()
                self._grid_row(head, widths, head=True)
            self._grid_row(row, widths, head=False)
        self.ln(3)

    def _grid_row(self, row: Sequence[str], widths: Sequence[float], *, head: bool) -> None:
        self.font("B" if head else "", 7.5 if head else 8.5, QUIET if head else INK)
        top, x = self.get_y(), MARGIN
        for number, (text, share) in enumerate(zip(row, widths, strict=True)):
            w = WIDTH * share / sum(widths)
            inner = w - (3 if number else 0)
            self.label(x + w - inner, top, text, w=inner, align=Align.R if number else Align.L, h=5.6)
            x += w
        self.rule(top + 5.8)
        self.set_xy(MARGIN, top + 6)


def _belongs(before: Fragment, after: Fragment) -> bool:
    """Whether two fragments are one word that was cut at a combining mark."""
    if not before.characters or not after.characters or before.font is not after.font or type(before) is not type(after):
        return False
    return any(unicodedata.combining(char) for char in (before.characters[-1], after.characters[0]))
