"""What a head office knows of each box: how far its copy is, when it was last heard of, who cosigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from compliance.fleet.box_copy import CopyView, Cosignature
from compliance.fleet.copies import Copies, reading


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """One box. `records` is what its copy holds, `size` of how many records its largest checkpoint is; `made` says when
    (ISO 8601, UTC, by the box's clock) the newest bundle was made, `gathered` when (by ours) the last was gathered;
    `days` is whole days since the box last spoke, the earlier of the two. `sealed` counts the sealed texts that are
    held, `pruned` records of which only the hash ever came."""

    origin: str
    branch: str
    records: int
    size: int
    made: str
    gathered: str
    days: int
    sealed: int
    pruned: int
    vkey: str
    witnesses: tuple[Cosignature, ...]


def fleet_status(copies: Copies, now: datetime | None = None) -> list[BoxStatus]:
    """Every box of which there is a copy, the one silent longest first. `witnesses` holds the newest cosignature of each
    witness. Raises ComplianceError where a copy cannot be read, and VerifyError where its keys do not follow."""
    found = []
    for database in copies.all():
        with reading(copies, database) as view:
            if view is not None and view.gatherings:
                found.append(_status(view, now or datetime.now(UTC)))
    return sorted(found, key=lambda each: (-each.days, each.origin))


def _status(view: CopyView, now: datetime) -> BoxStatus:
    made = max(each.made for each in view.gatherings)
    gathered = max(each.gathered for each in view.gatherings)
    newest: dict[str, Cosignature] = {}
    for each in view.cosignatures():
        newest.setdefault(each.witness, each)
    pruned, sealed = view.counts()
    # a box whose clock runs ahead has not spoken later than it was heard
    days = (now - datetime.fromisoformat(min(made, gathered))).days
    return BoxStatus(
        view.origin, view.origin.removeprefix("tellerbox/"), view.records, view.size, made, gathered, days, sealed, pruned,
        view.chain().keys[-1][0], tuple(newest.values()),
    )  # fmt: skip
