"""The dashboard as a page: turns a day, outcomes, languages and their parity, topics, latency, hand-offs, feedback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from app.web.auth import Principal
from app.web.console.pages import Viewer, day, labels, language_of, show
from app.web.plots import Bar, bars, columns
from compliance.report.tally import OUTCOMES, Histogram

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
    language = language_of(request)
    t = labels(language)
    tally = found.tally
    today = datetime.now(UTC).date()
    every = [(today - timedelta(days=back)).isoformat() for back in range(days - 1, -1, -1)]
    shown = [(name, t[f"outcome_{name}"]) for name in OUTCOMES if tally.outcomes[name]]
    plots = {
        "per_day": columns([(day(each, language), tally.days.get(each, {})) for each in every], shown, t["plot_per_day"]),
        "outcomes": bars([Bar(t[f"outcome_{name}"], tally.outcomes[name]) for name, _ in shown], t["plot_outcomes"]),
        "languages": bars([Bar(name, sum(counts.values())) for name, counts in sorted(tally.languages.items())], t["plot_languages"]),
        "parity": bars(_parity(tally.languages), t["plot_parity"], of=1.0, percent=True),
        "topics": bars(
            [Bar(name, each.abstained / each.asked, f"{each.abstained}/{each.asked}") for name, each in sorted(tally.topics.items())],
            t["plot_topics"], of=1.0, percent=True,
        ),
        "latency": bars(_latency(tally.total), t["plot_latency"]),
        "handoffs": bars([Bar(name, count) for name, count in tally.handoffs.most_common()], t["plot_handoffs"]),
        "feedback": bars(
            [Bar(t["useful"], tally.useful[True]), Bar(t["not_useful"], tally.useful[False])]
            + [Bar(name, count) for name, count in tally.reasons.most_common()], t["plot_feedback"],
        ),
    }  # fmt: skip
    return show(request, "dashboard.html", viewer, found=found, tally=tally, plots=plots, days=days, choices=DAYS)


def _parity(languages: Mapping[str, Mapping[str, int]]) -> list[Bar]:
    """The share of turns that were answered, language by language: the same service in each, or not."""
    rows = []
    for name, counts in sorted(languages.items()):
        turns = sum(counts.values())
        rows.append(Bar(name, counts.get("answered", 0) / turns, f"{counts.get('answered', 0)}/{turns}"))
    return rows


def _latency(total: Histogram) -> list[Bar]:
    edges = [0.0, *LATENCIES]
    return [Bar(f"≤ {high:g} ms", total.between(low, high)) for low, high in pairwise(edges)]
