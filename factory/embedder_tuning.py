"""Tuning of the embedder to banking: the table that `factory.embedder` made goes on with what people at a bank call things.

    python -m factory.embedder_tuning --model build/embedder/table --out models/embedder --data ../shared/data \\
        --policies knowledge/policies --gold tests/gold
    python -m factory.embedder_tuning --model models/embedder --least 3 --kept 0.4      # on with the one that ships
    python -m factory.embedder_tuning --model models/embedder --least 3 --phrases 640 --kept 0.2 --often 40 --kept-often 0.7

In each step: sayings of one concept in two languages are drawn together (`factory/concepts.py`), statements of the policies with
their translations and headings, training questions with the passages that answer them; and, so that nothing is forgotten, aligned
sentences and public questions with passages, whose vectors are held to those of the table before. Pieces are dropped at random,
so that a saying is not learnt by heart. The table that ships is a mean of several runs and, for a part, of the one before: it finds
the bank's passages as a run does, and general sentences better than one (Wortsman et al. 2022). With `--least` the rows of pieces
that the sayings and the bank hardly use stay as they are, to the bit: a table that goes on from one in the history then takes the
space of the rows that moved. With `--phrases` everyday phrases are learnt, and the rows of their pieces alone move; of pieces that
the bank uses often, more of the row before is kept (`--often`, `--kept-often`). Each draw depends on (seed, step) alone; a run that
is killed goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tqdm import tqdm

from factory.concepts import FOLDER, Saying, read_concepts
from factory.embedder import FACTS, MATRYOSHKA, SHARES, contrast, packed, rounded, save_facts, save_model
from factory.embedder_batches import Ints, Texts, source_shares, tokenize
from factory.embedder_corpus import LANGUAGES, Corpus, Group, Pair, read_corpus
from factory.phrases import read_phrases
from factory.policy_groups import policy_groups, policy_pairs, question_groups, question_pairs

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much of everything: how many of each kind a step draws, what each part of the loss weighs, and the share of the table before
    that is `kept` in the mean with the `runs`."""

    steps: int = 250
    runs: int = 2
    kept: float = 0.15
    aligned: int = 90000
    spoken: int = 320
    bank: int = 256
    questions: int = 96
    replayed: int = 768
    asked: int = 256
    learning_rate: float = 1.5e-3
    scale: float = 16.0
    spoken_weight: float = 1.0
    bank_weight: float = 0.5
    replay_weight: float = 0.6
    hold_weight: float = 1.0
    stay_weight: float = 0.02
    dropped: float = 0.15
    step: float = 0.1
    phrases: int = 0
    phrase_weight: float = 1.0
    often: int = 0
    kept_often: float = 0.0
    """Of a piece that the sayings and the bank use `often` times or more this share of the row before is kept; 0 times: `kept` of all."""
    least: int = 0
    """How often a piece occurs in the sayings and the bank's texts, or in the phrases where some are drawn, for its row to move; 0: every
    row moves, and lengths are evened."""
    seed: int = 20261127


@dataclass(frozen=True, slots=True)
class Drawn:
    """Texts that belong together: rows `one[i]` and `other[i]`; `same` numbers what they are about."""

    one: Ints
    other: Ints
    same: Ints


class Shelf:
    """Rows of texts by what they are about and by kind; draws two of one subject."""

    def __init__(self, subjects: Sequence[str], kinds: Sequence[str], rows: Ints) -> None:
        self._rows: dict[str, dict[str, Ints]] = {}
        gathered: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for subject, kind, row in zip(subjects, kinds, rows.tolist(), strict=True):
            gathered[subject][kind].append(row)
        for subject, held in gathered.items():
            self._rows[subject] = {kind: np.array(members, np.int64) for kind, members in held.items()}
        self._subjects = sorted(self._rows)

    def draw(self, rng: np.random.Generator, size: int, one: Sequence[str], other: Sequence[str]) -> Drawn:
        """At most `size` subjects, each with a text of a kind of `one` and another of a kind of `other`."""
        chosen = rng.permutation(len(self._subjects))[:size]
        first, second, kept = [], [], []
        for number in chosen.tolist():
            held = self._rows[self._subjects[number]]
            pair = self._pick(rng, held, one), self._pick(rng, held, other)
            if pair[0] is not None and pair[1] is not None and pair[0] != pair[1]:
                first.append(pair[0])
                second.append(pair[1])
                kept.append(number)
        return Drawn(np.array(first, np.int64), np.array(second, np.int64), np.array(kept, np.int64))

    @staticmethod
    def _pick(rng: np.random.Generator, held: dict[str, Ints], kinds: Sequence[str]) -> int | None:
        there = [kind for kind in kinds if kind in held]
        if not there:
            return None
        rows = held[there[int(rng.integers(len(there)))]]
        return int(rows[int(rng.integers(len(rows)))])


@dataclass(frozen=True, slots=True)
class Materials:
    """All texts as numbers, and what is drawn from them."""

    texts: Texts
    concepts: Shelf
    bank: Shelf
    questions: Shelf
    phrases: Shelf
    groups: Ints
    pairs: dict[str, Ints]
    own: range
    """The texts that are sayings and the bank's."""
    moving: range
    """The texts whose pieces may move: the phrases, or where there are none `own`."""

    def aligned(self, rng: np.random.Generator, size: int) -> Drawn:
        """`size` groups of aligned sentences, each with its English text and one of another language."""
        rows = self.groups[rng.integers(len(self.groups), size=size)]
        noise = rng.random(rows.shape)
        noise[rows < 0] = -1
        noise[:, 0] = -2
        return Drawn(rows[:, 0], rows[np.arange(len(rows)), noise.argmax(axis=1)], rows[:, 0])

    def uses(self, pieces: int, texts: range) -> Ints:
        """`(pieces,)` how often each piece occurs in `texts`."""
        return np.bincount(self.texts.take(np.array(texts, np.int64))[0], minlength=pieces)


def materials_of(
    tokenizer: Any,
    sayings: Sequence[Saying],
    groups: Sequence[Group],
    pairs: Sequence[Pair],
    questions: Sequence[Pair],
    aligned: Sequence[Group],
    asked: Sequence[Pair],
    phrases: Sequence[Group] = (),
) -> Materials:
    """`groups`, `pairs` and `questions` are the bank's own, `aligned` and `asked` what must not be forgotten."""
    texts: list[str] = []

    def row(text: str) -> int:
        texts.append(text)
        return len(texts) - 1

    said = np.array([row(saying.text) for saying in sayings], np.int64)

    def shelf(held: Sequence[tuple[str, str, str]]) -> Shelf:
        return Shelf([item[0] for item in held], [item[1] for item in held], np.array([row(item[2]) for item in held], np.int64))

    def both(found: Sequence[Pair]) -> list[tuple[str, str, str]]:
        # Questions with one passage are about one thing.
        return [(pair.passage, kind, text) for pair in found for kind, text in (("question", pair.question), ("passage", pair.passage))]

    translated = [(f"group {number}", code, text) for number, group in enumerate(groups) for code, text in group.texts.items()]
    shelves = shelf([*translated, *both(pairs)]), shelf(both(questions))
    own = range(len(texts))
    everyday = shelf([(f"phrase {number}", code, text) for number, group in enumerate(phrases) for code, text in group.texts.items()])
    moving = range(own.stop, len(texts)) if phrases else own
    replayed = np.full((len(aligned), len(LANGUAGES)), -1, np.int64)
    for number, group in enumerate(aligned):
        for column, code in enumerate(LANGUAGES):
            if code in group.texts:
                replayed[number, column] = row(group.texts[code])
    public: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for pair in asked:
        public[pair.language].append((row(pair.question), row(pair.passage)))
    return Materials(
        tokenize([tokenizer], texts),
        Shelf([saying.concept for saying in sayings], [saying.kind for saying in sayings], said),
        *shelves,
        everyday,
        replayed,
        {code: np.array(found, np.int64) for code, found in public.items()},
        own,
        moving,
    )


class Encoder:
    """Means of rows of a table, some pieces left out."""

    def __init__(self, texts: Texts, table: torch.Tensor, before: torch.Tensor, rng: np.random.Generator, dropped: float) -> None:
        self._texts, self._table, self._before, self._rng, self._dropped = texts, table, before, rng, dropped
        self.used: list[Ints] = []

    def now(self, rows: Ints) -> torch.Tensor:
        """`(n, dim)` by the table in training."""
        tokens, offsets = self._texts.take(rows)
        kept = self._rng.random(len(tokens)) >= self._dropped
        kept[offsets] = True
        self.used.append(tokens)
        weights = torch.from_numpy(kept.astype(np.float32))
        return F.embedding_bag(torch.from_numpy(tokens), self._table, torch.from_numpy(offsets), mode="sum", per_sample_weights=weights)

    def then(self, rows: Ints) -> torch.Tensor:
        """`(n, dim)` by the table that training began with."""
        tokens, offsets = self._texts.take(rows)
        return F.embedding_bag(torch.from_numpy(tokens), self._before, torch.from_numpy(offsets), mode="mean")


def loss_of(
    encoder: Encoder, materials: Materials, rng: np.random.Generator, tuning: Tuning, table: torch.Tensor, before: torch.Tensor
) -> torch.Tensor:
    """The loss of one step; see the top of this file."""
    loss = table.sum() * 0
    for one, other, weight in (
        (("ask",), ("rule", "term", "gloss"), 1.0),
        (("ask",), ("ask",), 0.5),
        (("term", "gloss"), ("rule", "term"), 0.5),
    ):
        drawn = materials.concepts.draw(rng, tuning.spoken, one, other)
        loss = loss + tuning.spoken_weight * weight * _contrast(encoder, drawn, tuning.scale)
    drawn = materials.bank.draw(rng, tuning.bank, ("question", *LANGUAGES), ("passage", *LANGUAGES))
    loss = loss + tuning.bank_weight * _contrast(encoder, drawn, tuning.scale)
    drawn = materials.phrases.draw(rng, tuning.phrases, ("en",), LANGUAGES[1:])
    loss = loss + tuning.phrase_weight * _contrast(encoder, drawn, tuning.scale)
    drawn = materials.questions.draw(rng, tuning.questions, ("question",), ("passage",))
    loss = loss + tuning.bank_weight * _contrast(encoder, drawn, tuning.scale)
    aligned = materials.aligned(rng, tuning.replayed)
    loss = loss + tuning.replay_weight * _contrast(encoder, aligned, tuning.scale)
    codes = sorted(materials.pairs)
    pairs = materials.pairs[codes[int(rng.integers(len(codes)))]]
    pairs = pairs[rng.permutation(len(pairs))[: tuning.asked]]
    loss = loss + 0.5 * tuning.replay_weight * _contrast(encoder, Drawn(pairs[:, 0], pairs[:, 1], np.arange(len(pairs))), tuning.scale)
    held = np.concatenate([aligned.one, aligned.other, pairs[:, 0], pairs[:, 1]])
    loss = loss + tuning.hold_weight * (1 - F.cosine_similarity(encoder.now(held), encoder.then(held), dim=1)).mean()
    used = torch.from_numpy(np.unique(np.concatenate(encoder.used)))
    return loss + tuning.stay_weight * (table[used] - before[used]).square().sum(dim=1).mean()


def _contrast(encoder: Encoder, drawn: Drawn, scale: float) -> torch.Tensor | float:
    if len(drawn.same) < 2:
        return 0.0
    one, other = encoder.now(drawn.one), encoder.now(drawn.other)
    same = torch.from_numpy(drawn.same)
    equal = (same[:, None] == same[None, :]).fill_diagonal_(False)
    loss = contrast(one, other, scale, equal)
    short = min(MATRYOSHKA[-1], one.shape[1])
    return loss + 0.3 * contrast(one[:, :short], other[:, :short], scale, equal)


def tune(materials: Materials, before: torch.Tensor, tuning: Tuning, run: Path) -> tuple[torch.Tensor, float]:
    """The tuned `(pieces, dim)` table and the seconds it took; a checkpoint every minute."""
    state_file = run / "state.pt"
    table = torch.nn.Parameter(before.clone())
    optimizer = torch.optim.Adam([table], lr=tuning.learning_rate, betas=(0.9, 0.98), fused=True)
    still = torch.from_numpy(materials.uses(len(before), materials.moving) < tuning.least)
    start, seconds = 0, 0.0
    if state_file.is_file():
        state = torch.load(state_file, weights_only=True)
        start, seconds = int(state["step"]), float(state["seconds"])
        table.data.copy_(state["table"])
        optimizer.load_state_dict(state["optimizer"])
    begun = saved = time.monotonic()
    bar = tqdm(total=tuning.steps, initial=start, desc="tuning", unit="step", smoothing=0.05)
    for step in range(start, tuning.steps):
        rng = np.random.default_rng((tuning.seed, step))
        rate = min(1.0, (step + 1) / (0.05 * tuning.steps + 1)) * max(0.02, 1 - step / tuning.steps)
        optimizer.param_groups[0]["lr"] = tuning.learning_rate * rate
        encoder = Encoder(materials.texts, table, before, rng, tuning.dropped)
        loss = loss_of(encoder, materials, rng, tuning, table, before)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if table.grad is not None:
            table.grad[still] = 0
        optimizer.step()
        bar.update()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if time.monotonic() - saved > CHECKPOINT_SECONDS or step + 1 == tuning.steps:
            saved = time.monotonic()
            state = {"step": step + 1, "table": table.data, "optimizer": optimizer.state_dict(), "seconds": seconds + saved - begun}
            torch.save(state, state_file.with_suffix(".part"))
            state_file.with_suffix(".part").replace(state_file)
    bar.close()
    return table.data, seconds + time.monotonic() - begun


def mixed(materials: Materials, before: torch.Tensor, tuned: torch.Tensor, tuning: Tuning) -> torch.Tensor:
    """`(pieces, dim)`: of each row the share of the table before that `tuning` keeps, and of the mean of the runs the rest."""
    kept = torch.full((len(before), 1), tuning.kept)
    if tuning.often:
        kept[torch.from_numpy(materials.uses(len(before), materials.own) >= tuning.often)] = tuning.kept_often
    return kept * before + (1 - kept) * tuned


def replayed_of(corpus: Corpus, tuning: Tuning) -> list[Group]:
    """What must not be forgotten: of each source of aligned texts as much as `factory.embedder` draws of it."""
    rng = np.random.default_rng(tuning.seed)
    numbers, shares = source_shares(corpus, SHARES)
    some = [rng.permutation(rows)[: round(share * tuning.aligned)] for rows, share in zip(numbers, shares, strict=True)]
    return [corpus.groups[int(number)] for number in np.concatenate(some)]


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("build/embedder/table"), help="what factory.embedder made")
    parser.add_argument("--out", type=Path, default=Path("models/embedder"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/embedder"))
    parser.add_argument("--concepts", type=Path, default=FOLDER)
    parser.add_argument("--policies", type=Path, default=Path("knowledge/policies"))
    parser.add_argument("--gold", type=Path, default=Path("tests/gold"), help="questions; their train split alone is read")
    parser.add_argument("--steps", type=int, default=Tuning().steps, help="of each run")
    parser.add_argument("--phrases", type=int, default=Tuning().phrases, help="everyday phrases a step; their pieces alone move then")
    parser.add_argument("--least", type=int, default=Tuning().least, help="uses from which a row moves; 0: every row")
    parser.add_argument("--kept", type=float, default=Tuning().kept, help="share of the table before")
    parser.add_argument("--often", type=int, default=Tuning().often, help="uses by the bank from which --kept-often counts; 0: never")
    parser.add_argument("--kept-often", type=float, default=Tuning().kept_often, help="share of the row before")
    options = parser.parse_args()
    chosen = {name: getattr(options, name) for name in ("steps", "phrases", "least", "kept", "often", "kept_often")}
    tuning = Tuning(**chosen)
    facts = tune_embedder(options.model, options.out, options.data, options.work, options.concepts, options.policies, options.gold, tuning)
    print(json.dumps(facts, indent=1))


def tune_embedder(
    model: Path, out: Path, data: Path, work: Path, concepts: Path, policies: Path, gold: Path, tuning: Tuning
) -> dict[str, Any]:
    """Run the recipe and write the model into `out`; returns what was measured on the way."""
    static = model / "0_StaticEmbedding"
    kept = load_file(static / "model.safetensors")["embedding.weight"]
    before = kept.to(torch.float32)
    tokenizer = Tokenizer.from_file(str(static / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    sayings = read_concepts(concepts)
    corpus = read_corpus(data, tuple(sorted((work / "lexicon").glob("*.jsonl"))))
    groups, pairs, questions = policy_groups(policies) + question_groups(gold), policy_pairs(policies), question_pairs(policies, gold)
    aligned = replayed_of(corpus, tuning)
    phrases = read_phrases() if tuning.phrases else []
    materials = materials_of(tokenizer, sayings, groups, pairs, questions, aligned, corpus.pairs, phrases)
    trained = dataclasses.replace(tuning, kept=0.0, often=0, kept_often=0.0)  # what is mixed afterwards needs no new run
    told = repr((trained, sayings, groups, pairs, questions, phrases)).encode()
    digest = hashlib.sha256(told + (static / "model.safetensors").read_bytes())
    run = work / f"tuning-{digest.hexdigest()[:12]}"
    run.mkdir(parents=True, exist_ok=True)
    tables, seconds = [], 0.0
    for number in range(tuning.runs):
        (run / str(number)).mkdir(exist_ok=True)
        table, took = tune(materials, before, dataclasses.replace(tuning, seed=tuning.seed + number), run / str(number))
        tables.append(table)
        seconds += took
    table = mixed(materials, before, torch.stack(tables).mean(dim=0), tuning)
    if tuning.least:
        moved = torch.from_numpy(materials.uses(len(table), materials.moving) >= tuning.least)
        weights = torch.where(moved[:, None], rounded(table, tuning.step).to(torch.float16), kept)
    else:
        weights = packed(table, tuning.step)
    save_model(out, tokenizer, weights)
    facts: dict[str, Any] = json.loads((model / FACTS).read_text("utf-8"))
    facts.setdefault("tunings", []).append(
        dataclasses.asdict(tuning)
        | {
            "concepts": len({saying.concept for saying in sayings}),
            "written": len(phrases),
            "sayings": {code: sum(saying.language == code for saying in sayings) for code in LANGUAGES},
            "moved": round(float(1 - F.cosine_similarity(table, before, dim=1).mean()), 4),
            "seconds": round(seconds, 1),
        }
    )
    save_facts(out, facts)
    return facts


if __name__ == "__main__":
    main()
