"""Phrases: everyday sentences with their translations, written for this project (`factory/phrases/*.tsv`).

A line is `English<TAB>French<TAB>Italian<TAB>Arabic`: in these three languages the embedder found fewest general sentences. Writers
were given subjects and word classes, no corpus. What stands in the test set of Tatoeba was taken out (`python -m factory.phrases FOLDER…`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from factory.embedder_corpus import Group, bare, read_rows

FOLDER = Path(__file__).with_name("phrases")
COLUMNS = ("en", "fr", "it", "ar")


def read_phrases(folder: Path = FOLDER) -> list[Group]:
    """Every phrase, by file and line. Raises ValueError naming the line that is wrong."""
    return [Group(dict(zip(COLUMNS, row, strict=True)), "phrases") for path in sorted(folder.glob("*.tsv")) for row in _rows(path)]


def _rows(path: Path) -> list[tuple[str, ...]]:
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        row = tuple(part.strip() for part in line.split("\t"))
        if len(row) != len(COLUMNS) or not all(row):
            raise ValueError(f"{path.name}, line {number}: not `{'<TAB>'.join(COLUMNS)}`")
        rows.append(row)
    return rows


def decontaminated(rows: Iterable[Sequence[str]], test: frozenset[str]) -> list[Sequence[str]]:
    """Rows of which no column is one of `test` (as `bare` leaves them), and no sentence stands twice in a column."""
    seen: set[tuple[int, str]] = set()
    out = []
    for row in rows:
        keys = {(column, bare(text)) for column, text in enumerate(row)}
        if seen.isdisjoint(keys) and test.isdisjoint(key for _, key in keys):
            out.append(row)
            seen |= keys
    return out


def main() -> None:
    """Gather what was written into FOLDER: a file a subject."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="each holds the parts of one subject, and gives its file the name")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    pairs = list(read_rows(given.data / "language" / "tatoeba_pairs.jsonl.xz"))
    test = frozenset(bare(str(row[side])) for row in pairs for side in ("en", "text"))
    given.out.mkdir(exist_ok=True)
    every = [(folder.name, row) for folder in given.folders for path in sorted(folder.glob("*.tsv")) for row in _rows(path)]
    left = {tuple(row) for row in decontaminated([row for _, row in every], test)}
    for folder in given.folders:
        rows = list(dict.fromkeys(row for name, row in every if name == folder.name and row in left))
        left -= set(rows)
        (given.out / f"{folder.name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
        print(folder.name, len(rows))


if __name__ == "__main__":
    main()
