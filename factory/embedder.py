"""Embedder: all-MiniLM-L6-v2 distilled into a multilingual table of subword vectors (Reimers & Gurevych 2020).

    python -m factory.embedder --data ../shared/data --out models/embedder [--preset cpu|smoke] \\
        [--policies knowledge/policies]

1. corpus: aligned sentences, everyday words (`python -m factory.lexicon`, `dictionaries`, `catalogs`, `translated`, `mining`),
   questions with passages, customers' questions;
2. teacher: vectors of the English side, in shards (factory/teacher.py);
3. tokenizer: Unigram over evened-out spelling (factory/embedder_tokenizer.py);
4. start: each piece is the mean of its sentences' teacher vectors, weighted a / (a + p) (Arora et al. 2017);
5. training: every language towards the teacher's vector of the English, and contrastive between languages, between
   question and passage, and between utterances of one intent; prefixes of the vector too (Kusupati et al. 2022);
6. `SentenceTransformer` folder: a StaticEmbedding table in float16, and Normalize.

Everything on the way lies under `build/embedder`; a run that is killed goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from tokenizers import Tokenizer
from tqdm import tqdm

from factory.embedder_batches import Batch, Material, draw, material_of, source_shares, teaching_plan
from factory.embedder_corpus import LANGUAGES, Corpus, read_corpus
from factory.embedder_tokenizer import build_tokenizer, fine_tokenizer, trim
from factory.policy_groups import policy_groups, policy_pairs, question_groups, question_pairs
from factory.teacher import TEACHER_SHA256, teach

Teach = Callable[[list[list[str]], Path], npt.NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class Preset:
    """How much of everything. `steps` of `batch` groups; `dims` numbers a vector; `vocabulary` pieces.

    `scale` is low because the texts are few and narrow: at 250 steps, 8, 12, 20 and 30 gave a mean R@1 on Tatoeba of .51,
    .51, .46 and .40, and 12 was the best of them on held-out passages.
    """

    steps: int
    batch: int
    dims: int
    vocabulary: int
    taught: int
    tokenizer_texts: int
    limit: int | None = None
    learning_rate: float = 8e-3
    scale: float = 12.0
    fine: float = 0.15
    distil: float = 1.0
    contrast: float = 0.6
    seed: int = 20260301


PRESETS = {
    "cpu": Preset(steps=2000, batch=1536, dims=256, vocabulary=57000, taught=100000, tokenizer_texts=30000),
    "smoke": Preset(steps=40, batch=64, dims=32, vocabulary=6000, taught=500, tokenizer_texts=500, limit=400),
}
SHARES = {
    "parallel": 0.30, "catalogs": 0.18, "translated": 0.12, "everyday": 0.16, "cedict": 0.09, "cldr": 0.04, "mined": 0.06, "policies": 0.14,
    "questions": 0.07, "freedict-de": 0.07, "freedict-ar": 0.09, "freedict-pt": 0.025, "freedict-fr": 0.025, "freedict-es": 0.02,
    "freedict-it": 0.02,
}  # fmt: skip
MATRYOSHKA = (64, 128)
CHECKPOINT_SECONDS = 60.0
FACTS = "facts.json"
MOST_BYTES = 30_000_000
TOKENIZER_BYTES = 1_700_000


def build_embedder(
    data: Path,
    out: Path,
    preset: Preset,
    work: Path = Path("build/embedder"),
    policies: Path | None = None,
    gold: Path | None = None,
    teacher: Teach = teach,
) -> dict[str, Any]:
    """Run the recipe and write the model into `out`; returns what was measured on the way."""
    work.mkdir(parents=True, exist_ok=True)
    lexicon = tuple(sorted((work / "lexicon").glob("*.jsonl")))
    corpus = read_corpus(data, lexicon, preset.limit)
    if policies and policies.is_dir():
        aligned, asked = policy_groups(policies), policy_pairs(policies)
        if gold:
            aligned, asked = aligned + question_groups(gold), asked + question_pairs(policies, gold)
        corpus = dataclasses.replace(corpus, groups=corpus.groups + aligned, pairs=corpus.pairs + asked)
    if not corpus.groups:
        raise SystemExit(f"no aligned sentences under {data}: is it the shared data folder?")
    vectors = _teacher_vectors(corpus, preset, work / "teacher", teacher)
    numbers, run = (work / f"{kind}-{_fingerprint(corpus, preset, kind)}" for kind in ("numbers", "run"))
    numbers.mkdir(exist_ok=True)
    run.mkdir(exist_ok=True)
    tokenizer, material = _numbers(corpus, preset, work, numbers)
    targets, kept = project(vectors, preset.dims)
    table, seconds = train(material, targets, preset, tokenizer.get_vocab_size(), run)
    uses = np.bincount(material.texts.flat[: material.texts.starts[material.count]], minlength=len(table))
    tokenizer, kept_pieces = trim(tokenizer, uses.tolist(), (MOST_BYTES - TOKENIZER_BYTES) // (2 * preset.dims))
    table = table[torch.tensor(kept_pieces)]
    facts = {
        "preset": dataclasses.asdict(preset),
        "groups": {name: sum(1 for group in corpus.groups if group.source == name) for name in _names(corpus)},
        "texts": {code: sum(1 for group in corpus.groups if code in group.texts) for code in LANGUAGES},
        "pairs": {code: sum(1 for pair in corpus.pairs if pair.language == code) for code in LANGUAGES},
        "utterances": {code: sum(1 for said in corpus.utterances if said.language == code) for code in LANGUAGES},
        "vocabulary": tokenizer.get_vocab_size(),
        "teacher_sha256": TEACHER_SHA256,
        "teacher_variance_kept": round(kept, 4),
        "training_seconds": round(seconds, 1),
        "torch": torch.__version__,
    }
    save_model(out, tokenizer, packed(table))
    save_facts(out, facts)
    return facts


def _names(corpus: Corpus) -> list[str]:
    return sorted({group.source for group in corpus.groups})


def _fingerprint(corpus: Corpus, preset: Preset, kind: str) -> str:
    """Names what a stage depends on: the corpus, and of the preset what cuts texts ("numbers") or all of it ("run")."""
    cuts = (preset.vocabulary, preset.tokenizer_texts, preset.taught, preset.limit, preset.seed)
    digest = hashlib.sha256(repr(cuts if kind == "numbers" else (cuts, preset, sorted(SHARES.items()))).encode())
    for group in corpus.groups:
        digest.update(repr(sorted(group.texts.items())).encode())
    for pair in corpus.pairs:
        digest.update(f"{pair.question}\n{pair.passage}\n".encode())
    digest.update(f"{len(corpus.utterances)}".encode())
    return digest.hexdigest()[:12]


def _teacher_vectors(corpus: Corpus, preset: Preset, work: Path, teacher: Teach) -> npt.NDArray[np.float16]:
    plan = teaching_plan(corpus, preset.taught)
    english = [corpus.groups[number].texts["en"] for number in plan.groups]
    sources = [corpus.groups[number].source for number in plan.groups]
    parts = []
    for name in dict.fromkeys(sources):
        parts.append([text for text, source in zip(english, sources, strict=True) if source == name])
    parts.append([corpus.utterances[number].text for number in plan.utterances])
    questions = [corpus.pairs[number] for number in plan.pairs]
    parts.append([text for pair in questions for text in (pair.question, pair.passage)])
    return teacher(parts, work)


def _numbers(corpus: Corpus, preset: Preset, work: Path, folder: Path) -> tuple[Any, Material]:
    cached = folder / "material.pickle"
    if cached.is_file():
        kept: Material = pickle.loads(cached.read_bytes())  # noqa: S301
        return Tokenizer.from_file(str(folder / "tokenizer.json")), dataclasses.replace(kept, shares=source_shares(corpus, SHARES)[1])
    simplified_file = work / "lexicon" / "simplified.json"
    simplified = json.loads(simplified_file.read_text("utf-8")) if simplified_file.is_file() else {}
    print("tokenizer: training", flush=True)
    tokenizer = build_tokenizer(tokenizer_texts(corpus, preset), preset.vocabulary, simplified, spoken_texts(corpus))
    write_text(folder / "tokenizer.json", str(tokenizer.to_str()))
    print("tokenizer: cutting the corpus", flush=True)
    material = material_of(corpus, [tokenizer, fine_tokenizer(tokenizer)], preset.taught, SHARES)
    part = cached.with_suffix(".part")
    part.write_bytes(pickle.dumps(material))
    part.replace(cached)
    return tokenizer, material


def tokenizer_texts(corpus: Corpus, preset: Preset) -> list[str]:
    """Texts to train the tokenizer on: as many sentences of every language, dictionaries, and all other sources."""
    rng = np.random.default_rng(preset.seed)
    texts: list[str] = []
    for code in LANGUAGES:
        rows = [group.texts[code] for group in corpus.groups if group.source == "parallel" and code in group.texts]
        texts += [rows[int(number)] for number in rng.permutation(len(rows))[: preset.tokenizer_texts]]
        said = [text for pair in corpus.pairs if pair.language == code for text in (pair.question, pair.passage)]
        said += [row.text for row in corpus.utterances if row.language == code]
        texts += [said[int(number)] for number in rng.permutation(len(said))[: preset.tokenizer_texts // 2]]
    for group in corpus.groups:
        if group.source != "parallel":
            texts += list(group.texts.values()) * (3 if group.source == "policies" else 1)
    return texts


def spoken_texts(corpus: Corpus) -> list[str]:
    """Everyday words: CLDR, mined questions and the bank's, five times; then other questions and utterances.

    Not CC-CEDICT: it would give every place to rare English words of its meanings.
    """
    apart = {"parallel", "cedict"}
    texts = [text for group in corpus.groups if group.source not in apart for text in group.texts.values()] * 5
    return texts + [pair.question for pair in corpus.pairs] + [said.text for said in corpus.utterances]


def project(vectors: npt.NDArray[np.float16], dims: int) -> tuple[torch.Tensor, float]:
    """Teacher's vectors, turned so that the first numbers carry most: `(n, dims)` of length 1; and the share kept."""
    sample = torch.from_numpy(vectors[:: max(1, len(vectors) // 60000)].astype(np.float32))
    values, axes = torch.linalg.eigh(sample.T @ sample)
    axes = axes.flip(1)[:, :dims]
    kept = float(values.flip(0)[:dims].sum() / values.sum())
    parts = [torch.from_numpy(part.astype(np.float32)) @ axes for part in np.array_split(vectors, 16)]
    return F.normalize(torch.cat(parts), dim=1), kept


def starting_table(material: Material, targets: torch.Tensor, size: int, seed: int, most: int = 60000) -> torch.Tensor:
    """`(size, dims)`: a piece starts as the mean of its sentences, less the mean of all, weighted a / (a + p)."""
    rng = np.random.default_rng(seed)
    taught = np.flatnonzero(material.taught >= 0)
    chosen = rng.permutation(taught)[:most]
    total = torch.zeros(size, targets.shape[1])
    counts = torch.zeros(size)
    middle = targets[torch.from_numpy(material.taught[chosen])].mean(0)
    for part in np.array_split(chosen, max(1, len(chosen) // 2000)):
        for column in range(material.groups.shape[1]):
            groups = part[material.groups[part, column] >= 0]
            if not len(groups):
                continue
            rows = material.groups[groups, column]
            rows = np.where(rng.random(len(rows)) < 0.5, rows, rows + material.count)
            tokens, _ = material.texts.take(rows)
            vectors = targets[torch.from_numpy(material.taught[groups])] - middle
            repeated = vectors[torch.from_numpy(np.repeat(np.arange(len(rows)), material.texts.lengths[rows]))]
            total.index_add_(0, torch.from_numpy(tokens), repeated)
            counts += torch.bincount(torch.from_numpy(tokens), minlength=size)
    share = counts / counts.sum().clamp(min=1)
    weight = 1e-4 / (1e-4 + share)
    noise = torch.randn(total.shape, generator=torch.Generator().manual_seed(seed)) * 0.01
    return total / (counts[:, None] + 2) * weight[:, None] + noise * weight[:, None]


def train(material: Material, targets: torch.Tensor, preset: Preset, size: int, run: Path) -> tuple[torch.Tensor, float]:
    """The trained `(size, dims)` table and the seconds it took; a checkpoint every minute."""
    state_file = run / "state.pt"
    start, seconds = 0, 0.0
    table = torch.nn.Parameter(torch.zeros(size, preset.dims))
    optimizer = torch.optim.Adam([table], lr=preset.learning_rate, betas=(0.9, 0.98), fused=True)
    if state_file.is_file():
        state = torch.load(state_file, weights_only=True)
        start, seconds = int(state["step"]), float(state["seconds"])
        table.data.copy_(state["table"])
        optimizer.load_state_dict(state["optimizer"])
    else:
        table.data.copy_(starting_table(material, targets, size, preset.seed))
    begun = saved = time.monotonic()
    bar = tqdm(total=preset.steps, initial=start, desc="training", unit="step", smoothing=0.05)
    for step in range(start, preset.steps):
        rate = min(1.0, (step + 1) / (0.03 * preset.steps + 1)) * max(0.02, 1 - step / preset.steps)
        optimizer.param_groups[0]["lr"] = preset.learning_rate * rate
        batch = draw(material, preset.seed, step, preset.batch, preset.fine)
        loss = batch_loss(table, material, targets, batch, preset, MATRYOSHKA[step % len(MATRYOSHKA)])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        bar.update()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if time.monotonic() - saved > CHECKPOINT_SECONDS or step + 1 == preset.steps:
            saved = time.monotonic()
            state = {"step": step + 1, "table": table.data, "optimizer": optimizer.state_dict()}
            state["seconds"] = seconds + saved - begun
            torch.save(state, state_file.with_suffix(".part"))
            state_file.with_suffix(".part").replace(state_file)
    bar.close()
    return table.data, seconds + time.monotonic() - begun


def batch_loss(table: torch.Tensor, material: Material, targets: torch.Tensor, batch: Batch, preset: Preset, prefix: int) -> torch.Tensor:
    """Distance to the teacher plus contrast between languages, question and passage, utterances of one intent."""
    parts = (batch.first, batch.second, batch.third, batch.questions, batch.passages, batch.said, batch.also_said)
    tokens, offsets = material.texts.take(np.concatenate(parts))
    means = F.embedding_bag(torch.from_numpy(tokens), table, torch.from_numpy(offsets), mode="mean")
    first, second, third, question, passage, said, also = torch.split(means, [len(part) for part in parts])
    same = _equal(batch.same)
    loss = preset.distil * (
        _distance(first, targets, batch.taught)
        + _distance(second, targets, batch.taught)
        + _distance(third, targets, batch.taught)
        + 0.3 * _distance(said, targets, batch.said_taught)
        + 0.3 * _distance(question, targets, batch.pair_taught[:, 0])
        + 0.3 * _distance(passage, targets, batch.pair_taught[:, 1])
    )
    for one, other, weight in ((first, second, 1.0), (first, third, 1.0), (second, third, 0.5)):
        loss = loss + preset.contrast * weight * contrast(one, other, preset.scale, same)
    short = min(prefix, first.shape[1])
    loss = loss + 0.3 * preset.contrast * contrast(first[:, :short], second[:, :short], preset.scale, same)
    loss = loss + 0.3 * _distance(second[:, :short], targets[:, :short], batch.taught)
    if len(question) > 1:
        loss = loss + 0.3 * contrast(question, passage, preset.scale, None)
    if len(said) > 1:
        loss = loss + 0.15 * contrast(said, also, preset.scale, _equal(batch.said_intent))
    return loss


def _equal(keys: npt.NDArray[np.int64]) -> torch.Tensor:
    numbers = torch.from_numpy(keys)
    equal = numbers[:, None] == numbers[None, :]
    return equal.fill_diagonal_(False)


def _distance(vectors: torch.Tensor, targets: torch.Tensor, rows: npt.NDArray[np.int64]) -> torch.Tensor:
    known = torch.from_numpy(np.flatnonzero(rows >= 0))
    if not len(known):
        return vectors.sum() * 0
    wanted = targets[torch.from_numpy(rows)[known]]
    return (1 - F.cosine_similarity(vectors[known], wanted, dim=1)).mean()


def contrast(one: torch.Tensor, other: torch.Tensor, scale: float, same: torch.Tensor | None) -> torch.Tensor:
    """Symmetric InfoNCE with in-batch negatives; `same` marks pairs that are not negatives."""
    scores = scale * F.normalize(one, dim=1) @ F.normalize(other, dim=1).T
    if same is not None:
        scores = scores.masked_fill(same, -1e4)
    labels = torch.arange(len(one))
    return 0.5 * (F.cross_entropy(scores, labels) + F.cross_entropy(scores.T, labels))


def rounded(table: torch.Tensor, step: float) -> torch.Tensor:
    """The table with each row in whole multiples of the power of two next to `step` times its root mean square.

    A file of such numbers packs to half, and a vector is as near to the whole one as with numbers of about six bits.
    """
    steps = 2.0 ** torch.round(torch.log2(step * table.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)))
    return torch.round(table / steps) * steps


def packed(table: torch.Tensor, step: float = 0.0) -> torch.Tensor:
    """The table as it is written: a mean length of 1, float16, rounded to `step` (`rounded`) where that is not 0."""
    scaled = table / table.norm(dim=1).mean()
    return (rounded(scaled, step) if step else scaled).to(torch.float16)


def save_model(out: Path, tokenizer: Any, weights: torch.Tensor) -> None:
    """Write the sentence-transformers folder; what was there stays whole until the new one is complete."""
    from safetensors.numpy import save_file

    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    static = part / "0_StaticEmbedding"
    static.mkdir(parents=True)
    (part / "1_Normalize").mkdir()
    save_file({"embedding.weight": weights.numpy()}, str(static / "model.safetensors"))
    (static / "model.safetensors").chmod(0o644)
    write_text(static / "tokenizer.json", str(tokenizer.to_str()))
    package = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": f"{package}.StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{package}.Normalize"},
    ]
    write_text(part / "modules.json", json.dumps(modules, indent=2) + "\n")
    write_text(part / "1_Normalize" / "config.json", "{}\n")
    config = {"model_type": "SentenceTransformer", "prompts": {}, "similarity_fn_name": "cosine"}
    write_text(part / "config_sentence_transformers.json", json.dumps(config, indent=2) + "\n")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    write_checksums(out)


def save_facts(out: Path, facts: dict[str, Any]) -> None:
    """What a model was made of and how, beside it: the card is written from that."""
    write_text(out / FACTS, json.dumps(facts, indent=1) + "\n")
    write_checksums(out)


def write_checksums(folder: Path) -> None:
    """`sha256sums` of every file of the model but itself and the card."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in {"sha256sums", "README.md"}:
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n")
    write_text(folder / "sha256sums", "".join(lines))


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the whole file or the old one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("models/embedder"))
    parser.add_argument("--work", type=Path, default=Path("build/embedder"))
    parser.add_argument("--policies", type=Path)
    parser.add_argument("--gold", type=Path, help="questions; their train split alone is read, beside --policies")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--steps", type=int, help="fewer or more steps than the preset's")
    options = parser.parse_args()
    preset = PRESETS[options.preset]
    if options.steps:
        preset = dataclasses.replace(preset, steps=options.steps)
    facts = build_embedder(options.data, options.out, preset, options.work, options.policies, options.gold)
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
