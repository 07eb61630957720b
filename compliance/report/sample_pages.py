"""The sample answers of the report: question, answer, and the policy text with the evidence marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compliance.report.flow import RIGHT_TO_LEFT, Run, flow
from compliance.report.paper import BRAND, INK, LINE, MARGIN, PANEL, QUIET, WIDTH, Paper
from compliance.report.samples import EACH_LANGUAGE, Cited, Sample, Shown

_ORIGINS = {"model": "worded by the model", "quote": "quoted", "fixed": "fixed sentence"}


def samples_section(paper: Paper, samples: Sequence[Sample], languages: Mapping[str, str], *, decrypt: bool) -> None:
    """The section with the samples, or with the line that says why there are none."""
    paper.section("Sample answers", room=30)
    if not decrypt:
        paper.paragraph("The texts are left out of this report; an export with --decrypt shows a sample of answers with their evidence.")
        return
    if not samples:
        paper.paragraph("No answer of this period can be shown: none was given from the policies, or all were erased.")
        return
    paper.paragraph(
        f"At most {EACH_LANGUAGE} a language, drawn at random with the root of the checkpoint as the seed, so that nobody chose them."
        " Questions are redacted as they are stored. The marked text is the evidence, in its place in the policy.",
        size=8.5,
        color=QUIET,
    )
    for sample in samples:
        _sample(paper, sample, languages)


def _sample(paper: Paper, sample: Sample, languages: Mapping[str, str]) -> None:
    paper.room(46)
    top = paper.get_y()
    paper.box(MARGIN, top, WIDTH, 6, PANEL)
    paper.font("B", 8, BRAND)
    paper.label(MARGIN + 2, top + 1, languages.get(sample.language, sample.language))
    paper.font("", 7.5, QUIET)
    where = f"{sample.time_utc[:16].replace('T', ' ')}   turn {sample.turn}   record {sample.record}"
    paper.label(MARGIN + 30, top + 1, where)
    paper.set_y(top + 8)
    flow(paper, [Run(sample.question)], sample.language, x=MARGIN, width=WIDTH, size=9.5, color=INK, style="B")
    paper.ln(1)
    for sentence in sample.sentences:
        _sentence(paper, sentence, sample.language)
    paper.ln(4)


def _sentence(paper: Paper, sentence: Shown, language: str) -> None:
    spoken = sentence.evidence[0].language if sentence.origin == "quote" and sentence.evidence else language
    flow(paper, [Run(sentence.text)], spoken, x=MARGIN, width=WIDTH, size=9.5, color=INK)
    for cited in sentence.evidence:
        _evidence(paper, cited, _ORIGINS.get(sentence.origin, sentence.origin))


def _evidence(paper: Paper, cited: Cited, origin: str) -> None:
    paper.room(12)
    paper.ln(0.8)
    first_page, top = paper.page_no(), paper.get_y()
    backwards = cited.language in RIGHT_TO_LEFT
    left, width = (MARGIN, WIDTH - 6) if backwards else (MARGIN + 6, WIDTH - 6)
    if cited.passage is None:
        note = [Run("The box no longer has this text of the policy: the evidence is at these characters of that version.")]
        flow(paper, note, "en", x=MARGIN + 6, width=WIDTH - 6, size=8, color=QUIET)
    else:
        parts = cited.passage
        runs = [Run(parts.before + " " * bool(parts.before)), Run(parts.evidence, marked=True), Run(" " * bool(parts.after) + parts.after)]
        flow(paper, [run for run in runs if run.text], cited.language, x=left, width=width, size=8, color=QUIET)
    if paper.page_no() == first_page:
        edge = MARGIN + WIDTH - 2.5 if backwards else MARGIN + 2.5
        paper.set_draw_color(*LINE)
        paper.set_line_width(0.7)
        paper.line(edge, top, edge, paper.get_y())
    paper.font("", 7, QUIET)
    place = f"{cited.policy}, version {cited.version} ({cited.language}), characters {cited.start} to {cited.end} · {origin}"
    paper.label(MARGIN + 6, paper.get_y() + 0.4, place, w=WIDTH - 6)
    paper.set_xy(MARGIN, paper.get_y() + 5.5)
