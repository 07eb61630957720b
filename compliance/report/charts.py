"""The plots of the report, drawn as vectors: bars over days, shares by language, plain bars, a histogram of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

from fpdf.enums import Align

from compliance.report.paper import BRAND, INK, LINE, MARGIN, QUIET, WIDTH, Color, Paper
from compliance.report.tally import OUTCOMES, Histogram

COLORS: Mapping[str, Color] = {
    "answered": (15, 118, 110),
    "abstained": (217, 161, 47),
    "handed_off": (59, 110, 177),
    "refused": (148, 158, 173),
    "abandoned": (176, 128, 178),
    "unfinished": (190, 72, 60),
}
NAMES = {
    "answered": "answered", "abstained": "abstained", "handed_off": "handed off", "refused": "refused",
    "abandoned": "abandoned", "unfinished": "unfinished",
}  # fmt: skip
MOST_BARS = 62
_EDGES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def legend(paper: Paper, outcomes: Sequence[str]) -> None:
    """What the colours mean."""
    x, y = MARGIN, paper.get_y()
    paper.font("", 7.5, QUIET)
    for outcome in outcomes:
        paper.box(x, y + 0.9, 2.4, 2.4, COLORS[outcome])
        paper.label(x + 3.4, y, NAMES[outcome])
        x += 3.4 + paper.get_string_width(NAMES[outcome]) + 5
    paper.set_xy(MARGIN, y + 6)


def over_days(paper: Paper, days: Mapping[str, Mapping[str, int]], height: float = 38) -> None:
    """Turns by day, stacked by outcome; by week or by month where the days would be too many bars."""
    bars, step = _bars(days)
    top, left = paper.get_y() + 2, MARGIN + 10
    wide, highest = WIDTH - 10, max(sum(counts.values()) for _, counts in bars)
    limit = _round_up(highest)
    for part in range(3):
        y = top + height * (1 - part / 2)
        paper.rule(y, start=left)
        paper.font("", 7, QUIET)
        paper.label(MARGIN, y - 2, _number(limit * part / 2), w=8.5, align=Align.R)
    slot = wide / len(bars)
    for number, (_, counts) in enumerate(bars):
        y = top + height
        for outcome in OUTCOMES:
            tall = height * counts.get(outcome, 0) / limit
            y -= tall
            paper.box(left + slot * number + slot * 0.14, y, min(slot * 0.72, 14), tall, COLORS[outcome])
    _days_axis(paper, bars, step, left, slot, top + height + 1)
    paper.set_xy(MARGIN, top + height + 8)


def _days_axis(paper: Paper, bars: Sequence[tuple[str, object]], step: str, left: float, slot: float, y: float) -> None:
    every = max(1, round(24 / slot + 0.49))
    paper.font("", 7, QUIET)
    for number in range(0, len(bars), every):
        x, name = left + slot * number + slot * 0.14, bars[number][0]
        if x + paper.get_string_width(name) <= MARGIN + WIDTH:
            paper.label(x, y, name)
    if step != "day":
        paper.label(MARGIN + WIDTH - 30, y + 3.2, f"each bar a {step}", w=30, align=Align.R)


def _bars(days: Mapping[str, Mapping[str, int]]) -> tuple[list[tuple[str, dict[str, int]]], str]:
    """Every day between the first and the last, those without a turn too, as days, weeks or months."""
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    length = (last - first).days + 1
    step = "day" if length <= MOST_BARS else "week" if length <= 7 * MOST_BARS else "month"
    found: dict[str, dict[str, int]] = {}
    for offset in range(length):
        day = first + timedelta(days=offset)
        name = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[step].isoformat()
        counts = found.setdefault(name[:7] if step == "month" else name, {})
        for outcome, count in days.get(day.isoformat(), {}).items():
            counts[outcome] = counts.get(outcome, 0) + count
    return list(found.items())[-10 * MOST_BARS :], step


def shares(paper: Paper, rows: Sequence[tuple[str, Mapping[str, int]]], name_width: float = 44) -> None:
    """One bar a row, as long as its outcomes' shares, with the number of turns at its end."""
    for name, counts in rows:
        paper.room(7)
        y, x, total = paper.get_y(), MARGIN + name_width, sum(counts.values())
        paper.font("", 8.5)
        paper.label(MARGIN, y + 0.4, name, w=name_width - 3)
        wide = WIDTH - name_width - 16
        for outcome in OUTCOMES:
            part = wide * counts.get(outcome, 0) / total
            paper.box(x, y + 0.5, part, 4, COLORS[outcome])
            if part > 9:
                paper.font("B", 6.5, (255, 255, 255))
                paper.label(x, y + 0.5, f"{counts[outcome] / total:.0%}", w=part, align=Align.C)
            x += part
        paper.font("", 8, QUIET)
        paper.label(MARGIN + WIDTH - 14, y + 0.4, _number(total), w=14, align=Align.R)
        paper.set_xy(MARGIN, y + 6.2)
    paper.ln(3)


def bars(paper: Paper, rows: Sequence[tuple[str, int]], color: Color = BRAND, name_width: float = 56) -> None:
    """Plain horizontal bars, each with its count."""
    highest = max((count for _, count in rows), default=1)
    for name, count in rows:
        paper.room(6)
        y = paper.get_y()
        paper.font("", 8.5, INK)
        paper.label(MARGIN, y, name, w=name_width - 3)
        wide = (WIDTH - name_width - 18) * count / highest
        paper.box(MARGIN + name_width, y + 0.4, wide, 3.4, color)
        paper.font("", 8, QUIET)
        paper.label(MARGIN + name_width + wide + 2, y, _number(count))
        paper.set_xy(MARGIN, y + 5.6)
    paper.ln(3)


def times(paper: Paper, histogram: Histogram, height: float = 24) -> None:
    """How many answers took how long; the steps grow threefold."""
    edges = [0.0, *map(float, _EDGES), float("inf")]
    counts = [histogram.between(low, high) for low, high in pairwise(edges)]
    names = [*(f"≤ {_duration(edge)}" for edge in _EDGES), f"> {_duration(_EDGES[-1])}"]
    top, slot, highest = paper.get_y() + 4, WIDTH / len(counts), max(1, *counts)
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        tall = height * count / highest
        paper.box(MARGIN + slot * number + slot * 0.12, top + height - tall, slot * 0.76, tall, BRAND)
        paper.font("", 7, QUIET)
        if count:
            paper.label(MARGIN + slot * number, top + height - tall - 4, _number(count), w=slot, align=Align.C)
        paper.label(MARGIN + slot * number, top + height + 0.8, name, w=slot, align=Align.C)
    paper.set_draw_color(*LINE)
    paper.line(MARGIN, top + height, MARGIN + WIDTH, top + height)
    paper.set_xy(MARGIN, top + height + 8)


def _duration(ms: float) -> str:
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _round_up(value: int) -> int:
    """The next of 2, 4, 6, 8, 10, 20, 30, 40, 60, 80, 100, 200 …: the axis and its middle have round marks."""
    scale = 1
    while True:
        for step in (2, 3, 4, 6, 8, 10):
            if step * scale >= value and step * scale % 2 == 0:
                return step * scale
        scale *= 10
