"""An explanation says in words what a turn's records hold, and no more."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Any

import pytest

from app.guard import OUTCOMES, URGENT
from compliance.errors import ComplianceError
from compliance.explain import explain
from compliance.explanations import LANGUAGES, sentences
from compliance.record import Header

PLACE = {
    "policy": "payments/international-transfer",
    "version": "2026-03",
    "language": "es",
    "start": 10,
    "end": 52,
    "score": 0.83,
}
OPENED: dict[str, Any] = {
    "language": {"answer_in": "es", "detected": "es", "reason": "detector", "scores": [["es", 0.99], ["pt", 0.01]]},
    "redactions": {"IBAN": 1, "PERSON": 2},
    "guard": {"category": None, "outcome": None, "rules": []},
}
CLOSED: dict[str, Any] = {
    "outcome": "answered",
    "handoff": None,
    "answerable": 0.91,
    "retrieved": [PLACE],
    "index_sha256": "ab" * 32,
    "prompt": {"version": "3", "sha256": "cd" * 32},
    "model": {"name": "small", "sha256": "ef" * 32, "sampling": "greedy"},
    "sentences": [{"origin": "quote", "evidence": [PLACE]}, {"origin": "fixed", "evidence": []}],
    "rejected": [{"reason": "number_not_in_evidence", "score": 0.4}],
    "timings_ms": {"redact": 1.9, "search": 3.2},
}
BODY: dict[str, Any] = {"question": "¿cuánto cuesta?", "answer": ["Cuesta 15 EUR.", "¿Algo más?"]}


def header(kind: str, second: int, facts: dict[str, Any]) -> Header:
    return Header(kind, "t1", "s1", "b1", "kiosk", "customer", f"2026-11-24T10:00:{second:02d}.000Z", second, facts)


TURN = [(header("turn_closed", 2, CLOSED), BODY), (header("turn_opened", 1, OPENED), {"question": "¿cuánto cuesta?"})]
ENTRY = {
    "disclosure": {"version": "2026-11", "language": "es", "sha256": "ab", "first": True},
    "scope": {"as_of": "2026-11-24", "jurisdiction": "ES", "exclude": []},
    "software": {"tellerbox": "0.1.0"},
}
SECOND_SCHEMA = [
    (header("turn_opened", 1, OPENED | ENTRY), {"question": "¿cuánto cuesta?"}),
    (
        header("turn_closed", 2, CLOSED | {
            "threshold": 0.5, "ranking_sha256": "12" * 32,
            "prompt": {"version": "3", "sha256": "cd" * 32, "statements": [0], "tokens": 90},
            "model": {"name": "small", "sha256": "ef" * 32, "quantization": "F16", "sampling": "greedy", "tokens": 7,
                      "settings": {"temperature": 0, "seed": None}, "finish": "stop", "declined": True},
            "sentences": [{"origin": "model", "key": None, "evidence": [PLACE | {"title": "Transferencias"}]},
                          {"origin": "fixed", "key": "abstained", "evidence": []}],
        }),
        BODY | {"rejected": [{"text": "Cuesta 9 EUR.", "reason": "number_not_in_evidence", "score": 0.4}]},
    ),
    (header("feedback", 3, {"useful": False, "reasons": ["outdated"], "redactions": {}}), {"comment": "ya no es así"}),
]  # fmt: skip
REASONS = [*OUTCOMES, "not_in_policies", "unserved_language"]


def test_a_customer_reads_that_the_machine_was_not_sure() -> None:
    said = [{"origin": "fixed", "key": "unsure", "evidence": []}, {"origin": "quote", "key": None, "evidence": [PLACE]}]
    unsure = [(header("turn_closed", 2, CLOSED | {"sentences": said}), BODY), *TURN[1:]]
    for language, words in (("en", "was not sure"), ("de", "nicht sicher"), ("ar", "لم تكن الآلة متأكدة")):
        assert words in explain(unsure, language=language)
    assert "The bank's policies hold the answer" not in explain(unsure, language="en")


def test_a_customer_reads_the_outcome_the_evidence_and_the_way_to_a_person() -> None:
    text = explain(TURN, language="en")
    assert "Answer t1 of 24 November 2026, 10:00:02 UTC, branch b1." in text
    assert "A machine gave this answer" in text
    assert "Its language was recognised" in text
    assert "The bank's policies hold the answer" in text
    assert "1. “Cuesta 15 EUR.”" in text
    assert "quoted from the policy, word for word" in text
    assert "“payments/international-transfer” (payments/international-transfer, version 2026-03, es), characters 10 to 52" in text
    assert "number of places: 3" in text
    assert "were not shown: 1" in text
    assert "makes no decision about you" in text
    assert "ask for a person" in text
    for inside in ("sha256", "0.83", "ab" * 32, "number_not_in_evidence"):
        assert inside not in text


def test_a_customer_reads_it_in_the_language_of_the_turn() -> None:
    text = explain(SECOND_SCHEMA)
    assert "Respuesta t1, del 24 de noviembre de 2026, 10:00:02 UTC, oficina b1." in text
    assert "«Cuesta 15 EUR.»" in text
    assert "Se apoya en «Transferencias»" in text
    assert "Usted indicó que la respuesta no le fue útil." in text
    assert "ya no es así" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", ["answered", "abstained", "handed_off", "refused", "abandoned"])
def test_every_outcome_and_every_reason_is_said_in_every_language(language: str, outcome: str) -> None:
    said = set()
    for reason in REASONS:
        facts = {"outcome": outcome, "handoff": {"reason": reason, "urgent": reason in URGENT}, "language": {"answer_in": language}}
        text = explain([(header("turn_closed", 1, facts), {})])
        assert sentences(language)[f"reason_{reason}"] in text
        assert (sentences(language)["urgent"] in text) == (reason in URGENT)
        assert (sentences(language)[f"outcome_{outcome}"] in text) == (reason != "greeting")
        assert "{" not in text
        said.add(text)
    assert len(said) == len(REASONS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentences_are_the_same_in_every_language(language: str) -> None:
    english, other = sentences("en"), sentences(language)
    assert list(other) == list(english)
    expected = {"zh": "CJK", "ar": "ARABIC"}.get(language, "LATIN")
    for key, sentence in other.items():
        assert placeholders(sentence) == placeholders(english[key]), key
        assert sentence == sentence.strip(), key
        assert unicodedata.is_normalized("NFC", sentence), key
        letters = [ch for ch in re.sub(r"\{\w+\}", "", sentence) if ch.isalpha()]
        assert {unicodedata.name(ch).split()[0] for ch in letters} <= {expected}, key
        if language != "en" and len(letters) > 3:
            assert sentence != english[key], key


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_an_unserved_language_is_explained_in_english() -> None:
    assert "A machine gave this answer" in explain(TURN, language="nl")


def test_an_officer_also_reads_every_decision() -> None:
    text = explain(TURN, reader="officer")
    for words in ("Turn t1, 2026-11-24 at 10:00:02 UTC, branch b1", "answered from the bank's policies", '1. "Cuesta 15 EUR."',
                  "1 IBAN, 2 PERSON", "version 2026-03 (es), characters 10 to 52, score 0.83", "answered in es", "es 0.99",
                  "rules matched: none", "0.91 of 1", "number not in evidence", "sampling greedy", "version 3", "search 3",
                  "ab" * 32, "Retrieved, best first (1)"):  # fmt: skip
        assert words in text, words


def test_an_officer_reads_what_the_second_schema_added() -> None:
    text = explain(SECOND_SCHEMA, reader="officer")
    for words in ("with this answer, in es, text version 2026-11", "policies of 2026-11-24 for ES; left out: none", "below 0.5",
                  "statement 1 of the prompt", '"Cuesta 9 EUR."', "small, F16", "temperature 0, seed None", "7 tokens; ended by: stop",
                  "do not answer the question", "ranking sha256 " + "12" * 32, "tellerbox 0.1.0", "(abstained)",
                  "not useful (outdated)", '"ya no es así"'):  # fmt: skip
        assert words in text, words


def test_an_officer_reads_for_which_places_the_question_was_understood() -> None:
    about = [(head, BODY | {"limits": ["TH", "outside eu"]} if head.kind == "turn_closed" else body) for head, body in SECOND_SCHEMA]
    assert "Asked about: TH, outside eu; statements that hold only for other places" in explain(about, reader="officer")
    assert "Asked about" not in explain(SECOND_SCHEMA, reader="officer")


def test_an_erased_turn_is_explained_without_its_texts() -> None:
    erased = [(each, None) for each, _ in SECOND_SCHEMA]
    text = explain(erased, language="en")
    assert "The texts of this answer were erased" in text
    assert "1. (erased)" in text
    officer = explain(erased, reader="officer")
    assert "The texts were erased" in officer
    assert "comment erased" in officer
    for words in ("15 EUR", "ya no es", "cuesta?"):
        assert words not in text + officer


def test_an_unknown_outcome_is_named_to_the_officer() -> None:
    assert "The outcome was new." in explain([(header("turn_closed", 1, {"outcome": "new"}), {})], reader="officer")


def test_a_hand_off_names_its_reason() -> None:
    facts = {"outcome": "handed_off", "handoff": {"reason": "lost_card", "urgent": True}}
    assert "handed to a person, urgently, because of: lost card" in explain([(header("turn_closed", 1, facts), {})], reader="officer")


def test_a_turn_that_never_closed_says_so() -> None:
    opened = [(header("turn_opened", 1, OPENED), {})]
    assert "never closed: no answer was completed" in explain(opened, reader="officer")
    assert "never completed" in explain(opened, language="en")


def test_the_turns_of_a_session_are_told_one_after_the_other() -> None:
    later = Header("turn_closed", "t2", "s1", "b1", "kiosk", "customer", "2026-11-24T11:00:00.000Z", 9, {"outcome": "refused"})
    text = explain([(later, {}), *TURN], language="en")
    assert text.index("Answer t1") < text.index("Answer t2")


@pytest.mark.parametrize("reader", ["customer", "officer"])
def test_facts_of_unexpected_shapes_never_break_an_explanation(reader: Any) -> None:
    for value in ("x", 3, [None], {"x": None}, ["x"], {"scores": [1, ["es"], None]}, None):
        facts = dict.fromkeys(CLOSED | OPENED | ENTRY | {"answerable": 1, "threshold": 1}, value)
        records: Any = [(header("turn_closed", 1, facts), {"answer": value, "rejected": value, "question": value}),
                        (header("feedback", 2, {"useful": value, "reasons": value}), {"comment": value})]  # fmt: skip
        assert explain(records, reader=reader)


def test_no_turn_is_an_error() -> None:
    for records in ([(Header.now("export"), {})], [(header("feedback", 1, {"useful": True}), {})], []):
        with pytest.raises(ComplianceError):
            explain(records)
