"""Exports made in the background for whoever is signed in: with progress, kept for an hour, taken by whoever asked for them."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import SAFE_ERRORS, TellerboxError
from compliance.export import FORMATS, export
from compliance.instant import instant
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.report.policy_text import PolicyTexts

log = logging.getLogger(__name__)

KEPT_SECONDS = 3_600.0
MOST_AT_ONCE = 2
ENDINGS = {"bundle": "zip", "jsonl": "jsonl", "csv": "csv", "parquet": "parquet", "pdf": "pdf", "ocsf": "ocsf.jsonl", "cef": "cef"}


class ExportRefused(TellerboxError):
    """An export that is not begun; `name` says why, for a face that says it in another language: format_texts or exports_busy."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One export. `state` is running, done or failed; `done` and `total` count records; `account` is whose it is."""

    id: str
    account: str
    form: str
    since: str
    until: str
    decrypt: bool
    path: Path
    started: float
    state: str = "running"
    done: int = 0
    total: int = 0
    problem: str = ""


class ExportJobs:
    """The exports of one server. Their files lie in `folder`, for its owner alone, and are gone an hour later or at the next start."""

    def __init__(
        self, folder: Path, ledger: Ledger, *, bank: str, policies: PolicyTexts, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._bank = bank
        self._policies = policies
        self._clock = clock
        self._jobs: dict[str, ExportJob] = {}
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.iterdir():
            left.unlink()

    def start(self, account: str, form: str, since: str = "", until: str = "", *, decrypt: bool = False) -> ExportJob:
        """Begins an export of a period; `form` is one of FORMATS. Raises TellerboxError or ComplianceError for what cannot be."""
        if form not in FORMATS:
            raise TellerboxError(f"the format must be one of {', '.join(FORMATS)}")
        if decrypt and form in ("ocsf", "cef"):
            raise ExportRefused("format_texts", "events for a SIEM never hold texts")
        instant(since or None, last=False)
        instant(until or None, last=True)
        id = secrets.token_hex(8)
        path = self._folder / f"{id}.{ENDINGS[form]}"
        job = ExportJob(id, account, form, since, until, decrypt, path, self._clock())
        with self._lock:
            if sum(each.state == "running" for each in self._jobs.values()) >= MOST_AT_ONCE:
                raise ExportRefused("exports_busy", "other exports are being made; try again when they are done")
            self._jobs[id] = job
        threading.Thread(target=self._run, args=(job,), name=f"export-{id}", daemon=True).start()
        return job

    def of(self, account: str) -> list[ExportJob]:
        """The exports that an account asked for, newest first."""
        with self._lock:
            return sorted((job for job in self._jobs.values() if job.account == account), key=lambda job: -job.started)

    def one(self, id: str, account: str) -> ExportJob:
        """An export of this account; raises TellerboxError where there is none."""
        found = next((job for job in self.of(account) if job.id == id), None)
        if found is None:
            raise TellerboxError("there is no such export")
        return found

    def take(self, id: str, account: str) -> Path:
        """The file of a finished export, once its taking is recorded."""
        job = self.one(id, account)
        if job.state != "done":
            raise TellerboxError("the export is not ready")
        with job.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        facts = {"account": account, "format": job.form, "sha256": digest}
        self._ledger.append(Header.now("download", branch=self._ledger.branch, channel="web", role="officer", facts=facts), {})
        return job.path

    def sweep(self) -> None:
        """Deletes what is older than an hour."""
        with self._lock:
            old = [job for job in self._jobs.values() if job.state != "running" and job.started < self._clock() - KEPT_SECONDS]
            for job in old:
                del self._jobs[job.id]
        for job in old:
            job.path.unlink(missing_ok=True)

    def _run(self, job: ExportJob) -> None:
        def progress(done: int, total: int) -> None:
            self._change(job.id, done=done, total=total)

        try:
            export(
                self._ledger, job.path, job.form, since=job.since or None, until=job.until or None, decrypt=job.decrypt,
                progress=progress, bank=self._bank, policies=self._policies,
            )  # fmt: skip
            job.path.chmod(0o600)
            self._change(job.id, state="done")
        except SAFE_ERRORS as error:
            self._change(job.id, state="failed", problem=str(error))
        except Exception as error:
            log.error("an export failed: %s", type(error).__name__)
            self._change(job.id, state="failed", problem="the export could not be made")

    def _change(self, id: str, **changes: object) -> None:
        with self._lock:
            if id in self._jobs:
                self._jobs[id] = replace(self._jobs[id], **changes)  # type: ignore[arg-type]
