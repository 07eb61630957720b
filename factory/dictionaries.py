"""Everyday words and phrases for the embedder, from FreeDict's dictionaries of English with six languages (packages of Debian).

    for pair in deu-eng eng-deu ara-eng eng-ara fra-eng eng-fra ita-eng eng-ita por-eng eng-por spa-eng eng-spa; do
        apt-get download dict-freedict-$pair && dpkg -x dict-freedict-${pair}_*.deb freedict; done
    python -m factory.dictionaries --freedict freedict/usr/share/dictd --out build/embedder/lexicon

German and English are Frank Richter's dictionary, with 25,000 phrases and whole sentences (GPL-3+), the others GPL-2+. A meaning is
kept where every word of it is one that people use, by frequency (wordfreq, data CC BY-SA 4.0): the words of mining and botany would
otherwise crowd out the table.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from factory.embedder_corpus import write_rows

_CODES = {"deu": "de", "ara": "ar", "fra": "fr", "ita": "it", "por": "pt", "spa": "es"}
_HEADWORD = re.compile(r"^(?P<word>\S.*?) /.*/(?: <[^>]*>)*\s*$")
_EXAMPLE = re.compile(r'^\s+"(?P<text>.+)"\s+- (?P<english>.+)$')
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}")
_NUMBER = re.compile(r"^\d+\. ")
_SHORTENED = {
    "sb.'s": "someone's", "sb.": "someone", "sth.": "something",
    "jdn.": "jemanden", "jdm.": "jemandem", "jds.": "jemandes", "jd.": "jemand", "etw.": "etwas",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
LEAST_FREQUENT = 3.0
"""Zipf frequency (ten to this power in a billion words) of the rarest word of a meaning."""
RARER = {"de": 0.4, "ar": 1.7}
"""German compounds and joined Arabic forms are rarer one by one."""
PHRASE, RARER_IN_PHRASES = 4, 0.7
"""Words of a phrase; its rarest may be rarer."""
MOST_CHARACTERS = 120


def entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(headword or phrase, English or the other way round) of a dictionary of dictd, as its text has them: a meaning a row."""
    word = ""
    for line in lines:
        if example := _EXAMPLE.match(line):
            text, english = plain(example["text"]), plain(example["english"])
            yield text, english if ", " in text or english.endswith((".", "!", "?")) else english.split(", ")[0]
        elif head := _HEADWORD.match(line):
            word = plain(head["word"])
        elif word and line.strip() and ":" not in line and not line.startswith(("  ", " see")):
            yield from ((word, meaning.strip()) for meaning in re.split(r"[,;] ", plain(_NUMBER.sub("", line.strip()))) if meaning.strip())


def plain(text: str) -> str:
    """A meaning without notes of grammar and field, shortened words written out, the first of alternatives."""
    text = _ASIDE.sub("", text)
    for short, long in _SHORTENED.items():
        text = text.replace(short, long)
    text = re.sub(r"(\w)\s*/\s*\S+", r"\1", text)
    return " ".join(text.split()).strip(" ,;|")


def rows(folder: Path, least: float = LEAST_FREQUENT) -> Iterator[dict[str, str]]:
    """Meanings of every dictionary in the folder, each once."""
    seen: set[tuple[str, str, str]] = set()
    for path in sorted(folder.glob("freedict-*-*.dict.dz")):
        first, second = path.name.split(".")[0].split("-")[1:]
        code = _CODES.get(first) or _CODES.get(second)
        if "eng" not in (first, second) or code is None:
            continue
        with gzip.open(path, "rt", encoding="utf-8", errors="strict") as file:
            for one, other in entries(file):
                text, english = (other, one) if first == "eng" else (one, other)
                key = (code, text.casefold(), english.casefold())
                rare = least - RARER_IN_PHRASES * (len(english.split()) >= PHRASE)
                if key not in seen and in_use(text, code, rare) and in_use(english, "en", rare):
                    seen.add(key)
                    yield {"en": english, code: text}


def in_use(text: str, code: str, least: float) -> bool:
    """Whether every word of the text is at least so frequent."""
    from wordfreq import zipf_frequency

    words = _WORD.findall(text)
    if not words or len(text) > MOST_CHARACTERS:
        return False
    return all(zipf_frequency(word, code) >= least - RARER.get(code, 0.0) for word in words)


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freedict", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/embedder/lexicon"))
    options = parser.parse_args()
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows(options.freedict):
        found.setdefault(next(code for code in row if code != "en"), []).append(row)
    for code, meanings in found.items():  # a file a language: each is a source of its own, and gets its share of every batch
        print(f"{code}: {write_rows(options.out / f'freedict-{code}.jsonl', meanings):,} meanings")


if __name__ == "__main__":
    main()
