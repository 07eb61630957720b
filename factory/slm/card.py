"""Card: models/slm/README.md, written from what was measured."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from factory.slm.export_gguf import FILE
from factory.slm.train import load_model

_DATA = """\
| data | licence | used for |
|---|---|---|
| `qa/`: SQuAD 2.0 dev, SQuAD-it, CMRC 2018 | CC BY-SA 4.0 | questions with sentences; 5 % of passages held out |
| `qa/`: DRCD | CC BY-SA 3.0 | the same |
| `qa/`: SQuAD-es, piaf | MIT over CC BY-SA passages | the same |
| `qa/`: FaQuAD, ARCD, TyDi QA | CC BY 4.0, MIT, Apache-2.0 | the same |
| `parallel/` (Microsoft Learn, Dynamics 365) | CC BY 4.0 | keywords, also translated, with sentences |
| `intents/` | CC BY 4.0, CC BY 3.0, CC BY-SA 4.0, Apache-2.0 | the tokenizer only |
| the reference bank's policies | the project's own | keywords with statements |
| `tests/gold/*/train.jsonl` | the project's own | questions with statements |
| `models/embedder` (distilled from all-MiniLM-L6-v2, Apache-2.0) | see its card | start of half of the embedding |

Share-alike sources were used for training."""

_LIMITS = """\
- Made to choose one statement and copy it. Whether it does so is in the table; where `choice` is below `bm25_first` the box
  must quote by its own ranking instead. It does not reword, translate, reason, sum up or chat.
- A question in one language over statements in another is answered in the language of the statement.
- It must stand behind grounding: an answer is only right when a check against the statements says so.
- Q8_0 (and other types with AMX kernels) crashed llama-cpp-python 0.3.36 on the AMX CPU where this was made unless the model was
  loaded with `use_extra_bufts=False`; so F16 ships.
- Answers of two statements are not trained. There is no German question set in the data."""


def write_card(folder: Path, out: Path) -> Path:
    """Write the card of the file in `out` from `folder`'s train.jsonl and evaluation.json; replaced in one step."""
    model = load_model(folder / "checkpoint.pt")
    path = out / FILE
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text("utf8").splitlines()]
    last, tail = lines[-1], lines[-40:]
    shape = model.shape
    copied, chosen = (sum(row[key] for row in tail) / len(tail) for key in ("copied", "chosen"))
    speed = last["tokens"] / last["seconds"]
    parameters = sum(p.numel() for p in model.parameters())
    text = f"""# tellerbox-slm

| file | bytes | sha256 |
|---|---|---|
| `{FILE}` | {path.stat().st_size} | `{digest}` |

A Llama-architecture decoder made by `factory/slm`: {parameters / 1e6:.2f} M parameters, {shape.layers} layers, width {shape.width},
{shape.heads} heads of {shape.head_dim}, MLP {shape.hidden}, byte-level BPE of {shape.vocabulary} tokens, tied embedding, F16, RoPE base
{shape.rope_base:g}. Asked with a question and 2 to 6 labelled statements it answers `[k] statement k` or `<none>`. Licence Apache-2.0.

## Training
On a shared CPU, {last["step"]} steps, {last["tokens"] / 1e6:.2f} M tokens, {last["seconds"] / 60:.1f} minutes
({speed:.0f} tokens/s beside other work), seed 20261124, AdamW, bf16 autocast. Steps in other minutes give other weights: the clock sets the
schedule. The run was
killed and resumed once, with fewer shortened targets after it (30 % instead of 70 %); steps after the last checkpoint before
a kill are done again. The first two layers start as a copying circuit (see `model.py`); curriculum: random
tokens, then short contexts, then long ones. Last 40 steps: {copied:.3f} of copied tokens and {chosen:.3f} of choices right
(training data, teacher-forced). Muon was not measured against AdamW.

    python -m factory.slm tokenizer && python -m factory.slm train --preset cpu
    python -m factory.slm export && python -m factory.slm evaluate

{_DATA}

## Measured (the file above, greedy, up to 6 statements)
`bm25_first`: always the first statement in BM25 order. `copied_exactly`: of answers with a label, those that are the labelled
statement character for character. `copied_when_told_label`: the answer's label was given; the statement copied exactly. `choice` 0
with `none_recall` 1 means that it always says `<none>`. Counts are small: read them as orders of magnitude.

{_table(folder / "evaluation.json", digest, folder / "evaluated.sha256")}

## Limits
{_LIMITS}
"""
    partial = out / "README.partial"
    partial.write_text(text, encoding="utf8")
    os.replace(partial, out / "README.md")
    return out / "README.md"


def _table(path: Path, digest: str, evaluated: Path) -> str:
    if not path.exists():
        return "Not measured yet."
    rows = json.loads(path.read_text("utf8"))
    columns = list(next(iter(rows.values())))
    lines = ["| set | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join("" if row[c] is None else str(row[c]) for c in columns) + " |")
    if not evaluated.exists() or evaluated.read_text().strip() != digest:
        lines.insert(0, "Measured on an earlier checkpoint than the file above.\n")
    return "\n".join(lines)
