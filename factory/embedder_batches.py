"""Batches for the embedder: token numbers of every text in flat arrays, and who is drawn together in one step.

Each draw depends on (seed, step) alone, so that a run that was killed goes on with the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from factory.embedder_corpus import LANGUAGES, Corpus

Ints = npt.NDArray[np.int64]

# Chinese and Arabic share no spelling with the others: they are learnt from pairs alone, so they are drawn more often.
_DRAW = np.array([{"zh": 2.5, "ar": 2.5}.get(code, 1.0) for code in LANGUAGES])


@dataclass(frozen=True, slots=True)
class Texts:
    """Token numbers of `n` texts, one after another; text `i` is `flat[starts[i] : starts[i] + lengths[i]]`."""

    flat: npt.NDArray[np.int32]
    starts: Ints
    lengths: Ints

    def take(self, rows: Ints) -> tuple[Ints, Ints]:
        """`(tokens, offsets)` of the texts `rows`, as an EmbeddingBag wants them."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        within = np.arange(int(lengths.sum())) - np.repeat(offsets, lengths)
        return self.flat[np.repeat(self.starts[rows], lengths) + within].astype(np.int64), offsets


def tokenize(tokenizers: Sequence[Any], texts: Sequence[str], chunk: int = 20000) -> Texts:
    """Texts cut by each tokenizer in turn: text `i` cut by tokenizer `k` is row `k * len(texts) + i`."""
    flats: list[npt.NDArray[np.int32]] = []
    lengths: list[int] = []
    for tokenizer in tokenizers:
        for start in range(0, len(texts), chunk):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + chunk]), add_special_tokens=False)
            ids = [encoding.ids[:256] or [0] for encoding in encodings]
            lengths += [len(row) for row in ids]
            flats.append(np.concatenate([np.asarray(row, np.int32) for row in ids]))
    counts = np.asarray(lengths, np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return Texts(np.concatenate(flats), starts, counts)


@dataclass(frozen=True, slots=True)
class Material:
    """The corpus as numbers. Row -1 is "no such text"."""

    texts: Texts
    count: int
    """Texts; rows from `count` on are the same texts cut finer."""
    groups: Ints
    """`(groups, languages)` rows."""
    sources: list[Ints]
    """Groups of each source."""
    shares: npt.NDArray[np.float64]
    """Part of a batch that each source gets."""
    taught: Ints
    """`(groups,)` row of the teacher's vectors, or -1."""
    pairs: dict[int, Ints]
    """By language, `(pairs, 2)` rows: question, passage."""
    utterances: Ints
    intents: Ints
    utterance_taught: Ints
    pair_taught: Ints
    """`(pairs, 2)` teacher's rows of the English pairs, in the order of `pairs[0]`."""
    by_intent: dict[int, Ints]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step. `first`, `second`, `third` are the same meanings in three languages (or two)."""

    first: Ints
    second: Ints
    third: Ints
    taught: Ints
    same: Ints
    """Number of the English text: rows with the same one are not each other's negatives."""
    questions: Ints
    passages: Ints
    pair_taught: Ints
    said: Ints
    also_said: Ints
    said_intent: Ints
    said_taught: Ints


def draw(material: Material, seed: int, step: int, size: int, fine: float) -> Batch:
    """The batch of `step`: `size` groups, a quarter as many pairs in one language, and as many utterances."""
    rng = np.random.default_rng((seed, step))
    groups = _draw_groups(material, rng, size)
    rows = material.groups[groups]
    first = rows[:, 0]
    noise = np.log(_DRAW) + rng.gumbel(size=rows.shape)
    noise[rows < 0] = -np.inf
    noise[:, 0] = -1e9
    order = np.argsort(-noise, axis=1)
    every = np.arange(len(groups))
    second = rows[every, order[:, 0]]
    third = rows[every, order[:, 1]]
    third = np.where((third < 0) | (order[:, 1] == 0), second, third)
    small = max(size // 4, 2)
    questions, passages, pair_taught = _draw_pairs(material, rng, small)
    said = rng.integers(len(material.utterances), size=small) if len(material.utterances) else np.zeros(0, np.int64)
    intents = material.intents[said]
    twins = zip(intents, said, strict=True)
    also = np.array([rng.choice(material.by_intent[int(i)]) if i >= 0 else row for i, row in twins])

    def cut(rows_: Ints) -> Ints:
        finer = rng.random(len(rows_)) < fine
        return np.where(finer, rows_ + material.count, rows_).astype(np.int64)

    return Batch(
        first=cut(first),
        second=cut(second),
        third=cut(third),
        taught=material.taught[groups],
        same=first,
        questions=cut(questions),
        passages=cut(passages),
        pair_taught=pair_taught,
        said=cut(material.utterances[said]),
        also_said=cut(material.utterances[also.astype(np.int64)]),
        said_intent=np.where(intents >= 0, intents, -1 - said),
        said_taught=material.utterance_taught[said],
    )


def _draw_groups(material: Material, rng: np.random.Generator, size: int) -> Ints:
    counts = np.maximum((material.shares * size).astype(int), 2)
    return np.concatenate([rng.choice(rows, int(n)) for rows, n in zip(material.sources, counts, strict=True)])


def _draw_pairs(material: Material, rng: np.random.Generator, size: int) -> tuple[Ints, Ints, Ints]:
    languages = [code for code, rows in material.pairs.items() if len(rows) > 1]
    if not languages:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    sizes = np.array([len(material.pairs[code]) for code in languages], float) ** 0.6
    language = int(rng.choice(languages, p=sizes / sizes.sum()))
    rows = material.pairs[language]
    chosen = rng.choice(len(rows), min(size, len(rows)), replace=False)
    taught = material.pair_taught[chosen] if language == 0 else np.full((len(chosen), 2), -1, np.int64)
    return rows[chosen, 0], rows[chosen, 1], taught


def material_of(corpus: Corpus, tokenizers: Sequence[Any], taught: int, shares: dict[str, float]) -> Material:
    """The corpus as numbers; the first `taught` rows of `taught_groups` have a teacher's vector."""
    texts: list[str] = []

    def row(text: str) -> int:
        texts.append(text)
        return len(texts) - 1

    english: dict[str, int] = {}
    groups = np.full((len(corpus.groups), len(LANGUAGES)), -1, np.int64)
    for number, group in enumerate(corpus.groups):
        for column, code in enumerate(LANGUAGES):
            text = group.texts.get(code)
            if text and column == 0:
                if text not in english:
                    english[text] = row(text)
                groups[number, 0] = english[text]
            elif text:
                groups[number, column] = row(text)
    pairs = {
        column: np.array([(row(pair.question), row(pair.passage)) for pair in corpus.pairs if pair.language == code], np.int64).reshape(
            -1, 2
        )
        for column, code in enumerate(LANGUAGES)
    }
    utterances = np.array([row(said.text) for said in corpus.utterances], np.int64)
    names = {name: number for number, name in enumerate(sorted({said.intent for said in corpus.utterances} - {""}))}
    intents = np.array([names.get(said.intent, -1) for said in corpus.utterances], np.int64)
    plan = teaching_plan(corpus, taught)
    vectors = {corpus.groups[group].texts["en"]: number for number, group in enumerate(plan.groups)}
    group_taught = np.array([vectors.get(group.texts.get("en", ""), -1) for group in corpus.groups], np.int64)
    said_taught = np.full(len(corpus.utterances), -1, np.int64)
    said_taught[plan.utterances] = len(plan.groups) + np.arange(len(plan.utterances))
    pair_taught = len(plan.groups) + len(plan.utterances) + np.arange(2 * len(plan.pairs)).reshape(-1, 2)
    sources, weights = source_shares(corpus, shares)
    return Material(
        texts=tokenize(tokenizers, texts),
        count=len(texts),
        groups=groups,
        sources=sources,
        shares=weights,
        taught=group_taught,
        pairs=pairs,
        utterances=utterances,
        intents=intents,
        utterance_taught=said_taught,
        pair_taught=pair_taught.astype(np.int64),
        by_intent={number: np.flatnonzero(intents == number) for number in names.values()},
    )


def source_shares(corpus: Corpus, shares: dict[str, float]) -> tuple[list[Ints], npt.NDArray[np.float64]]:
    """Groups of each source, and the part of a batch that it gets."""
    labels = np.array([group.source for group in corpus.groups])
    present = sorted(set(labels.tolist()))
    weights = np.array([shares.get(name, 0.1) for name in present])
    return [np.flatnonzero(labels == name) for name in present], weights / weights.sum()


@dataclass(frozen=True, slots=True)
class TeachingPlan:
    """Which texts the teacher reads: groups (their English), English utterances, English pairs; in this order."""

    groups: Ints
    utterances: Ints
    pairs: Ints


def teaching_plan(corpus: Corpus, most: int) -> TeachingPlan:
    """Dictionaries first, each English once, then up to `most` aligned sentences."""
    once = {group.texts["en"]: number for number, group in reversed(list(enumerate(corpus.groups))) if group.source != "parallel"}
    dictionaries = sorted(once.values())
    sentences = [number for number, group in enumerate(corpus.groups) if group.source == "parallel"][:most]
    utterances = [number for number, said in enumerate(corpus.utterances) if said.language == "en"]
    pairs = [number for number, pair in enumerate(corpus.pairs) if pair.language == "en"]
    return TeachingPlan(*(np.array(part, np.int64) for part in (dictionaries + sentences, utterances, pairs)))
