"""Smaller and smaller: the steps that make smaller files of one model, and measure them.

Everything lies in a folder named after the model's sha256, so that another model never meets the results of an earlier one;
there, a step that was killed goes on: training from its checkpoint, measuring from the rows that are done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from factory.slm.data import Sources
from factory.slm.distil import distil, student_of
from factory.slm.export_gguf import write_gguf
from factory.slm.held_out import Split
from factory.slm.loop import Progress, load_model, save
from factory.slm.measure import Candidate, Row, measure
from factory.slm.model import Decoder
from factory.slm.presets import Preset
from factory.slm.prune import cut
from factory.slm.quantize import fallen_back, importance_matrix, quantize
from factory.slm.read_gguf import read_model


@dataclass(frozen=True, slots=True)
class Bench:
    """A model with what it takes to make it smaller: `folder` is its own, `prompts` are held out, `sources` are read when
    needed; `command` is what was typed."""

    model: Decoder
    tokenizer: Tokenizer
    folder: Path
    prompts: Split
    sources: Callable[[], Sources]
    preset: Preset
    command: str = ""

    @property
    def whole(self) -> Path:
        """The model itself in F16."""
        return self.folder / "f16.gguf"


def digest_of(path: Path) -> str:
    """The hex sha256 of a model file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_of(path: Path, build: Path) -> Path:
    """The folder in `build` of what is made from a model file."""
    return build / digest_of(path)[:12]


def open_bench(
    path: Path, build: Path, preset: Preset, prompts_of: Callable[[Tokenizer], Split], sources: Callable[[], Sources],
    command: str = "",
) -> Bench:
    """Read a GGUF or a checkpoint and lay its F16 file into `build`/<first of its sha256>."""
    model, tokenizer = read_model(path)
    bench = Bench(model, tokenizer, folder_of(path, build), prompts_of(tokenizer), sources, preset, command)
    bench.folder.mkdir(parents=True, exist_ok=True)
    if not bench.whole.exists():
        partial = bench.whole.with_suffix(".partial")
        write_gguf(model, tokenizer, partial)
        partial.replace(bench.whole)
    return bench


def quantize_step(bench: Bench) -> list[Row]:
    """Every kind of the preset, some also with an importance matrix from the calibration prompts."""
    matrix = importance_matrix(bench.model, [prompt.example for prompt in bench.prompts.calibration])
    candidates = []
    for kind in bench.preset.kinds:
        if kind == "F16":
            candidates.append(Candidate("F16", bench.whole))
            continue
        variants = [(kind, None)] + ([(f"{kind} + matrix", matrix)] if kind in bench.preset.weighted else [])
        for name, importance in variants:
            path = bench.folder / f"{name.lower().replace(' + ', '-')}.gguf"
            quantize(bench.whole, path, kind, importance)
            back = fallen_back(path, kind)
            candidates.append(Candidate(name, path, f"{len(back)} matrices without K" if back else ""))
    return _measured(bench, candidates, "quantize")


def prune_step(bench: Bench) -> list[Row]:
    """Every cut of the preset, before and after healing by distillation from the whole model."""
    candidates, sources = [Candidate("whole", bench.whole)], bench.sources()
    for number, how in enumerate(bench.preset.cuts):
        folder = bench.folder / f"cut-{number}"
        folder.mkdir(exist_ok=True)
        if not (folder / "raw.pt").exists():
            smaller, kept = cut(bench.model, how, [prompt.example for prompt in bench.prompts.calibration])
            save(folder / "raw.pt", smaller, None, Progress())
            (folder / "kept.txt").write_text(" ".join(map(str, kept)))
        smaller = load_model(folder / "raw.pt")
        kept_layers = f"layers {(folder / 'kept.txt').read_text()}"
        candidates.append(Candidate(how.name, _as_gguf(smaller, bench, folder / "raw.gguf"), kept_layers))
        heal = replace(bench.preset.heal, recipe=replace(bench.preset.heal.recipe, shape=smaller.shape))
        done = distil(bench.model, smaller, bench.tokenizer, sources, heal, folder, f"heal {number}")
        note = f"{done.step} steps, {done.tokens / 1e6:.2f} M tokens"
        candidates.append(Candidate(f"{how.name}, healed", _as_gguf(smaller, bench, folder / "healed.gguf"), note))
    return _measured(bench, candidates, "prune")


def distil_step(bench: Bench) -> list[Row]:
    """The preset's student, before and after it was taught; then quantized, for the smallest file."""
    how, folder = bench.preset.distil, bench.folder / "distil"
    folder.mkdir(exist_ok=True)
    student = student_of(bench.model, how.recipe.shape, how.recipe.seed)
    candidates = [Candidate("teacher", bench.whole), Candidate("student, untaught", _as_gguf(student, bench, folder / "raw.gguf"))]
    done = distil(bench.model, student, bench.tokenizer, bench.sources(), how, folder)
    taught = _as_gguf(student, bench, folder / "f16.gguf")
    candidates.append(Candidate("student", taught, f"{done.step} steps, {done.tokens / 1e6:.2f} M tokens"))
    quantize(taught, folder / "q8_0.gguf", "Q8_0")
    candidates.append(Candidate("student, Q8_0", folder / "q8_0.gguf"))
    return _measured(bench, candidates, "distil")


def _as_gguf(model: Decoder, bench: Bench, path: Path) -> Path:
    write_gguf(model, bench.tokenizer, path)
    return path


def _measured(bench: Bench, candidates: list[Candidate], step: str) -> list[Row]:
    preset = bench.preset
    return measure(candidates, bench.prompts.test, preset.answers, preset.load, bench.folder / f"{step}.json", bench.command)
