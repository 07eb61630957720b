"""Command line: `python -m factory.slm tokenizer|train|export|evaluate|card --preset cpu|smoke`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from factory.slm.data import load_sources
from factory.slm.meaning import load_meanings
from factory.slm.model import Shape
from factory.slm.tokenizer import load_tokenizer
from factory.slm.train import Recipe, train

PRESETS = {
    "cpu": Recipe(),
    "smoke": Recipe(Shape(vocabulary=512, width=64, layers=3, heads=4, head_dim=16, hidden=64, context=512), 1.0, 40, 1024, bf16=False),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m factory.slm", description=__doc__)
    parser.add_argument("step", choices=("tokenizer", "train", "export", "evaluate", "card"))
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("build/slm"))
    parser.add_argument("--out", type=Path, default=Path("models/slm"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TELLERBOX_DATA", "../shared/data")))
    parser.add_argument("--policies", type=Path, default=Path("knowledge/policies"))
    parser.add_argument("--gold", type=Path, default=Path("tests/gold"))
    parser.add_argument("--embedder", type=Path, default=Path("models/embedder"))
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--limit", type=int, default=None, help="questions a language to evaluate, or rows a language to read")
    return parser.parse_args()


def main() -> None:
    """Run one step."""
    args = _arguments()
    recipe = PRESETS[args.preset]
    if args.minutes is not None:
        recipe = Recipe(recipe.shape, args.minutes, recipe.steps, recipe.tokens, bf16=recipe.bf16)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if args.step == "tokenizer":
        from factory.slm.corpus import tokenizer_texts
        from factory.slm.tokenizer import train_tokenizer

        train_tokenizer(tokenizer_texts(args.data, args.policies, args.gold), recipe.shape.vocabulary, args.folder / "tokenizer.json")
    elif args.step == "train":
        sources = load_sources(args.data, args.policies, args.gold, recipe.seed, args.limit)
        print({kind: len(items) for kind, items in sources.train.items()}, "held out", len(sources.dev), flush=True)
        meaning = None
        if recipe.shape.width == 256 and not (args.folder / "checkpoint.pt").exists():
            meaning = load_meanings(args.embedder, load_tokenizer(args.folder / "tokenizer.json"), recipe.shape.width // 2, recipe.seed)
        print(train(recipe, sources, args.folder, meaning), flush=True)
    elif args.step == "export":
        from factory.slm.export_gguf import export

        for path in export(args.folder, args.out):
            print(path)
    else:
        from factory.slm.card import write_card
        from factory.slm.evaluate import evaluate

        if args.step == "evaluate":
            evaluate(args.folder, args.out, args.data, args.policies, args.gold, args.limit or 60)
        write_card(args.folder, args.out)


if __name__ == "__main__":
    main()
