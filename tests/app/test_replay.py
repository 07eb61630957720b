"""A replay says of each recorded token whether it is still the model's choice, and of search whether it still finds the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.appliance import Appliance
from app.errors import TellerboxError
from app.replay import TIE, Replay, chosen, compare, describe, replay
from app.settings import Settings
from app.slm.generation import Choice
from compliance.errors import ComplianceError
from compliance.record import Header
from tests.app.test_turn import INTERNATIONAL
from tests.conftest import PROJECT

CARD = "how much is a replacement card"


def closed(box: Appliance, turn: str) -> int:
    return next(chosen(box.ledger, turn))


def forged(box: Appliance, turn: str, change: Callable[[dict[str, Any], dict[str, Any]], None], schema: str | None = None) -> int:
    """The number of a new record of that turn, as a box would write it that says something else of the model."""
    header, body = box.ledger.read(closed(box, turn))
    facts, text = json.loads(json.dumps(dict(header.facts))), json.loads(json.dumps(body))
    change(facts, text)
    members = {name: getattr(header, name) for name in ("turn", "session", "branch", "channel", "role")}
    changed = Header.now(header.kind, **members, facts=facts)
    if schema:
        changed = Header(**{name: getattr(changed, name) for name in Header.__slots__} | {"schema": schema})
    return box.ledger.append(changed, text).index


@pytest.mark.parametrize("language", list(INTERNATIONAL))
def test_a_recorded_turn_is_reproduced_token_by_token(box: Appliance, language: str) -> None:
    answer = box.ask(INTERNATIONAL[language])
    done = replay(box, closed(box, answer.turn))
    assert (done.model.status, done.search.status, done.ok) == ("reproduced", "same", True)
    _, body = box.ledger.read(done.record)
    assert body is not None
    assert [each.token for each in done.model.tokens][: len(body["tokens"])] == list(body["tokens"])
    assert len(done.model.tokens) == len(body["tokens"]) + (body["stop"] is not None)
    assert not done.search.differences
    assert json.loads(json.dumps(done.to_json(), allow_nan=False))["ok"] is True


def test_a_follow_up_is_searched_again_with_the_question_before_it(box: Appliance) -> None:
    session = box.start_session()
    box.ask("how much does an international transfer cost online?", session=session)
    answer = box.ask("and at the counter?", session=session)
    assert replay(box, closed(box, answer.turn)).search.status == "same"


def test_a_token_the_model_did_not_choose_is_found(box: Appliance) -> None:
    answer = box.ask(CARD)

    def other_token(_: dict[str, Any], body: dict[str, Any]) -> None:
        body["tokens"][0] = body["tokens"][0] + 1

    done = replay(box, forged(box, answer.turn, other_token))
    assert (done.model.status, done.ok) == ("changed", False)
    assert done.model.tokens[0].verdict == "changed"
    assert done.model.tokens[0].ahead > TIE
    assert "token 0 changed" in done.model.why


def test_a_log_probability_that_was_not_the_models_is_found(box: Appliance) -> None:
    def surer(_: dict[str, Any], body: dict[str, Any]) -> None:
        body["logprobs"][0] = -3.0

    done = replay(box, forged(box, box.ask(CARD).turn, surer))
    assert done.model.tokens[0].verdict == "drifted"
    assert not done.ok


def test_an_answer_that_the_model_did_not_end_there_is_found(box: Appliance) -> None:
    def cut(_: dict[str, Any], body: dict[str, Any]) -> None:
        body["tokens"], body["logprobs"] = [], []

    done = replay(box, forged(box, box.ask(CARD).turn, cut))
    assert (done.model.status, len(done.model.tokens)) == ("changed", 1)


def test_another_passage_than_search_finds_is_named(box: Appliance) -> None:
    def moved(facts: dict[str, Any], _: dict[str, Any]) -> None:
        facts["retrieved"][0]["start"] += 1
        facts["answerable"] = 0.25

    done = replay(box, forged(box, box.ask(CARD).turn, moved))
    assert (done.search.status, done.search.index_changed, done.ok) == ("differs", False, False)
    assert any("was found in place 1, and is not now" in line for line in done.search.differences)
    assert any("judged answerable with 0.25" in line for line in done.search.differences)


def test_another_prompt_than_was_tokenized_is_refused(box: Appliance) -> None:
    def reworded(_: dict[str, Any], body: dict[str, Any]) -> None:
        body["prompt"] += " please"

    done = replay(box, forged(box, box.ask(CARD).turn, reworded))
    assert (done.model.status, done.ok) == ("refused", False)
    assert "splits the recorded prompt otherwise" in done.model.why


@pytest.mark.parametrize(
    ("ahead", "given", "recorded", "verdict"),
    [
        (0.0, -0.5, -0.5, "same"),
        (0.0, -0.5, -0.5 - 0.9 * TIE, "same"),
        (0.0, -0.5, -0.5 - 1.1 * TIE, "drifted"),
        (0.9 * TIE, -0.5, -0.5, "near"),
        (1.1 * TIE, -0.5, -0.5, "changed"),
    ],
)
def test_what_counts_as_a_tie(ahead: float, given: float, recorded: float, verdict: str) -> None:
    choice = Choice(token=7 if not ahead else 8, ends=False, logprob=given + ahead, given=given)
    after = Choice(token=2, ends=True, logprob=-0.1, given=None)
    body = {"tokens": [7], "logprobs": [recorded], "stop": None}
    assert [each.verdict for each in compare(body, [choice, after])] == [verdict]


def test_a_record_whose_lists_do_not_match_is_refused() -> None:
    after = Choice(2, True, -0.1, None)
    for body in ({"tokens": [1], "logprobs": []}, {"tokens": [], "logprobs": []}):
        with pytest.raises(TellerboxError, match="log-probabilities"):
            compare(body, [after] * (2 - len(body["tokens"])))


def test_a_record_that_makes_no_sense_is_refused_and_does_not_stop_the_others(box: Appliance) -> None:
    def nonsense(facts: dict[str, Any], body: dict[str, Any]) -> None:
        body["tokens"], body["logprobs"] = ["a"], [None]
        facts["retrieved"] = [{"policy": 3}]

    record = forged(box, box.ask(CARD).turn, nonsense)
    starts = box.engine.starts
    done = replay(box, record)
    assert (done.model.status, done.search.status, done.ok) == ("refused", "unreadable", False)
    assert "not of this model" in done.model.why
    box.engine.health()
    assert box.engine.starts == starts, "the model's process died of it"


def test_an_erased_turn_says_so(box: Appliance) -> None:
    session = box.start_session()
    answer = box.ask(CARD, session=session)
    box.ledger.erase(session.id)
    done = replay(box, closed(box, answer.turn))
    assert (done.model.status, done.search.status, done.ok) == ("erased", "erased", True)
    assert "erased" in "\n".join(describe(done))


def test_a_turn_without_model_or_search_says_so(box: Appliance) -> None:
    done = replay(box, closed(box, box.ask("transfer 200 euros to Ana").turn))
    assert (done.model.status, done.search.status, done.ok) == ("not asked", "not searched", True)


def test_a_record_of_the_first_schema_is_read_and_says_what_it_lacks(box: Appliance) -> None:
    def first_schema(facts: dict[str, Any], body: dict[str, Any]) -> None:
        for name in ("prompt", "prompt_tokens_sha256", "stop"):
            del body[name]
        facts |= {"scope": None}

    record = forged(box, box.ask(CARD).turn, first_schema, "tellerbox/record/1")
    done = replay(box, record)
    assert box.ledger.read(record)[0].schema == "tellerbox/record/1"
    assert (done.model.status, done.search.status, done.ok) == ("no prompt", "no scope", True)
    assert box.ledger.verify().ok


def test_another_model_at_hand_is_refused_by_its_hash(box: Appliance, home: Path, tmp_path: Path) -> None:
    turn = box.ask(CARD).turn
    other = tmp_path / "other.gguf"
    other.write_bytes(box.model_file.path.read_bytes() + b"\0")
    with Appliance(Settings(home=home, model=str(other))) as stranger:
        done = replay(stranger, closed(stranger, turn))
    assert (done.model.status, done.search.status, done.ok) == ("refused", "same", False)
    for words in (box.model_file.sha256[:16], stranger.model_file.sha256[:16], "TELLERBOX_MODEL"):
        assert words in done.model.why
    with Appliance(Settings(home=home, slm=False)) as mute:
        assert "no model in use" in replay(mute, closed(mute, turn)).model.why


def test_a_changed_index_is_said_with_what_differs(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(PROJECT / "knowledge/policies/en/cards", policies / "en/cards")
    settings = Settings(home=tmp_path / "home", policies=policies, model_languages=("en",))
    with Appliance(settings) as box:
        turn = box.ask(CARD).turn
    page = policies / "en/cards/lost-card.md"
    page.write_text(page.read_text("utf-8").replace("costs €6", "costs €7"), "utf-8")
    with Appliance(settings) as box:
        done = replay(box, closed(box, turn))
        assert done.search.index_changed
        assert "the index changed" in done.search.differences[0]
        assert any("cards/lost-card" in line and "has another text" in line for line in done.search.differences)
        assert (done.model.status, done.ok) == ("reproduced", True)
    page.unlink()
    with Appliance(settings) as box:
        gone: Replay = replay(box, closed(box, turn))
        assert any("cards/lost-card" in line and "no longer among the policies" in line for line in gone.search.differences)
        assert gone.search.status == "differs"


def test_a_range_is_by_record_or_by_day(box: Appliance) -> None:
    box.ask(CARD)
    last = box.ledger.size - 1
    assert list(chosen(box.ledger, f"{last - 1}..{last + 50}")) == [last]
    day = box.ledger.read(last)[0].time_utc[:10]
    assert last in set(chosen(box.ledger, f"{day}..{day}"))
    with pytest.raises(TellerboxError, match="no answer is recorded"):
        list(chosen(box.ledger, "2020-01-01..2020-12-31"))
    with pytest.raises(TellerboxError, match="no answer is recorded"):
        list(chosen(box.ledger, "no-such-turn"))
    for wrong in ("5..", "monday..friday", "2026-01-01..9"):
        with pytest.raises(TellerboxError, match="a range is"):
            list(chosen(box.ledger, wrong))


def test_a_record_that_is_not_there_is_an_error(box: Appliance) -> None:
    with pytest.raises(ComplianceError, match="no record"):
        replay(box, 10**6)
