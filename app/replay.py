"""Replay: whether the recorded tokens are still what the recorded model says, and search still finds the same passages.

The recorded prompt and tokens are fed back through the model (teacher forcing, one decode), so that one difference does
not make all that follows differ, and the outcome does not hang on who else was asking at the time. Nothing is sampled
and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from app.errors import TellerboxError
from app.slm.generation import Choice
from app.turn_record import place_of, tokens_sha256
from compliance.fields import CLOSED, OPENED
from compliance.ledger import Ledger
from compliance.record import Header
from knowledge.search import Found, Scope

if TYPE_CHECKING:
    from app.appliance import Appliance

TIE = 0.05
"""Log-probability within which two tokens count as tied, and within which a recorded value may have moved. Batches of
other shapes round otherwise: over 976 recorded positions of the shipped model, in eight languages with four people
asking at once, the largest difference was 0.013 (docs/audit.md says how that was measured)."""
SCORE_STEP = 0.0001
"""Scores are recorded to four digits."""

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What reading a record raises that a dishonest box wrote: its signature says who wrote it, not that it makes sense."""

Verdict = Literal["same", "near", "drifted", "changed"]


@dataclass(frozen=True, slots=True)
class Token:
    """One recorded token and what the model says in its place today.

    "same": its choice, as likely as recorded. "near": another token is ahead by no more than TIE. "drifted": its choice,
    but its log-probability moved by more than TIE. "changed": another token is ahead by more. `place` counts from 0; the
    last one may be the token that ended the answer.
    """

    place: int
    token: int
    text: str
    verdict: Verdict
    recorded: float
    today: float
    choice: int
    choice_text: str
    ahead: float


@dataclass(frozen=True, slots=True)
class ModelReplay:
    """`status`: reproduced, changed, not asked, erased, no prompt (schema 1), or refused, and then `why`."""

    status: str
    why: str
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchReplay:
    """`status`: same, differs, not searched, erased, no scope (schema 1), or unreadable; `differences` in words."""

    status: str
    index_changed: bool = False
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """One turn gone over again."""

    turn: str
    record: int
    time_utc: str
    model: ModelReplay
    search: SearchReplay

    @property
    def ok(self) -> bool:
        """False when the model says otherwise or could not be asked, or search differs though its index did not change."""
        searched = self.search.status != "unreadable" and (self.search.status != "differs" or self.search.index_changed)
        return searched and self.model.status not in ("changed", "refused")

    def to_json(self) -> dict[str, Any]:
        """The replay as a JSON object."""
        return asdict(self) | {"ok": self.ok, "tie": TIE}


def chosen(ledger: Ledger, what: str) -> Iterator[int]:
    """The turn-closed records that are meant: a turn, records by number (`120..180`) or days (`2026-11-01..2026-11-30`),
    both ends included. Raises TellerboxError when there is none."""
    first, dots, last = what.partition("..")
    if not dots:
        found = [entry.index for entry in ledger.find(turn=what) if entry.header.kind == CLOSED]
    else:
        found = list(_between(ledger, first.strip(), last.strip()))
    if not found:
        raise TellerboxError(f"no answer is recorded for {what!r}")
    yield from found


def _between(ledger: Ledger, first: str, last: str) -> Iterator[int]:
    by_number = first.isdecimal() and last.isdecimal()
    try:
        since = "" if by_number else date.fromisoformat(first).isoformat()
        until = "" if by_number else (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        raise TellerboxError("a range is two record numbers (120..180) or two days (2026-11-01..2026-11-30)") from None
    with ledger.snapshot() as view:
        start, stop = (int(first), min(int(last) + 1, view.size)) if by_number else (0, view.size)
        for index, encoded, _ in view.entries(start, stop):
            header = Header.decode(encoded)
            if header.kind == CLOSED and (by_number or since <= header.time_utc < until):
                yield index


def replay(box: Appliance, record: int) -> Replay:
    """Goes over the turn that a turn-closed record is about. Raises ComplianceError for a record that was changed."""
    header, body = box.ledger.read(record)
    facts = dict(header.facts)
    for entry in box.ledger.find(turn=header.turn):
        if entry.header.kind == OPENED:
            facts = dict(entry.header.facts) | facts
    turn = _Recorded(header, facts, body)
    try:
        model = _replay_model(box, turn)
    except _MALFORMED:
        model = ModelReplay("refused", "the record does not hold what a turn's record holds")
    try:
        search = _replay_search(box, turn)
    except _MALFORMED:
        search = SearchReplay("unreadable")
    return Replay(header.turn, record, header.time_utc, model, search)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A turn as its records tell it; `body` is None where it was erased."""

    header: Header
    facts: Mapping[str, Any]
    body: Mapping[str, Any] | None


# -- the model ------------------------------------------------------------------------------------------------------------


def _replay_model(box: Appliance, turn: _Recorded) -> ModelReplay:
    if turn.body is None:
        return ModelReplay("erased", "the text was erased; nothing is left to replay")
    tokens = turn.body.get("tokens") or []
    if not tokens and not turn.body.get("prompt"):
        return ModelReplay("not asked", "the model had no part in this answer")
    if not turn.body.get("prompt"):
        return ModelReplay("no prompt", f"the record is of schema {turn.header.schema}, which holds no prompt")
    try:
        _demand_model(box, turn)
        prompt = box.engine.tokenize(turn.body["prompt"])
        if tokens_sha256(prompt) != turn.body.get("prompt_tokens_sha256"):
            raise TellerboxError("the tokenizer at hand splits the recorded prompt otherwise")
        end = (turn.body.get("stop") or {}).get("token")
        compared = compare(turn.body, box.engine.score(prompt, tokens, end), box.engine.piece)
    except TellerboxError as error:
        return ModelReplay("refused", str(error))
    wrong = next((each for each in compared if each.verdict in ("changed", "drifted")), None)
    if wrong is None:
        near = sum(each.verdict == "near" for each in compared)
        return ModelReplay("reproduced", f"{len(compared)} of {len(compared)} tokens are the model's choice, {near} of them tied", compared)
    return ModelReplay("changed", f"token {wrong.place} {wrong.verdict}", compared)


def _demand_model(box: Appliance, turn: _Recorded) -> None:
    model = turn.facts.get("model") or {}
    name, recorded = model.get("name"), str(model.get("sha256"))
    if not box.settings.slm:
        raise TellerboxError(f"the record was made with {name}; this box has no model in use")
    at_hand = box.model_file
    if at_hand.sha256 != recorded:
        raise TellerboxError(
            f"the record was made with {name} (sha256 {recorded[:16]}…), the model at hand is {at_hand.name} "
            f"(sha256 {at_hand.sha256[:16]}…): set TELLERBOX_MODEL to the recorded one"
        )


def compare(
    body: Mapping[str, Any], choices: Sequence[Choice], text: Callable[[int], str] = lambda token: ""
) -> tuple[Token, ...]:
    """Token by token, what a body records against what the model says at each place (one choice more than tokens).

    `text(token)` writes a token. The end of the answer is compared where the model ended it; an answer that was cut
    says nothing of what would have followed. Raises TellerboxError when the record contradicts itself in length.
    """
    recorded = list(zip(body["tokens"], body["logprobs"], strict=False))
    if len(recorded) != len(body["tokens"]) or len(choices) != len(recorded) + 1:
        raise TellerboxError("the record holds more tokens than log-probabilities, or fewer")
    compared = [
        _token(place, token, text, logprob, now, kept=now.token == token)
        for place, ((token, logprob), now) in enumerate(zip(recorded, choices, strict=False))
    ]
    if stop := body.get("stop"):
        # Several tokens may end an answer: that the model ends it here is what counts.
        now = choices[-1]
        compared.append(_token(len(recorded), stop["token"], text, stop["logprob"], now, kept=now.ends))
    return tuple(compared)


def _token(
    place: int, token: int, text: Callable[[int], str], recorded: float, now: Choice, *, kept: bool
) -> Token:
    today = now.logprob if now.given is None else now.given
    ahead = 0.0 if kept else now.logprob - today
    if ahead > TIE:
        verdict: Verdict = "changed"
    elif not kept:
        verdict = "near"
    else:
        verdict = "same" if abs(today - recorded) <= TIE else "drifted"
    return Token(
        place, token, text(token), verdict, round(recorded, 6), round(today, 6), now.token, text(now.token), round(ahead, 6)
    )


# -- search ---------------------------------------------------------------------------------------------------------------


def _replay_search(box: Appliance, turn: _Recorded) -> SearchReplay:
    if turn.body is None:
        return SearchReplay("erased")
    if not turn.body.get("query"):
        return SearchReplay("not searched")
    scope = turn.facts.get("scope")
    if not scope:
        return SearchReplay("no scope")
    day = scope["as_of"] and date.fromisoformat(scope["as_of"])
    language = turn.facts["language"]["answer_in"]
    asked = Scope(language, turn.header.role, day or None, scope["jurisdiction"], frozenset(scope["exclude"]))
    found = box.search.find(turn.body["query"], asked)
    changed = list(_snapshot_differences(box, turn))
    differences = [*changed, *_found_differences(turn.facts, found)]
    return SearchReplay("differs" if differences[len(changed) :] else "same", bool(changed), tuple(differences))


def _snapshot_differences(box: Appliance, turn: _Recorded) -> Iterator[str]:
    for name, recorded, today in (
        ("the index", turn.facts.get("index_sha256"), box.index.hash),
        ("the ranking", turn.facts.get("ranking_sha256"), box.search.ranking.sha256),
    ):
        if recorded != today:
            yield f"{name} changed: {str(recorded)[:16]}… then, {today[:16]}… now"
    hashes = {policy.key: policy.sha256 for policy in box.index.policies}
    then = {(each["policy"], each["language"], each["version"]): each["sha256"] for each in turn.facts.get("retrieved", [])}
    for key, recorded in then.items():
        named = f"{key[0]}, version {key[2]} ({key[1]})"
        if key not in hashes:
            yield f"{named} is no longer among the policies"
        elif hashes[key] != recorded:
            yield f"{named} has another text: sha256 {recorded[:16]}… then, {hashes[key][:16]}… now"


def _found_differences(facts: Mapping[str, Any], found: Found) -> Iterator[str]:
    then = {_key(each): (place, each["score"]) for place, each in enumerate(facts.get("retrieved", []), 1)}
    now = {_key(place_of(item)): (place, round(item.score, 4)) for place, item in enumerate(found.candidates, 1)}
    for key, (place, score) in then.items():
        if key not in now:
            yield f"{_named(key)} was found in place {place}, and is not now"
        elif now[key][0] != place or abs(now[key][1] - score) > 1.5 * SCORE_STEP:
            yield f"{_named(key)} was in place {place} with score {score}, and is in place {now[key][0]} with {now[key][1]}"
    for key in now:
        if key not in then:
            yield f"{_named(key)} was not found, and is in place {now[key][0]} now"
    recorded, today = facts.get("answerable"), round(found.answerable, 4)
    if recorded is not None and abs(recorded - today) > 1.5 * SCORE_STEP:
        yield f"the question was judged answerable with {recorded}, and is with {today}"


def _key(place: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(place[name] for name in ("policy", "version", "language", "start", "end"))


def _named(key: tuple[Any, ...]) -> str:
    return f"{key[0]}, version {key[1]} ({key[2]}), characters {key[3]} to {key[4]},"


# -- in words -------------------------------------------------------------------------------------------------------------


def describe(done: Replay, *, every_token: bool = True) -> Iterator[str]:
    """The replay, line by line, for a person; without `every_token`, only the tokens that are not the same."""
    yield f"turn {done.turn}, record {done.record}, {done.time_utc}"
    yield f"  model: {done.model.status}" + (f" ({done.model.why})" if done.model.why else "")
    for each in done.model.tokens:
        if every_token or each.verdict != "same":
            other = f"   choice now {each.choice_text!r}, ahead by {each.ahead:.4f}" if each.choice != each.token else ""
            yield f"    {each.place:4} {each.verdict:8} {each.recorded:10.4f} {each.today:10.4f}  {each.text!r}{other}"
    index = ", the index or the ranking changed since" if done.search.index_changed else ""
    yield f"  search: {done.search.status}{index}"
    yield from (f"    {line}" for line in done.search.differences)
