"""The audit report: the order of its sections, and what each says.

Counting is in `tally`, the choice of sample answers in `samples`, drawing in `paper`, `flow` and `charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from compliance.export.period import Source
from compliance.export.turns import turn_rows
from compliance.record import utc_now
from compliance.report import charts
from compliance.report.paper import BRAND, INK, MARGIN, QUIET, WIDTH, Paper
from compliance.report.policy_text import PolicyTexts
from compliance.report.proof import proof_section
from compliance.report.sample_pages import samples_section
from compliance.report.samples import Reservoir, read_sample
from compliance.report.tally import OUTCOMES, Subject, Tally
from compliance.verify import open_checkpoint

LANGUAGES = {
    "en": "English", "es": "Spanish", "fr": "French", "de": "German", "pt": "Portuguese", "it": "Italian",
    "zh": "Chinese", "ar": "Arabic",
}  # fmt: skip
MOST_ROWS = 12


def write_report(source: Source, file: BinaryIO, *, bank: str = "", policies: PolicyTexts | None = None) -> None:
    """Writes the report of a period as PDF. Sample answers are in it when `source.decrypt` is set; `policies` finds the
    text around their evidence. Memory grows with days and policies, not with turns."""
    counted, reservoir = Tally(), Reservoir(source)
    for row in turn_rows(replace(source, decrypt=False)):
        counted.add(row)
        reservoir.offer(row)
    paper = _paper(source, bank)
    _title(paper, source, bank)
    _overview(paper, counted)
    if counted.turns:
        _languages_and_desks(paper, counted)
        _handoffs(paper, counted)
        _weakest(paper, counted)
        _feedback(paper, counted)
        _speed(paper, counted)
    order = list(LANGUAGES)
    chosen = reservoir.chosen() if source.decrypt else []
    chosen.sort(key=lambda each: order.index(each[1]) if each[1] in order else len(order))
    samples = [read_sample(source, record, language, policies) for record, language in chosen]
    samples_section(paper, [each for each in samples if each is not None], LANGUAGES, decrypt=source.decrypt)
    proof_section(paper, source, _other_records(source))
    paper.output(file)


def _paper(source: Source, bank: str) -> Paper:
    head = open_checkpoint(source.period.note, source.ledger.vkey)
    name = f"{bank}, {source.ledger.branch}" if bank else source.ledger.branch
    return Paper(
        f"Audit report, {name}",
        f"Audit report · {name} · {_period(source)}",
        f"{head.origin} · {head.size:,} records · root {head.root.hex()[:16]}",
    )


def _period(source: Source) -> str:
    """The period as asked for, or as the records span it."""
    first, count = source.period.first, source.period.count
    if not count:
        return f"{(source.period.since or 'beginning')[:10]} to {(source.period.until or 'now')[:10]}"
    time = "json_extract(header, '$.time_utc')"
    sql = f"SELECT substr(min({time}), 1, 10), substr(max({time}), 1, 10) FROM entry WHERE idx >= ? AND idx < ?"
    start, end = source.view.query(sql, (first, first + count))[0]
    return f"{start} to {end}" if start != end else str(start)


def _other_records(source: Source) -> dict[str, int]:
    """How many records of each kind the period holds; those that are not there to be read count as "pruned"."""
    first, count = source.period.first, source.period.count
    rows = source.view.query(
        "SELECT json_extract(header, '$.kind') AS kind, count(*) FROM entry WHERE idx >= ? AND idx < ? GROUP BY kind ORDER BY kind",
        (first, first + count),
    )
    found = {str(kind): int(number) for kind, number in rows}
    gone = count - sum(found.values())
    return found | {"pruned": gone} if gone else found


def _title(paper: Paper, source: Source, bank: str) -> None:
    paper.box(0, 0, 210, 46, BRAND)
    paper.font("B", 9, (190, 214, 226))
    paper.label(MARGIN, 10, "Tellerbox")
    paper.font("B", 22, (255, 255, 255))
    paper.label(MARGIN, 16, "Audit report", h=11)
    paper.font("", 10.5, (225, 236, 242))
    where = f"{bank}   ·   {source.ledger.branch}" if bank else source.ledger.branch
    paper.label(MARGIN, 29, f"{where}   ·   {_period(source)}", h=6)
    paper.font("", 8, (190, 214, 226))
    paper.label(MARGIN, 36, f"Made {utc_now()[:16].replace('T', ' ')} UTC. All times are UTC.", h=5)
    paper.set_xy(MARGIN, 52)


def _overview(paper: Paper, counted: Tally) -> None:
    if not counted.turns:
        paper.paragraph("No question was asked in this period.")
        return

    def share(outcome: str) -> str:
        return f"{counted.outcomes[outcome] / counted.turns:.0%}"

    median, slow = counted.first_sentence.quantile(0.5), counted.first_sentence.quantile(0.95)
    paper.tiles(
        [
            (f"{counted.turns:,}", "Questions", f"in {len(counted.languages)} languages"),
            (share("answered"), "Answered", f"{counted.outcomes['answered']:,} questions"),
            (share("abstained"), "Abstained", f"{counted.outcomes['abstained']:,} questions"),
            (share("handed_off"), "Handed off", f"{counted.urgent:,} urgently"),
            (_ms(median), "Median wait", f"95% within {_ms(slow)}"),
        ]
    )
    paper.font("B", 10)
    paper.cell(WIDTH, 6, "Questions by day")
    paper.ln(7)
    charts.legend(paper, [each for each in OUTCOMES if counted.outcomes[each]])
    charts.over_days(paper, counted.days)
    made = counted.sentences
    paper.paragraph(
        f"Sentences shown: {made['quote']:,} quoted from the policies word for word, {made['model']:,} worded by the language model"
        f" and supported by a policy, {made['fixed']:,} fixed ones of the box. Sentences of the model rejected and not shown:"
        f" {made['rejected']:,}. Identifying details taken out of questions before anything was stored: {counted.redacted:,}."
        f" Complaints: {counted.complaints:,}. Turns whose texts were erased: {counted.erased:,}.",
        size=8.5,
        color=QUIET,
    )


def _languages_and_desks(paper: Paper, counted: Tally) -> None:
    paper.section("By language and desk")
    paper.subsection("Outcomes by language")
    ordered = sorted(counted.languages.items(), key=lambda each: -sum(each[1].values()))
    charts.shares(paper, [(LANGUAGES.get(code, code), counts) for code, counts in ordered])
    paper.subsection("By desk")
    shown = [each for each in OUTCOMES if counted.outcomes[each]]
    rows = []
    for (channel, role), counts in sorted(counted.desks.items(), key=lambda each: -sum(each[1].values())):
        name = f"{channel or 'unknown'}, {role or 'unknown'}"
        rows.append([name, f"{sum(counts.values()):,}", *(f"{counts[each]:,}" for each in shown)])
    paper.grid(["Channel, role", "questions", *(charts.NAMES[each] for each in shown)], rows[:MOST_ROWS], [2.2, 1, *[1.3] * len(shown)])


def _handoffs(paper: Paper, counted: Tally) -> None:
    paper.section("Handed to a person")
    if not counted.handoffs:
        paper.paragraph("No question was handed to a person.")
        return
    paper.paragraph(
        f"{_count(sum(counted.handoffs.values()), 'question')} named a reason why a person is needed, {counted.urgent:,} of them"
        f" urgently. {_count(counted.complaints, 'complaint')}.",
        size=8.5,
        color=QUIET,
    )
    charts.bars(paper, [(_words(reason), count) for reason, count in counted.handoffs.most_common(MOST_ROWS)], charts.COLORS["handed_off"])


def _weakest(paper: Paper, counted: Tally) -> None:
    paper.section("Where the answers are weakest")
    paper.paragraph(
        "A question counts to the policy that search put first. It went badly when the box abstained, rejected a sentence of the"
        " model, or a person found the answer not useful.",
        size=8.5,
        color=QUIET,
    )
    head = ["", "questions", "abstained", "rejected", "not useful", "went badly"]
    for name, table in (("Topics", counted.topics), ("Policies", counted.policies)):
        rows = counted.weakest(table, MOST_ROWS if name == "Topics" else 10)
        if rows:
            paper.grid([name, *head[1:]], [_subject_row(key, subject) for key, subject in rows], [3.4, 1, 1, 1, 1, 1.1])
        else:
            paper.paragraph(f"{name}: none went badly.", size=8.5)


def _subject_row(name: str, subject: Subject) -> Sequence[str]:
    counts = (subject.asked, subject.abstained, subject.rejected, subject.not_useful)
    return [_words(name), *(f"{count:,}" for count in counts), f"{subject.weakness:.0%}"]


def _feedback(paper: Paper, counted: Tally) -> None:
    paper.section("Feedback", room=20)
    given = sum(counted.useful.values())
    if not given:
        paper.paragraph("No feedback was recorded for these questions.")
        return
    paper.paragraph(
        f"{_count(given, 'person', 'people')} said whether an answer was useful: {counted.useful[True]:,} yes,"
        f" {counted.useful[False]:,} no."
    )
    if counted.reasons:
        charts.bars(paper, [(_words(reason), count) for reason, count in counted.reasons.most_common(MOST_ROWS)])


def _speed(paper: Paper, counted: Tally) -> None:
    if not counted.first_sentence.count:
        return
    paper.section("Time to the first sentence", room=50)
    paper.font("", 8.5, INK)
    quantiles = [f"{share:.0%} within {_ms(counted.first_sentence.quantile(share))}" for share in (0.5, 0.9, 0.95, 0.99)]
    paper.paragraph(f"{', '.join(quantiles)} (times are at most 5% overstated).", size=8.5, color=QUIET)
    charts.times(paper, counted.first_sentence)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _words(name: str) -> str:
    return name.replace("_", " ") if "/" not in name else name


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"
