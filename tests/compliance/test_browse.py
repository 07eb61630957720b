"""Browsing the ledger: every record that fits is found once, page by page, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance import browse
from compliance.browse import Filter, page
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header

KINDS = ("turn_opened", "turn_closed", "handoff")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger") as held:
        for number in range(23):
            facts = {"outcome": "answered" if number % 2 else "abstained", "language": {"answer_in": "es" if number % 5 else "zh"}}
            held.append(Header.now(KINDS[number % 3], turn=f"t{number}", channel="web", facts=facts), {})
        yield held


def every(ledger: Ledger, wanted: Filter, limit: int) -> list[int]:
    found: list[int] = []
    before: int | None = None
    for _ in range(100):
        part = page(ledger, wanted, before=before, limit=limit)
        assert len(part.records) <= limit
        found += [index for index, _ in part.records]
        before = part.before
        if before is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("limit", [1, 4, 23, 50])
@pytest.mark.parametrize("looked_at", [3, 1000])
@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Filter(), lambda n: True), (Filter(kind="handoff"), lambda n: n % 3 == 2), (Filter(outcome="answered"), lambda n: n % 2 == 1),
        (Filter(language="zh", outcome="abstained"), lambda n: n % 5 == 0 and n % 2 == 0), (Filter(turn="t7"), lambda n: n == 7),
        (Filter(channel="kiosk"), lambda n: False), (Filter(since="2999-01-01"), lambda n: False),
    ],
)  # fmt: skip
def test_pages_hold_every_record_that_fits_once_newest_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int, looked_at: int, wanted: Filter, fits: object
) -> None:
    monkeypatch.setattr(browse, "MOST_LOOKED_AT", looked_at)
    monkeypatch.setattr(browse, "AT_ONCE", 2)
    assert callable(fits)
    assert every(ledger, wanted, limit) == [number for number in range(22, -1, -1) if fits(number)]


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(ComplianceError, match="days"):
        Filter(since="yesterday")
