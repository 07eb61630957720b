"""Aligned sentences for the embedder from the messages of free programs and games, as their translators wrote them (packages of Debian).

    for name in $(cat factory/catalogs.txt); do
        apt-get download $name && dpkg-deb --fsys-tarfile ${name}_*.deb | tar x -C catalogs --wildcards '*.mo'; done
    python -m factory.catalogs --folder catalogs --out build/embedder/lexicon

Book-keeping programs speak of accounts, transfers and interest, games of everything else, in most of the eight languages. Most messages are
GPL-2+, some LGPL or of the kind.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from factory.embedder_corpus import LANGUAGES, clean_texts, write_rows

_LOCALES = {"es": "es", "fr": "fr", "de": "de", "pt_BR": "pt", "pt": "pt", "it": "it", "zh_CN": "zh", "ar": "ar"}
_MARKUP = re.compile(r"<[^<>]{1,80}>|&[a-z]{2,6};")
_PLACE = re.compile(r"%(?:\d+\$)?[-+0-9.]*l*[a-zA-Z]\b|%\d+|\$\{?\w+\}?|\{[^{}]*\}|\\[nt]")
_KEY = re.compile(r"\([_&][A-Za-z]\)|[_&~](?=[^\W\d_])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAMES = ("iso_639", "iso_3166-2", "iso_15924", "kgeography")
"""Catalogues of nothing but names of languages, scripts and regions."""
LEAST_WORDS, MOST_CHARACTERS = 2, 240


def plain(message: str) -> str:
    """A message as it is read: no markup, placeholders, or marks of the key that chooses it."""
    return " ".join(_KEY.sub("", _PLACE.sub(" ", _MARKUP.sub(" ", message))).split()).strip(" :-*|")


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """(English, translation) of one catalogue."""
    from polib import mofile

    for entry in mofile(str(path)):
        text = entry.msgstr or next(iter(entry.msgstr_plural.values()), "")
        if entry.msgid and text:
            yield str(entry.msgid), str(text)


def rows(folder: Path) -> list[dict[str, str]]:
    """One row an English message, with what each language says for it in the first catalogue that has it."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.rglob("*.mo")):
        code = next((_LOCALES[part] for part in path.parts if part in _LOCALES), None)
        if code is None or path.name.startswith(_NAMES):
            continue
        for english, text in messages(path):
            shown = plain(english)
            if len(_WORD.findall(shown)) >= LEAST_WORDS and len(shown) <= MOST_CHARACTERS:
                found.setdefault(shown.casefold(), {"en": shown}).setdefault(code, plain(text))
    cleaned = (clean_texts(row) for row in found.values())
    return [{code: row[code] for code in LANGUAGES if code in row} for row in cleaned if len(row) > 1]


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/embedder/lexicon"))
    options = parser.parse_args()
    print(f"{write_rows(options.out / 'catalogs.jsonl', rows(options.folder)):,} messages")


if __name__ == "__main__":
    main()
