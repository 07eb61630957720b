"""Everyday sentences in Spanish, French, Portuguese and Italian for the embedder, translated from English by rules.

    apt-get install apertium apertium-eng-spa apertium-es-pt apertium-fr-es apertium-spa-ita
    python -m factory.translated --data ../shared/data --out build/embedder/lexicon    # after factory.lexicon, dictionaries, everyday

Apertium (GPL programs; what they give out is not bound by it) reads English, and its Spanish is read on for the others. A text with a word
it does not know is left out. What is translated: customers' questions, questions of SQuAD and TyDi, words and phrases of the dictionaries
(`translated.jsonl`), and what `factory.everyday` wrote (`everyday.jsonl`, Arabic kept where it has no other).
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from factory.embedder_corpus import LANGUAGES, read_corpus, read_rows, write_rows

ONWARD = {"es-fr": "fr", "es-pt": "pt", "spa-ita": "it"}
MOST_CHARACTERS = 200
_UNSURE = ("*", "@", "#")
"""Marks of Apertium: a word that it does not know, cannot translate, cannot inflect."""
_END = (".", "!", "?")
_SLIPS = {"spa-ita": ("partorisca", "per")}
"""A word that a pair puts for another: it takes the Spanish "para" (for) for a form of "parir" (to give birth)."""


def translate(texts: Sequence[str], pair: str) -> list[str]:
    """The texts through one pair of Apertium; "" where it was not sure of a word."""
    lines = [text if text.endswith(_END) else text + "." for text in (" ".join(each.split()) for each in texts)]
    slip, meant = _SLIPS.get(pair, ("", ""))
    done = subprocess.run(["apertium", pair], input="\n\n".join(lines) + "\n\n", capture_output=True, text=True, check=True)
    told = re.sub(rf"\b{slip}\b", meant, done.stdout) if slip else done.stdout
    out = [" ".join(line.split()) for line in told.split("\n\n")][: len(lines)]
    if len(out) != len(lines):
        raise RuntimeError(f"apertium {pair}: {len(lines)} texts in, {len(out)} out")
    return [
        "" if any(mark in line for mark in _UNSURE) else line.removesuffix(".") if not text.endswith(".") else line
        for text, line in zip(texts, out, strict=True)
    ]


def _fit(english: str) -> bool:
    return bool(english) and len(english) <= MOST_CHARACTERS and not set(english) & set(_UNSURE)


def rows(known: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The rows whose English could be translated, with what it is in the four languages beside what they had."""
    found = [row for row in known if _fit(row["en"])]
    spanish = translate([row["en"] for row in found], "eng-spa")
    found = [{"es": text, **row} for text, row in zip(spanish, found, strict=True) if text and text.casefold() != row["en"].casefold()]
    for pair, code in ONWARD.items():
        texts = translate([row["es"] for row in found], pair)
        found = [{code: text, **row} if text else row for text, row in zip(texts, found, strict=True)]
    return [{code: row[code] for code in LANGUAGES if code in row} for row in found]


def _untranslated(spoken: Sequence[dict[str, str]], found: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """What has a translation already and did not come through Apertium."""
    translated = {row["en"] for row in found}
    return [row for row in spoken if len(row) > 1 and row["en"] not in translated]


def sources(data: Path, lexicon: Path) -> list[dict[str, str]]:
    """What is to be translated, each English once: with German, Arabic or Chinese beside it first."""
    corpus = read_corpus(data)
    listed = [dict(row) for path in (*sorted(lexicon.glob("freedict-*.jsonl")), lexicon / "cedict.jsonl") for row in read_rows(path)]
    asked = [{"en": said.text} for said in corpus.utterances if said.language == "en"]
    asked += [{"en": pair.question} for pair in corpus.pairs if pair.language == "en"]
    by_english: dict[str, dict[str, str]] = {}
    for row in listed + asked:
        others = {code: text for code, text in row.items() if code in ("de", "zh", "ar")}
        if others or set(row) == {"en"}:
            by_english.setdefault(row["en"].casefold(), {"en": row["en"]}).update(others)
    return list(by_english.values())


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/embedder/lexicon"))
    parser.add_argument("--english", type=Path, default=Path("build/embedder/english"))
    options = parser.parse_args()
    print(f"{write_rows(options.out / 'translated.jsonl', rows(sources(options.data, options.out))):,} texts")
    spoken = [dict(row) for path in sorted(options.english.glob("*.jsonl")) for row in read_rows(path)]
    found = rows(spoken)
    print(f"{write_rows(options.out / 'everyday.jsonl', found + _untranslated(spoken, found)):,} everyday texts")


if __name__ == "__main__":
    main()
