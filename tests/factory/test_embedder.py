"""The recipe of the embedder on a corpus made here: it runs, goes on after a kill, and makes what the library loads."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import lzma
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polib
import pytest
import torch
from tokenizers import Tokenizer

from factory import embedder, evaluate_embedder, teacher, translated
from factory.catalogs import rows as messages_of
from factory.dictionaries import entries
from factory.dictionaries import rows as meanings
from factory.embedder_batches import draw, material_of
from factory.embedder_card import card
from factory.embedder_corpus import clean_texts, read_corpus
from factory.embedder_tokenizer import build_tokenizer, characters_map, trim
from factory.lexicon import cedict_entries, cedict_rows, simplified_characters
from factory.mining import first_sentence, matches
from factory.policy_groups import policy_groups, policy_pairs, question_groups, question_pairs
from knowledge.embedder import load_embedder

THINGS = {
    "card": ("tarjeta", "carte", "Karte", "cartão", "carta", "卡片", "بطاقة"),
    "account": ("cuenta", "compte", "Konto", "conta", "conto", "账户", "حساب"),
    "transfer": ("transferencia", "virement", "Überweisung", "transferência", "bonifico", "转账", "تحويل"),
    "loan": ("préstamo", "prêt", "Kredit", "empréstimo", "prestito", "贷款", "قرض"),
    "cheque": ("cheque", "chèque", "Scheck", "cheque", "assegno", "支票", "شيك"),
    "branch": ("sucursal", "agence", "Filiale", "agência", "filiale", "分行", "فرع"),
}
DOINGS = {
    "I lost the {}": "he perdido la {}|j'ai perdu la {}|ich habe {} verloren|perdi o {}|ho perso {}|我丢了{}|فقدت {}",
    "how do I open the {}": ("cómo abro la {}|comment ouvrir {}|wie öffne ich {}|como abro o {}|come apro {}|如何打开{}|كيف أفتح {}"),
    "what does the {} cost": ("cuánto cuesta la {}|combien coûte {}|was kostet {}|quanto custa o {}|quanto costa {}|{}多少钱|كم يكلف {}"),
    "please close my {}": ("cierre mi {}|fermez mon {}|bitte schließen Sie {}|feche o meu {}|chiuda {}|请关闭我的{}|أغلق {}"),
}
CODES = ("es", "fr", "de", "pt", "it", "zh", "ar")
TINY = dataclasses.replace(embedder.PRESETS["smoke"], vocabulary=420, steps=60, learning_rate=3e-2)


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny shared data: 24 meanings in eight languages, a few questions and utterances."""
    import lzma

    folder = tmp_path_factory.mktemp("data")
    rows = []
    for doing, said in DOINGS.items():
        for thing, words in THINGS.items():
            row = {"en": doing.format(thing), "path": f"{thing}.md"}
            rows.append(row | {code: said.split("|")[i].format(words[i]) for i, code in enumerate(CODES)})
    asked: list[dict[str, Any]] = [
        {"question": f"where is the {thing}?", "passage": f"Hello. The {thing} is here.", "start": 7} for thing in THINGS
    ]
    spoken: list[dict[str, Any]] = [
        {"lang": "en", "source": "banking77", "intent": thing, "text": doing.format(thing)} for thing in THINGS for doing in DOINGS
    ]
    files: dict[str, list[dict[str, Any]]] = {
        "parallel/sentences": rows,
        "qa/en": asked,
        "intents/customer_questions": spoken,
    }
    for name, part in files.items():
        path = folder / f"{name}.jsonl.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(path, "wt", encoding="utf8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
    return folder


def pretend_teacher(parts: Sequence[Sequence[str]], work: Path) -> npt.NDArray[np.float16]:
    """A vector for each word, added: near texts are near, and no model is needed."""
    del work
    vectors = []
    for text in (text for part in parts for text in part):
        seeds = [int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) for word in text.lower().strip("?").split()]
        total = np.sum([np.random.default_rng(seed).normal(size=teacher.TEACHER_DIM) for seed in seeds], axis=0)
        vectors.append(total / np.linalg.norm(total))
    return np.asarray(vectors, np.float16)


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    embedder.build_embedder(data, folder / "embedder", TINY, folder / "work", teacher=pretend_teacher)
    return folder


def test_translations_are_nearest(made: Path) -> None:
    model = load_embedder(made / "embedder")
    english = model.encode([doing.format(thing) for doing in DOINGS for thing in THINGS])
    for place, code in enumerate(CODES):
        texts = [said.split("|")[place].format(words[place]) for said in DOINGS.values() for words in THINGS.values()]
        assert evaluate_embedder.recall(model.encode(texts), english, np.arange(len(texts))) >= 0.6, code


def test_sentence_transformers_and_the_box_read_the_same_vectors(made: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["I lost the card", "he perdido la tarjeta", "我丢了卡片", "فقدت بطاقة"]
    whole = SentenceTransformer(str(made / "embedder"), device="cpu").encode(texts)
    ours = load_embedder(made / "embedder").encode(texts)
    assert whole.shape == ours.shape == (4, TINY.dims)
    np.testing.assert_allclose(whole.astype(np.float32), ours, atol=5e-3)


def test_checksums_name_every_file(made: Path) -> None:
    lines = (made / "embedder" / "sha256sums").read_text("utf-8").splitlines()
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((made / "embedder" / name).read_bytes()).hexdigest() == digest
    assert {line.split("  ")[1] for line in lines} >= {"modules.json", "0_StaticEmbedding/model.safetensors"}


def test_a_run_that_is_killed_goes_on_to_the_same_model(data: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = embedder.batch_loss, 0

    def killed(*given: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 31:
            raise KeyboardInterrupt
        return real(*given)

    # The tokenizers library orders equal pieces by chance, so both runs start from one tokenizer.
    shutil.copytree(made / "work", tmp_path / "work")
    for state in (tmp_path / "work").rglob("state.pt"):
        state.unlink()
    monkeypatch.setattr(embedder, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(embedder, "batch_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        embedder.build_embedder(data, tmp_path / "embedder", TINY, tmp_path / "work", teacher=pretend_teacher)
    assert not (tmp_path / "embedder").exists()
    embedder.build_embedder(data, tmp_path / "embedder", TINY, tmp_path / "work", teacher=pretend_teacher)
    assert calls == TINY.steps + 1
    weights = [load_embedder(folder / "embedder").encode(["I lost the card"]) for folder in (made, tmp_path)]
    np.testing.assert_allclose(weights[0], weights[1], atol=2e-3)


def test_teacher_shards_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counting:
        def __init__(self, max_tokens: int) -> None:
            del max_tokens

        def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            made.append(len(texts))
            return np.asarray([[float(len(text))] * teacher.TEACHER_DIM for text in texts], np.float32)

    monkeypatch.setattr(teacher, "Teacher", Counting)
    monkeypatch.setattr(teacher, "teacher_folder", lambda: tmp_path)
    first = teacher.teach([["aaa", "b"], ["cc"]], tmp_path, shard=2)
    again = teacher.teach([["aaa", "b"], ["cc"], ["dddd"]], tmp_path, shard=2)
    assert [row[0] for row in again.tolist()] == [3, 1, 2, 4]
    np.testing.assert_array_equal(first, again[:3])
    assert sum(made) == 4


def test_spelling_is_evened_out_inside_the_tokenizer() -> None:
    texts = ["the café is open", "银行的钱", "فتح الحسابات", "حساب"] * 3
    tokenizer = build_tokenizer(texts, 200, {"錢": "钱", "銀": "银"})
    reloaded = Tokenizer.from_str(tokenizer.to_str())

    def ids(text: str) -> list[int]:
        return list(reloaded.encode(text, add_special_tokens=False).ids)

    assert ids("CAFÉ") == ids("cafe")
    assert ids("銀行的錢") == ids("银行的钱")
    assert ids("حِسَابـات") == ids("حسابات")
    assert ids("الحسابات")[-len(ids("حسابات")) :] == ids("حسابات")
    assert set(ids("حساب")) < set(ids("حسابات"))
    assert ids("١٢") == ids("12")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("وسيذهبون", ["▁و", "▁س", "▁يذهب", "▁ون"]), ("بطاقتي", ["▁بطاق", "▁تي"]), ("بطاقتها", ["▁بطاق", "▁تها"]), ("البطاقة", ["▁ال", "▁بطاق", "▁ه"]),
        ("الحسابات", ["▁ال", "▁حساب", "▁ات"]), ("حسابكم", ["▁حساب", "▁كم"]), ("كم", ["▁كم"]), ("وقت", ["▁وقت"]), ("سنة", ["▁سنه"]), ("بيتي", ["▁بيت", "▁ي"]),
    ],
)  # fmt: skip
def test_arabic_words_are_split_from_what_is_joined_to_them(text: str, parts: list[str]) -> None:
    tokenizer = build_tokenizer(["فتح الحسابات"] * 3, 60, {})
    assert [part for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))] == parts


def test_trimming_keeps_characters_and_the_most_used_pieces() -> None:
    tokenizer = build_tokenizer(["the bank is open", "the bank is closed", "the card"] * 5, 60, {})
    size = tokenizer.get_vocab_size()
    uses = list(range(size))
    smaller, kept = trim(tokenizer, uses, size - 3)
    assert smaller.get_vocab_size() == len(kept) == size - 3
    assert all(smaller.id_to_token(new) == tokenizer.id_to_token(old) for new, old in enumerate(kept))
    assert smaller.encode("the bank").ids


def test_every_character_rule_is_applied() -> None:
    from tokenizers import normalizers

    rules = {chr(0x4E00 + number * 7): chr(0x3042 + number % 80) for number in range(2500)}
    normalizer = normalizers.Precompiled(characters_map(rules))
    assert normalizer.normalize_str("".join(rules)) == "".join(rules.values())
    assert normalizer.normalize_str("abc丁") == "abc丁"


def test_draws_depend_on_seed_and_step_alone(data: Path) -> None:
    corpus = read_corpus(data)
    tokenizer = build_tokenizer([text for group in corpus.groups for text in group.texts.values()], 400, {})
    material = material_of(corpus, [tokenizer, tokenizer], 100, {"parallel": 1.0})
    one, again, other = (draw(material, 1, step, 8, 0.2) for step in (3, 3, 4))
    np.testing.assert_array_equal(one.second, again.second)
    assert not np.array_equal(one.second, other.second)
    assert (material.texts.lengths > 0).all()


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"en": "Open the journal", "es": "Abra el diario", "zh": "打开日记帐"}, {"en", "es", "zh"}),
        ({"en": "Open the journal", "es": "Open the journal", "zh": "Open the journal"}, {"en"}),
        ({"en": "12 / 34 / 56 / 78"}, set()),
    ],
)
def test_rows_that_are_not_translations_are_dropped(row: dict[str, str], kept: set[str]) -> None:
    assert set(clean_texts(row)) == kept


def test_simplified_characters_come_from_the_words_of_the_dictionary() -> None:
    assert simplified_characters([("銀行", "银行", ["bank"]), ("錢", "钱", ["money"])]) == {"銀": "银", "錢": "钱"}


def test_evaluation_says_what_is_absent(made: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    scores = evaluate_embedder.evaluate(made / "embedder", absent, absent, absent, "test")
    assert [line.split(":")[0] for line in scores["skipped"]] == ["Tatoeba, documents, passages", "reference bank"]


def test_policies_are_ranked_by_their_best_passage() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.8, 0.1, 0.2]])
    assert evaluate_embedder.first_places(scores, ["a", "a", "b"], ["b", "a"]) == [1, 0]
    assert evaluate_embedder.first_places(scores, ["a", "a", "b"], ["a", "absent"]) == [0, -1]


POLICY = """---
id: cards/{name}
title: {title}
language: {language}
version: "2026-01"
---

# {title}

## {section}

{first}

{second}
"""


@pytest.fixture
def bank(tmp_path: Path) -> tuple[Path, Path]:
    """One policy in two languages, its training questions, and a test question that must not be read."""
    texts = {
        "en": ("Lost card", "Price", "A new card costs €6.", "The card line is open 24 hours."),
        "es": ("Tarjeta perdida", "Precio", "Una tarjeta nueva cuesta 6 €.", "La línea atiende 24 horas."),
    }
    policies, gold = tmp_path / "policies", tmp_path / "gold"
    for code, (title, section, first, second) in texts.items():
        path = policies / code / "cards" / "lost.md"
        path.parent.mkdir(parents=True)
        fields = {"name": "lost", "title": title, "language": code, "section": section}
        path.write_text(POLICY.format(first=first, second=second, **fields), "utf-8")
        row = {"id": f"{code}-lost-1", "question": f"price? {code}", "policy": "cards/lost", "must_contain": ["6 EUR"]}
        write_jsonl(gold / code / "train.jsonl", [row])
        write_jsonl(gold / code / "test.jsonl", [row | {"id": f"{code}-lost-2", "question": "test"}])
    return policies, gold


def test_policies_are_aligned_statement_by_statement(bank: tuple[Path, Path]) -> None:
    policies, _ = bank
    groups = policy_groups(policies)
    assert {"en": "A new card costs €6.", "es": "Una tarjeta nueva cuesta 6 €."} in [group.texts for group in groups]
    assert {pair.language for pair in policy_pairs(policies)} == {"en", "es"}


def test_only_training_questions_are_read(bank: tuple[Path, Path]) -> None:
    policies, gold = bank
    assert [group.texts for group in question_groups(gold)] == [{"en": "price? en", "es": "price? es"}]
    pairs = question_pairs(policies, gold)
    assert [pair.question for pair in pairs] == ["price? en", "price? es"]
    assert "€6" in pairs[0].passage


def test_the_bank_is_measured_in_its_languages_and_across(made: Path, bank: tuple[Path, Path], tmp_path: Path) -> None:
    policies, gold = bank
    scores = evaluate_embedder.evaluate(made / "embedder", tmp_path / "absent", policies, gold, "test")
    assert scores["bank"]["en"]["same"] == scores["bank"]["es"]["across"] == {"n": 1, "r1": 1.0, "r5": 1.0}
    facts = json.loads((made / "embedder" / "facts.json").read_text("utf-8"))
    text = card(facts, scores)
    assert scores["sha256"] in text
    assert "| reference bank test, own language, R@1 | 1.000 | 1.000 |" in text


def test_mining_keeps_what_stands_out() -> None:
    class Letters:
        def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            rows = np.array([[text.count(letter) for letter in "abcdef"] for text in texts], np.float32)
            return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    found = list(matches(Letters(), ["aab", "ffe", "cde"], ["ffe", "aab", "bb"], 1.2, mutual=True))
    assert found == [(0, 1), (1, 0)]
    assert first_sentence("One. Two.") == "One."


def test_the_dictionary_is_read_as_text_and_never_as_objects(tmp_path: Path) -> None:
    import pickle

    lines = [f"銀{letter} 银{letter} [yin2] /bank (place)/CL:個/" for letter in "甲乙丙丁戊己庚辛"]
    plain, pickled, bad = (tmp_path / name for name in ("a.u8", "b.dat", "c.dat"))
    plain.write_text("\n".join(lines), "utf-8")
    pickled.write_bytes(pickle.dumps(lines))
    bad.write_bytes(pickle.dumps([Path("x")]))
    assert list(cedict_entries(plain)) == list(cedict_entries(pickled))
    assert next(iter(cedict_entries(plain))) == ("銀甲", "银甲", ["bank"])
    assert list(cedict_rows(cedict_entries(plain))) == []
    with pytest.raises(pickle.UnpicklingError):
        list(cedict_entries(bad))


DICTIONARY = """Abbau /ˈapbaʊ/ <masc, n, sg>
dismantling <n>, removal <n>
         Note: of a machine
      "der Abbau der Ozonschicht"  - the depletion of the ozone layer, ozone depletion
      "Sie kam, aber zu spät."  - She came, but too late.
   Synonym: {Demontage}

 see: {Rückbau}

stillen /ʃtˈɪlən/ <v, trans>
1. to satisfy sb.; to quench
"""


def test_a_dictionary_gives_meanings_and_phrases_without_its_notes() -> None:
    assert list(entries(DICTIONARY.splitlines())) == [
        ("Abbau", "dismantling"),
        ("Abbau", "removal"),
        ("der Abbau der Ozonschicht", "the depletion of the ozone layer"),
        ("Sie kam, aber zu spät.", "She came, but too late."),
        ("stillen", "to satisfy someone"),
        ("stillen", "to quench"),
    ]


def test_meanings_that_nobody_uses_are_left_out(tmp_path: Path) -> None:
    lines = ["house /haʊs/", "maison", "zymurgy /z/", "zymologie", "house /haʊs/", "maison"]
    with gzip.open(tmp_path / "freedict-eng-fra.dict.dz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    (tmp_path / "freedict-nld-lat.dict.dz").write_bytes(b"no dictionary of ours is opened")
    assert list(meanings(tmp_path)) == [{"en": "house", "fr": "maison"}]


def test_messages_of_programs_are_aligned_by_their_english(tmp_path: Path) -> None:
    said = {
        "es": {"_Transfer <b>%s</b> to account": "_Transferir <b>%s</b> a la cuenta", "OK": "Vale", "Save file": "Save file"},
        "ar": {"_Transfer <b>%s</b> to account": "حوّل %s إلى الحساب", "Delete the account": "Borrar la cuenta"},
    }
    for code, entries_ in said.items():
        catalogue = polib.POFile()
        catalogue.extend(polib.POEntry(msgid=english, msgstr=text) for english, text in entries_.items())
        folder = tmp_path / "usr" / "share" / "locale" / code / "LC_MESSAGES"
        folder.mkdir(parents=True)
        catalogue.save_as_mofile(str(folder / "books.mo"))
    assert messages_of(tmp_path) == [{"en": "Transfer to account", "es": "Transferir a la cuenta", "ar": "حوّل إلى الحساب"}]


def test_what_the_translator_is_unsure_of_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def apertium(command: list[str], *, input: str, **_: object) -> subprocess.CompletedProcess[str]:
        pair = command[1]
        lines = [line for line in input.split("\n\n") if line]
        said = ["*" + line if "quark" in line else f"{pair}  {line}" for line in lines]
        return subprocess.CompletedProcess(command, 0, "\n\n".join(said) + "\n\n")

    monkeypatch.setattr(subprocess, "run", apertium)
    rows = translated.rows([{"en": "a house", "de": "ein Haus"}, {"en": "a quark is"}, {"en": "#5"}, {"en": "Is it partorisca here?"}])
    assert rows == [
        {"en": "a house", "es": "eng-spa a house", "fr": "es-fr eng-spa a house", "de": "ein Haus", "pt": "es-pt eng-spa a house", "it": "spa-ita eng-spa a house"},
        {
            "en": "Is it partorisca here?", "es": "eng-spa Is it partorisca here?", "fr": "es-fr eng-spa Is it partorisca here?",
            "pt": "es-pt eng-spa Is it partorisca here?", "it": "spa-ita eng-spa Is it per here?",
        },
    ]  # fmt: skip


def test_spoken_texts_keep_the_arabic_they_came_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def apertium(command: list[str], *, input: str, **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "\n\n".join("*" + line if "she" in line else command[1] + line for line in input.split("\n\n")))

    monkeypatch.setattr(subprocess, "run", apertium)
    write_jsonl(tmp_path / "english" / "everyday.jsonl", [{"en": "he wrote", "ar": "كتب"}, {"en": "she wrote", "ar": "كتبت"}, {"en": "she ate"}])
    monkeypatch.setattr("sys.argv", ["translated", "--data", str(tmp_path), "--english", str(tmp_path / "english"), "--out", str(tmp_path / "out")])
    translated.main()
    rows = [json.loads(line) for line in (tmp_path / "out" / "everyday.jsonl").read_text("utf-8").splitlines()]
    assert [row["ar"] for row in rows] == ["كتب", "كتبت"]
    assert rows[0]["es"].endswith("he wrote")
    assert "es" not in rows[1]


def test_pairs_of_the_measure_that_were_trained_on_are_counted(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "lexicon.jsonl", [{"en": "Good morning!", "es": "buenos días"}, {"en": "Good night", "es": "otra cosa"}])
    (tmp_path / "language").mkdir()
    with lzma.open(tmp_path / "language" / "tatoeba_pairs.jsonl.xz", "wt", encoding="utf8") as file:
        for english, text in (("Good morning.", "Buenos días."), ("Good night.", "Buenas noches.")):
            file.write(json.dumps({"lang": "es", "text": text, "en": english}) + "\n")
    assert evaluate_embedder.tatoeba_met(tmp_path, [tmp_path / "lexicon.jsonl"])["es"] == 1
