"""The scheduler, on a real model in this process: fair, cancelled within a step, and the same with kept prefixes as without."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.replay import TIE
from app.slm.generation import Limits
from app.slm.llama import Llama, Tuning
from app.slm.lookahead import ENOUGH, MATCH, MOST, REST, Lookahead
from app.slm.prefixes import Prefixes
from app.slm.scheduler import Scheduler, Task


class Diary:
    """What a scheduler told, in order: `(what, task, value)`."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, object]] = []
        self.logprobs: dict[int, list[float]] = {}
        self.left = 0
        self.on_token: Callable[[Task], None] = lambda task: None
        self.scheduler: Scheduler

    def place(self, task: Task, place: int) -> None:
        self.lines.append(("place", task.id, place))

    def token(self, task: Task, token: int, logprob: float, piece: bytes) -> None:
        self.lines.append(("token", task.id, token))
        self.logprobs.setdefault(task.id, []).append(logprob)
        self.on_token(task)

    def ended(self, task: Task, finish: str) -> None:
        self.lines.append(("ended", task.id, finish))
        self.left -= 1

    def step(self) -> None:
        self.lines.append(("step", 0, None))
        if not self.left:
            self.scheduler.stop()

    def endings(self) -> list[tuple[int, object]]:
        return [(number, value) for what, number, value in self.lines if what == "ended"]

    def tokens(self, number: int) -> list[object]:
        return [value for what, task, value in self.lines if what == "token" and task == number]


def run(llama: Llama, tasks: list[Task], diary: Diary | None = None, prefix_bytes: int = 0, slice_tokens: int = 8, look_ahead: bool = True) -> Diary:
    diary = diary or Diary()
    diary.scheduler = Scheduler(llama, diary, prefix_bytes, slice_tokens, look_ahead)
    diary.left = len(tasks)
    for task in tasks:
        diary.scheduler.submit(task)
    owner = threading.Thread(target=diary.scheduler.run)
    owner.start()
    owner.join(timeout=120)
    assert not owner.is_alive()
    return diary


@pytest.fixture(scope="module", params=[1, 3], ids=["one at a time", "three at a time"])
def llama(request: pytest.FixtureRequest, babbler: Path) -> Iterator[Llama]:
    made = Llama(babbler, Tuning(context=512, sequences=request.param, batch=64))
    yield made
    made.close()


@pytest.fixture(scope="module")
def single(babbler: Path) -> Iterator[Llama]:
    made = Llama(babbler, Tuning(context=512, sequences=1, batch=64))
    yield made
    made.close()


def asked(number: int, tokens: int, person: str = "", length: int = 40) -> Task:
    prompt = [(7 * number + 13 * place) % 9000 + 100 for place in range(length)]
    return Task(number, person or str(number), prompt, Limits(tokens, 300))


def test_a_long_answer_does_not_keep_a_short_one_waiting(llama: Llama) -> None:
    long = [asked(number, 120) for number in (1, 2, 3)]
    short = [asked(number, 6) for number in (4, 5, 6)]
    ended = [number for number, _ in run(llama, long + short).endings()]
    assert set(ended[:3]) == {4, 5, 6}


def test_one_person_with_many_questions_does_not_keep_others_waiting(single: Llama) -> None:
    many = [asked(number, 4, "busy") for number in range(1, 8)]
    ended = [number for number, _ in run(single, [*many, asked(9, 4)]).endings()]
    assert ended.index(9) <= 1


def test_an_answer_that_gave_way_goes_on_as_if_it_had_not(single: Llama) -> None:
    alone = run(single, [asked(1, 60)])
    amid = run(single, [asked(1, 60), asked(2, 30), asked(3, 30)], slice_tokens=5)
    assert amid.tokens(1) == alone.tokens(1)
    assert amid.logprobs[1] == pytest.approx(alone.logprobs[1], abs=TIE)
    between = [number for what, number, _ in amid.lines if what == "token"]
    assert between[: between.index(1) + 60].count(1) < 60


def test_who_leaves_gets_no_token_more(llama: Llama) -> None:
    diary = Diary()

    def leave(task: Task) -> None:
        if task.id == 1 and len(task.said) == 5:
            task.cancelled = True

    diary.on_token = leave
    run(llama, [asked(1, 200), asked(2, 20)], diary)
    assert len(diary.tokens(1)) == 5
    assert (1, "cancelled") in diary.endings()
    fifth = [place for place, line in enumerate(diary.lines) if line[:2] == ("token", 1)][4]
    gone = diary.lines.index(("ended", 1, "cancelled"))
    assert [line[0] for line in diary.lines[fifth:gone]].count("step") == 0
    assert (2, "length") in diary.endings()


def test_who_leaves_the_line_is_never_begun(single: Llama) -> None:
    diary = Diary()
    waiting = asked(2, 20)

    def leave(task: Task) -> None:
        waiting.cancelled = True

    diary.on_token = leave
    run(single, [asked(1, 20), waiting], diary)
    assert diary.tokens(2) == []
    assert (2, "cancelled") in diary.endings()


def test_the_place_in_line_is_told_as_it_changes(single: Llama) -> None:
    diary = run(single, [asked(number, 6) for number in range(1, 5)], slice_tokens=100)
    places = [value for what, number, value in diary.lines if what == "place" and number == 4]
    assert places == [3, 2, 1, 0]
    assert not [line for line in diary.lines if line[:2] == ("place", 1)]


def test_a_prompt_read_in_pieces_beside_answers_gives_what_it_gives_alone(babbler: Path) -> None:
    llama = Llama(babbler, Tuning(context=512, sequences=3, batch=32))
    try:
        alone = run(llama, [asked(3, 20, length=300)])
        beside = run(llama, [asked(1, 60), asked(2, 60), asked(3, 20, length=300)])
    finally:
        llama.close()
    assert beside.tokens(3) == alone.tokens(3)
    assert beside.logprobs[3] == pytest.approx(alone.logprobs[3], abs=TIE)
    whose = [number for what, number, _ in beside.lines if what == "token"]
    assert 1 in whose[: whose.index(3)]


def test_a_kept_prefix_gives_the_same_tokens_as_reading_it_again(single: Llama) -> None:
    first, second = asked(1, 20, length=120), asked(1, 20, length=120)
    second.id = 2
    second.prompt = [*second.prompt[:100], *asked(5, 1).prompt]
    fresh = Task(3, "3", second.prompt, second.limits)
    kept = run(single, [first, second], prefix_bytes=1 << 24, slice_tokens=100)
    plain = run(single, [fresh])
    assert second.reused == 100
    assert fresh.reused == 0
    assert kept.tokens(2) == plain.tokens(3)
    assert kept.logprobs[2] == pytest.approx(plain.logprobs[3], abs=TIE)


def test_going_over_an_answer_again_uses_nothing_kept(single: Llama) -> None:
    first = asked(1, 10, length=80)
    again = Task(2, "2", [*first.prompt], Limits(0, 300), given=[], first=79)
    run(single, [first, again], prefix_bytes=1 << 24)
    assert again.reused == 0
    assert len(again.choices) == 1


def test_looking_ahead_says_what_would_be_said_without_and_takes_fewer_steps(single: Llama) -> None:
    """The model goes round in circles: a prompt that holds the circle is copied from, as answers copy from their evidence."""
    circle = run(single, [asked(1, 300)], slice_tokens=1000).tokens(1)
    prompt = [*asked(1, 1).prompt, *(token for token in circle if isinstance(token, int))]
    plain = run(single, [Task(1, "1", prompt, Limits(60, 300))], look_ahead=False)
    ahead = run(single, [Task(1, "1", prompt, Limits(60, 300))])
    assert len(plain.tokens(1)) == 60
    assert ahead.tokens(1) == plain.tokens(1)
    assert ahead.logprobs[1] == pytest.approx(plain.logprobs[1], abs=TIE)
    steps = [sum(line[0] == "step" for line in diary.lines) for diary in (plain, ahead)]
    assert steps[1] < steps[0]


def test_wrong_guesses_change_nothing(single: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(single, [asked(3, 40)], look_ahead=False)
    monkeypatch.setattr(Lookahead, "propose", lambda self, said, room: [said[-1], 77, 78][: max(0, room)])
    wrong = run(single, [asked(3, 40)])
    assert wrong.tokens(3) == plain.tokens(3)
    assert wrong.logprobs[3] == pytest.approx(plain.logprobs[3], abs=TIE)


@given(st.lists(st.integers(0, 1), min_size=4, max_size=60), st.data())
def test_guesses_are_taken_from_the_prompt_and_never_more_than_there_is_room_for(prompt: list[int], data: st.DataObject) -> None:
    lookahead = Lookahead(prompt)
    said: list[int] = []
    for _ in range(20):
        said.append(data.draw(st.integers(0, 1)))
        room = data.draw(st.integers(0, 9))
        guess = lookahead.propose(said, room)
        assert len(guess) <= min(room, MOST)
        if guess:
            tail = [*said[-MATCH:], *guess]
            assert any(prompt[place : place + len(tail)] == tail for place in range(len(prompt)))
            right = data.draw(st.integers(0, len(guess)))
            lookahead.learn(right)
            if right < ENOUGH:
                assert [lookahead.propose([*prompt[:MATCH]], 9) for _ in range(REST)] == [[]] * REST


def test_what_every_prompt_begins_with_is_read_once(single: Llama) -> None:
    scheduler = Scheduler(single, Diary(), 1 << 24)
    prompt = asked(1, 1, length=150).prompt
    scheduler.warm(prompt[:100])
    found, state = scheduler.prefixes.longest(prompt)
    assert found == 100
    assert state


def test_prefixes_stay_within_their_budget_and_the_one_not_used_longest_goes() -> None:
    prefixes = Prefixes(3000)
    prefixes.pin(range(20), bytes(500))
    for number in range(1, 4):
        prefixes.keep([number] * 50, bytes(500))
        assert prefixes.bytes <= prefixes.budget
    assert prefixes.longest([1] * 60)[0] == 50
    prefixes.keep([4] * 50, bytes(500))
    assert prefixes.bytes <= prefixes.budget
    assert prefixes.longest([2] * 60)[0] == 0
    assert prefixes.longest([1] * 60)[0] == 50
    assert prefixes.longest(list(range(60)))[0] == 20
    assert prefixes.longest(list(range(20)))[0] == 19
    prefixes.keep([5] * 50, bytes(5000))
    assert prefixes.longest([5] * 60)[0] == 0
