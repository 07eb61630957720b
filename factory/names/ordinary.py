"""Ordinary words: those that are in use as words, whatever names they are as well; and what is put aside of the names for measuring.

A name that is an ordinary word too, and a Chinese family name of one character, is never put aside: the sentences without names hold it as a
word, and a tagger that was trained on those alone would take it for nothing else.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache

from compliance.redaction.clusters import Clusters
from compliance.redaction.tagger import CLUSTERS
from compliance.redaction.tokens import fold, is_han
from factory.names.lexicon import HERE, LANGUAGES, ROOT, lexicon, part


def never_names() -> list[str]:
    """Words that some list has for a name and nobody is called."""
    return list(tomllib.loads((HERE / "lexicon" / "public.toml").read_text("utf-8"))["never_names"])


def listed_words() -> set[str]:
    """Every word that a list of ours calls an ordinary one."""
    words = {*never_names(), *_words("nouns.de.txt"), *_words("ordinary.txt"), *ordinary_arabic(), *_spoken("ar")}
    return words.union(*(lexicon(language)["common_words"] for language in (*LANGUAGES, "other")))


def words_in_use() -> set[str]:
    """Words in use without a capital, in the policies and in the documents of the clusters, whatever lists they are also in. Arabic
    and Chinese have no capitals to tell by."""
    words = set(Clusters.load(ROOT / "models" / "names" / CLUSTERS).words)
    for path in sorted((ROOT / "knowledge" / "policies").glob("*/*/*.md")):
        body = path.read_text("utf-8").split("---", 2)[-1]
        words.update(word for word in re.findall(r"(?<![\w.!?] )\b[^\W\d_]{3,}\b", body) if word.islower())
    return {word for word in words if word.lower() != word.upper()}


@cache
def ordinary() -> frozenset[str]:
    """Every ordinary word, folded."""
    return frozenset(map(fold, listed_words() | words_in_use()))


def name_part(name: str) -> str:
    """Where a name belongs, for good, like `part`; but what is an ordinary word as well, or one Chinese character, is "listed"."""
    return "listed" if is_han(name) or fold(name) in ordinary() else part(name)


def _words(name: str) -> list[str]:
    """A list of ordinary words: German nouns, which are written like names, and names that are more often written small than with a capital,
    both counted in the business documents and encyclopedic passages of the data folder; and the German nouns of the concepts and training
    questions that no list calls a name."""
    return (HERE / "lexicon" / name).read_text("utf-8").split()


def ordinary_arabic() -> list[str]:
    """Words of the Arabic policies, concepts (but those put aside) and training questions, of ArBanking77, of Tatoeba's sentences that name nobody and of business documents:
    those that no list calls a name, and those of the others that were picked by hand as ordinary all the same."""
    return _words("ordinary.ar.txt")


def _spoken(language: str) -> set[str]:
    """The words of a language's templates that are in none of its lists: in a script without capitals little else tells an ordinary word."""
    lists = ("given", "surnames", "cities", "kunya", "titles", "forms", "persons_foreign", "streets", "organisations")
    listed = {fold(word) for name in lists for value in lexicon(language)[name] for word in value.split()}
    lines = (HERE / "templates" / f"{language}.txt").read_text("utf-8").splitlines()
    words = {word for line in lines if part(line) != "held_out" for word in _WORD.findall(_SLOT.sub(" ", line))}
    return {word for word in words if fold(word) not in listed}


_SLOT = re.compile(r"\{[A-Z]+\}|\\n")
_WORD = re.compile(r"[^\W\d_]{3,}")
