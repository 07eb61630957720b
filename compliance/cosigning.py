"""The ledger's side of a witness: asking it to cosign the head, keeping what it signed, seeing a rollback.

The witness remembers the last head it cosigned. Where it remembers more records than the ledger holds, or others, the
ledger was rolled back or rewritten, whatever the box's own files say. By HTTP, or by two files that a person carries.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.merkle import consistency
from compliance.store import Snapshot
from compliance.verify import VerifyError, note_signatures, parse_any_key, verify_cosignature
from compliance.witness import MAX_REQUEST, Reply, Request, parse_request

Submit = Callable[[str], Reply]
"""Brings a request to the witness and its answer back; raises ComplianceError."""
TIMEOUT_SECONDS = 20.0
_ANSWER = "tellerbox/witness-answer/1"


class RolledBackError(ComplianceError):
    """The witness cosigned records that this ledger does not hold."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A head that a witness cosigned: how many records, when (POSIX seconds), and the whole note."""

    size: int
    time: int
    note: str


def cosign(ledger: Ledger, submit: Submit, witness: str) -> Cosigned:
    """Has the witness with this key cosign the head, and keeps the cosignature. Raises RolledBackError where the witness
    remembers another ledger, and ComplianceError where it refuses, cannot be reached or signs wrongly."""
    name = _name(witness)
    note = _published(ledger)
    with ledger.snapshot() as view:
        size = ledger.chain.open_checkpoint(note).size
        old = next((each for each, _ in view.cosigned(witness, last=1)), 0)
        for _ in range(2):  # the witness may be further than we know: it says how far
            reply = submit(_request(view, old, size, note))
            if reply.status != 409:
                break
            old = _judged_conflict(reply, old, size, name)
    return _kept(ledger, reply, old, size, note, witness)


def request(ledger: Ledger, witness: str, old: int | None = None) -> str:
    """The request for a witness that is reached by file; `old` is the size it cosigned last, as far as is known here
    unless given. Raises ComplianceError."""
    _name(witness)
    note = _published(ledger)
    with ledger.snapshot() as view:
        size = ledger.chain.open_checkpoint(note).size
        if old is None:
            old = next((each for each, _ in view.cosigned(witness, last=1)), 0)
        if not 0 <= old <= size:
            raise ComplianceError(f"the ledger holds {size} records: it cannot be proved to extend {old}")
        return _request(view, old, size, note)


def answer_text(request_text: str, reply: Reply) -> str:
    """A witness's reply as the file that is carried back."""
    try:
        size = note_signatures(parse_request(request_text).note)[0].split("\n")[1]
    except VerifyError as error:
        raise ComplianceError(str(error)) from None
    return f"{_ANSWER}\n{reply.status}\n{size}\n{reply.text}"


def take_answer(ledger: Ledger, text: str, witness: str) -> Cosigned:
    """Keeps the cosignature in an answer that was carried back; raises as `cosign` does."""
    name = _name(witness)
    lines = text.split("\n", 3)
    if len(lines) != 4 or lines[0] != _ANSWER or not lines[1].isdigit() or not lines[2].isdigit():
        raise ComplianceError("this is not a witness's answer")
    reply, size = Reply(int(lines[1]), lines[3]), int(lines[2])
    with ledger.snapshot() as view:
        published = dict(view.checkpoints())
        if size > view.size:
            raise RolledBackError(f"the ledger was rolled back: it once asked about {size} records and holds {view.size}")
        if reply.status == 409:
            known = _judged_conflict(reply, -1, view.size, name)
            raise ComplianceError(f"{name} cosigned {known} records last: make a request with --old {known}")
    if size not in published:
        raise ComplianceError(f"the answer is about a checkpoint of {size} records, which was not published here")
    return _kept(ledger, reply, size, size, published[size], witness)


def http_submit(url: str) -> Submit:
    """Submits by HTTP or HTTPS to a witness whose submission prefix is `url`; raises ComplianceError for another URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ComplianceError("a witness is reached at an address such as https://witness.example/tellerbox")
    host, port, path = parts.hostname, parts.port, parts.path.rstrip("/") + "/add-checkpoint"

    def submit(body: str) -> Reply:
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", path, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})
            response = connection.getresponse()
            return Reply(response.status, response.read(MAX_REQUEST).decode(), response.headers.get("Content-Type", ""))
        except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            raise ComplianceError(f"the witness at {host} cannot be reached ({type(error).__name__})") from None
        finally:
            connection.close()

    return submit


def _published(ledger: Ledger) -> str:
    """The head, published now, under the ledger's own signatures alone."""
    text, _ = note_signatures(note := ledger.checkpoint())
    size = int(text.split("\n")[1])
    with ledger.snapshot() as view:
        return dict(view.checkpoints()).get(size, note)


def _request(view: Snapshot, old: int, size: int, note: str) -> str:
    return Request(old, tuple(consistency(view.node, old, size)), note).encode()


def _judged_conflict(reply: Reply, old: int, size: int, name: str) -> int:
    """The size the witness cosigned last, as its 409 states it, where this ledger can still be an extension of it."""
    number = reply.text.strip()
    if not number.isascii() or not number.isdigit():
        raise ComplianceError(f"{name} answered with what is not a size")
    known = int(number)
    if known > size:
        raise RolledBackError(f"the ledger was rolled back: {name} cosigned {known} records, it holds {size}")
    if known == old:
        raise RolledBackError(f"the ledger was rolled back and written anew: {name} cosigned other records for its first {known}")
    return known


def _kept(ledger: Ledger, reply: Reply, old: int, size: int, note: str, witness: str) -> Cosigned:
    name = _name(witness)
    if reply.status == 422:
        raise RolledBackError(f"the ledger was rolled back and written anew: its first {old} records are not those {name} cosigned")
    if reply.status != 200:
        reasons = {404: "it does not know this ledger", 403: "it does not have this ledger's key", 400: "the request is malformed"}
        raise ComplianceError(f"{name} did not cosign: {reasons.get(reply.status, f'status {reply.status}')}")
    for line in reply.text.splitlines(keepends=True):
        try:
            time = verify_cosignature(note + line, witness)
        except VerifyError:
            continue  # C2SP: cosignatures of unknown keys are ignored
        with ledger.transaction("the cosignature cannot be kept") as db:
            db.execute("INSERT OR IGNORE INTO cosignature VALUES (?, ?, ?)", (size, witness.strip(), line))
        return Cosigned(size, time, note + line)
    raise ComplianceError(f"the answer holds no cosignature of {name} on this checkpoint")


def _name(witness: str) -> str:
    try:
        return parse_any_key(witness)[0]
    except VerifyError as error:
        raise ComplianceError(f"the key of the witness is wrong: {error}") from None
