"""Card: models/slm/README.md, written from what was measured."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from factory.slm.export_gguf import exported
from factory.slm.loop import Recipe, load_model
from factory.slm.pretrain import MEASURES, pretrained

_DATA = (
    ("qa", "`qa/`: SQuAD 2.0 dev, SQuAD-it, CMRC 2018 | CC BY-SA 4.0 | questions with sentences; 5 % of passages held out"),
    ("qa", "`qa/`: DRCD | CC BY-SA 3.0 | the same"),
    ("qa", "`qa/`: SQuAD-es, piaf | MIT over CC BY-SA passages | the same"),
    ("qa", "`qa/`: FaQuAD, ARCD, TyDi QA | CC BY 4.0, MIT, Apache-2.0 | the same"),
    ("parallel", "`parallel/` (Microsoft Learn, Dynamics 365) | CC BY 4.0 | keywords, also translated, with sentences"),
    ("docs", "`docs/` (Microsoft Learn, Dynamics 365) | CC BY 4.0 | pre-training; 5 % of documents held out"),
    ("qa", "`intents/` | CC BY 4.0, CC BY 3.0, CC BY-SA 4.0, Apache-2.0 | the tokenizer only"),
    ("keywords", "the reference bank's policies | the project's own | keywords with statements"),
    ("gold", "`tests/gold/*/train.jsonl` | the project's own | questions with statements"),
    ("meaning", "`models/embedder` (distilled from all-MiniLM-L6-v2, Apache-2.0) | see its card | start of a part of the embedding"),
)
"""By the kind of training item that comes of it."""

_INSIDE, _AFTER_INSIDE = "## Inside the box", "## Limits"

_LIMITS = """\
- Made to choose one statement and copy it, and no more: it does not reword, translate, reason, sum up or chat.
- A question in one language over statements in another is answered in the language of the statement.
- It must stand behind grounding: an answer is only right when a check against the statements says so.
- Q8_0 (and other types with AMX kernels) crashed llama-cpp-python 0.3.36 on the AMX CPU where this was made unless the model was
  loaded with `use_extra_bufts=False`; so F16 ships.
- Answers of two statements are not trained. There is no German question set in the data."""


def write_card(folder: Path, out: Path) -> Path:
    """Write the card of the file in `out` from `folder`'s train.jsonl and evaluation.json; replaced in one step."""
    model = load_model(folder / "checkpoint.pt")
    path = exported(folder, out)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text("utf8").splitlines()]
    last, tail = lines[-1], lines[-40:]
    shape = model.shape
    copied, chosen = (sum(row[key] for row in tail) / len(tail) for key in ("copied", "chosen"))
    speed = last["tokens"] / last["seconds"]
    before = "python -m factory pretrain && " if pretrained(folder) else ""
    parameters = sum(p.numel() for p in model.parameters())
    text = f"""# tellerbox-slm

| file | bytes | sha256 |
|---|---|---|
| `{path.name}` | {path.stat().st_size} | `{digest}` |

A Llama-architecture decoder made by `factory/slm`: {parameters / 1e6:.2f} M parameters, {shape.layers} layers, width {shape.width},
{shape.heads} heads of {shape.head_dim}, MLP {shape.hidden}, byte-level BPE of {shape.vocabulary} tokens, tied embedding, F16, RoPE base
{shape.rope_base:g}. Asked with a question and 2 to 6 labelled statements it answers `[k] statement k` or `<none>`. Licence Apache-2.0.

## Training
{last["step"]} steps, {last["tokens"] / 1e6:.2f} M tokens, {last["seconds"] / 60:.1f} minutes of work ({speed:.0f} tokens/s), seed
{Recipe().seed}, AdamW, bf16 autocast; commit {_commit()}. Steps in other minutes give other weights: time sets the schedule, and steps
after the last checkpoint before a kill are done again. The first layers start as a circuit that chooses and copies (`circuit.py`, its
meanings fitted to the embedder); curriculum: short contexts, then long ones. Last {len(tail)} steps: {copied:.3f} of copied tokens and
{chosen:.3f} of choices right (training data, teacher-forced). Muon was not measured against AdamW.
{_pretrained(folder)}{_notes(folder)}
    python -m factory tokenizer && {before}python -m factory train --preset cpu
    python -m factory export && python -m factory evaluate && python -m factory inside

{_data(folder)}

## Measured (the file above, greedy, up to 6 statements)
`bm25_first`: always the first statement in BM25 order. `copied_exactly`: of answers with a label, those that are the labelled
statement character for character. `copied_when_told_label`: the answer's label was given; the statement copied exactly. The prompt
names the first by BM25 as the one that search ranks first. Counts are small: read them as orders of magnitude.

{_table(folder / "evaluation.json", digest, folder / "evaluated.sha256")}

{_inside(folder / "inside.json")}
{_AFTER_INSIDE}
{_LIMITS}
"""
    return _replace(out, text)


def renew_inside(folder: Path, out: Path) -> Path:
    """Tell in the card in `out` what `folder`'s inside.json says, and leave the rest: a model that ships is measured again with every
    new search, long after its checkpoint is gone. Raises ValueError where the card has no such part."""
    before, found, rest = (out / "README.md").read_text("utf8").partition(_INSIDE)
    _, ended, after = rest.partition(_AFTER_INSIDE)
    if not found or not ended:
        raise ValueError(f"{out / 'README.md'} has no part {_INSIDE!r}")
    return _replace(out, f"{before}{_inside(folder / 'inside.json')}\n{_AFTER_INSIDE}{after}")


def _replace(out: Path, text: str) -> Path:
    partial = out / "README.partial"
    partial.write_text(text, encoding="utf8")
    os.replace(partial, out / "README.md")
    return out / "README.md"


def _commit() -> str:
    """The commit that the card was written at; its tree may have had changes ("-dirty")."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run([git, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _pretrained(folder: Path) -> str:
    """How much was read before the task was learnt, if anything."""
    checkpoint = pretrained(folder)
    if checkpoint is None:
        return ""
    last = json.loads(checkpoint.with_name("train.jsonl").read_text("utf8").splitlines()[-1])
    bits = json.loads(checkpoint.with_name(MEASURES).read_text("utf8"))
    told = ", ".join(f"{language} {bits['before'][language]:.2f} to {value:.2f}" for language, value in bits["after"].items())
    return (
        f"Before it, {last['tokens'] / 1e6:.2f} M tokens of documents were read for {last['seconds'] / 60:.1f} minutes; bits a character\n"
        f"of held-out ones: {told}.\n"
    )


def _notes(folder: Path) -> str:
    """What a person wrote down of the run, if anything."""
    path = folder / "notes.md"
    return path.read_text("utf8") if path.exists() else ""


def _data(folder: Path) -> str:
    """The data by licence; only what the run read, where it left a list of that."""
    path = folder / "sources.json"
    kinds = json.loads(path.read_text("utf8")) if path.exists() else dict.fromkeys(kind for kind, _ in _DATA)
    rows = [f"| {row} |" for kind, row in _DATA if kind in kinds]
    shared = "\n\nShare-alike sources were used for training." if "qa" in kinds else ""
    return "\n".join(("| data | licence | used for |", "|---|---|---|", *rows)) + shared


def _inside(path: Path) -> str:
    from factory.slm.inside import table

    measured = table(json.loads(path.read_text("utf8"))) if path.exists() else "Not measured yet."
    return f"""{_INSIDE}
What the model changes, on the questions of `tests/gold` dev that have an answer, against the same box quoting alone
(`python -m factory inside`). "by the model": of the sentences shown; they passed grounding. "right": holds every figure that is needed.
"adds": more answers are right, whole or in their first sentence, and none of the two fewer.

{measured}
"""


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
