"""Plots as inline SVG, drawn on the server, without scripts or styles of their own; each has its numbers in words beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, WIDE = 640, 1100
_LABEL, _ROW, _BAR = 170, 26, 14
_HEIGHT, _AXIS = 180, 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `note` stands at its end in place of the value."""

    name: str
    value: float
    note: str = ""


def bars(rows: Sequence[Bar], title: str, *, of: float | None = None, percent: bool = False) -> Markup:
    """Horizontal bars, one a row. `of` is the value of a full bar, the largest row where left out."""
    most = of or max((row.value for row in rows), default=0.0) or 1.0
    room = WIDTH - _LABEL - 90
    parts = []
    for at, row in enumerate(rows):
        y = at * _ROW + 6
        value = f"{row.value:.0%}" if percent else f"{row.value:g}"
        note = f"{value} ({row.note})" if row.note else value
        length = round(room * min(1.0, row.value / most), 1)
        parts.append(
            Markup('<text class="name" x="{}" y="{}">{}</text><rect class="track" x="{}" y="{}" width="{}" height="{}"/>').format(
                _LABEL - 10, y + 12, row.name[:26], _LABEL, y, room, _BAR
            )
            + Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/><text class="value" x="{}" y="{}">{}</text>').format(
                _LABEL, y, length, _BAR, _LABEL + room + 8, y + 12, note
            )
        )
    return _svg(parts, max(1, len(rows)) * _ROW + 6, title, "; ".join(f"{row.name}: {row.note or f'{row.value:g}'}" for row in rows))


def columns(days: Sequence[tuple[str, Mapping[str, int]]], series: Sequence[tuple[str, str]], title: str) -> Markup:
    """Stacked columns, one a day, with a legend. `series` are (key, name), from the bottom up."""
    most = max((sum(counts.values()) for _, counts in days), default=0) or 1
    step = WIDE / max(1, len(days))
    parts = []
    for at, (_, counts) in enumerate(days):
        top = float(_HEIGHT)
        for key, _ in series:
            height = _HEIGHT * counts.get(key, 0) / most
            top -= height
            if height:
                parts.append(
                    Markup('<rect class="s {}" x="{}" y="{}" width="{}" height="{}"/>').format(
                        key, round(at * step + step * 0.12, 1), round(top, 1), round(step * 0.76, 1), round(height, 1)
                    )
                )
    every = max(1, -(-len(days) // 8))
    parts += [
        Markup('<text class="day" x="{}" y="{}">{}</text>').format(round((at + 0.5) * step, 1), _HEIGHT + 16, name)
        for at, (name, _) in enumerate(days)
        if at % every == 0
    ]
    axis = Markup('<line class="axis" x1="0" y1="{0}" x2="{1}" y2="{0}"/><text class="most" x="0" y="10">{2}</text>')
    parts.append(axis.format(_HEIGHT, WIDE, most))
    legend, x = [], 0
    for key, name in series:
        legend.append(Markup('<rect class="s {}" x="{}" y="{}" width="11" height="11"/>').format(key, x, _HEIGHT + _AXIS + 8))
        legend.append(Markup('<text class="legend" x="{}" y="{}">{}</text>').format(x + 16, _HEIGHT + _AXIS + 18, name))
        x += 30 + 8 * len(name)
    words = "; ".join(f"{name}: {sum(counts.values())}" for name, counts in days if counts)
    return _svg(parts + legend, _HEIGHT + _AXIS + 26, title, words, WIDE)


def _svg(parts: Sequence[Markup], height: int, title: str, words: str, width: int = WIDTH) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, f"{title}. {words}", Markup("").join(parts)
    )
