"""Report: how a benchmark tells what it measured: a table, JSON, and a plot on demand."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark here can be told."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw an SVG or PNG")
    return parser


def load() -> float:
    """How many processes wanted to run, on average over the last minute: figures taken beside other work are worth less."""
    return round(os.getloadavg()[0], 1)


def tell(rows: Sequence[Row], as_json: bool) -> None:
    """Print rows as JSON lines, or as a table of Markdown with the columns of the first."""
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(_shown(row.get(column, "")) for column in columns) + " |")
    print(f"\nload {load()}", file=sys.stderr)


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:.0f}" if isinstance(value, float) else str(value)


def draw(rows: Sequence[Row], file: Path, x: str, y: str, series: str, log: bool = False) -> None:
    """A line for each value of `series`, of `y` over `x`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name in dict.fromkeys(row[series] for row in rows):
        points = [(row[x], row[y]) for row in rows if row[series] == name]
        axes.plot(*zip(*points, strict=True), marker="o", label=str(name))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file)
    pyplot.close(figure)
