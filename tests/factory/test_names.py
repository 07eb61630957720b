"""The recipe of the tagger of names: lists and templates are sound, labels fit, and a small training run learns."""

from __future__ import annotations

import json
import lzma
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycrfsuite
import pytest

from app.settings import load_settings
from compliance.redaction.clusters import Clusters
from compliance.redaction.features import SEPARATOR, columns
from compliance.redaction.field import Field, written
from compliance.redaction.gazetteer import NAMING, Gazetteer
from compliance.redaction.tagger import CLUSTERS, MODEL, NAMES, NameTagger
from compliance.redaction.tokens import fold, tokens
from factory.names import arab, chinese
from factory.names.clusters import extended
from factory.names.corpus import LABELS, SLOT, Filler, templates
from factory.names.firms import firm
from factory.names.gazetteer import gazetteer
from factory.names.lexicon import HERE, LANGUAGES, SPLIT, lexicon
from factory.names.mean import is_chinese, mean, with_chinese
from factory.names.ordinary import name_part, ordinary, ordinary_arabic
from factory.names.sayings import concepts, names_something, training_questions
from factory.names.train import PRESETS, Preset, _nameless, everyday_frames, labelled_tokens, read_crfsuite, sentences, train
from factory.names.values import Values

SLOTS = {*LABELS, "COUNTRY", "PHONE", "EMAIL", "IBAN", "ID", "CARD", "AMOUNT", "DATE", "NUMBER", "COMMON"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_templates_and_every_slot_is_known(language: str) -> None:
    lines = (HERE / "templates" / f"{language}.txt").read_text("utf-8").splitlines()
    assert sum(any(slot in LABELS for slot in SLOT.findall(line)) for line in lines) >= 200
    assert len(set(lines)) == len(lines)
    assert {slot for line in lines for slot in SLOT.findall(line)} <= SLOTS


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_template_and_no_name_is_in_two_parts(language: str) -> None:
    assert templates(language, held_out=True)
    assert not set(templates(language, held_out=True)) & set(templates(language, held_out=False))
    held = Filler(language, random.Random(1), held_out=True)
    assert all(name_part(held._pick("surnames", language)) == "held_out" for _ in range(50))
    free = Filler(language, random.Random(1))
    assert all(name_part(free._pick("surnames", language)) != "held_out" for _ in range(50))


def test_a_name_that_is_a_word_as_well_is_trained_as_both() -> None:
    both = {name for code in LANGUAGES for each in SPLIT for name in lexicon(code)[each] if fold(name) in ordinary()}
    assert {"أمل", "Rosa", "Grace"} <= both
    assert {name_part(name) for name in both} == {"listed"}
    assert name_part("林") == name_part("王") == "listed"


def test_composed_persons_take_their_names_from_the_lists_alone() -> None:
    rng = random.Random(6)
    said = {"بن", "ابن", "بنت", "أبو", "ابو", "أم", "ام", "بو", "given", "surnames", "kunya"}
    assert {word for _ in range(300) for word in arab.person(rng, lambda name: name).split()} == said
    people = {chinese.person(rng, lambda name: f"<{name}>") for _ in range(300)}
    assert "<common_surnames><given>" in people
    assert all(re.fullmatch(r"<(common_)?surnames>(<given>|(<given_chars>){1,2})", each) for each in people)


def test_arabic_and_chinese_firms_and_streets_are_rarely_made_twice() -> None:
    for composer, language in ((arab, "ar"), (chinese, "zh")):
        filler, rng = Filler(language, random.Random(6)), random.Random(7)
        assert len({composer.firm(rng, filler._of(language)) for _ in range(300)}) > 250
        assert len({composer.street(rng) for _ in range(300)}) > 250


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_stand_where_the_values_stand(language: str) -> None:
    filler = Filler(language, random.Random(2))
    for template in templates(language, held_out=False):
        row = filler.fill(template)
        assert all(0 <= start < end <= len(row.text) and row.text[start:end].strip() for _, start, end in row.spans)
        words, labels = labelled_tokens(row)
        assert len(words) == len(labels)
        marked = {kind for kind, _, _ in row.spans}
        assert {label[2:] for label in labels if label != "O"} <= marked


def test_arabic_joins_for_to_an_article_as_it_is_written() -> None:
    filler = Filler("ar", random.Random(4))
    rows = [filler.fill("حولت ل{SURNAME} أمس") for _ in range(200)]
    assert not any("لال" in row.text.split()[1][:3] for row in rows)
    joined = [row for row in rows if row.text.startswith("حولت لل")]
    assert len(joined) > 20
    assert all(row.text[start:end] == row.text.split(" ", 1)[1].removesuffix(" أمس")[1:] for row in joined for _, start, end in row.spans)


@pytest.mark.parametrize("language", ["ar", "zh"])
def test_some_persons_are_foreigners_in_the_script_or_passports_in_latin_letters(language: str) -> None:
    filler = Filler(language, random.Random(5))
    found = {row.text[start:end].casefold() for row in (filler.fill("{PERSON}") for _ in range(1000)) for _, start, end in row.spans}
    for name in ("persons_foreign", "persons_latin"):
        assert found & {person.casefold() for person in lexicon(language)[name]}
    assert not lexicon("es")["persons_latin"]


def test_names_put_aside_are_not_in_the_gazetteer_that_is_measured_with() -> None:
    measured = gazetteer(release=False)
    released = gazetteer(release=True)
    aside = [name for name in lexicon("es")["surnames"] if name_part(name) == "held_out" and " " not in name]
    assert len(aside) > 20
    assert len(released) > len(measured) > 10_000


def test_no_list_claims_a_word_that_every_sentence_has() -> None:
    released = gazetteer(release=True)
    for word in ("I", "The", "el", "Le", "e", "è", "Ho", "der", "Visa", "IBAN", "كم"):
        assert NAMING.isdisjoint(released.classes(tokens(word))[0]), word
    assert released.classes(tokens("La Paz"))[0].startswith("1C")


def test_brands_are_listed_unless_they_are_ordinary_words() -> None:
    released = gazetteer(release=True)
    assert [released.classes(tokens(word))[0] for word in ("Tesco", "كارفور", "next", "three")] == ["B", "B", "M", "M"]


def test_a_gazetteer_is_read_as_it_was_written(tmp_path: Path) -> None:
    lists = Gazetteer.of([("city", ["San Sebastián", "Lugo"]), ("given", ["Lugo"])])
    lists.save(tmp_path / "names.gz")
    first = (tmp_path / "names.gz").read_bytes()
    Gazetteer.load(tmp_path / "names.gz").save(tmp_path / "names.gz")
    assert (tmp_path / "names.gz").read_bytes() == first


def test_a_word_that_is_added_joins_the_nearest_cluster_and_moves_no_other() -> None:
    vectors = {"red": (1.0, 0.0), "blue": (0.9, 0.1), "dog": (0.0, 1.0), "green": (1.0, 0.2), "cat": (0.1, 1.0), "?": (0.0, 0.0)}
    added = extended(
        Clusters({"red": "1", "blue": "1", "dog": "2"}),
        ["cat", "green", "dog", "?"],
        lambda words: np.array([vectors[word] for word in words], np.float32),
    )
    assert added.of(tokens("red blue dog green cat ?")) == ["1", "1", "2", "1", "2", ""]


def test_ordinary_arabic_words_are_listed_once_and_are_no_names_of_people_we_know() -> None:
    words = ordinary_arabic()
    assert len({fold(word) for word in words}) == len(words) > 5000
    assert not {"محمد", "فاطمة", "خديجة", "لندن", "مدريد", "عبدالله"} & set(words)


def test_a_run_may_fill_the_templates_of_latin_script_more_often() -> None:
    preset = Preset(fills=2, plain=0, iterations=1)
    assert {preset.a_template(code) for code in LANGUAGES} == {2}
    more = {code: replace(preset, latin=3).a_template(code) for code in LANGUAGES}
    assert more == dict.fromkeys(LANGUAGES, 3) | {"zh": 2, "ar": 2}


def test_a_small_run_learns_to_find_names(tmp_path: Path) -> None:
    clusters = Clusters.load(load_settings().models / "names" / CLUSTERS)
    train(tmp_path, PRESETS["smoke"], sentences(PRESETS["smoke"], random.Random(3)), gazetteer(release=False), clusters)
    gazetteer(release=True).save(tmp_path / NAMES)
    clusters.save(tmp_path / CLUSTERS)
    assert (tmp_path / MODEL).stat().st_size > 10_000
    tagger = NameTagger.load(tmp_path)
    text = "Hello, my name is Margaret Taylor and I live at 12 Church Street, Leeds"
    found = {(match.type, text[match.start : match.end]) for match in tagger.find(text)}
    assert ("PERSON", "Margaret Taylor") in found
    assert list(tagger.find("what does a transfer cost")) == []


def test_the_box_gives_the_probabilities_that_crfsuite_gives(tmp_path: Path) -> None:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c1": 0.05, "max_iterations": 15, "feature.minfreq": 1, "feature.possible_transitions": True})
    seen = []
    for language in ("en", "zh", "ar"):
        filler = Filler(language, random.Random(6))
        for row in map(filler.fill, templates(language, held_out=False)[:40]):
            words, labels = labelled_tokens(row)
            seen.append(columns(words, ["G" if word.text.istitle() else "" for word in words], ["1"] * len(words)))
            trainer.append(written(seen[-1]), labels)
    trainer.train(str(tmp_path / "model"))
    theirs = pycrfsuite.Tagger()
    theirs.open(str(tmp_path / "model"))
    ours = read_crfsuite((tmp_path / "model").read_bytes())
    for each in seen:
        theirs.set(written(each))
        expected = [[theirs.marginal(label, at) for label in ours.labels] for at in range(len(each[0]))]
        assert np.allclose(ours.probabilities(ours.scores(each)), expected, atol=1e-5)


def test_firms_are_coined_by_the_hundred() -> None:
    rng = random.Random(7)
    made = [firm(rng, lambda: "Obi") for _ in range(500)]
    assert len(set(made)) > 350
    assert all(name == name.strip() and name[0].isupper() for name in made)


def test_a_sentence_names_nobody_where_no_word_but_the_first_has_a_capital_and_that_one_is_ordinary() -> None:
    texts = ["The shop is shut.", "Tom is late.", "I like the shop.", "We saw Ana.", "Where is it?", "It is late."]
    assert _nameless(texts) == ["I like the shop.", "It is late.", "The shop is shut."]


def test_the_mean_of_runs_is_a_field_of_their_mean_weights() -> None:
    feature, other = (SEPARATOR.join(("0", value)) for value in ("ana", "box"))
    one = Field.of(["O", "B-PERSON"], {feature: {"B-PERSON": 2.0}, other: {"O": 1.0}}, {("O", "O"): 0.5})
    two = Field.of(["O", "B-PERSON"], {feature: {"B-PERSON": 1.0, "O": -1.0}}, {("O", "O"): 1.5, ("B-PERSON", "O"): 1.0})
    weights, moves = mean([one, two]).parts()
    assert weights == {feature: {"B-PERSON": 1.5, "O": -0.5}, other: {"O": 0.5}}
    assert moves == {("O", "O"): 1.0, ("B-PERSON", "O"): 0.5}


@pytest.mark.parametrize("feature", ["0\x1f王", "1\x1fh", "29\x1fhg", "30\x1f我\x1f在"])
def test_a_feature_tells_of_a_chinese_character(feature: str) -> None:
    assert is_chinese(feature)


@pytest.mark.parametrize("feature", ["0\x1fh", "0\x1fana", "1\x1fa", "2\x1fh", "0\x1fعلي"])
def test_a_feature_of_another_script_tells_of_none(feature: str) -> None:
    assert not is_chinese(feature)


def test_a_run_may_count_in_chinese_alone() -> None:
    latin, chinese_one, new = (SEPARATOR.join(("0", value)) for value in ("ana", "王", "想"))
    one = Field.of(["O", "B-PERSON"], {latin: {"B-PERSON": 2.0}, chinese_one: {"B-PERSON": 1.0}}, {("O", "O"): 0.5})
    two = Field.of(["B-PERSON", "O"], {latin: {"B-PERSON": 1.0}, chinese_one: {"B-PERSON": 3.0, "O": 1.0}, new: {"O": 2.0}}, {("O", "O"): 9.0})
    weights, moves = with_chinese(one, two, 0.5).parts()
    assert weights == {latin: {"B-PERSON": 2.0}, chinese_one: {"B-PERSON": 2.0, "O": 0.5}, new: {"O": 1.0}}
    assert moves == {("O", "O"): 0.5}


def test_a_field_is_made_again_of_its_parts(tmp_path: Path) -> None:
    shipped = load_settings().models / "names" / MODEL
    field = Field.load(shipped)
    Field.of(field.labels, *field.parts()).save(tmp_path / MODEL)
    assert (tmp_path / MODEL).read_bytes() == shipped.read_bytes()


def test_an_everyday_sentence_lends_its_frame_only_where_all_its_names_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"lang": "ar", "text": "أرسل سامي مالا لليلى.", "en": "Sami mailed Layla money."},
        {"lang": "ar", "text": "سامي يعرف جون.", "en": "Sami knows John."},
        {"lang": "ar", "text": "أعرف سامية.", "en": "I know Sami."},
        {"lang": "zh", "text": "湯姆在波士頓。", "en": "Tom is in Boston."},
        {"lang": "zh", "text": "他在吗？", "en": "Is he in?"},
    ]
    path = tmp_path / "pairs.jsonl.xz"
    with lzma.open(path, "wt", encoding="utf8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    monkeypatch.setattr("factory.names.train.EVERYDAY", path)
    assert everyday_frames("ar") == ["أرسل {GIVEN} مالا ل{GIVEN}."]
    assert everyday_frames("zh") == ["{PERSON}在{CITY}。"]
    assert everyday_frames("en") == ["I know {GIVEN}.", "{GIVEN} is in {CITY}.", "{GIVEN} mailed {GIVEN} money."]


def test_a_date_is_written_with_its_month_as_a_word_too() -> None:
    values = Values("en", random.Random(1))
    dates = {values.date() for _ in range(400)}
    assert any(re.fullmatch(r"\d+(st|nd|rd|th) [A-Z][a-z]{2}\.?", date) for date in dates)
    assert not {date for date in dates if re.search(r"\b(1th|2th|3th|11st|12nd|13rd|21th)\b", date)}
    assert re.search("月.+日$", Values("zh", random.Random(1)).date())


@pytest.mark.parametrize("text", ["the cash machine in Lisbon", "i live in dubai", "robbed in Lima", "صراف في دبي", "سرقوني بإسطنبول", "在里斯本被抢了", "ask Nuria"])
def test_what_holds_a_name_is_not_taught_as_a_sentence_without(text: str) -> None:
    assert names_something(text)


@pytest.mark.parametrize("text", ["what does a transfer cost", "roba seria?", "عم تبيعو شي", "我和老公想存一张定存", "Kartenumsätze im Ausland", "pay by Bizum"])
def test_an_ordinary_sentence_is_taught(text: str) -> None:
    assert not names_something(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tenth_concept_is_put_aside(language: str) -> None:
    trained, aside = concepts(language, aside=False), concepts(language, aside=True)
    assert 8 < len(trained) / len(aside) < 10
    taught = [text for text in (*trained, *training_questions(language)) if not names_something(text)]
    assert len(taught) > 0.97 * (len(trained) + len(training_questions(language)))
