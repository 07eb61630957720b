"""Plots as HTML with bars of inline SVG, drawn on the server, without scripts or styles of their own.

Every word is text of the page, so it wraps on a phone, keeps its size, and runs from right to left where the page does; the bars
are stretched to the room there is, and mirrored by the style sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

MOST_DAYS_NAMED = 6
"""Days named under the columns: more would touch each other in a narrow window."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length against the others', and what stands at its end."""


    name: str
    value: float
    shown: str


def bars(rows: Sequence[Bar], title: str, *, of: float | None = None) -> Markup:
    """Horizontal bars as a table, one a row. `of` is the value of a full bar, the largest row where left out."""
    most = of or max((row.value for row in rows), default=0.0) or 1.0
    line = Markup('<tr><th scope="row">{}</th><td class="track" aria-hidden="true">{}</td><td class="value">{}</td></tr>')
    lines = [line.format(row.name, _bar(100 * min(1.0, row.value / most)), row.shown) for row in rows]
    return Markup('<table class="bars"><caption class="visually-hidden">{}</caption><tbody>{}</tbody></table>').format(
        title, Markup("").join(lines)
    )


def columns(days: Sequence[tuple[str, Mapping[str, int]]], series: Sequence[tuple[str, str]], title: str, legend: str) -> Markup:
    """Stacked columns, one a day, with a legend. `series` are (key, name), from the bottom up."""
    most = max((sum(counts.values()) for _, counts in days), default=0) or 1
    every = max(1, -(-len(days) // MOST_DAYS_NAMED))
    drawn = [
        Markup('<span class="day">{}{}</span>').format(
            _column(name, counts, series, most), _date(name, at // every) if at % every == 0 else ""
        )
        for at, (name, counts) in enumerate(days)
    ]
    words = "; ".join(f"{name}: {sum(counts.values())}" for name, counts in days if counts)
    patch = Markup('<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="{}" width="1" height="1"/></svg>')
    key = Markup("<li>{}<span>{}</span></li>")
    keys = Markup("").join(key.format(patch.format(name), shown) for name, shown in series)
    return Markup(
        '<div class="columns" role="img" aria-label="{}"><span class="most">{}</span>{}</div><ul class="legend" aria-label="{}">{}</ul>'
    ).format(f"{title}. {words}", most, Markup("").join(drawn), legend, keys)


def _date(name: str, place: int) -> Markup:
    # every second one gives way in a narrow window
    return Markup('<span class="date{}">{}</span>').format(" minor" if place % 2 else "", name)


def _bar(percent: float) -> Markup:
    return Markup('<svg viewBox="0 0 100 1" preserveAspectRatio="none"><rect class="bar" width="{:.2f}" height="1"/></svg>').format(percent)


def _column(name: str, counts: Mapping[str, int], series: Sequence[tuple[str, str]], most: int) -> Markup:
    return Markup('<svg viewBox="0 0 1 {0}" preserveAspectRatio="none"><title>{1}: {2}</title>{3}</svg>').format(
        most, name, sum(counts.values()), Markup("").join(_stack(counts, series, most))
    )


def _stack(counts: Mapping[str, int], series: Sequence[tuple[str, str]], most: int) -> Iterator[Markup]:
    top = most
    for key, _ in series:
        if height := counts.get(key, 0):
            top -= height
            yield Markup('<rect class="{}" y="{}" width="1" height="{}"/>').format(key, top, height)
