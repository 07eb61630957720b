"""Gather bundles: verify each, append what is new to the copy of its box's ledger, and record what came of it.

Each bundle is one transaction; the record in the head office's own ledger is durable before it ends, so that nothing is
gathered that is not recorded. A bundle that is refused leaves its box's copy as it was, and the others are gathered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from compliance.database import Connection
from compliance.errors import ComplianceError
from compliance.fleet.appending import Appending
from compliance.fleet.box_copy import CopyView
from compliance.fleet.copies import Copies, writing
from compliance.fleet.findings import Finding, Gathered, RefusedError
from compliance.ledger import Ledger
from compliance.record import Header, Json
from compliance.verification import Progress
from compliance.verify import (
    LATEST,
    MANIFEST,
    MAX_LINE,
    RECORDS,
    VERIFIER_KEY,
    Bundle,
    KeyChain,
    Opening,
    Report,
    VerifyError,
    note_signatures,
    parse_any_key,
    parse_checkpoint,
    parse_verifier_key,
    verify_bundle,
)

GATHER = "gather"
_ORIGIN = re.compile(r"tellerbox/[\w.-]{1,64}")
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What a bundle that is no bundle raises where it is read."""


def gather(
    ledger: Ledger,
    copies: Copies,
    bundles: Sequence[Path],
    *,
    keys: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    progress: Progress | None = None,
    role: str = "officer",
) -> Iterator[Gathered]:
    """Gathers bundles (folders or zips), the earlier records of a box first, and says of each what came of it.

    `keys` are verifier keys of boxes from a source that is trusted: the first bundle of a box named by one of them must
    be vouched for by it; without, the first bundle's own key is taken. Later bundles must be signed by a key that
    follows from those of the copy. `witnesses` are cosigners' keys, each of which must have cosigned. `ledger` is the
    head office's own. Raises ComplianceError where that cannot be written, and where a given key is malformed."""
    try:
        trusted = {parse_verifier_key(each)[0]: each.strip() for each in keys}
    except VerifyError as error:
        raise ComplianceError(f"a given key is wrong: {error}") from None
    for bundle in sorted(bundles, key=_place):
        one = _Bundle(ledger, copies, bundle, trusted, witnesses, progress, role)
        try:
            done = one.gather()
        except _NotRecordedError as error:
            raise ComplianceError(str(error)) from error.__cause__
        yield done


def _place(path: Path) -> tuple[str, int, str, str]:
    """Whose a bundle says it is, and where it begins: a place in the order alone, for nothing of it is verified yet."""
    try:
        bundle = Bundle(path)
        origin, _ = parse_verifier_key(bundle.text(VERIFIER_KEY))
        with bundle.open(RECORDS) as file:
            top = json.loads(file.readline(MAX_LINE))
        return origin, int(top["first"]), str(top["made"]), str(path)
    except (VerifyError, ValueError, KeyError, TypeError, *_UNREADABLE):
        return "", 0, "", str(path)


class _Bundle:
    """One bundle on its way into the copy of its box."""

    def __init__(
        self,
        ledger: Ledger,
        copies: Copies,
        path: Path,
        trusted: dict[str, str],
        witnesses: Sequence[str],
        progress: Progress | None,
        role: str,
    ) -> None:
        self._ledger, self._copies, self._path = ledger, copies, path
        self._trusted, self._witnesses, self._progress, self._role = trusted, witnesses, progress, role
        self._origin = ""
        self._manifest = ""

    def gather(self) -> Gathered:
        """What came of it, recorded."""
        try:
            return self._gathered()
        except RefusedError as error:
            finding, message = error.finding, str(error)
        except VerifyError as error:
            finding, message = Finding.BROKEN, str(error)
        except ComplianceError as error:
            finding, message = Finding.FAILED, str(error)
        refused = Gathered(self._path, finding, message, self._origin)
        self._record(refused, 0)
        return refused

    def _gathered(self) -> Gathered:
        own, self._origin, self._manifest = _named(self._path)
        database = self._copies.of(self._origin)
        with writing(self._copies, database) as db:
            view = CopyView(db, self._copies.problem) if self._copies.there(db) else None
            if view is not None and view.origin != self._origin:
                raise ComplianceError(f"the copy at {database.place} is of another box")
            appending = Appending(db, view, lambda: self._copies.begin(database, db))
            report = self._verified(own, view, appending)
            finding = appending.finish(self._manifest)
            held = (view.records if view else 0) + appending.appended
            on_trust = view is None and self._origin not in self._trusted
            done = Gathered(
                self._path, finding, _message(finding, report, view, appending.appended, on_trust), self._origin,
                appending.appended, held, report.size, report.erased, report.pruned,
            )  # fmt: skip
            if finding is not Finding.NOTHING_NEW:
                assert appending.opening is not None
                _keep_cosignatures(db, appending.opening, report, self._witnesses)
            self._record(done, report.first)
        return done

    def _verified(self, own: str, view: CopyView | None, appending: Appending) -> Report:
        """Verifies the bundle by a key that is known of its box; raises RefusedError where it has none, and VerifyError
        where it does not hold."""
        pinned = self._trusted.get(self._origin, own) if view is None else _known(view.chain(), own)
        try:
            return verify_bundle(self._path, pinned, self._progress, self._witnesses, appending)
        except _UNREADABLE as error:
            raise VerifyError(f"it cannot be read ({type(error).__name__})") from None
        except VerifyError:
            if pinned != own and _holds_alone(self._path):
                words = "its key is not one that the box had, nor does it follow from one: another box under a known name"
                raise RefusedError(Finding.ANOTHER_BOX, words) from None
            raise

    def _record(self, done: Gathered, first: int) -> None:
        origin = done.origin if _ORIGIN.fullmatch(done.origin) else ""
        facts: dict[str, Json] = {
            "finding": str(done.finding), "origin": origin, "first": first, "appended": done.appended, "records": done.records,
            "size": done.size, "erased": done.erased, "pruned": done.pruned, "sha256": self._manifest,
        }  # fmt: skip
        try:
            self._ledger.append(Header.now(GATHER, branch=self._ledger.branch, role=self._role, facts=facts), {})
        except ComplianceError as error:
            raise _NotRecordedError(f"nothing was gathered from {self._path.name}: {error}") from error


class _NotRecordedError(Exception):
    """The head office's own ledger could not be written: gathering ends."""


def _named(path: Path) -> tuple[str, str, str]:
    """The key a bundle is signed with, the log's name in it, and the SHA-256 of its manifest, none of it verified yet;
    raises VerifyError."""
    try:
        if not path.is_dir() and not zipfile.is_zipfile(path):
            raise VerifyError("it is not a bundle" if path.exists() else "there is no such file")
        bundle = Bundle(path)
        own = bundle.text(VERIFIER_KEY).strip()
        return own, parse_verifier_key(own)[0], hashlib.sha256(bundle.text(MANIFEST).encode()).hexdigest()
    except _UNREADABLE as error:
        raise VerifyError(f"it cannot be read ({type(error).__name__})") from None


def _known(chain: KeyChain, own: str) -> str:
    """The key to verify a bundle by: its own where the box is known to have had it, else the newest known."""
    return own if chain.holds(own) else chain.keys[-1][0]


def _holds_alone(path: Path) -> bool:
    """Whether a bundle agrees with itself, whosever it is."""
    try:
        verify_bundle(path)
    except (VerifyError, *_UNREADABLE):
        return False
    return True


def _message(finding: Finding, report: Report, view: CopyView | None, appended: int, on_trust: bool) -> str:
    last = report.first + report.count - 1
    if finding is Finding.NOTHING_NEW:
        assert view is not None
        older = report.size < view.size
        return "it is older than the copy: nothing to do" if older else "it was gathered already: nothing to do"
    if finding is Finding.CHECKPOINT:
        return f"no new record; its checkpoint of {report.size} records is kept"
    texts = "".join(f", {count} {state}" for state, count in (("erased", report.erased), ("pruned", report.pruned)) if count)
    trust = f"; its key was taken on trust, compare it: {report.chain.keys[-1][0]}" if on_trust else ""
    return f"{appended} records appended, up to record {last} of {report.size}{texts}{trust}"


def _keep_cosignatures(db: Connection, opening: Opening, report: Report, demanded: Sequence[str]) -> None:
    """Keeps the cosignatures that came with a bundle, with the key of those that were demanded and so checked."""
    keys = {parse_any_key(each)[0]: each.strip() for each in demanded}
    for note in opening.cosigned:
        text, signatures = note_signatures(note)
        size = parse_checkpoint(text).size
        for name, number, signature in signatures:
            (time,) = struct.unpack(">Q", signature[:8]) if len(signature) > 8 else (LATEST + 1,)
            if name == report.origin or time > LATEST:
                continue
            vkey = keys.get(name, "") if (name, size, time) in report.witnessed else ""
            line = f"— {name} {base64.b64encode(number + signature).decode()}\n"
            db.execute("INSERT OR IGNORE INTO cosignature VALUES (?, ?, ?, ?, ?)", (size, name, vkey, time, line))
