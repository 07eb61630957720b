"""Tables: what `measure` found, as Markdown; and a plot of quality against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factory.slm.data import LANGUAGES
from factory.slm.measure import Row

_HEAD = (
    "file", "M parameters", "size MB", "memory MB", "prompt tokens/s", "decode tokens/s", "KL", "same next %", "loss", "chosen %",
    "copied %", "notes",
)


def overall(rows: Sequence[Row]) -> str:
    """One line a file: size, memory, speed with the ratio to the first file, fidelity over all languages."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|---" * len(_HEAD) + "|"]
    for row in rows:
        speed, near = row["speed"], row["fidelity"]["all"]
        cells = (
            row["name"], f"{row['parameters'] / 1e6:.2f}", f"{row['bytes'] / 1e6:.2f}", f"{row['memory'] / 1e6:.0f}",
            f"{speed['prompt']:.0f} ({speed['prompt_ratio']:.2f})", f"{speed['decode']:.0f} ({speed['decode_ratio']:.2f})",
            _small(near["kl"]), _percent(near["same"]), f"{near['nll']:.3f}", _percent(near["chosen"]), _percent(near["copied"]),
            row["note"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_language(rows: Sequence[Row]) -> str:
    """One line a file: copied tokens right (percent) · whole answers right of those asked, for each language."""
    languages = [code for code in LANGUAGES if code in rows[0]["answers"]]
    lines = ["| file | " + " | ".join(languages) + " |", "|---" * (len(languages) + 1) + "|"]
    for row in rows:
        cells = []
        for code in languages:
            right, asked = answers_right(row["answers"][code])
            cells.append(f"{_percent(row['fidelity'][code]['copied'])} · {right}/{asked}")
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def answers_right(row: Row) -> tuple[int, int]:
    """Whole answers that are right (label and text, or a rightful `<none>`), and how many were asked for."""
    right = round((row["chosen_and_copied"] or 0) * row["answerable"]) + round((row["none_recall"] or 0) * row["unanswerable"])
    return right, row["answerable"] + row["unanswerable"]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _small(value: float) -> str:
    return "0" if abs(value) < 1e-9 else f"{value:.2g}"


def plot(families: dict[str, Sequence[Row]], path: Path) -> None:
    """Two panels over the file's size: copied tokens right, and the divergence from the whole model, which has none and stands in the
    upper panel alone. SVG, the same bytes each time."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tellerbox", "font.size": 8})
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(8, 7.5), sharex=True, layout="constrained")
    for marker, (family, rows) in zip("osD", families.items(), strict=False):
        sizes = [row["bytes"] / 1e6 for row in rows]
        upper.plot(sizes, [100 * row["fidelity"]["all"]["copied"] for row in rows], marker, label=family, alpha=0.8)
        moved = [(row["name"], row["bytes"] / 1e6, row["fidelity"]["all"]["kl"]) for row in rows if row["fidelity"]["all"]["kl"] > 0]
        lower.plot([x for _, x, _ in moved], [y for _, _, y in moved], marker, alpha=0.8)
        for name, x, y in moved:
            # a variant lies so near to what it is one of that two names would cover each other
            if not name.endswith(("matrix", "healed")):
                lower.annotate(name, (x, y), xytext=(5, 3), textcoords="offset points", fontsize=6)
    upper.set_ylabel("copied tokens right, %")
    lower.set_ylabel("KL from the whole model, nats (log)")
    lower.set_yscale("log")
    lower.set_xlabel("size of the file, MB")
    upper.legend(loc="lower right")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
