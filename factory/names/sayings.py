"""Sayings: what people at a bank say that names nobody (`factory/concepts.py`, training questions of tests/gold), to train the tagger on.

Some do name a town or a shop; `names_something` tells which, so that no name is taught as a word. Every tenth concept is put aside, for
good, to count the ordinary words that are masked in text like that which was trained on.
"""

from __future__ import annotations

import json
from functools import cache

from compliance.redaction.tokens import is_han, tokens
from factory.concepts import read_concepts
from factory.names.gazetteer import gazetteer
from factory.names.lexicon import ROOT

EVERY = 10
"""One concept in so many, in the order of their names, is put aside."""
_NAMING = frozenset("GSCB")
_ORDINARY = frozenset("MP")
_MOROCCAN = frozenset("ليا ديالو الكريدي بلي راني مزيان".split())
"""Words of Moroccan sayings ("to me", "his", "credit", "that", "I am", "good") that are names elsewhere, as which the lists have them."""
_WHERE = frozenset("in to from at near en desde hacia a à de depuis vers nach aus bei em no para da di".split())


@cache
def _concepts() -> dict[tuple[str, bool], list[str]]:
    sayings = [each for each in read_concepts() if each.kind != "gloss"]
    aside = set(sorted({each.concept for each in sayings})[::EVERY])
    out: dict[tuple[str, bool], list[str]] = {}
    for each in sayings:
        out.setdefault((each.language, each.concept in aside), []).append(each.text)
    return out


def concepts(language: str, *, aside: bool) -> list[str]:
    """The sayings of the concepts that are trained on, or of those put aside."""
    return _concepts()[language, aside]


def training_questions(language: str) -> list[str]:
    """The training questions, each once."""
    lines = (ROOT / "tests" / "gold" / language / "train.jsonl").read_text("utf-8").splitlines()
    return sorted({json.loads(line)["question"] for line in lines})


def names_something(text: str) -> bool:
    """Whether a text holds what a list has for a name, a town or a brand and no list for a word, or the capital of a town within a
    sentence ("in Cork"). A single Chinese character tells nothing: half of the common ones are family names."""
    known, words = gazetteer(release=True), tokens(text)
    phrases = known.phrases([word.folded for word in words])
    for place, (word, letters) in enumerate(zip(words, known.classes(words), strict=True)):
        told = phrases.get(place, "") if is_han(word.text) else letters
        if not _NAMING.isdisjoint(told) and _ORDINARY.isdisjoint(letters) and word.text not in _MOROCCAN:
            return True
        if "C" in told and word.text[0].isupper() and place > 0 and words[place - 1].folded in _WHERE:
            return True
    return False
