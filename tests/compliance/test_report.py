"""The report: its counts are the records', its samples nobody's choice, its evidence the policy's text, in any script."""

from __future__ import annotations

import hashlib
import io
import logging
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from compliance.export import export
from compliance.export.period import Source, find_period
from compliance.export.turns import turn_rows
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.report.audit_report import LANGUAGES
from compliance.report.flow import RIGHT_TO_LEFT, Run, _lines, flow
from compliance.report.paper import Paper
from compliance.report.policy_text import CONTEXT, PolicyText, passage
from compliance.report.samples import EACH_LANGUAGE, Reservoir, read_sample
from compliance.report.tally import Histogram, tally
from tests.conftest import PROJECT

TEXTS = {
    "en": ("How much is a transfer?", "A transfer costs €15 at the counter."),
    "es": ("¿Cuánto cuesta una transferencia?", "Una transferencia cuesta 15 € en ventanilla."),
    "fr": ("Combien coûte un virement ?", "Un virement coûte 15 € au guichet."),
    "de": ("Was kostet eine Überweisung?", "Eine Überweisung kostet am Schalter 15 €."),
    "pt": ("Quanto custa uma transferência?", "Uma transferência custa 15 € ao balcão."),
    "it": ("Quanto costa un bonifico?", "Un bonifico costa 15 € allo sportello."),
    "zh": ("汇款要多少钱？", "柜台汇款费用为15欧元。"),
    "ar": ("كم رسوم التحويل؟", "تبلغ رسوم التحويل 15 يورو مضافًا إليها الضريبة."),
}
EACH = 5


def policy_of(language: str, evidence: str) -> PolicyText:
    text = f"# Title\n\nBefore ({language}). {evidence} After.\n\nNext paragraph.\n"
    return PolicyText(f"Transfers {language}", text, hashlib.sha256(text.encode()).hexdigest())


POLICIES = {language: policy_of(language, answer) for language, (_, answer) in TEXTS.items()}


def find_policy(policy: str, version: str, language: str) -> PolicyText | None:
    return POLICIES.get(language) if (policy, version) == ("payments/transfer", "2026-03") else None


def closed_facts(language: str, outcome: str) -> dict[str, Any]:
    policy, (_, answer) = POLICIES[language], TEXTS[language]
    start = policy.text.index(answer)
    place = {
        "policy": "payments/transfer",
        "version": "2026-03",
        "language": language,
        "start": start,
        "end": start + len(answer),
        "score": 1.0,
    }
    found = [place | {"sha256": policy.sha256}]
    if outcome == "answered":
        return {
            "outcome": outcome,
            "retrieved": found,
            "sentences": [{"origin": "quote", "evidence": [place]}],
            "timings_ms": {"first_sentence": 20.0},
        }
    reason = {"abstained": "not_in_policies", "handed_off": "complaint"}[outcome]
    return {
        "outcome": outcome,
        "retrieved": found,
        "handoff": {"reason": reason, "urgent": outcome == "handed_off"},
        "sentences": [{"origin": "fixed", "evidence": []}],
    }


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """In each of eight languages three answers, an abstention and a complaint; the first German session is erased."""
    with Ledger.open(tmp_path_factory.mktemp("report") / "ledger", branch="b1") as made:
        for number, language in enumerate(TEXTS):
            question, answer = TEXTS[language]
            for n, outcome in enumerate(("answered", "answered", "answered", "abstained", "handed_off")):
                session, turn, day = f"{language}{n}", f"{language}-{n}", f"2026-03-{1 + number:02d}"
                about = (turn, session, "b1", "kiosk", "customer")
                opened = {"language": {"answer_in": language}, "redactions": {"IBAN": 1}}
                made.append(Header("turn_opened", *about, f"{day}T09:00:00.000Z", n, opened), {"question": f"{question} <IBAN_1>"})
                body = {"question": f"{question} <IBAN_1>", "answer": [answer if outcome == "answered" else "fixed words"]}
                made.append(Header("turn_closed", *about, f"{day}T09:00:01.000Z", n, closed_facts(language, outcome)), body)
        made.append(Header.now("feedback", turn="en-0", session="en0", branch="b1", facts={"useful": False, "reasons": ["too_long"]}), {})
        made.erase("de0")
        yield made


def source_of(ledger: Ledger, view: Any, *, decrypt: bool) -> Source:
    return Source(ledger, view, find_period(view, None, None), decrypt)


def pages(ledger: Ledger, folder: Path, **options: Any) -> tuple[PdfReader, str]:
    export(ledger, folder / "out.pdf", "pdf", bank="Alborada", policies=find_policy, **options)
    reader = PdfReader(folder / "out.pdf")
    return reader, "\n".join(page.extract_text() for page in reader.pages)


def test_the_counts_are_those_of_the_records(ledger: Ledger) -> None:
    with ledger.snapshot() as view:
        counted = tally(turn_rows(source_of(ledger, view, decrypt=False)))
    assert counted.turns == 8 * EACH
    assert counted.outcomes == {"answered": 24, "abstained": 8, "handed_off": 8}
    assert counted.languages["zh"] == {"answered": 3, "abstained": 1, "handed_off": 1}
    assert counted.desks == {("kiosk", "customer"): counted.outcomes}
    assert sorted(counted.days) == [f"2026-03-0{day}" for day in range(1, 9)]
    assert (counted.complaints, counted.urgent, counted.erased, counted.redacted) == (8, 8, 1, 40)
    assert counted.handoffs == {"not_in_policies": 8, "complaint": 8}
    assert counted.useful == {False: 1}
    [(name, weak)] = counted.weakest(counted.topics, 5)
    assert (name, weak.asked, weak.abstained, weak.not_useful) == ("payments", 40, 8, 1)
    assert counted.sentences == {"quote": 24, "fixed": 16, "model": 0, "rejected": 0}


def test_the_report_says_what_was_counted_and_carries_the_checkpoint(ledger: Ledger, tmp_path: Path) -> None:
    head = ledger.checkpoint()
    reader, text = pages(ledger, tmp_path)
    assert "Alborada" in text
    assert "2026-03-01 to " in text
    for said in (
        "60%",
        "24 questions",
        "8 urgently",
        "not in policies",
        "complaint",
        "too long",
        "payments/transfer",
        *LANGUAGES.values(),
    ):
        assert said in text, said
    assert head.splitlines()[2] in text
    assert ledger.vkey in text
    assert f"Page 1 of {len(reader.pages)}" in text
    assert [str(each.title) for each in reader.outline if not isinstance(each, list)][:2] == ["By language and desk", "Handed to a person"]


def test_without_decrypt_no_text_is_in_the_report_and_it_says_so(ledger: Ledger, tmp_path: Path) -> None:
    _, text = pages(ledger, tmp_path)
    assert "The texts are left out of this report" in text
    assert "How much is a transfer?" not in text


def test_samples_show_the_evidence_in_its_policy_and_nothing_erased(ledger: Ledger, tmp_path: Path) -> None:
    _, text = pages(ledger, tmp_path, decrypt=True)
    assert text.count("How much is a transfer? <IBAN_1>") == EACH_LANGUAGE
    assert "Before (en). A transfer costs €15 at the counter. After." in text
    assert "汇款要多少钱？" in text
    assert "柜台汇款费用为15欧元。" in text
    assert "payments/transfer, version 2026-03 (ar), characters" in text
    assert "turn de-0" not in text
    assert "Next paragraph" not in text


def test_a_policy_that_was_changed_since_is_not_shown_as_evidence(ledger: Ledger, tmp_path: Path) -> None:
    def changed(policy: str, version: str, language: str) -> PolicyText | None:
        found = find_policy(policy, version, language)
        return found and replace(found, text="X" * 500, sha256="0" * 64)

    export(ledger, tmp_path / "out.pdf", "pdf", decrypt=True, policies=changed)
    text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "out.pdf").pages)
    assert "XXX" not in text
    assert text.count("The box no longer has this text of the policy") == 8 * EACH_LANGUAGE


def test_nobody_chooses_the_samples(ledger: Ledger) -> None:
    """The same checkpoint gives the same sample; another root gives another, and each answer has its chance."""
    with ledger.snapshot() as view:
        source = source_of(ledger, view, decrypt=True)
        rows = list(turn_rows(source))
        chosen = []
        for seed in (None, None, *range(60)):
            reservoir = Reservoir(source)
            if seed is not None:
                reservoir._random = random.Random(seed)
            for row in rows:
                reservoir.offer(row)
            chosen.append(tuple(reservoir.chosen()))
        samples = [read_sample(source, record, language, find_policy) for record, language in chosen[0]]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 8 * EACH_LANGUAGE
    answered = {row.record for row in rows if row.outcome == "answered" and row.texts != "erased"}
    assert {record for each in chosen for record, _ in each} == answered
    assert all(sample and sample.sentences[0].evidence[0].passage for sample in samples)


def test_every_font_is_embedded_as_the_part_that_is_used(ledger: Ledger, tmp_path: Path) -> None:
    reader, _ = pages(ledger, tmp_path, decrypt=True)
    fonts = {ref.idnum: ref.get_object() for page in reader.pages for ref in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    names = set()
    for font in fonts.values():
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert len(descriptor["/FontFile2"].get_object().get_data()) < 60_000
        names.add(str(font["/BaseFont"]).split("+")[1])
    assert {"NotoSans", "NotoSansArabic"} <= names
    assert any("SC" in name for name in names)


def test_the_whole_bank_can_be_set_in_type(caplog: pytest.LogCaptureFixture) -> None:
    """No character of a policy or of the box's own sentences is missing from the fonts."""
    paper = Paper("t", "h", "f")
    files = [*(PROJECT / "knowledge" / "policies").rglob("*.md"), *(PROJECT / "app" / "locales").glob("*.toml")]
    assert len(files) > 100
    missing = {char for file in files for char in set(file.read_text("utf-8")) if paper.drawable(char) == "\ufffd"}
    assert missing == set()
    with caplog.at_level(logging.WARNING):
        flow(paper, [Run("emoji \U0001f600 and ꧁")], "en", x=18, width=100, size=9, color=(0, 0, 0))
        paper.output(io.BytesIO())
    assert caplog.records == []


def test_arabic_letters_join_across_vowel_marks() -> None:
    """حسابًا has its mark between two letters that join; HarfBuzz shaping the whole word is the judge."""
    import uharfbuzz as hb

    from compliance.report.paper import FONTS

    paper = Paper("t", "h", "f")
    paper.font("", 10, family="arabic")
    paper.set_text_shaping(True, direction="rtl")
    face = hb.Face(hb.Blob.from_file_path(str(FONTS / "NotoSansArabic-Regular.ttf")))
    for word in ("حسابًا", "المرسِل", "تحمّل", "مُدَّة"):
        buffer = hb.Buffer()
        buffer.add_str(word)
        buffer.guess_segment_properties()
        hb.shape(hb.Font(face), buffer)
        points = sum(each.x_advance for each in buffer.glyph_positions) * 10 / face.upem
        assert paper.get_string_width(word) == pytest.approx(points / paper.k, rel=0.01), word


WORDS = st.lists(
    st.sampled_from(["transfer", "€15,", "counter.", "柜台汇款费用，", "为15欧元。", "التحويل", "حسابًا", "«باب»", "x" * 90, "<IBAN_1>"]),
    max_size=40,
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(WORDS, WORDS, st.sampled_from(sorted(TEXTS)))
def test_lines_fit_keep_every_word_and_never_begin_with_a_full_stop(before: list[str], marked: list[str], language: str) -> None:
    paper = Paper("t", "h", "f")
    paper.set_text_shaping(True, direction="rtl" if language in RIGHT_TO_LEFT else "ltr")
    runs = [Run(" ".join(before)), Run(" ".join(marked), marked=True)]
    lines = list(_lines(paper, runs, 80))
    for line in lines:
        text = "".join(unit.text for unit in line)
        assert paper.get_string_width(text.rstrip()) <= 80 * 1.02
        assert text[0] not in "，。"
    kept = {flag: "".join(unit.text for line in lines for unit in line if unit.marked == flag) for flag in (False, True)}
    assert kept == {False: runs[0].text, True: runs[1].text}


def test_text_cannot_reorder_or_number_the_page(ledger: Ledger) -> None:
    paper = Paper("t", "h", "f")
    assert paper.drawable("pay \u202e15\u202c \ue000\ue001 {nb}\x07\n now") == "pay 15  {nb}  now"
    assert paper.drawable("\u06cc\u200c\u06a9") == "\u06cc\u200c\u06a9"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_at_most_five_percent_too_long(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = sorted(values)[max(1, -int(-share * len(values) // 1)) - 1]
    found = histogram.quantile(share)
    assert found is not None
    assert max(exact, 0.01) <= found * 1.000001
    assert found <= max(exact, 0.01) * 1.05001
    assert histogram.between(0, float("inf")) == len(values)


@given(st.text(alphabet=st.sampled_from("ab *|#\n.-中"), max_size=600), st.data())
def test_a_passage_keeps_the_words_of_the_evidence_and_bounds_its_surroundings(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(0, len(text)))
    found = passage(text, start, end)
    if not start < end:
        assert found is None
        return
    assert found is not None
    letters = [char for char in text[start:end] if char in "ab中"]
    assert [char for char in found.evidence if char in "ab中"] == letters
    assert len(found.before) <= CONTEXT + 2
    assert len(found.after) <= CONTEXT + 2
    assert not set("|#") & {char for char in found.evidence if char == "|"}


def test_a_row_of_a_table_reads_as_one_line() -> None:
    text = "| Service | Fee |\n|---|---|\n| Transfer **online** | €15 |\n| Other | €20 |\n"
    start = text.index("Transfer")
    found = passage(text, start, text.index("€15") + 3)
    assert found is not None
    assert (found.before, found.evidence, found.after) == ("", "Transfer online · €15", "")
