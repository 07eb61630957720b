"""The dashboard as a page: turns a day, outcomes, languages and their parity, topics, latency, hand-offs, feedback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from app.web.auth import Principal
from app.web.console.pages import Viewer, show, wording_of
from app.web.console.wording import Wording
from app.web.plots import Bar, bars, columns
from compliance.report.tally import OUTCOMES, Histogram, Tally

router = APIRouter()
DAYS = (7, 30, 90)
LATENCIES = (50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 20_000.0)


@router.get("/dashboard")
def read_dashboard(
    request: Request, viewer: Annotated[Principal, Depends(Viewer("insights"))],
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Response:  # fmt: skip
    """Counts and plots of the last days."""
    found = request.app.state.activity.of_days(days)
    plots = _plots(found.tally, days, wording_of(request))
    return show(request, "dashboard.html", viewer, found=found, tally=found.tally, plots=plots, days=days, choices=DAYS)


def _plots(tally: Tally, days: int, w: Wording) -> dict[str, Markup]:
    """Each plot by its name, in the order of the page."""
    titles = {name: w.labels[f"plot.{name}"] for name in _NAMES}
    today = datetime.now(UTC).date()
    every = [(today - timedelta(days=back)).isoformat() for back in range(days - 1, -1, -1)]
    shown = [(name, w.named("result", name)) for name in OUTCOMES if tally.outcomes[name]]
    per_day: list[tuple[str, Mapping[str, int]]] = [(w.day(each), tally.days.get(each, {})) for each in every]
    spoken = [(w.language_name(name), sum(counts.values())) for name, counts in sorted(tally.languages.items())]
    rows = {
        "outcomes": [_count(label, tally.outcomes[name], w) for name, label in shown],
        "languages": [_count(name, turns, w) for name, turns in spoken],
        "latency": _latency(tally.total, w),
        "handoffs": [_count(w.named("category", name), count, w) for name, count in tally.handoffs.most_common()],
        "feedback": [_count(w.labels["useful"], tally.useful[True], w), _count(w.labels["not_useful"], tally.useful[False], w)]
        + [_count(w.feedback_reason(name), count, w) for name, count in tally.reasons.most_common()],
    }
    shares = {
        "parity": _parity(tally.languages, w),
        "topics": [_part(w.named("topic", name), each.abstained, each.asked, w) for name, each in sorted(tally.topics.items())],
    }
    drawn = {name: bars(each, titles[name]) for name, each in rows.items()}
    drawn |= {name: bars(each, titles[name], of=1.0) for name, each in shares.items()}
    drawn["per_day"] = columns(per_day, shown, titles["per_day"], w.labels["legend"])
    return {name: drawn[name] for name in _NAMES}


_NAMES = ("per_day", "outcomes", "latency", "languages", "parity", "topics", "handoffs", "feedback")


def _count(name: str, count: int, w: Wording) -> Bar:
    return Bar(name, count, w.number(count))


def _part(name: str, part: int, whole: int, w: Wording) -> Bar:
    return Bar(name, part / whole, f"{w.share(part / whole)} ({w.number(part)}/{w.number(whole)})")


def _parity(languages: Mapping[str, Mapping[str, int]], w: Wording) -> list[Bar]:
    """The share of turns that were answered, language by language: the same service in each, or not."""
    return [
        _part(w.language_name(name), counts.get("answered", 0), sum(counts.values()), w) for name, counts in sorted(languages.items())
    ]


def _latency(total: Histogram, w: Wording) -> list[Bar]:
    edges = [0.0, *LATENCIES]
    return [
        _count(w.labels["up_to"].format(time=w.milliseconds(high)), total.between(low, high), w) for low, high in pairwise(edges)
    ]
