"""English as people speak it, for `factory.translated`: examples of WordNet, verbs in every person and tense, whose things are.

    apt-get download wordnet-base && dpkg -x wordnet-base_*.deb wordnet          # WordNet licence
    python -m factory.everyday --wordnet wordnet/usr/share/wordnet --freedict freedict/usr/share/dictd --out build/embedder/english

The dictionaries have words as they stand in a dictionary; people say "she forgot", and a table of subwords that has met only "forget" does
not know it. Writes `everyday.jsonl`: `{"en"}` and, where there is an Arabic word for it, `"ar"` by rule (`factory/arabic_verbs.py`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from factory.arabic_verbs import OBJECTS, OWNERS, PERSONS, ArabicVerb, arabic_verbs, arabic_words, owned
from factory.dictionaries import in_use
from factory.embedder_corpus import write_rows

_PARTS = ("noun", "verb", "adj", "adv")
_EXAMPLE = re.compile(r'"([^"]+)"')
LEAST_WORDS, MOST_WORDS = 2, 24
LEAST_FREQUENT, LEAST_FREQUENT_NOUN = 3.6, 4.0
"""Zipf frequency of the rarest verb and noun that are spelled out in all their forms."""
_OBJECT_FRAME = re.compile(r" \+ (?:08|09|10|11) 00")


def examples(wordnet: Path) -> Iterator[str]:
    """Example sentences and phrases of WordNet, each once, without who said them."""
    seen: set[str] = set()
    for part in _PARTS:
        for line in (wordnet / f"data.{part}").read_text("utf-8").splitlines():
            for text in _EXAMPLE.findall(line.partition(" | ")[2]):
                said = " ".join(text.split())
                if LEAST_WORDS <= len(said.split()) <= MOST_WORDS and said.casefold() not in seen:
                    seen.add(said.casefold())
                    yield said


def words(wordnet: Path, part: str, least: float) -> list[str]:
    """Words of one part of speech ("noun", "verb") that people use, in the order of the alphabet."""
    lines = (wordnet / f"index.{part}").read_text("utf-8").splitlines()
    listed = (line.split(" ", 1)[0] for line in lines if not line.startswith(" "))
    return [word for word in listed if word.isalpha() and in_use(word, "en", least)]


def transitive(wordnet: Path) -> set[str]:
    """Verbs whose first meaning takes a person or a thing ("Somebody ----s somebody")."""
    taking = {}
    for line in (wordnet / "data.verb").read_text("utf-8").splitlines():
        taking[line.split(" ", 1)[0]] = bool(_OBJECT_FRAME.search(line.partition(" | ")[0]))
    lines = (wordnet / "index.verb").read_text("utf-8").splitlines()
    first = {fields[0]: next(field for field in fields if len(field) == 8 and field.isdigit()) for fields in map(str.split, lines[29:])}
    return {verb for verb, synset in first.items() if taking[synset]}


def verb_rows(verb: str, arabic: ArabicVerb | None, takes_object: bool) -> Iterator[dict[str, str]]:
    """`{"en", "ar"?}` of a verb: persons in present, past and future, denied, asked, wished, and done to somebody."""
    english = english_phrases(verb, takes_object)
    said = arabic_phrases(arabic, takes_object) if arabic else [""] * len(english)
    yield from ({"en": text} | ({"ar": other} if other else {}) for text, other in zip(english, said, strict=True))


def english_phrases(verb: str, takes_object: bool) -> list[str]:
    """What `arabic_phrases` says, in English."""
    from lemminflect import getInflection

    third, doing, past, done = (next(iter(getInflection(verb, tag)), verb) for tag in ("VBZ", "VBG", "VBD", "VBN"))
    phrases = []
    for person in PERSONS:
        does = third if person in ("he", "she") else verb
        phrases += [f"{person} {does}", f"{person} will {verb}", f"{person} {past}", f"{person} didn't {verb}"]
    phrases += [f"I don't {verb}", f"he doesn't {verb}", f"do you {verb}?", f"I want to {verb}", f"you must {verb}", f"he can {verb}"]
    phrases += [f"she is {doing}", f"they have {done}"]
    return phrases + [f"he {third} {whom}" for whom in OBJECTS] * takes_object


def arabic_phrases(verb: ArabicVerb, takes_object: bool) -> list[str]:
    """What `english_phrases` says, in Arabic; "" where the past is not known."""
    phrases = []
    for person in PERSONS:
        phrases += [verb.present(person), verb.future(person), verb.past(person), verb.denied_past(person)]
    mine, yours, his = (verb.present(person) for person in ("I", "you", "he"))
    phrases += [f"لا {mine}", f"لا {his}", f"هل {yours}؟", f"أريد أن {mine}", f"يجب أن {yours}", f"يستطيع أن {his}"]
    phrases += [verb.present("she"), verb.past("they")]
    return phrases + [verb.done_to(whom) for whom in OBJECTS] * takes_object


def noun_rows(noun: str, arabic: str | None, plural: str | None) -> Iterator[dict[str, str]]:
    """`{"en", "ar"?}` of a noun: the noun, several of it, and whose it is."""
    from lemminflect import getInflection

    several = next(iter(getInflection(noun, "NNS")), "")
    yield {"en": f"the {noun}"} | ({"ar": arabic} if arabic else {})
    if several and several != noun:
        yield {"en": f"the {several}"} | ({"ar": plural} if plural else {})
    for owner in OWNERS:
        if arabic:
            yield {"en": f"{owner} {noun}", "ar": owned(arabic, owner)}


def rows(wordnet: Path, freedict: Path) -> Iterator[dict[str, str]]:
    """Every example, then every form of every verb and noun."""
    from lemminflect import getInflection

    yield from ({"en": text} for text in examples(wordnet))
    known = arabic_words(freedict / "freedict-eng-ara.dict.dz")
    arabic, takes = arabic_verbs(known), transitive(wordnet)
    for verb in words(wordnet, "verb", LEAST_FREQUENT):
        forms: Sequence[ArabicVerb | None] = arabic.get(verb) or [None]
        for form in forms:
            yield from verb_rows(verb, form, verb in takes)
    for noun in words(wordnet, "noun", LEAST_FREQUENT_NOUN):
        one, many = (
            next((word for word in known.get(form, ()) if word.startswith("ال") and len(word) > 4), None)
            for form in (noun, next(iter(getInflection(noun, "NNS")), ""))
        )
        yield from noun_rows(noun, one, many)


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=Path, required=True)
    parser.add_argument("--freedict", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/embedder/english"))
    options = parser.parse_args()
    print(f"{write_rows(options.out / 'everyday.jsonl', rows(options.wordnet, options.freedict)):,} texts")


if __name__ == "__main__":
    main()
