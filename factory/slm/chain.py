"""The chain: which step reads and writes what, and the order of all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from factory.slm import smaller
from factory.slm.circuit import fits, meaning_width
from factory.slm.data import Sources, load_sources, nearby
from factory.slm.export_gguf import FILE, exported
from factory.slm.held_out import Split, held_out
from factory.slm.loop import Recipe
from factory.slm.measure import Row
from factory.slm.model import Meanings
from factory.slm.presets import PRESETS, Preset
from factory.slm.read_gguf import read_model
from factory.slm.tables import by_language, overall
from factory.slm.tokenizer import load_tokenizer
from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.policy import load_policies
from knowledge.search import Search


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies, and what was asked to differ from the preset."""

    folder: Path
    out: Path
    build: Path
    model: Path | None
    data: Path
    policies: Path
    gold: Path
    embedder: Path
    page: Path
    parts: Path
    device: str | None = None
    minutes: float | None = None
    steps: int | None = None
    limit: int | None = None

    @property
    def source(self) -> Path:
        """The model that is made smaller."""
        if self.model is not None:
            return self.model
        return exported(self.folder, self.out) if (self.folder / "checkpoint.pt").exists() else self.out / FILE


def _recipe(recipe: Recipe, places: Places) -> Recipe:
    recipe = replace(recipe, device=places.device) if places.device else recipe
    return replace(recipe, steps=places.steps) if places.steps else recipe


def preset_of(name: str, places: Places) -> Preset:
    """The preset, with what was asked to differ."""
    preset = PRESETS[name]
    train, first = _recipe(preset.train, places), _recipe(preset.pretrain.recipe, places)
    if places.minutes is not None:
        train, first = replace(train, minutes=places.minutes), replace(first, minutes=places.minutes)
    taught = (replace(how, recipe=_recipe(how.recipe, places)) for how in (preset.distil, preset.heal))
    distil, heal = taught
    return replace(preset, pretrain=replace(preset.pretrain, recipe=first), train=train, distil=distil, heal=heal)


def _sources(preset: Preset, places: Places, searched: bool = True) -> Sources:
    """What is trained on; `searched`: beside the bank's questions stands what the box's search finds, which takes minutes."""
    searched = searched and fits(preset.train.shape) and (places.embedder / "modules.json").exists()
    find = nearby(_search(places)) if searched else None
    return load_sources(places.data, places.policies, places.gold, preset.train.seed, places.limit, find)


def _search(places: Places) -> Search:
    return Search(build(load_policies(places.policies), load_embedder(places.embedder)))


def make_tokenizer(preset: Preset, places: Places) -> None:
    """Learn the tokens; a folder that has some keeps them, for a checkpoint is of no use with others."""
    from factory.slm.corpus import tokenizer_texts
    from factory.slm.tokenizer import train_tokenizer

    if not (places.folder / "checkpoint.pt").exists():
        texts = tokenizer_texts(places.data, places.policies, places.gold)
        train_tokenizer(texts, preset.train.shape.vocabulary, places.folder / "tokenizer.json")


def _meanings(recipe: Recipe, places: Places, sources: Sources) -> Meanings | None:
    """What the tokens mean to the embedder, where the shape has room for it."""
    from factory.slm.meaning import load_meanings

    if not fits(recipe.shape):
        return None
    tokenizer = load_tokenizer(places.folder / "tokenizer.json")
    return load_meanings(places.embedder, tokenizer, sources.texts(), meaning_width(recipe.shape), recipe.seed)


def pretrain_model(preset: Preset, places: Places) -> None:
    """Read documents, before the task is learnt."""
    from factory.slm.pretrain import FOLDER, MEASURES, pretrain, read_documents

    how, folder = preset.pretrain, places.folder
    documents = read_documents(places.data, places.policies, load_tokenizer(folder / "tokenizer.json"), how.characters)
    print({language: len(each.train) for language, each in documents.items()}, "tokens", flush=True)
    begun = (folder / FOLDER / "checkpoint.pt").exists()
    meanings = None if begun else _meanings(how.recipe, places, _sources(preset, places, searched=False))
    print(pretrain(how, documents, folder, meanings), (folder / FOLDER / MEASURES).read_text("utf8"), flush=True)


def make_model(preset: Preset, places: Places) -> None:
    """Train: copying first, then grounded answering; from what was pre-trained, where something was."""
    from factory.slm.pretrain import pretrained
    from factory.slm.train import train

    recipe, folder = preset.train, places.folder
    sources = _sources(preset, places)
    counts = {kind: len(items) for kind, items in sources.train.items()}
    print(counts, "held out", len(sources.dev), flush=True)
    begun = pretrained(folder)
    counts |= {"meaning": 1} if fits(recipe.shape) else {}
    counts |= {"docs": 1} if begun and (places.data / "docs").is_dir() else {}
    meanings = None if begun or (folder / "checkpoint.pt").exists() else _meanings(recipe, places, sources)
    (folder / "sources.json").write_text(json.dumps(counts), encoding="utf8")
    print(train(recipe, sources, folder, meanings, begun), flush=True)


def export_model(preset: Preset, places: Places) -> None:
    """The checkpoint as GGUF."""
    from factory.slm.export_gguf import export

    print(export(places.folder, places.out))


def evaluate_model(preset: Preset, places: Places) -> None:
    """Answers by language; then the card."""
    from factory.slm.evaluate import evaluate

    evaluate(places.folder, places.out, places.data, places.policies, places.gold, places.limit or 60)
    make_card(preset, places)


def look_inside(preset: Preset, places: Places) -> None:
    """What the exported model changes in the box's answers; then the card, of which only that part where the checkpoint is gone."""
    from factory.slm.card import renew_inside
    from factory.slm.inside import inside, table

    print(table(inside(places.source, places.gold, places.folder / "inside.json", places.limit)))
    if (places.folder / "checkpoint.pt").exists():
        make_card(preset, places)
    else:
        print(renew_inside(places.folder, places.out))


def make_card(preset: Preset, places: Places) -> None:
    """The card of the exported file."""
    from factory.slm.card import write_card

    print(write_card(places.folder, places.out))


def _smaller(step: Callable[[smaller.Bench], list[Row]]) -> Callable[[Preset, Places], None]:
    def run(preset: Preset, places: Places) -> None:
        command = f"python -m factory {step.__name__.removesuffix('_step')}" + (f" --steps {places.steps}" if places.steps else "")

        def prompts(tokenizer: Tokenizer) -> Split:
            return held_out(tokenizer, places.data, places.policies, places.gold, preset.prompts)

        bench = smaller.open_bench(places.source, places.build, preset, prompts, lambda: _sources(preset, places), command)
        rows = step(bench)
        print(f"{bench.folder}\n\n{overall(rows)}\n\n{by_language(rows)}\n", flush=True)

    return run


def make_onnx(preset: Preset, places: Places) -> None:
    """Embedder and SLM as ONNX, and how near they are."""
    from factory.onnx_export import export_both

    model, _ = read_model(places.source)
    folder = smaller.folder_of(places.source, places.build)
    rows = export_both(model, places.embedder, folder)
    (folder / "onnx.json").write_text(json.dumps(rows, indent=1), encoding="utf8")
    for row in rows:
        print(row)


def make_page(preset: Preset, places: Places) -> None:
    """docs/models.md and its plot from what was measured of the model."""
    from factory.slm.page import write_page

    digest = smaller.digest_of(places.source)
    about = f"on `{places.source.name}` (sha256 `{digest[:12]}…`), {preset.prompts} held-out prompts a language at most"
    print(write_page(smaller.folder_of(places.source, places.build), places.page, about))


def pack_data(preset: Preset, places: Places) -> None:
    """What training reads of the data, to `--parts`."""
    from factory.slm.carry import pack

    print(pack(places.data, places.parts), "bytes in", places.parts)


def split_results(preset: Preset, places: Places) -> None:
    """The exported model, its tokenizer and log in parts of 16 MB, to `--parts`."""
    from factory.slm.carry import split

    files = [exported(places.folder, places.out), places.folder / "tokenizer.json", places.folder / "train.jsonl"]
    for part in split(files, places.parts):
        print(part)


def join_results(preset: Preset, places: Places) -> None:
    """The parts in `--parts` put together in `--out`."""
    from factory.slm.carry import join

    for path in join(places.parts, places.out):
        print(path)


Step = Callable[[Preset, Places], None]
_STEPS: dict[str, Step] = {
    "tokenizer": make_tokenizer, "pretrain": pretrain_model, "train": make_model, "export": export_model, "evaluate": evaluate_model,
    "inside": look_inside, "card": make_card,
    "quantize": _smaller(smaller.quantize_step), "prune": _smaller(smaller.prune_step), "distil": _smaller(smaller.distil_step),
    "onnx": make_onnx, "page": make_page, "pack": pack_data, "split": split_results, "join": join_results,
}
_SEVERAL = {
    "tables": ("quantize", "prune", "distil", "onnx", "page"),
    "all": ("tokenizer", "pretrain", "train", "export", "distil", "prune", "quantize", "onnx", "evaluate"),
}
STEPS = (*_STEPS, *_SEVERAL)


def run_step(name: str, preset: str, places: Places) -> None:
    """One step, or several in their order; says how long each took."""
    for step in _SEVERAL.get(name, (name,)):
        begun = time.monotonic()
        _STEPS[step](preset_of(preset, places), places)
        print(f"{step}: {time.monotonic() - begun:.0f} s", flush=True)
