"""JSONL: one line that describes the export, then one line a record; the form that `verify.py` checks.

The first line holds the checkpoint, the verifier key, the range and the hashes left and right of it. With those the
whole range is rebuilt to the signed root, so a record that was left out, added or changed is found (a compact-range
proof over RFC 6962 §2.1). Lines are built from bytes that are canonical JSON already.
"""

from __future__ import annotations

import base64
import hashlib
from typing import BinaryIO

from compliance import verify
from compliance.export.period import Pruned, Source, Stored
from compliance.merkle import consistency
from compliance.record import Header, Json, canonical, utc_now
from compliance.store import Snapshot


def write_jsonl(source: Source, file: BinaryIO) -> None:
    """The description, then every record. With `decrypt` the redacted texts are in it, each with the key that proves
    it; with `sealed` the sealed texts, without their keys; without either, the hash of each sealed text."""
    file.write(_description(source) + b"\n")
    for record in source.places():
        file.write(_pruned_line(record) if isinstance(record, Pruned) else _line(source, record))


def _description(source: Source) -> bytes:
    ledger, view, period = source.ledger, source.view, source.period
    root = ledger.root_of(view)

    def hashes(start: int, stop: int) -> list[str]:
        return [_base64(view.node(level, index)) for level, index in verify.span(start, stop)]

    return canonical(
        {
            "export": "tellerbox/export/1",
            "origin": ledger.origin,
            "verifier_key": ledger.vkey,
            "checkpoint": period.published or period.note,
            "events": [_event(view, index, root) for index, _, _ in view.events()],
            "witnessed": [_witnessed(view, *each) for each in view.cosigned(last=1)],
            "first": period.first,
            "count": period.count,
            "left": hashes(0, period.first),
            "right": hashes(period.first + period.count, period.size),
            "since": period.since,
            "until": period.until,
            "decrypted": source.decrypt,
            "made": utc_now(),
        }
    )


def _event(view: Snapshot, index: int, root: bytes) -> dict[str, Json]:
    """A record that says how others are to be read, with its proof of inclusion in the ledger of the checkpoint."""
    header, _, _, proof = view.entry(index, root)
    return {"header": Header.decode(header).to_json(), "index": index, "proof": [_base64(each) for each in proof]}


def _witnessed(view: Snapshot, size: int, note: str) -> dict[str, Json]:
    """The last cosigned checkpoint, with the proof that the ledger of then is a prefix of this one."""
    return {"checkpoint": note, "consistency": [_base64(each) for each in consistency(view.node, size, view.size)]}


def _pruned_line(record: Pruned) -> bytes:
    return f'{{"index":{record.index},"leaf":"{_base64(record.leaf)}","pruned":true}}\n'.encode()


def _line(source: Source, record: Stored) -> bytes:
    """One record as canonical JSON, put together from parts that are canonical already."""
    start = b'{"header":' + record.header + b',"index":' + str(record.index).encode()
    if source.decrypt:
        if not record.sealed:
            return b'{"body":{},' + start[1:] + b',"sealed":""}\n'
        if found := source.ledger.disclose(record.header, record.sealed):
            key, body = found
            proof = f',"key":"{_base64(key)}","sealed":"{_base64(record.sealed)}"}}\n'.encode()
            return b'{"body":' + body + b"," + start[1:] + proof
    if source.sealed and not record.erased:
        return start + f',"sealed":"{_base64(record.sealed)}"}}\n'.encode()
    if source.decrypt or record.erased:
        start = b'{"body":null,"erased":true,' + start[1:]
    digest = hashlib.sha256(record.sealed).hexdigest().encode()
    return start + b',"sealed_sha256":"' + digest + b'"}\n'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
