"""Moments as a person gives them (a day, an ISO 8601 time) and as records write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from compliance.errors import ComplianceError


def instant(text: str | None, *, last: bool) -> str | None:
    """A day or a time as records write it; the end of a period named by a day is the next day's first moment. Raises
    ComplianceError for what is neither."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if last and len(text.strip()) == len("2026-01-31"):
            moment += timedelta(days=1)
    except (ValueError, OverflowError):
        raise ComplianceError("a period is given as days (2026-01-31) or times (2026-01-31T09:00:00Z)") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
