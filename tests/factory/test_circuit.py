"""The start of the SLM: before any training it marks statements, chooses by meaning and by words, and copies."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from factory.slm.circuit import MARK, MARK_CLOSED, fits, initialise, meaning_width
from factory.slm.model import Decoder, Meanings, Shape
from factory.slm.presets import PRESETS
from factory.slm.tokenizer import ANSWER, QUESTION, SPECIAL, closing, opening

SHAPE = Shape(vocabulary=2048, layers=4, hidden=64, context=512)
SUBJECTS = 40
STATEMENTS = 4


def meanings() -> Meanings:
    """Tokens of forty subjects, those of one subject alike."""
    generator = torch.Generator().manual_seed(5)
    subjects = torch.randn(SUBJECTS, meaning_width(SHAPE), generator=generator)
    own = torch.randn(SHAPE.vocabulary, meaning_width(SHAPE), generator=generator)
    vectors = F.normalize(subjects[torch.arange(SHAPE.vocabulary) % SUBJECTS] + 0.7 * own, dim=1)
    return Meanings(vectors, torch.zeros(SHAPE.vocabulary))


def words(subject: int, count: int, rng: random.Random) -> list[int]:
    first = len(SPECIAL) + (subject - len(SPECIAL)) % SUBJECTS
    return rng.sample(range(first, SHAPE.vocabulary, SUBJECTS), count)


def prompts(by_words: bool) -> list[tuple[list[int], int]]:
    """Prompts and the statement that answers: by tokens of its subject that it does not hold itself, or by its own tokens."""
    rng, made = random.Random(7), []
    for _ in range(60):
        subjects = rng.sample(range(SUBJECTS), STATEMENTS)
        statements = [words(subject, 12, rng) for subject in subjects]
        if by_words:
            statements = [rng.sample(range(len(SPECIAL), SHAPE.vocabulary), 12) for _ in subjects]
        gold = rng.randrange(STATEMENTS)
        rest = [token for token in words(subjects[gold], 30, rng) if token not in statements[gold]]
        question = rng.sample(statements[gold], 4) if by_words else rest[:4]
        ids = [QUESTION]
        for number, statement in enumerate(statements, 1):
            ids += [opening(number), *statement, closing(number)]
        made.append(([*ids, *question, ANSWER], gold))
    return made


@pytest.fixture(scope="module")
def model() -> Decoder:
    made = Decoder(SHAPE)
    initialise(made, 1, meanings())
    return made.eval()


@pytest.mark.parametrize("by_words", [False, True])
def test_it_chooses_before_any_training(model: Decoder, by_words: bool) -> None:
    right = 0
    labels = [opening(number + 1) for number in range(STATEMENTS)]
    asked = prompts(by_words)
    with torch.no_grad():
        for ids, gold in asked:
            said = model.logits(model(torch.tensor([ids]))[0, -1])[labels]
            right += int(said.argmax()) == gold
    # chance is .25
    assert right / len(asked) > 0.7


def test_every_token_is_marked_with_its_statement(model: Decoder) -> None:
    (ids, _), *_ = prompts(False)
    with torch.no_grad():
        x = model.layers[0](model.embedding(torch.tensor([ids])), model.cos[: len(ids)], model.sin[: len(ids)])[0]
    place = 0
    for position, token in enumerate(ids):
        if opening(1) <= token <= opening(STATEMENTS):
            place = token - opening(0)
        elif token < len(SPECIAL):
            place = 0
        elif place:
            assert int(x[position, MARK].argmax()) == place - 1
            assert float(x[position, MARK_CLOSED]) < 1
        else:
            assert float(x[position, MARK_CLOSED]) > 2


def test_it_copies_before_any_training() -> None:
    model = Decoder(replace(SHAPE, hidden=512))
    initialise(model, 1)
    line = torch.randint(100, 2048, (1, 60), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = model.logits(model(torch.cat((line, line), 1)))[0, 63:-1].argmax(-1)
    # chance is .0005
    assert (said == line[0, 4:]).float().mean() > 0.25


def test_a_model_without_room_starts_with_what_copies() -> None:
    assert fits(PRESETS["cpu"].train.shape)
    assert fits(PRESETS["gpu"].train.shape)
    small = replace(SHAPE, width=128, head_dim=32)
    assert not fits(small)
    initialise(Decoder(small), 1)
