"""The card of the tagger of names, from measurements: `python -m factory.names.card [--models DIR]` writes README.md beside the model.

The figures are those of `factory.names.evaluate` on the gold messages (both halves) and on templates and names put aside.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

from compliance.redaction.engine import Redactor
from compliance.redaction.gazetteer import Gazetteer
from compliance.redaction.tagger import CLUSTERS, MODEL, NAMES, NameTagger
from factory.names.corpus import templates
from factory.names.evaluate import PUBLIC, score_gold, score_templates
from factory.names.lexicon import LANGUAGES, ROOT
from factory.names.train import AGAIN, C1, C2, CUSTOMERS, EMPTY, MORE, PRESETS, SEED

LATIN = 22
"""Sentences a template in Latin script in the third run."""

_ABOUT = """# Tagger of names

Finds names of persons, addresses, towns and organisations in what people type, in eight languages, for redaction
(`compliance/redaction/tagger.py`). A linear-chain conditional random field (Lafferty, McCallum & Pereira 2001) over words and Chinese characters,
trained by CRFsuite and run by numpy; its features are the words around, their shape, lists of names and brands, and clusters of words by meaning.

## Recipe

    python -m factory.names.clusters     # needs the data folder; the shipped file was made so, then got Arabic words by --extend
    python -m factory.names.train --out one                     # minutes on one core; some sentences are from the data folder
    python -m factory.names.train --out two --seed {seeds[1]}
    python -m factory.names.train --out three --seed {seeds[2]} --latin {latin}
    python -m factory.names.mean one two three && python -m factory.names.card

{templates} templates written for this project by hand (`factory/names/templates`), each filled {fills} times with names of `factory/names/lexicon` (Arabic and
Chinese ones {more} times, in the third run those in Latin script {latin} times); in English nearly half of the firms are coined (`factory/names/firms.py`), in Arabic and Chinese more than half of the firms and
addresses are composed of pieces (`arab.py`, `chinese.py`). Beside them sentences without names: the reference bank's policies, the gold
questions' training split, and the sets named below, of which only sentences without a capital after the first word were taken. In
Arabic, where most names are ordinary words too, such sentences weigh more: templates without a name are repeated {empty} times (Chinese ones {chinese}), policies and
training questions {again}, and up to {customers:,} questions of customers are taken. Seeds {seeds[0]}, {seeds[1]} and {seeds[2]};
L-BFGS, {iterations} iterations, c1 {c1}, c2 {c2}. The file that ships is the mean of the three runs, each of which counts the same (`factory/names/mean.py`). One name in ten and one
template in ten are put aside for measuring, for good, by their own hash; but no name that is an ordinary word too and no Chinese family name of one character:
the sentences without names hold those as words, and a tagger that saw them nowhere else would take them for nothing else. After the first two runs "بايثون" (Python) was
listed as a product and "لي" (to me, and Li) struck from the list of names; the third was trained with the lists as they are.

## Data

| what | licence |
|---|---|
| templates and lexicon | this project's |
| Faker's lists of given names, surnames and towns | MIT |
| Banking77 (en), ArBanking77 (ar): questions without names | CC BY 4.0, CC BY-SA 4.0 |
| the same, Microsoft documentation and Tatoeba: a list of ordinary Arabic words | CC BY-SA 4.0, CC BY 4.0, CC BY 2.0 FR |
| Microsoft Learn and Dynamics 365 documentation: sentences without names; vocabulary of the clusters; a list of German nouns | CC BY 4.0, © Microsoft and contributors |
| Tatoeba (through LASER): everyday sentences without names | CC BY 2.0 FR |
| SQuAD 2.0, SQuAD-es, SQuAD-it, PIAF, FaQuAD: sentences without names; they, ARCD and TyDi QA: vocabulary of the clusters | CC BY-SA 4.0, MIT over CC BY-SA 4.0, CC BY-SA 4.0, MIT over CC BY-SA 3.0, CC BY 4.0, MIT, Apache-2.0 |

No message of tests/gold/redaction and no sentence of presidio-research was trained on. Faults in half of presidio-research's templates and in the dev
half of the gold messages were read before the last templates were written, and so were the words that earlier models masked in the policy
questions of train and dev (some of the Arabic and Chinese templates say the like).
"""

_LIMITS = """
## Limits

- Countries, nationalities, titles, ages and dates are left alone, by decision: they name nobody and the question needs them.
- In texts without capitals a name that is also an ordinary word ("rosa", "mark") is often missed unless something introduces it.
- Arabic and Chinese miss an eighth and a ninth of the names of the unread half, and an eighth of what is masked there in Arabic as a name is none: scripts
  without capitals, in which most names are ordinary words too. On the dev half both do much better, so sixty names say little: the scores of Arabic and Chinese
  have moved by up to 7 points on either half from run to run. Of the 231 to 287 policy questions of a language it masks a word in one Chinese and no other.
- On presidio-research's English sentences a fifth of the firms and an eighth of the towns are missed. How often a template is filled (14 or 22 times) makes no
  difference there; the thresholds do, and they were chosen with its score in view.
- One writer wrote each language's templates and another its gold messages; none was checked by a second native reader.
"""


def card(models: Path) -> str:
    """The card's text, measured now."""
    preset = PRESETS["release"]
    count = sum(len(templates(language, held_out=part)) for language in LANGUAGES for part in (False, True))
    counts = {
        "templates": f"{count:,}",
        "fills": preset.fills,
        "more": int(preset.fills * MORE["ar"]),
        "empty": int(preset.fills * EMPTY["ar"]),
        "chinese": int(preset.fills * EMPTY["zh"]),
        "again": AGAIN["ar"],
        "customers": preset.plain * CUSTOMERS["ar"],
    }
    about = _ABOUT.format(**counts, seeds=(SEED, SEED + 1, SEED + 2), latin=LATIN, iterations=preset.iterations, c1=C1, c2=C2)
    return "\n".join([about, *_files(models), *_scores(models), _LIMITS]).rstrip() + "\n"


def _files(models: Path) -> Iterator[str]:
    yield f"## Files\n\n{len(Gazetteer.load(models / NAMES)):,} listed names and words.\n\n| file | bytes | sha256 |\n|---|---|---|"
    for name in (MODEL, NAMES, CLUSTERS):
        data = (models / name).read_bytes()
        yield f"| {name} | {len(data):,} | {hashlib.sha256(data).hexdigest()} |"


def _scores(models: Path) -> Iterator[str]:
    redactor = Redactor(PUBLIC, NameTagger.load(models))
    yield "\n## Scores\n\nNames (persons, addresses, towns, organisations) as recall / precision: `python -m factory.names.evaluate --half test`, and `--templates`.\n"
    yield "| | gold, unread half | persons alone | gold, dev half | strong identifiers whole in that half, after its misses were read once (339 of 359 before) | clean messages touched, unread half | templates and names put aside |"
    yield "|---|---|---|---|---|---|---|"
    for language in LANGUAGES:
        test, dev, aside = score_gold(redactor, language, "test"), score_gold(redactor, language, "dev"), score_templates(models, language)
        persons = test.types["PERSON"]
        pairs = [f"{count.recall:.2f} / {count.precision:.2f}" for count in (test.names, persons, dev.names)]
        strong = f"{test.strong.whole} of {test.strong.marked}"
        touched = f"{test.touched} of {test.clean}"
        yield f"| {language} | {' | '.join(pairs)} | {strong} | {touched} | {aside.names.recall:.2f} / {aside.names.precision:.2f} |"


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models" / "names")
    given = parser.parse_args()
    (given.models / "README.md").write_text(card(given.models), "utf-8")


if __name__ == "__main__":
    main()
