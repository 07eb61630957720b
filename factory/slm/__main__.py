"""The SLM from text to the smallest file, one step a call.

    python -m factory tokenizer && python -m factory pretrain && python -m factory train    # without `pretrain`: as the one that ships
    python -m factory export && python -m factory evaluate
    python -m factory tables        # quantize, prune, distil, onnx, and docs/models.md from them
    python -m factory all --preset smoke --folder build/smoke --out build/smoke/models --build build/smoke/small
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from factory.slm.chain import STEPS, Places, run_step


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m factory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--preset", choices=("smoke", "cpu", "gpu"), default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("build/slm"), help="tokenizer and checkpoint of the training")
    parser.add_argument("--out", type=Path, default=Path("models/slm"), help="where the model is exported to")
    parser.add_argument("--build", type=Path, default=Path("build/small"), help="smaller models, and what was measured of them")
    parser.add_argument("--model", type=Path, default=None, help="a GGUF or checkpoint.pt to make smaller; without it the exported one")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TELLERBOX_DATA", "../shared/data")))
    parser.add_argument("--policies", type=Path, default=Path("knowledge/policies"))
    parser.add_argument("--gold", type=Path, default=Path("tests/gold"))
    parser.add_argument("--embedder", type=Path, default=Path("models/embedder"))
    parser.add_argument("--page", type=Path, default=Path("docs/models.md"))
    parser.add_argument("--parts", type=Path, default=Path("build/parts"), help="of `split` and `join`")
    parser.add_argument("--device", default=None, help="as torch names it; without it the preset's")
    parser.add_argument("--minutes", type=float, default=None, help="of pre-training and of training, instead of the preset's")
    parser.add_argument("--steps", type=int, default=None, help="of every kind of training, instead of the preset's")
    parser.add_argument("--limit", type=int, default=None, help="questions a language to evaluate, or rows a language to read")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one step."""
    given = vars(_parser().parse_args(arguments))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    step, preset = given.pop("step"), given.pop("preset")
    run_step(step, preset, Places(**given))


if __name__ == "__main__":
    main()
