"""Presets: the sizes and schedules of every step, for a test (`smoke`), two processor cores (`cpu`) and one data-centre GPU (`gpu`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from factory.slm.data import CURRICULUM
from factory.slm.distil import Distillation
from factory.slm.loop import Recipe
from factory.slm.model import Shape
from factory.slm.pretrain import Pretraining
from factory.slm.prune import Cut
from factory.slm.quantize import KINDS
from factory.slm.speed import Load


@dataclass(frozen=True, slots=True)
class Preset:
    """`pretrain` reads documents, `train` makes a model of that; `student` (in `distil`) is taught by it; `cuts` are healed with `heal`;
    `kinds` are quantized, those in `weighted` also with an importance matrix. `prompts` held-out prompts a language measure, `answers` of
    them are answered whole."""

    pretrain: Pretraining
    train: Recipe
    distil: Distillation
    heal: Distillation
    cuts: tuple[Cut, ...]
    kinds: tuple[str, ...] = KINDS
    weighted: tuple[str, ...] = ("Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
    prompts: int = 24
    answers: int = 8
    load: Load = field(default_factory=Load)


CUTS = (
    Cut("MLP halved", hidden=0.5),
    Cut("MLP halved, a layer less", layers=1, hidden=0.5),
    Cut("MLP halved, two layers and a head less", layers=2, heads=1, hidden=0.5),
)
LAST = CURRICULUM[2:]
"""Healing begins where contexts are long: the copying is there already."""

_SMOKE = Recipe(
    Shape(vocabulary=1024, width=64, layers=3, heads=4, head_dim=16, hidden=64, context=1024), 1.0, 40, 1024, rate=2e-3, bf16=False
)
_GPU = Recipe(
    Shape(width=512, layers=8, heads=8, head_dim=64, hidden=1280), minutes=14.0, tokens=65_536, rate=6e-4, warm_up=100,
    save_seconds=60.0, device="cuda",
)
_CPU = Recipe()
HALF = Shape(width=128, layers=5, heads=4, head_dim=32, hidden=256)

PRESETS = {
    "smoke": Preset(
        Pretraining(replace(_SMOKE, steps=10), 200_000), _SMOKE,
        Distillation(replace(_SMOKE, shape=replace(_SMOKE.shape, width=32, head_dim=8, hidden=32), steps=20)),
        Distillation(replace(_SMOKE, steps=10, curriculum=LAST)),
        (Cut("a layer less, MLP halved", layers=1, hidden=0.5),), ("F16", "Q8_0", "Q4_K_M", "Q4_0"), ("Q4_0",), 2, 1, Load(64, 8, 2),
    ),
    "cpu": Preset(
        Pretraining(replace(_CPU, minutes=30.0), 4_000_000), _CPU,
        Distillation(replace(_CPU, shape=HALF, minutes=12.0, steps=400, tokens=2048, rate=2e-3)),
        Distillation(replace(_CPU, minutes=5.0, steps=120, rate=5e-4, curriculum=LAST)), CUTS,
    ),
    "gpu": Preset(
        Pretraining(replace(_GPU, minutes=8.0), 30_000_000), _GPU, Distillation(replace(_GPU, shape=_CPU.shape, minutes=8.0, rate=1e-3)),
        Distillation(replace(_GPU, minutes=2.0, rate=3e-4, curriculum=LAST)), CUTS,
    ),
}
"""`gpu`: 32.6 M parameters, its file in F16 65 MB."""
