"""A tiny model of random weights, with prompts for it: what the tests of smaller models share."""

from __future__ import annotations

from pathlib import Path

from factory.slm.circuit import initialise
from factory.slm.data import Encoder, Example, Item
from factory.slm.export_gguf import FILE
from factory.slm.held_out import HeldOut
from factory.slm.model import Decoder, Shape
from factory.slm.tokenizer import load_tokenizer, opening

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models" / "slm" / FILE
SHAPE = Shape(vocabulary=400, width=256, layers=3, heads=4, head_dim=64, hidden=512, context=256)
TEXTS = (
    "The fee of a transfer is €15.", "La comisión es de 15 EUR.", "Die Gebühr beträgt 20 Euro.", "国际转账的费用是多少？",
    "كم تبلغ رسوم التحويل؟", "A card is replaced within 5 days.",
)


def random_model(shape: Shape = SHAPE, seed: int = 1) -> Decoder:
    model = Decoder(shape)
    initialise(model, seed)
    return model.eval()


def items() -> list[Item]:
    return [Item("en", "qa", text[:15], text, tuple(t for t in TEXTS if t != text)) for text in TEXTS]


def prompts(folder: Path) -> list[HeldOut]:
    encoder = Encoder(load_tokenizer(folder / "tokenizer.json"))
    found = []
    for number, item in enumerate(items()):
        others = [encoder.ids(" " + text) for text in item.others[:2]]
        gold = encoder.ids(" " + str(item.gold))
        prompt = encoder.prompt(encoder.ids(item.question), [others[0], gold, others[1]], 1)
        found.append(HeldOut("en" if number % 2 else "es", item, Example(prompt, [opening(2), *gold], 1)))
    return found


def examples(folder: Path) -> list[Example]:
    return [prompt.example for prompt in prompts(folder)]
