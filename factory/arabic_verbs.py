"""Arabic verbs in every person and tense, and nouns with whose they are, by rule from two forms ("he eats", "he ate").

The 350 verbs that people use most are written down in `arabic_verbs.tsv` (English, past, present, and the past's stem where it is neither
the past nor hollow); the others are those of FreeDict's English-Arabic dictionary that has both "eats" and "ate" for many verbs.

Without vowels, as people write, the forms are regular enough: the present takes a letter before it, the past one after. Verbs with a weak
letter in the middle or at the end shorten.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from factory.dictionaries import entries

OFTEN = Path(__file__).with_suffix(".tsv")
PERSONS = ("I", "you", "he", "she", "we", "they")
OBJECTS = {"me": "ني", "you": "ك", "him": "ه", "her": "ها", "us": "نا", "them": "هم"}
OWNERS = {"my": "ي", "your": "ك", "his": "ه", "her": "ها", "our": "نا", "their": "هم"}
_BEFORE = {"I": "أ", "you": "ت", "he": "ي", "she": "ت", "we": "ن", "they": "ي"}
_VOWELS = re.compile("[\u064b-\u0652\u0640]")
_WORD = re.compile("[\u0621-\u064a]+")
_WEAK = "ويىا"


@dataclass(frozen=True, slots=True)
class ArabicVerb:
    """`he_does`: of the present, beginning with ي; `he_did`: of the past, or ""; `stem`: of "I did", where no rule makes it."""

    he_does: str
    he_did: str
    stem: str = ""

    @property
    def _hollow(self) -> bool:
        """Whether a long vowel in the middle goes where an ending follows ("قال", "قلت")."""
        return len(self.he_did) > 2 and self.he_did[-2] == "ا"

    def present(self, person: str) -> str:
        """ "يكتب" → "أكتب", "يكتبون" …"""
        stem = self.he_does[1:]
        if person == "they":
            return f"ي{stem[:-1] if stem[-1] in _WEAK else stem}ون"
        return (_BEFORE[person] + stem).replace("أأ", "آ")

    def done_to(self, whom: str) -> str:
        """ "يراني": he does it to somebody of OBJECTS."""
        return (f"{self.he_does[:-1]}ا" if self.he_does[-1] == "ى" else self.he_does) + OBJECTS[whom]

    def future(self, person: str) -> str:
        return f"س{self.present(person)}"

    def denied_past(self, person: str) -> str:
        """ "لم" and the short form: a weak last letter and the plural's last go, and the weak one in the middle."""
        form = self.present(person)
        if person == "they":
            return f"لم {form[:-1]}ا"
        if form[-1] in _WEAK:
            return f"لم {form[:-1]}"
        return f"لم {form[:-2]}{form[-1]}" if self._hollow and form[-2] in _WEAK else f"لم {form}"

    def past(self, person: str) -> str:
        """ "كتب" → "كتبت", "كتبنا", "كتبوا"; "" where the dictionary lacks the past."""
        form = self.he_did
        if not form or person == "he":
            return form
        if person == "she":
            return (form[:-1] if form[-1] in "ىا" else form) + "ت"
        if person == "they":
            return (form[:-1] if form[-1] in "ىاي" else form) + "وا"
        if self.stem:
            stem = self.stem
        elif self._hollow:
            stem = form[:-2] + form[-1]
        elif form[-1] in "ىا":
            stem = form[:-1] + ("ي" if form[-1] == "ى" or len(form) > 3 else "و")
        else:
            stem = form + form[-1] if len(form) == 2 else form
        return stem + ("نا" if person == "we" else "ت")


def owned(noun: str, owner: str) -> str:
    """ "البطاقة" → "بطاقتي", "بطاقتها" …"""
    bare = noun.removeprefix("ال")
    return (f"{bare[:-1]}ت" if bare[-1] == "ة" else bare) + OWNERS[owner]


def arabic_words(dictionary: Path) -> dict[str, list[str]]:
    """English word to the Arabic ones that FreeDict gives for it, without vowels."""
    words: dict[str, list[str]] = {}
    with gzip.open(dictionary, "rt", encoding="utf-8") as file:
        for english, text in entries(file):
            arabic = _VOWELS.sub("", text)
            if _WORD.fullmatch(arabic):
                words.setdefault(english.casefold(), []).append(arabic)
    return words


def arabic_verbs(words: dict[str, list[str]]) -> dict[str, list[ArabicVerb]]:
    """English verb to its Arabic ones: the listed, else FreeDict's where the third person of the present is one word."""
    from lemminflect import getInflection

    found: dict[str, list[ArabicVerb]] = {}
    for line in OFTEN.read_text("utf-8").splitlines():
        verb, did, does, *stem = line.split("\t")
        found.setdefault(verb, []).append(ArabicVerb(does, did, *stem))
    for verb in words.keys() - found.keys():
        third, past = (next(iter(getInflection(verb, tag)), "") for tag in ("VBZ", "VBD"))
        present = next((form for form in words.get(third, ()) if form.startswith("ي") and len(form) > 3), None)
        if present:
            before = (form for form in words.get(past, ()) if _is_past(form, present))
            found[verb] = [ArabicVerb(present, next(before, ""))]
    return found


def _is_past(form: str, present: str) -> bool:
    """Whether a word can be the past of a present: neither with an article nor a participle, and of its letters."""
    if form.startswith(("ال", "ي")) or (form.startswith("م") and not present.startswith("يم")):
        return False
    strong = {letter for letter in form if letter not in "اويىأإآئؤء"}
    return len(strong & set(present)) >= max(len(strong) - 1, 1)
