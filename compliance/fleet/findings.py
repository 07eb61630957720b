"""What came of gathering a bundle: appended, nothing new, or why it was refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Finding(StrEnum):
    """What came of one bundle, as the head office's ledger records it."""

    APPENDED = "appended"
    CHECKPOINT = "checkpoint"
    """No new record, and a newer checkpoint that the copy agrees with: it is kept."""
    NOTHING_NEW = "nothing_new"
    BROKEN = "broken"
    GAP = "gap"
    FORK = "fork"
    ROLLED_BACK = "rolled_back"
    ANOTHER_BOX = "another_box"
    FAILED = "failed"
    """The bundle is not to blame: the store could not be written."""

    @property
    def wrong(self) -> bool:
        """Whether somebody has to look at it."""
        return self not in (Finding.APPENDED, Finding.CHECKPOINT, Finding.NOTHING_NEW)


@dataclass(frozen=True, slots=True)
class Gathered:
    """One bundle: what came of it, in a word and in a sentence; whose it is (empty: unknown); how many records it added
    and the copy holds now; of how many records its checkpoint is; how many of its records are erased and pruned."""

    bundle: Path
    finding: Finding
    message: str
    origin: str = ""
    appended: int = 0
    records: int = 0
    size: int = 0
    erased: int = 0
    pruned: int = 0


class RefusedError(Exception):
    """A bundle that is not taken, and why."""

    def __init__(self, finding: Finding, message: str) -> None:
        super().__init__(message)
        self.finding = finding
