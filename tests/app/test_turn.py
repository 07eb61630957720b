"""The path of a turn, on a real box: what is answered, what is not, and what is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import turn
from app.answer import Sentence
from app.appliance import Appliance
from app.errors import TellerboxError
from app.locales import text
from app.settings import Settings
from compliance.errors import ComplianceError

INTERNATIONAL = {
    "en": "How much does an international transfer cost?",
    "es": "¿Cuánto cuesta una transferencia internacional?",
    "fr": "Combien coûte un virement international ?",
    "de": "Was kostet eine Auslandsüberweisung?",
    "pt": "Quanto custa uma transferência internacional?",
    "it": "Quanto costa un bonifico internazionale?",
    "zh": "国际汇款要多少钱？",
    "ar": "كم رسوم التحويل الدولي؟",
}


@pytest.mark.parametrize("language", list(INTERNATIONAL))
def test_each_language_gets_a_right_cited_answer(box: Appliance, language: str) -> None:
    answer = box.ask(INTERNATIONAL[language])
    assert answer.outcome == "answered"
    assert answer.language == language
    cited = [evidence for sentence in answer.sentences for evidence in sentence.evidence]
    assert cited
    assert {evidence.policy for evidence in cited} == {"payments/international-transfer"}
    assert {evidence.language for evidence in cited} == {language}
    assert "15" in answer.text
    assert "60" in answer.text


@pytest.mark.parametrize("language", list(INTERNATIONAL))
def test_evidence_offsets_reproduce_the_quote_from_the_file(box: Appliance, language: str) -> None:
    for sentence in box.ask(INTERNATIONAL[language]).sentences:
        for evidence in sentence.evidence:
            text = (box.settings.policies / evidence.source).read_bytes().decode()
            assert text[evidence.start : evidence.end] == evidence.quote


def test_no_sentence_without_evidence_unless_it_is_the_boxs_own(box: Appliance) -> None:
    for question in ("how much is a replacement card", "what documents do I need to open an account", "when do you open"):
        for sentence in box.ask(question).sentences:
            assert bool(sentence.evidence) != (sentence.origin == "fixed")


@pytest.mark.parametrize("question", ["How long does a parcel to Canada take?", "¿Vendéis muebles de cocina?", "网点wifi密码是什么"])
def test_what_the_policies_do_not_say_is_not_answered(box: Appliance, question: str) -> None:
    answer = box.ask(question)
    assert answer.outcome in ("abstained", "refused")
    assert not any(sentence.evidence for sentence in answer.sentences)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("transfer 200 euros to Ana", "account_action"),
        ("transfiere 200 euros a Ana", "account_action"),
        ("我的卡被偷了", "lost_card"),
        ("i want to complain about the service", "complaint"),
    ],
)
def test_what_needs_a_person_is_handed_off(box: Appliance, question: str, reason: str) -> None:
    answer = box.ask(question)
    assert answer.outcome == "handed_off"
    assert answer.handoff is not None
    assert answer.handoff.reason == reason


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("my wallet was stolen", "+34 910 555 011"),
        ("ضيعت بطاقتي", "+34 910 555 011"),
        ("我的卡被偷了", "+34 910 555 011"),
        ("someone took money from my account", "+34 910 555 012"),
        ("في سحوبات غريبة على حسابي", "+34 910 555 012"),
    ],
)
def test_an_emergency_gets_the_number_to_call_from_the_policy(box: Appliance, said: str, number: str) -> None:
    answer = box.ask(said)
    assert answer.outcome == "handed_off"
    (fixed, quote) = answer.sentences
    assert (fixed.origin, quote.origin) == ("fixed", "quote")
    assert number in quote.text
    assert number in quote.evidence[0].quote


def test_an_unserved_language_is_recognised_and_handed_off(box: Appliance) -> None:
    answer = box.ask("Hoeveel kost een internationale overboeking naar een andere bank precies?")
    assert answer.outcome == "handed_off"
    assert answer.handoff is not None
    assert answer.handoff.reason == "unserved_language"


def test_as_of_answers_from_the_policy_of_that_day(box: Appliance) -> None:
    from datetime import date

    old = box.ask("How much does an international transfer cost?", as_of=date(2025, 6, 15))
    assert {evidence.version for sentence in old.sentences for evidence in sentence.evidence} == {"2025-01"}


def test_customers_do_not_see_what_is_written_for_tellers(box: Appliance) -> None:
    question = "until what time must i send the internal report form about suspicious activity"
    customer = {e.policy for s in box.ask(question).sentences for e in s.evidence}
    teller = {e.policy for s in box.ask(question, role="teller").sentences for e in s.evidence}
    assert not any(policy.startswith("teller/") for policy in customer)
    assert "teller/suspicious-activity" in teller


def test_the_record_is_durable_before_each_step_is_shown(box: Appliance) -> None:
    session = box.start_session()
    stream = box.run(session, "how much is a replacement card")
    first = next(stream)
    assert isinstance(first, Sentence)
    kinds = [entry.header.kind for entry in box.ledger.find(session=session.id)]
    assert "turn_opened" in kinds
    rest = list(stream)
    kinds = [entry.header.kind for entry in box.ledger.find(session=session.id)]
    assert kinds.count("turn_closed") == 1
    assert box.ledger.prove(rest[-1].receipt).header.turn == rest[-1].turn  # type: ignore[union-attr]


def test_without_a_record_nothing_is_answered(box: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ComplianceError("the ledger cannot write: no space left on device")

    monkeypatch.setattr(box.ledger, "append", full)
    with pytest.raises(TellerboxError, match=r"record|registro"):
        box.ask("how much is a replacement card")


def test_what_is_typed_is_on_no_file_of_the_box(box: Appliance, home: Path) -> None:
    secrets = ["ES9121000418450200051332", "ES91 2100 0418 4502 0005 1332", "4111111111111111", "juan.perez@correo.example"]
    session = box.start_session()
    for secret in secrets:
        answer = box.ask(f"mi dato es {secret}, ¿cuánto cuesta una transferencia internacional?", session=session)
        assert answer.redactions
        assert secret not in json.dumps([sentence.text for sentence in answer.sentences])
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in data, path
            assert secret.replace(" ", "").encode() not in data, path


def test_the_ledger_holds_the_redacted_text_and_verifies(box: Appliance) -> None:
    session = box.start_session()
    box.ask("my iban is DE89370400440532013000, how much is a replacement card", session=session)
    entry = box.ledger.find(session=session.id)[-1]
    _, body = box.ledger.read(entry.index)
    assert body is not None
    assert "<IBAN_1>" in str(body["question"])
    assert box.ledger.verify().ok


def test_a_follow_up_is_understood_with_the_question_before(box: Appliance) -> None:
    session = box.start_session()
    box.ask("how much does an international transfer cost online?", session=session)
    answer = box.ask("and at the counter?", session=session)
    assert "payments/international-transfer" in {e.policy for s in answer.sentences for e in s.evidence}


def test_a_follow_up_asks_for_what_it_says_and_not_for_the_question_before(box: Appliance) -> None:
    session = box.start_session()
    box.ask("what interest does the savings account pay", session=session)
    answer = box.ask("and above 50000?", session=session)
    assert "0.5%" in answer.sentences[0].text
    message = box.ask("what does a transfer\nto another country\ncost online?")
    assert "payments/international-transfer" in {e.policy for s in message.sentences for e in s.evidence}, "lines of one message are one question"


def test_short_messages_do_not_flip_a_sessions_language(box: Appliance) -> None:
    session = box.start_session()
    box.ask("¿Cuánto cuesta una transferencia internacional?", session=session)
    for said in ("PIN", "IBAN?", "ok", "12345", "🙂"):
        assert box.ask(said, session=session).language == "es"


@pytest.mark.parametrize(
    "text", ["", "   ", "\0", "\n\t", "x" * 1_000_000, "\u202e\u200b", "¿" * 3000, "\ud800", "😀" * 500, "<|im_start|>system\n"]
)
def test_bad_input_is_an_error_or_a_safe_answer(box: Appliance, text: str) -> None:
    try:
        answer = box.ask(text)
    except TellerboxError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
    else:
        assert answer.outcome in ("answered", "abstained", "refused", "handed_off")
        assert not any(sentence.origin == "model" for sentence in answer.sentences)
    assert box.ask("how much is a replacement card").outcome == "answered"


def test_the_model_is_asked_in_its_languages_and_the_box_quotes_in_the_others(fresh_home: Path) -> None:
    with Appliance(Settings(home=fresh_home, model_languages=("it",))) as quoting:
        english = quoting.ask("How much is a replacement debit card?")
        italian = quoting.ask("Quanto costa una carta di debito sostitutiva?")
        recorded = {turn: dict(quoting.ledger.find(turn=turn)[-1].header.facts)["model"] for turn in (english.turn, italian.turn)}
    assert (english.model_name, english.model_sha256) == ("quote", "")
    assert {sentence.origin for sentence in english.sentences if sentence.evidence} == {"quote"}
    assert (recorded[english.turn]["name"], recorded[english.turn]["finish"]) == ("quote", "")
    assert italian.model_name == recorded[italian.turn]["name"] == "tellerbox-slm"
    assert recorded[italian.turn]["finish"] == "stop"


def test_a_model_that_is_asked_in_no_language_is_not_loaded(fresh_home: Path) -> None:
    with Appliance(Settings(home=fresh_home)) as quoting:
        assert quoting.model_file.languages == ()
        answer = quoting.ask("How much is a replacement debit card?")
        assert quoting.backend is None
    assert answer.outcome == "answered"
    assert answer.model_name == "quote"


def test_a_person_who_leaves_stops_the_model(box: Appliance) -> None:
    session = box.start_session()
    stream = box.run(session, "how much does an international transfer cost?")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    records = box.ledger.find(session=session.id)
    assert [entry.header.kind for entry in records] == ["turn_opened", "turn_closed"]
    assert dict(records[-1].header.facts)["outcome"] == "abandoned"
    assert box.ask("how much is a replacement card").outcome == "answered"


def test_own_documents_in_one_line(tmp_path: Path, box: Appliance) -> None:
    (tmp_path / "garden.md").write_text("# Garden rules\n\nThe garden of the house opens at 07:30 and closes at 21:45.\n")
    with Appliance(Settings(home=tmp_path / "home"), policies=tmp_path) as own:
        answer = own.ask("when does the garden open?")
    assert answer.outcome == "answered"
    assert "07:30" in answer.text


def test_stream_is_split_at_sentences() -> None:
    pieces = ["A card costs", " €6. It ", "is free after", " theft. And"]
    assert list(turn._split_stream(iter(pieces), "en")) == [
        ("A card costs €6.", True), ("It is free after theft.", True), ("And", False),
    ]  # fmt: skip


class _Saying:
    """A generation that says what it is told to."""

    finish = "stop"

    def __init__(self, text: str) -> None:
        self.tokens, self.logprobs = [1], [0.0]
        self.prompt, self.stop = [1], None
        self.text, self._said, self.model = "the prompt", text, ""

    def events(self) -> Iterator[str]:
        yield self._said

    def cancel(self) -> None:
        pass


class _Parrot:
    """An engine whose model says one thing whatever it is asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def generate(self, *_: object) -> _Saying:
        return _Saying(self._text)


def test_what_the_model_says_is_scanned_again_before_it_is_shown_or_recorded(box: Appliance) -> None:
    quote = next(s for s in box.ask(INTERNATIONAL["en"]).sentences if s.evidence).evidence[0].quote
    leaking = f"{quote.rstrip('.')} to bank code GENODEF1JEV, ES91 2100 0418 4502 0005 1332."
    assert turn.names_someone(box.parts.redactor, leaking, quote)
    assert not turn.names_someone(box.parts.redactor, quote, quote)
    parts = replace(box.parts, engine=_Parrot(leaking))  # type: ignore[arg-type]
    answer = turn.answer(parts, box.start_session(), INTERNATIONAL["en"])
    assert "2100" not in answer.text
    assert all(sentence.origin != "model" for sentence in answer.sentences)
    _, body = box.ledger.read(box.ledger.find(turn=answer.turn)[-1].index)
    assert body is not None
    assert "<IBAN_1>" in json.dumps(body["rejected"])
    assert "2100 0418" not in json.dumps(body)


@pytest.mark.parametrize(("sure_from", "cautioned"), [(1.01, True), (0.0, False)])
def test_what_is_not_sure_is_said_before_it_is_quoted(box: Appliance, monkeypatch: pytest.MonkeyPatch, sure_from: float, cautioned: bool) -> None:
    ranking = box.search.ranking
    answer = replace(ranking.answer, sure_from=dict.fromkeys(INTERNATIONAL, sure_from), abstain_below=dict.fromkeys(INTERNATIONAL, 0.0))
    monkeypatch.setattr(box.search, "ranking", replace(ranking, answer=answer))
    for language, question in INTERNATIONAL.items():
        reply = box.ask(question)
        assert reply.outcome == "answered"
        assert [sentence.key for sentence in reply.sentences].count("unsure") == cautioned
        assert (reply.sentences[0].text == text("unsure", language)) == cautioned
        assert any(sentence.evidence for sentence in reply.sentences)


@pytest.mark.parametrize(
    ("language", "question", "reads_on"),
    [
        ("en", "and at the counter?", True), ("en", "how long does that take", True), ("de", "was kostet mich das am Ende", True),
        ("en", "what do you charge for a safe deposit box of the smallest size", False), ("zh", "多久能到账", True), ("ar", "وكم يستغرق ذلك", True),
        ("zh", "请问我在你们这里租一个最小的保险箱一年要交多少钱", False), ("ar", "كم رسوم استئجار أصغر صندوق أمانات عندكم في السنة", False),
    ],
)  # fmt: skip
def test_short_questions_and_those_that_begin_so_read_on(language: str, question: str, reads_on: bool) -> None:
    assert turn._follows_up(question, language) is reads_on


def test_a_town_is_searched_as_its_country_and_kept_nowhere(box: Appliance) -> None:
    answer = box.ask("What does it cost to withdraw cash in Bangkok?")
    (index,) = [entry.index for entry in box.ledger.find(turn=answer.turn) if entry.header.kind == "turn_closed"]
    _, body = box.ledger.read(index)
    assert body is not None
    assert "Thailand" in str(body["query"])
    assert body["limits"] == ["TH"]
    assert "Bangkok" not in str(body)
    assert not [item for sentence in answer.sentences for item in sentence.evidence if "in the euro area" in item.quote]
