"""How fast and how well does redaction find what identifies a person, against stock Presidio in the same run?

    python -m benchmarks.redaction [--rounds 200] [--half test] [--synthetic FILE] [--json]

Speed: milliseconds for texts of 200 characters in eight languages, with nothing to find and dense with identifiers, median over rounds in
which both take turns; and the slowest of the hostile texts of 10 kB. Quality: precision, recall and F2 on the gold messages
(tests/gold/redaction) by language, and on the English synthetic set of presidio-research where its file is given or lies
in the data folder. Stock Presidio is every predefined recognizer for the language, without a model, as ours has none that
is downloaded.
"""

from __future__ import annotations

import argparse
import json
import logging
import lzma
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from app.resident import settle
from app.settings import load_settings
from compliance.redaction.engine import Redactor
from compliance.redaction.plugins import type_of
from compliance.redaction.tagger import NameTagger
from compliance.redaction.tokens import fold
from factory.names.evaluate import GOLD, PUBLIC, gold, summary
from factory.names.lexicon import LANGUAGES, lexicon
from factory.names.scores import Marked, Score, Span, score
from tests.compliance.test_redaction_checksums import HOSTILE

ROOT = Path(__file__).parents[1]
SYNTHETIC = ROOT.parent / "shared" / "data" / "pii" / "presidio_synth_v2.en.jsonl.xz"
CHARACTERS = 200

MAPPING: Mapping[str, str | None] = {
    "PERSON": "PERSON", "STREET_ADDRESS": "ADDRESS", "GPE": "LOCATION", "ORGANIZATION": "ORGANIZATION", "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD", "EMAIL_ADDRESS": "EMAIL", "IBAN_CODE": "IBAN", "US_SSN": "ID", "IP_ADDRESS": "IP", "US_DRIVER_LICENSE": "ID",
    "ZIP_CODE": None, "DATE_TIME": None, "TITLE": None, "AGE": None, "NRP": None, "DOMAIN_NAME": None,
}  # fmt: skip
"""Their type -> ours. Not covered, by decision: a date, a title, an age, a nationality, a country, a web address or a postcode alone
names nobody."""

Find = Callable[[str], Sequence[Span]]


def ours() -> Redactor:
    """The redactor as the box has it."""
    settings = load_settings()
    return Redactor((*settings.public_numbers, settings.bank, *PUBLIC), NameTagger.load(settings.models / "names"))


def stock() -> Callable[[str, str], Sequence[Span]]:
    """Stock Presidio, `(text, language) -> spans`; its e-mail recognizer is kept from asking the network for suffixes."""
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    languages = list(LANGUAGES)
    nlp = NoOpNlpEngine([{"lang_code": code, "model_name": "no_op"} for code in languages])
    registry = RecognizerRegistry(supported_languages=languages)
    registry.load_predefined_recognizers(languages=languages, nlp_engine=nlp)
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=languages)

    def find(text: str, language: str) -> Sequence[Span]:
        results = engine.analyze(text, language)
        return [(kind, found.start, found.end) for found in results if (kind := type_of(found.entity_type))]

    return find


def found_by(redactor: Redactor) -> Find:
    """The redactor as a plain function."""
    return lambda text: [(found.type, found.start, found.end) for found in redactor.find(text)]


def texts(language: str, *, clean: bool) -> list[str]:
    """Gold messages joined to 200 characters each."""
    rows = [row.text for row in gold(language, "both") if bool(row.spans) != clean]
    if not clean:
        rows.sort(key=lambda text: -sum(map(str.isdigit, text)) / len(text))
    joined = "  ".join(rows)
    return [joined[start : start + CHARACTERS] for start in range(0, min(len(joined), 10 * CHARACTERS) - CHARACTERS + 1, CHARACTERS)]


def speed(redactor: Redactor, other: Callable[[str, str], Sequence[Span]], rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds a text; both finders take turns on every text."""
    out: dict[str, dict[str, float]] = {}
    for name, clean in (("nothing to find", True), ("dense", False)):
        for language in LANGUAGES:
            times: dict[str, list[float]] = {"ours": [], "presidio": []}
            for text in texts(language, clean=clean):
                for who, call in (("ours", partial(redactor.find, text)), ("presidio", partial(other, text, language))):
                    call()
                    for _ in range(rounds if who == "ours" else max(1, rounds // 10)):
                        start = time.perf_counter()
                        call()
                        times[who].append(time.perf_counter() - start)
            out[f"{name} {language}"] = {who: statistics.median(values) * 1e3 for who, values in times.items()}
    return out


def hostile(redactor: Redactor) -> tuple[float, str]:
    """Milliseconds for 10 kB of the slowest hostile text, and how that text begins."""
    slowest = (0.0, "")
    for text in HOSTILE:
        start = time.perf_counter()
        redactor.find(text)
        slowest = max(slowest, ((time.perf_counter() - start) * 1e3 * 10_000 / len(text), text[:16]))
    return slowest


def synthetic(path: Path) -> list[Marked]:
    """The synthetic set under our types; what MAPPING leaves out is not marked, and what is masked there counts as wrong."""
    with lzma.open(path, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    countries = {fold(name) for name in lexicon("en")["countries"]}
    return [Marked(row["text"], tuple(_covered(row["spans"], countries))) for row in rows]


def _covered(spans: Sequence[Mapping[str, Any]], countries: Collection[str]) -> Iterator[Span]:
    for span in spans:
        kind = MAPPING[span["type"]]
        if kind is not None and not (kind == "LOCATION" and fold(span["value"].strip()) in countries):
            yield kind, span["start"], span["end"]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--half", choices=("dev", "test", "both"), default="test")
    parser.add_argument("--synthetic", type=Path, default=SYNTHETIC)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    redactor, other = ours(), stock()
    settle()  # as a server does: else a hostile text may meet a collection that looks through all of Presidio
    times = speed(redactor, other, given.rounds)
    slow, slow_text = hostile(redactor)
    quality: dict[str, tuple[Score, Score]] = {
        f"gold {language} ({given.half})": (
            score(rows := gold(language, given.half), found_by(redactor)),
            score(rows, lambda text, code=language: other(text, code)),
        )
        for language in LANGUAGES
        if (GOLD / f"{language}.txt").is_file()
    }
    if given.synthetic.is_file():
        rows = synthetic(given.synthetic)
        quality["synthetic en"] = (score(rows, found_by(redactor)), score(rows, lambda text: other(text, "en")))
    if given.json:
        shown: dict[str, Any] = {name: {"ours": summary(mine), "presidio": summary(theirs)} for name, (mine, theirs) in quality.items()}
        print(json.dumps({"ms": times, "hostile_ms_per_10kB": slow, "quality": shown}))
        return
    print(f"{'ms for 200 characters':26} {'ours':>8} {'presidio':>9}  ratio")
    for name, row in times.items():
        print(f"{name:26} {row['ours']:8.2f} {row['presidio']:9.2f}  {row['ours'] / row['presidio']:.2f}")
    print(f"slowest hostile text: {slow:.0f} ms for 10 kB ({slow_text!r}…)\n")
    print(f"{'':22} {'':13} {'marked':>6}  {'ours':>23}    {'presidio':>23}")
    print(f"{'':22} {'':13} {'':>6}  {'recall':>7} {'prec.':>7} {'F2':>7}    {'recall':>7} {'prec.':>7} {'F2':>7}")
    for name, (mine, theirs) in quality.items():
        kinds = [("all", mine.total, theirs.total), ("names", mine.names, theirs.names), ("strong", mine.strong, theirs.strong)]
        kinds += [(kind, count, theirs.types.get(kind, type(count)(marked=count.marked))) for kind, count in sorted(mine.types.items())]
        for kind, left, right in kinds:
            figures = [f"{each:7.3f}" for count in (left, right) for each in (count.recall, count.precision, count.f2)]
            print(f"{name:22} {kind:13} {left.marked:6}  {' '.join(figures[:3])}    {' '.join(figures[3:])}")
        print(f"{name:22} clean messages touched: ours {mine.touched}, presidio {theirs.touched} of {mine.clean}")


if __name__ == "__main__":
    main()
