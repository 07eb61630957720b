"""A second tier for the embedder: the teacher's layers over the box's own vocabulary, tuned to banking. Made and measured, not shipped.

    python -m factory.second_tier [--steps 400] [--out build/second_tier]
    python -m factory.second_tier --evaluate [--split dev]

Every piece of the shipped tokenizer enters the teacher (`factory/teacher.py`, English) as a mixture of the English words that the
shipped table finds nearest to it, so that a question in any language is read as a rough gloss of itself. From there the layers are
trained on what the table was tuned on: sayings of one concept in any two languages, the bank's policies and training questions, and aligned
sentences. The vector of a text is the mean of the last layer, of length 1. Each draw depends on (seed, step) alone; a run that is killed
goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from tokenizers import Tokenizer
from tqdm import tqdm

from factory.concepts import read_concepts
from factory.embedder import contrast
from factory.embedder_batches import Ints
from factory.embedder_corpus import LANGUAGES, read_corpus
from factory.embedder_tuning import Drawn, Materials, Tuning, materials_of, replayed_of
from factory.evaluate_embedder import latency, reference_bank
from factory.policy_groups import policy_groups, policy_pairs, question_groups, question_pairs
from factory.teacher import teacher_folder
from knowledge.embedder import Embedder, load_embedder, unit

CHECKPOINT_SECONDS = 60.0
SHORTEST = 0.5
"""Of the vector of a word that the table knows; 0 of one that it does not."""
READ = 254
"""Pieces of a text that are read; while training fewer, `Recipe.longest`."""
MARKS = ("[CLS]", "[SEP]", "[PAD]")

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a step draws, and how it is learnt."""

    steps: int = 400
    spoken: int = 64
    bank: int = 24
    questions: int = 16
    aligned: int = 48
    longest: int = 40
    learning_rate: float = 1e-4
    scale: float = 20.0
    words: int = 8
    sharpness: float = 10.0
    seed: int = 20261128


def glosses(embedder: Embedder, pieces: int, words: Sequence[str], inputs: Vectors, recipe: Recipe) -> Vectors:
    """`(pieces, width)`: each piece of the table as the mean of the teacher's `inputs` `(words, width)` for the words nearest to it,
    weighed by nearness and as long as they are."""
    known = embedder.encode(list(words))
    kept = np.linalg.norm(known, axis=1) > SHORTEST
    known, inputs = known[kept], inputs[kept]
    lengths = np.linalg.norm(inputs, axis=1)
    out = np.zeros((pieces, inputs.shape[1]), np.float32)
    for start in range(0, pieces, 4096):
        rows = unit(embedder.piece_vectors(np.arange(start, min(start + 4096, pieces), dtype=np.int32)))
        near = rows @ known.T
        most = np.argpartition(-near, recipe.words, axis=1)[:, : recipe.words]
        values = np.take_along_axis(near, most, axis=1)
        weights = np.exp(recipe.sharpness * (values - values.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        mixed = np.einsum("nk,nkd->nd", weights, inputs[most])
        out[start : start + 4096] = unit(mixed) * (weights * lengths[most]).sum(axis=1, keepdims=True)
    return out


class SecondTier(torch.nn.Module):
    """The teacher with the pieces of the shipped tokenizer as its words; texts are numbers of pieces."""

    def __init__(self, embedder: Embedder, tokenizer: Any, recipe: Recipe) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        folder = str(teacher_folder())
        english: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.layers: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        inputs = self.layers.embeddings.word_embeddings.weight.detach()
        words = [(word, number) for word, number in english.get_vocab().items() if word.isascii() and (word.isalnum() or len(word) == 1)]
        size = tokenizer.get_vocab_size()
        mixed = glosses(embedder, size, [word for word, _ in words], inputs[[number for _, number in words]].numpy(), recipe)
        ends = inputs[[english.cls_token_id, english.sep_token_id, english.pad_token_id]]
        self.first, self.last, self.blank = size, size + 1, size + 2
        rows = torch.cat([torch.from_numpy(mixed), ends])
        self.layers.embeddings.word_embeddings = torch.nn.Embedding(len(rows), rows.shape[1], self.blank, _weight=rows)
        self.layers.config.vocab_size, self.layers.config.pad_token_id = len(rows), self.blank
        self._tokenizer, self._longest = tokenizer, recipe.longest

    def forward(self, texts: Sequence[Ints]) -> torch.Tensor:
        """`(n, width)` rows of length 1."""
        most = self._longest if self.training else READ
        framed = [np.concatenate([[self.first], text[:most], [self.last]]) for text in texts]
        rows = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in framed], batch_first=True, padding_value=self.blank)
        mask = (rows != self.blank).float()
        hidden = self.layers(input_ids=rows, attention_mask=mask).last_hidden_state.float()
        return F.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=1)

    def save(self, out: Path) -> None:
        """As a sentence-transformers model, which the box loads like any other."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
        from tokenizers.processors import TemplateProcessing
        from transformers import PreTrainedTokenizerFast

        framed = Tokenizer.from_str(self._tokenizer.to_str())
        framed.add_special_tokens(list(MARKS))
        framed.post_processor = TemplateProcessing(
            single=f"{MARKS[0]} $A {MARKS[1]}", special_tokens=[(MARKS[0], self.first), (MARKS[1], self.last)]
        )
        wrapped = PreTrainedTokenizerFast(
            tokenizer_object=framed, cls_token=MARKS[0], sep_token=MARKS[1], pad_token=MARKS[2], model_max_length=READ + 2
        )
        with TemporaryDirectory() as folder:
            self.layers.save_pretrained(folder)
            wrapped.save_pretrained(folder)
            whole = Transformer(folder, max_seq_length=READ + 2)
            width = whole.get_embedding_dimension()
            SentenceTransformer(modules=[whole, Pooling(width), Normalize()]).save_pretrained(str(out))


class Encoding:
    """Encodes texts with the second tier."""

    def __init__(self, tier: SecondTier, embedder: Embedder) -> None:
        self._tier, self._embedder = tier, embedder
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """`(n, width)` float32 rows; of a text that was encoded before, the same row."""
        new = sorted({text for text in texts if text not in self._known}, key=len)
        for start in range(0, len(new), 32):
            some = new[start : start + 32]
            self._known |= dict(zip(some, self.anew(some), strict=True))
        return np.stack([self._known[text] for text in texts])

    def beside_the_table(self, texts: Sequence[str]) -> Vectors:
        """`(n, width + dim)` float32: both vectors of a text, so that their scores are added."""
        return np.concatenate([self.encode(texts), self._embedder.encode(list(texts))], axis=1)

    @torch.inference_mode()
    def anew(self, texts: Sequence[str]) -> Vectors:
        """`(n, width)` float32 rows by the second tier alone, whatever was encoded before."""
        found: Vectors = self._tier(self._embedder.pieces(texts)).numpy()
        return found


def train(tier: SecondTier, materials: Materials, recipe: Recipe, out: Path) -> float:
    """Train in place, with checkpoints; returns the seconds it took."""
    out.mkdir(parents=True, exist_ok=True)
    state_file = out / "state.pt"
    weights = [weight for weight in tier.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.01)
    start, seconds = 0, 0.0
    told = repr(recipe)
    if state_file.is_file():
        state = torch.load(state_file, weights_only=True)
        if state["recipe"] == told:
            start, seconds = int(state["step"]), float(state["seconds"])
            tier.load_state_dict(state["weights"])
            optimizer.load_state_dict(state["optimizer"])
    begun = saved = time.monotonic()
    tier.train()
    bar = tqdm(total=recipe.steps, initial=start, desc="second tier", unit="step", smoothing=0.05)
    for step in range(start, recipe.steps):
        rng = np.random.default_rng((recipe.seed, step))
        torch.manual_seed(recipe.seed + step)
        rate = min(1.0, (step + 1) / (0.08 * recipe.steps + 1)) * max(0.02, 1 - step / recipe.steps)
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * rate
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for drawn in draws(materials, rng, recipe):
            # One kind at a time: their texts differ in length, and fewer are held at once.
            with torch.autocast("cpu", torch.bfloat16):
                both = tier([_pieces_of(materials, row) for row in (*drawn.one.tolist(), *drawn.other.tolist())])
            same = torch.from_numpy(drawn.same)
            equal = (same[:, None] == same[None, :]).fill_diagonal_(False)
            loss = contrast(both[: len(same)], both[len(same) :], recipe.scale, equal)
            torch.autograd.backward(loss)
            total += loss.item()
        optimizer.step()
        bar.update()
        bar.set_postfix(loss=f"{total:.3f}", refresh=False)
        if time.monotonic() - saved > CHECKPOINT_SECONDS or step + 1 == recipe.steps:
            saved = time.monotonic()
            state = {"step": step + 1, "weights": tier.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state | {"seconds": seconds + saved - begun, "recipe": told}, state_file.with_suffix(".part"))
            state_file.with_suffix(".part").replace(state_file)
    bar.close()
    return seconds + time.monotonic() - begun


def draws(materials: Materials, rng: np.random.Generator, recipe: Recipe) -> list[Drawn]:
    """What one step is about, a kind each: sayings, the bank's texts, its training questions, aligned sentences."""
    drawn = [
        materials.concepts.draw(rng, recipe.spoken, ("ask",), ("rule", "term", "gloss", "ask")),
        materials.bank.draw(rng, recipe.bank, ("question", *LANGUAGES), ("passage", *LANGUAGES)),
        materials.questions.draw(rng, recipe.questions, ("question",), ("passage",)),
        materials.aligned(rng, recipe.aligned),
    ]
    return [each for each in drawn if len(each.same) > 1]


def _pieces_of(materials: Materials, row: int) -> Ints:
    return materials.texts.take(np.array([row], np.int64))[0]


def evaluate(tier: SecondTier, embedder: Embedder, policies: Path, gold: Path, split: str) -> dict[str, Any]:
    """The reference bank by the table, the tier, and both: R@1 and R@5 by language, own and others; size and time."""
    tier.eval()
    scores: dict[str, Any] = {}
    deep = Encoding(tier, embedder)
    encoders = {"table": embedder, "second tier": deep, "both": SimpleNamespace(encode=deep.beside_the_table)}
    for name, encoder in encoders.items():
        found = reference_bank(encoder, policies, gold, split)
        scores[name] = {code: {kind: each[kind] for kind in ("same", "across")} for code, each in found.items()}
    weights = sum(weight.numel() for weight in tier.layers.parameters())
    took = latency(SimpleNamespace(encode=deep.anew), rounds=200)
    return scores | {"weights": weights, "took": took}


def main() -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedder"))
    parser.add_argument("--out", type=Path, default=Path("build/second_tier"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--lexicon", type=Path, default=Path("build/embedder/lexicon"))
    parser.add_argument("--policies", type=Path, default=Path("knowledge/policies"))
    parser.add_argument("--gold", type=Path, default=Path("tests/gold"), help="questions; training reads their train split alone")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--evaluate", action="store_true", help="only measure what lies in --out")
    parser.add_argument("--split", default="dev", help="of the questions that are measured")
    options = parser.parse_args()
    recipe = dataclasses.replace(Recipe(), steps=options.steps)
    embedder = load_embedder(options.model)
    tokenizer: Any = Tokenizer.from_file(str(options.model / "0_StaticEmbedding" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tier = SecondTier(embedder, tokenizer, recipe)
    if options.evaluate:
        tier.load_state_dict(torch.load(options.out / "state.pt", weights_only=True)["weights"])
    else:
        corpus = read_corpus(options.data, tuple(sorted(options.lexicon.glob("*.jsonl"))))
        groups, pairs = policy_groups(options.policies) + question_groups(options.gold), policy_pairs(options.policies)
        asked = question_pairs(options.policies, options.gold)
        aligned = replayed_of(corpus, dataclasses.replace(Tuning(), aligned=60000))
        materials = materials_of(tokenizer, read_concepts(), groups, pairs, asked, aligned, [])
        print(f"trained for {train(tier, materials, recipe, options.out) / 60:.0f} minutes")
        tier.eval()
        tier.save(options.out / "model")
    scores = evaluate(tier, embedder, options.policies, options.gold, options.split)
    (options.out / f"{options.split}.json").write_text(json.dumps(scores, indent=1) + "\n", "utf-8")
    for name in ("table", "second tier", "both"):
        for kind in ("same", "across"):
            print(f"{name:12} {kind:7}", *(f"{code} {each[kind]['r1']:.3f} {each[kind]['r5']:.3f}" for code, each in scores[name].items()))
    print(f"{scores['weights'] / 1e6:.1f} M weights, {scores['took']} for a question")


if __name__ == "__main__":
    main()
