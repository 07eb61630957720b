"""English as people speak it, and Arabic verbs by rule: held against forms that a grammar book has."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from factory.arabic_verbs import ArabicVerb, arabic_verbs, arabic_words, owned
from factory.everyday import arabic_phrases, english_phrases, examples, noun_rows, rows, transitive, verb_rows

SAY, FORGET, WRITE = ArabicVerb("يقول", "قال"), ArabicVerb("ينسى", "نسي"), ArabicVerb("يكتب", "كتب")
LOVE, PASS, INVITE, NEED = ArabicVerb("يحب", "أحب", "أحبب"), ArabicVerb("يمر", "مر"), ArabicVerb("يدعو", "دعا"), ArabicVerb("يحتاج", "احتاج")
TRY = ArabicVerb("يحاول", "حاول")


@pytest.mark.parametrize(
    ("verb", "person", "form"),
    [
        (WRITE, "I", "كتبت"), (WRITE, "they", "كتبوا"), (WRITE, "she", "كتبت"), (WRITE, "we", "كتبنا"), (WRITE, "he", "كتب"),
        (SAY, "I", "قلت"), (SAY, "they", "قالوا"), (SAY, "she", "قالت"), (FORGET, "I", "نسيت"), (FORGET, "they", "نسوا"),
        (FORGET, "she", "نسيت"), (INVITE, "I", "دعوت"), (INVITE, "they", "دعوا"), (INVITE, "she", "دعت"), (NEED, "we", "احتجنا"),
        (LOVE, "I", "أحببت"), (LOVE, "she", "أحبت"), (PASS, "I", "مررت"), (TRY, "I", "حاولت"), (ArabicVerb("يبني", "بنى"), "I", "بنيت"),
    ],
)  # fmt: skip
def test_the_past(verb: ArabicVerb, person: str, form: str) -> None:
    assert verb.past(person) == form


@pytest.mark.parametrize(
    ("verb", "person", "present", "denied"),
    [
        (WRITE, "I", "أكتب", "لم أكتب"), (WRITE, "they", "يكتبون", "لم يكتبوا"), (SAY, "he", "يقول", "لم يقل"), (SAY, "we", "نقول", "لم نقل"),
        (FORGET, "you", "تنسى", "لم تنس"), (FORGET, "they", "ينسون", "لم ينسوا"), (NEED, "I", "أحتاج", "لم أحتج"),
        (TRY, "he", "يحاول", "لم يحاول"), (ArabicVerb("يأكل", "أكل"), "I", "آكل", "لم آكل"),
    ],
)  # fmt: skip
def test_the_present_and_what_did_not_happen(verb: ArabicVerb, person: str, present: str, denied: str) -> None:
    assert verb.present(person) == present
    assert verb.denied_past(person) == denied
    assert verb.future(person) == f"س{present}"


def test_whom_and_whose() -> None:
    assert ArabicVerb("يرى", "رأى").done_to("me") == "يراني"
    assert WRITE.done_to("them") == "يكتبهم"
    assert owned("البطاقة", "my") == "بطاقتي"
    assert owned("الحساب", "their") == "حسابهم"


def test_both_languages_say_the_same_in_the_same_order() -> None:
    for takes in (True, False):
        assert len(english_phrases("write", takes)) == len(arabic_phrases(WRITE, takes))
    pairs = {row["en"]: row.get("ar") for row in verb_rows("write", WRITE, True)}
    assert pairs["they wrote"] == "كتبوا"
    assert pairs["he writes them"] == "يكتبهم"
    assert pairs["I want to write"] == "أريد أن أكتب"
    assert pairs["she is writing"] == "تكتب"
    assert all("ar" not in row for row in verb_rows("write", None, False))
    assert {row["en"]: row["ar"] for row in noun_rows("bank", "البنك", "البنوك")}["the banks"] == "البنوك"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    licence = "".join(f"  {number} licence\n" for number in range(1, 30))
    (tmp_path / "index.verb").write_text(f"{licence}open v 1 1 @ 1 1 00000001  \ngo v 1 1 @ 1 1 00000002  \nabsquatulate v 1 1 @ 1 1 00000002  \n")
    (tmp_path / "index.noun").write_text(f"{licence}bank n 1 1 @ 1 1 00000003  \n")
    (tmp_path / "data.verb").write_text(
        '00000001 30 v 01 open 0 000 01 + 08 00 | cause to open; "Mary opened the car door"; "he opened it"  \n'
        '00000002 30 v 01 go 0 000 01 + 01 00 | move; "go"; "He Opened It"  \n'
    )
    (tmp_path / "data.noun").write_text('00000003 14 n 01 bank 0 000 | an institution; "he cashed a check at the bank"  \n')
    for part in ("adj", "adv"):
        (tmp_path / f"data.{part}").write_text("")
    with gzip.open(tmp_path / "freedict-eng-ara.dict.dz", "wt", encoding="utf-8") as file:
        file.write("Opens /x/\nيفتَح\nOpened /x/\nفتح\nBank /x/\nالبنك\nBanks /x/\nالبنوك\nEyesores /x/\nيي\n")
    return tmp_path


def test_examples_are_read_once_each_and_never_a_lone_word(sources: Path) -> None:
    assert list(examples(sources)) == ["he cashed a check at the bank", "Mary opened the car door", "he opened it"]


def test_the_whole_of_it(sources: Path) -> None:
    found = list(rows(sources, sources))
    said = {row["en"]: row.get("ar") for row in found}
    assert transitive(sources) == {"open"}
    assert said["the banks"] == "البنوك"
    assert said["our bank"] == "بنكنا"
    assert said["he opens her"] == "يفتحها"
    assert "he goes her" not in said
    assert not any("absquatulate" in text for text in said), "a verb that nobody uses"
    assert arabic_verbs(arabic_words(sources / "freedict-eng-ara.dict.dz"))["say"][0].past("they") == "قالوا", "listed, not in the dictionary"
