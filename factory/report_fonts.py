"""Cut the fonts of the audit report down to what it needs, from the Noto fonts as Debian and Fontsource ship them.

    python -m factory.report_fonts --noto FOLDER --chinese FOLDER [--out compliance/report/fonts]

--noto holds NotoSans-Regular.ttf, NotoSans-Bold.ttf, NotoSansArabic-Regular.ttf and NotoSansArabic-Bold.ttf (Debian
package fonts-noto-core); --chinese holds the .woff2 files of weight 400 of the npm package @fontsource/noto-sans-sc,
which splits the font into slices. Kept: Latin, Latin Extended-A and Vietnamese vowels, Greek, Cyrillic and punctuation;
Arabic with all its shaping rules; the characters of GB 2312 and full-width forms.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from fontTools import merge, subset
from fontTools.ttLib import TTFont

LATIN = {*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x370, 0x400), *range(0x400, 0x460), *range(0x1EA0, 0x1EFA),
         *range(0x2010, 0x2060), *range(0x20A0, 0x20C0), 0x2190, 0x2192, 0x2212, 0x2264, 0x2265, 0x25CF, 0xFFFD}  # fmt: skip
ARABIC = {0x20, 0xA0, *range(0x600, 0x700), *range(0x750, 0x780), *range(0x200C, 0x2010), *range(0xFB50, 0xFE00),
          *range(0xFE70, 0xFF00)}  # fmt: skip
NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14]
"""Copyright, names, version and licence stay in the font (name table ids)."""


def gb2312() -> set[int]:
    """The characters of GB 2312: the 6,763 of everyday Chinese and its punctuation."""
    found = set()
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes([high, low]).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return found


def cut(source: Path, keep: set[int], out: Path, *, shaping: bool) -> set[int]:
    """Writes the part of a font that draws `keep`, without hints; returns the characters it has."""
    options = subset.Options()
    options.hinting, options.notdef_outline, options.name_IDs = False, True, NAMES
    options.layout_features = ["*"] if shaping else []
    if not shaping:
        options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "vhea", "vmtx", "gasp", "prep"]
    font: Any = subset.load_font(str(source), options)
    has = keep & set(font.getBestCmap())
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=has)
    subsetter.subset(font)
    font.flavor = None
    font.save(str(out))
    return has


def chinese(slices: Path, out: Path) -> set[int]:
    """Puts the slices together that hold a character of GB 2312; returns the characters the result has."""
    wanted = gb2312() | set(range(0x3000, 0x3100)) | set(range(0xFF00, 0xFFF0))
    main = slices / "noto-sans-sc-chinese-simplified-400-normal.woff2"
    others = sorted(slices.glob("noto-sans-sc-[0-9]*-400-normal.woff2"))
    parts, left = [], set(wanted)
    with tempfile.TemporaryDirectory() as scratch:
        for number, path in enumerate([main, *others]):
            if left & set(TTFont(str(path), lazy=True).getBestCmap()):
                parts.append(Path(scratch) / f"{number}.ttf")
                left -= cut(path, left, parts[-1], shaping=False)
        merged: Any = merge.Merger().merge([str(path) for path in parts])
        merged["name"].setName("NotoSansSC-Regular", 6, 3, 1, 0x409)  # the slices keep the name of the thinnest weight
        merged.save(str(out))
    return wanted - left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noto", type=Path, required=True)
    parser.add_argument("--chinese", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("compliance/report/fonts"))
    given = parser.parse_args()
    for weight in ("Regular", "Bold"):
        for family, keep in (("NotoSans", LATIN), ("NotoSansArabic", ARABIC)):
            name = f"{family}-{weight}.ttf"
            print(name, len(cut(given.noto / name, keep, given.out / name, shaping=True)), "characters")
    print("NotoSansSC-Regular.ttf", len(chinese(given.chinese, given.out / "NotoSansSC-Regular.ttf")), "characters")


if __name__ == "__main__":
    main()
