"""Verify an export of a Tellerbox ledger offline: standard library and `cryptography` alone; travels in each bundle.

    python verify.py [BUNDLE | BUNDLE.zip | RECORDS.jsonl] [--key VERIFIER-KEY] [--receipt FILE]
                     [--witness-key COSIGNER-KEY]...

Exits 0 when everything holds and 1 naming the first broken thing. Give --key (any public verifier key the branch has
published, the first or the latest, from a source you trust): without it this only shows that the export agrees with
itself. Give --witness-key for each witness whose cosignature you demand. Implements RFC 6962 §2.1 (Merkle tree),
RFC 9162 §2.1.3.2 and §2.1.4.2 (proofs), RFC 8785 (canonical JSON), C2SP signed-note, tlog-checkpoint, tlog-proof and
tlog-cosignature.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import bisect
import hashlib
import hmac
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LEAF_FORMAT = b"tellerbox/record/1\n"
BODY_FORMAT = b"tellerbox/body/1\n"
SEAL_VERSION = 1
KEY_ID_BYTES = 16
PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
ED25519, COSIGNATURE, ML_DSA_44_COSIGNATURE = 1, 4, 6
"""Signature types of C2SP signed-note and tlog-cosignature: Ed25519, and timestamped Ed25519 and ML-DSA-44."""
LATEST = 253_402_300_799
"""The last POSIX second that a date of four digits can show."""
MAX_LINE = 64 * 1024 * 1024
MANIFEST, MANIFEST_NOTE, RECORDS, CHECKPOINT, VERIFIER_KEY = (
    "manifest.json",
    "manifest.note",
    "records.jsonl",
    "checkpoint",
    "ledger.vkey",
)


KEY_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44_COSIGNATURE: 1312}
"""How long the public key of each signature type is."""


class VerifyError(Exception):
    """The message is one line and names the first broken thing."""


class NoMlDsaError(VerifyError):
    """The installed `cryptography` cannot verify an ML-DSA signature."""


# ---- RFC 6962 §2.1: the tree -------------------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): the hash of one leaf (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right): the hash of an inner node (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_data(header: bytes, sealed_sha256: bytes) -> bytes:
    """What a leaf commits to: the header in clear and the digest of the sealed body, never the body itself."""
    return LEAF_FORMAT + header + b"\n" + sealed_sha256.hex().encode() + b"\n"


class Tree:
    """A growing RFC 6962 tree kept as the roots of its complete subtrees (a compact range): O(log n) memory."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != bin(size).count("1"):
            raise VerifyError(f"a tree of {size} leaves has {bin(size).count('1')} peaks, not {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    def push(self, digest: bytes, level: int = 0) -> list[tuple[int, int, bytes]]:
        """Adds a complete subtree of 2**level leaves; returns the nodes it completes as (level, index, hash)."""
        size = self.size
        if size & ((1 << level) - 1):
            raise VerifyError(f"a subtree of {1 << level} leaves cannot stand at leaf {size}")
        self.size = size + (1 << level)
        made = [(level, size >> level, digest)]
        while size >> level & 1:
            digest = node_hash(self.peaks.pop(), digest)
            level += 1
            made.append((level, size >> level, digest))
        self.peaks.append(digest)
        return made

    def root(self) -> bytes:
        """The Merkle tree hash of the leaves so far (RFC 6962 §2.1)."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def span(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The fewest complete subtrees that cover leaves [start, stop), in order, as (level, index)."""
    while start < stop:
        level = (stop - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is leaf `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, digest = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            digest = node_hash(sibling, digest)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            digest = node_hash(digest, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and digest == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == hashlib.sha256(b"").digest()
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    before = after = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            after = node_hash(after, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and before == old_root and after == new_root


# ---- C2SP signed-note, tlog-checkpoint, tlog-proof ----------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """A signed tree head: who, how many leaves, which root (32 bytes)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Receipt:
    """A tlog-proof: leaf hash (from its `extra` line), index, inclusion proof, signed checkpoint."""

    leaf: bytes
    index: int
    proof: tuple[bytes, ...]
    note: str


def key_id(name: str, public: bytes, algorithm: int = ED25519) -> bytes:
    """SHA-256(name || 0x0A || algorithm || key)[:4] (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


def verifier_key(name: str, public: bytes, algorithm: int = ED25519) -> str:
    """The public key as text, `name+hash+base64`, as C2SP and Go's sumdb/note write it."""
    encoded = base64.b64encode(bytes([algorithm]) + public).decode()
    return f"{name}+{key_id(name, public, algorithm).hex()}+{encoded}"


def parse_verifier_key(vkey: str) -> tuple[str, bytes]:
    """Name and 32-byte Ed25519 public key of a verifier key; raises VerifyError."""
    name, algorithm, public = parse_any_key(vkey)
    if algorithm != ED25519:
        raise VerifyError("the verifier key is not an Ed25519 key of the form name+hash+base64")
    return name, public


def parse_any_key(vkey: str) -> tuple[str, int, bytes]:
    """Name, signature type and public key of a log's or a cosigner's key; raises VerifyError."""
    name, _, rest = vkey.strip().partition("+")
    stated, _, encoded = rest.partition("+")
    raw = unbase64(encoded, "the verifier key")
    if not name or any(c.isspace() for c in name) or len(raw) < 2 or len(raw) - 1 != KEY_BYTES.get(raw[0]):
        raise VerifyError("the verifier key is not an Ed25519 key of the form name+hash+base64")
    if key_id(name, raw[1:], raw[0]).hex() != stated:
        raise VerifyError("the verifier key does not match its own hash")
    return name, raw[0], raw[1:]


def note_signatures(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Text and signatures, as (name, key id, signature), of a C2SP signed note, not verified yet; raises
    VerifyError."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise VerifyError("not a signed note")
    found = []
    for line in signatures[:-1].split("\n")[:64]:
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.partition(" ")
        raw = unbase64(encoded, "a signature of the note")
        if dash != "—" or not signer or len(raw) < 5:
            raise VerifyError("a signature line of the note is malformed")
        found.append((signer, raw[:4], raw[4:]))
    return text + "\n", found


def open_note(note: str, vkey: str) -> str:
    """The text of a C2SP signed note, once the signature of `vkey` on it holds; raises VerifyError."""
    name, public = parse_verifier_key(vkey)
    text, signatures = note_signatures(note)
    known = key_id(name, public)
    # C2SP: signatures of unknown keys are ignored (witnesses, another algorithm), all of known ones must hold
    ours = [signature for signer, number, signature in signatures if (signer, number) == (name, known)]
    try:
        for signature in ours:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        raise VerifyError(f"the signature of {name} does not hold") from None
    if not ours:
        raise VerifyError(f"the note carries no signature of {name}")
    return text


def cosigned_message(text: str, time: int) -> bytes:
    """What an Ed25519 cosigner signs at POSIX second `time` over the text of a checkpoint (C2SP tlog-cosignature)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def verify_cosignature(note: str, cosigner: str) -> int:
    """When (POSIX seconds) the cosigner with this key cosigned a checkpoint; raises VerifyError where its cosignature
    is missing or does not hold."""
    name, algorithm, public = parse_any_key(cosigner)
    if algorithm == ED25519:
        raise VerifyError(f"the key of {name} is a log's key, not a cosigner's")
    text, signatures = note_signatures(note)
    known = key_id(name, public, algorithm)
    times = []
    for signer, number, signature in signatures:
        if (signer, number) != (name, known):
            continue
        (time,) = struct.unpack(">Q", signature[:8]) if len(signature) > 8 else (LATEST + 1,)
        if time > LATEST:
            raise VerifyError(f"the cosignature of {name} is malformed")
        try:
            _verify_cosigned(algorithm, public, signature[8:], text, name, time)
        except (InvalidSignature, ValueError):
            raise VerifyError(f"the cosignature of {name} does not hold") from None
        times.append(time)
    if not times:
        raise VerifyError(f"the checkpoint carries no cosignature of {name}")
    return int(max(times))


def subtree_message(text: str, name: str, time: int) -> bytes:
    """What the ML-DSA-44 cosigner `name` signs at POSIX second `time` over a checkpoint (C2SP tlog-cosignature)."""
    tree = parse_checkpoint(text)
    named = [bytes([len(each.encode())]) + each.encode() for each in (name, tree.origin)]
    return b"subtree/v1\n\0" + named[0] + struct.pack(">Q", time) + named[1] + struct.pack(">QQ", 0, tree.size) + tree.root


def carries(note: str, key: str) -> bool:
    """Whether a note has a signature line of this log's or cosigner's key, which may not hold; raises VerifyError."""
    name, algorithm, public = parse_any_key(key)
    return any((signer, number) == (name, key_id(name, public, algorithm)) for signer, number, _ in note_signatures(note)[1])


def _verify_cosigned(algorithm: int, public: bytes, signature: bytes, text: str, name: str, time: int) -> None:
    if algorithm == COSIGNATURE:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, cosigned_message(text, time))
        return
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError:
        raise NoMlDsaError("this version of `cryptography` has no ML-DSA: install a newer one") from None
    MLDSA44PublicKey.from_public_bytes(public).verify(signature, subtree_message(text, name, time))


def parse_checkpoint(text: str) -> Checkpoint:
    """The three lines of a tlog-checkpoint, already verified by `open_note`; raises VerifyError."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not lines[1].isascii() or not lines[1].isdigit():
        raise VerifyError("the checkpoint is malformed")
    root = unbase64(lines[2], "the root of the checkpoint")
    if len(root) != 32 or str(int(lines[1])) != lines[1]:
        raise VerifyError("the checkpoint is malformed")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, vkey: str | KeyChain) -> Checkpoint:
    """The checkpoint in a signed note; the log's key name must be its origin (tlog-checkpoint); raises VerifyError."""
    if isinstance(vkey, KeyChain):
        return vkey.open_checkpoint(note)
    checkpoint = parse_checkpoint(open_note(note, vkey))
    if checkpoint.origin != parse_verifier_key(vkey)[0]:
        raise VerifyError("the checkpoint is of another log")
    return checkpoint


# ---- rotation of the log's key ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rotation:
    """A change of the log's key, after `size` records with this root: both keys signed that `new` follows `old`."""

    origin: str
    size: int
    root: bytes
    old: str
    new: str


@dataclass(frozen=True)
class KeyChain:
    """The verifier keys of one log, oldest first, each with the size up to which it could sign (None: until now)."""

    keys: tuple[tuple[str, int | None], ...]

    def open_checkpoint(self, note: str) -> Checkpoint:
        """The checkpoint in a note that one of these keys signed while it was the log's key; raises VerifyError."""
        _, signatures = note_signatures(note)
        signers = {(name, number) for name, number, _ in signatures}
        for vkey, last in reversed(self.keys):
            name, public = parse_verifier_key(vkey)
            if (name, key_id(name, public)) in signers:
                checkpoint = open_checkpoint(note, vkey)
                if last is not None and checkpoint.size > last:
                    raise VerifyError(f"the checkpoint of {checkpoint.size} records is signed by a key retired after {last}")
                return checkpoint
        raise VerifyError(f"the note carries no signature of {parse_verifier_key(self.keys[-1][0])[0]}")

    def holds(self, vkey: str) -> bool:
        """Whether this key was ever the log's."""
        return any(vkey == each for each, _ in self.keys)


def rotation_text(rotation: Rotation) -> str:
    """The text that both keys sign; their name ends in /rotation, so that it can pass for nothing else."""
    root = base64.b64encode(rotation.root).decode()
    return f"tellerbox/rotation/1\n{rotation.origin}\n{rotation.size}\n{root}\n{rotation.old}\n{rotation.new}\n"


def open_rotation(note: str) -> Rotation:
    """The rotation in a note, once the signatures of the old and the new key on it hold; raises VerifyError."""
    text, _ = note_signatures(note)
    lines = text.split("\n")
    if len(lines) != 7 or lines[0] != "tellerbox/rotation/1":
        raise VerifyError("not a rotation of keys")
    checkpoint = parse_checkpoint("\n".join([*lines[1:4], ""]))
    rotation = Rotation(checkpoint.origin, checkpoint.size, checkpoint.root, lines[4], lines[5])
    for vkey in (rotation.old, rotation.new):
        if parse_verifier_key(vkey)[0] != rotation.origin:
            raise VerifyError("a rotation names a key of another log")
        open_note(note, renamed_key(vkey, "rotation"))
    if rotation_text(rotation) != text or rotation.old == rotation.new:
        raise VerifyError("a rotation of keys is malformed")
    return rotation


def key_chain(vkey: str, rotations: Sequence[Rotation]) -> KeyChain:
    """Every key that a trusted key of the log vouches for: those it, or its successors, handed over to, and those that
    handed over to it. Raises VerifyError where the rotations are not one unbroken chain."""
    for earlier, later in zip(rotations, rotations[1:]):  # noqa: B905, RUF007
        if later.old != earlier.new or later.size <= earlier.size or later.origin != earlier.origin:
            raise VerifyError(f"the rotation of keys after {later.size} records does not follow the one before it")
    keys: list[tuple[str, int | None]] = [(vkey.strip(), None)]
    for rotation in rotations:
        if rotation.old == keys[-1][0]:
            keys[-1:] = [(rotation.old, rotation.size), (rotation.new, None)]
    for rotation in reversed(rotations):
        if rotation.new == keys[0][0]:
            keys.insert(0, (rotation.old, rotation.size))
    return KeyChain(tuple(keys))


def renamed_key(vkey: str, suffix: str) -> str:
    """The same Ed25519 key under the name `<name>/<suffix>`, under which it signs one other kind of note."""
    name, public = parse_verifier_key(vkey)
    return verifier_key(f"{name}/{suffix}", public)


# ---- receipts -----------------------------------------------------------------------------------------------------


def parse_receipt(text: str) -> Receipt:
    """The parts of a receipt (C2SP tlog-proof whose `extra` is the leaf hash); raises VerifyError."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or len(lines) < 3 or lines[0] != PROOF_FORMAT:
        raise VerifyError("not a receipt")
    if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise VerifyError("the receipt has no leaf or no index")
    number = lines[2][len("index ") :]
    if not number.isascii() or not number.isdigit() or str(int(number)) != number:
        raise VerifyError("the index of the receipt is malformed")
    hashes = [unbase64(line, "the receipt") for line in [lines[1][len("extra ") :], *lines[3:]]]
    if any(len(each) != 32 for each in hashes):
        raise VerifyError("a hash of the receipt is malformed")
    return Receipt(hashes[0], int(number), tuple(hashes[1:]), note)


def verify_receipt(text: str, vkey: str | KeyChain, leaf: bytes | None = None) -> tuple[Receipt, Checkpoint]:
    """Checks a receipt offline, and that it is about `leaf` where that is given; raises VerifyError."""
    receipt = parse_receipt(text)
    checkpoint = open_checkpoint(receipt.note, vkey)
    if leaf is not None and receipt.leaf != leaf:
        raise VerifyError(f"the receipt is of another record than record {receipt.index}")
    if not verify_inclusion(receipt.leaf, receipt.index, checkpoint.size, receipt.proof, checkpoint.root):
        raise VerifyError(f"the proof that record {receipt.index} is in the ledger does not hold")
    return receipt, checkpoint


def unbase64(text: str, where: str) -> bytes:
    """Strict standard base64 (RFC 4648 §4); raises VerifyError naming `where`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerifyError(f"{where} is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise VerifyError(f"{where} is not canonical base64")
    return raw


# ---- the sealed body ----------------------------------------------------------------------------------------------


def record_key(session_key: bytes, nonce: bytes) -> bytes:
    """The key of one record, from its session's key: what a disclosed export gives away, and nothing more."""
    return hmac.digest(session_key, b"tellerbox/record-key/1\n" + nonce, "sha256")


def commitment(key: bytes) -> bytes:
    """AES-GCM does not commit to its key; this does, so that no second key can open a record to another text."""
    return hashlib.sha256(b"tellerbox/key-commitment/1\n" + key).digest()


def split_sealed(sealed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Key id (16), nonce (12), key commitment (32) and ciphertext of a sealed body; raises VerifyError."""
    if len(sealed) < 1 + KEY_ID_BYTES + 12 + 32 + 16 or sealed[0] != SEAL_VERSION:
        raise VerifyError("the sealed body is malformed")
    return sealed[1:17], sealed[17:29], sealed[29:61], sealed[61:]


def unseal(sealed: bytes, key: bytes, header: bytes) -> bytes:
    """The canonical JSON of a body, opened with its record key (AES-256-GCM); raises VerifyError."""
    _, nonce, committed, ciphertext = split_sealed(sealed)
    if not hmac.compare_digest(commitment(key), committed):
        raise VerifyError("the key is not the one the record was sealed with")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, BODY_FORMAT + header)
    except (InvalidTag, ValueError):
        raise VerifyError("the sealed body does not open with its key") from None


# ---- RFC 8785 -----------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON of what `json.loads` returns; raises VerifyError."""
    try:
        return _canonical(value).encode()
    except (UnicodeEncodeError, RecursionError):
        raise VerifyError("a text or the nesting of the record is not valid") from None


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_text(key)}:{_canonical(each)}" for key, each in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_canonical(each) for each in value) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        raise VerifyError("a number of the record is outside what JSON can carry exactly")
    return _text(value)


_text: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False).encode


def number_text(value: float) -> str:
    """ECMAScript's Number::toString, which RFC 8785 §3.2.2.3 asks for."""
    if value == 0:
        return "0"
    if value != value or value in (float("inf"), float("-inf")):
        raise VerifyError("a number of the record is not finite")
    sign, rest = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, exponent = rest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def parse_int(digits: str) -> int | float:
    """A whole number as `json.loads` should read it: beyond 2**53 canonical JSON can only have meant a float."""
    value = int(digits)
    return value if abs(value) <= 2**53 - 1 else float(digits)


def _loads(line: bytes, where: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise VerifyError(f"{where} names a field twice")
        return found

    try:
        value = json.loads(line, object_pairs_hook=unique, parse_int=parse_int)
    except (ValueError, RecursionError):
        raise VerifyError(f"{where} is not JSON") from None
    if not isinstance(value, dict):
        raise VerifyError(f"{where} is not a JSON object")
    return value


# ---- an export ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """What was verified: the ledger, the records [first, first + count), how many were readable, erased, pruned, and
    for each demanded witness its name, the size it cosigned and when (POSIX seconds). `chain` holds the log's keys;
    `second` says what became of its second, post-quantum signature (empty: it has none)."""

    origin: str
    verifier_key: str
    size: int
    root: bytes
    first: int
    count: int
    readable: int
    erased: int
    pruned: int
    note: str
    chain: KeyChain
    witnessed: tuple[tuple[str, int, int], ...] = ()
    second: str = ""


@dataclass(frozen=True)
class _Event:
    """A record that changes how others are read (a rotation of keys, a pruning), with its proof of inclusion."""

    index: int
    header: bytes
    facts: dict[str, Any]
    kind: str
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Opening:
    """The first line of an export: the signed checkpoint and the keys that could sign it, the range [first, first +
    count), the hashes left and right of it, the notes of the rotations of keys, the checkpoints that are shown with
    their cosignatures, and when it was made (ISO 8601; as the box says)."""

    checkpoint: Checkpoint
    note: str
    chain: KeyChain
    first: int
    count: int
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]
    rotations: tuple[str, ...]
    cosigned: tuple[str, ...]
    made: str


@dataclass(frozen=True)
class Row:
    """One record of an export: its leaf hash (32 bytes), its header and the SHA-256 of its sealed body (both empty where
    it was pruned), and the sealed body itself, where it is shown. `state` is readable, closed, erased or pruned."""

    index: int
    leaf: bytes
    header: bytes
    digest: bytes
    sealed: bytes
    state: str


class Observer(Protocol):
    """Who is told what an export holds while it is verified. Nothing of it is proved until verifying has ended."""

    def begin(self, opening: Opening) -> None:
        """The first line, its signatures verified."""

    def row(self, row: Row) -> None:
        """The next record."""


def verify_records(
    lines: Iterable[bytes],
    vkey: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    witnesses: Sequence[str] = (),
    observer: Observer | None = None,
) -> Report:
    """Verifies the lines of a JSONL export: the checkpoint's signature, each record, and that none between the first
    and the last is missing, added or moved (the whole range is rebuilt to the signed root). Raises VerifyError."""
    rows = iter(lines)
    top = _description(next(rows, b"") or b"")
    events = _events(top)
    opening = _opening(top, events, vkey)
    checkpoint, first, count = opening.checkpoint, opening.first, opening.count
    pruned = _pruned_ranges(events, checkpoint)
    witnessed = _witnessed(top, checkpoint, opening.chain, witnesses)
    second = _second_signature(events, opening.note, checkpoint.origin)
    tree, seen = Tree(first, opening.left), 0
    states = {"readable": 0, "erased": 0, "closed": 0, "pruned": 0}
    if observer:
        observer.begin(opening)
    for seen, line in enumerate(rows, start=1):
        index = first + seen - 1
        if seen > count:
            raise VerifyError(f"line {seen + 1}: more records than the {count} announced")
        row = _verify_record(line, index, f"line {seen + 1}: record {index}")
        if row.state == "pruned" and not covered(pruned, index):
            raise VerifyError(f"line {seen + 1}: record {index} is said to be pruned, and no record of that is shown")
        tree.push(row.leaf)
        states[row.state] += 1
        if observer:
            observer.row(row)
        if progress and seen % 4096 == 0:
            progress(seen, count)
    if seen != count:
        raise VerifyError(f"the export ends after {seen} of {count} records")
    if whole_root(tree, checkpoint.size, opening.right) != checkpoint.root:
        raise VerifyError(f"records {first} to {first + count - 1} are not those that {checkpoint.origin} signed")
    return Report(
        checkpoint.origin, vkey or opening.chain.keys[-1][0], checkpoint.size, checkpoint.root, first, count,
        states["readable"], states["erased"], states["pruned"], opening.note, opening.chain, witnessed, second,
    )  # fmt: skip


def whole_root(tree: Tree, size: int, right: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves of which these are the first, and `right` the hashes of the rest (`span`);
    the tree grows by them. Raises VerifyError where there are more or fewer."""
    places = list(span(tree.size, size))
    if len(places) != len(right):
        raise VerifyError("line 1: the right proof has the wrong length")
    for (level, _), digest in zip(places, right):  # noqa: B905
        tree.push(digest, level)
    return tree.root()


def _opening(top: dict[str, Any], events: Sequence[_Event], vkey: str | None) -> Opening:
    chain, note = _chain(top, events, vkey), _field(top, "checkpoint", str)
    checkpoint = chain.open_checkpoint(note)
    first, count = _field(top, "first", int), _field(top, "count", int)
    if not 0 <= first <= first + count <= checkpoint.size:
        raise VerifyError(f"line 1: the ledger of {checkpoint.size} records cannot hold this range")
    left, right = (_hashes(top, side) for side in ("left", "right"))
    rotations = tuple(_field(event.facts, "note", str, "line 1: a rotation") for event in events if event.kind == "key_rotation")
    cosigned = tuple(_field(each, "checkpoint", str, "line 1: a cosigned checkpoint") for each in _shown(top))
    return Opening(checkpoint, note, chain, first, count, left, right, rotations, (*cosigned, note), str(top.get("made", "")))


def _hashes(top: dict[str, Any], side: str) -> tuple[bytes, ...]:
    found = tuple(unbase64(each, f"line 1: the {side} proof") for each in _field(top, side, list))
    if any(len(each) != 32 for each in found):
        raise VerifyError(f"line 1: a hash of the {side} proof is malformed")
    return found


def covered(ranges: Sequence[tuple[int, int]], index: int) -> bool:
    """Whether an index lies in one of the sorted ranges [start, stop), which do not overlap."""
    at = bisect.bisect_right(ranges, (index, sys.maxsize)) - 1
    return at >= 0 and ranges[at][0] <= index < ranges[at][1]


def _description(line: bytes) -> dict[str, Any]:
    top = _loads(line, "line 1 (the description of the export)")
    if top.get("export") != "tellerbox/export/1":
        raise VerifyError("line 1 does not describe a Tellerbox export")
    return top


def _events(top: dict[str, Any]) -> list[_Event]:
    found = top.get("events", [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise VerifyError("line 1: events is of the wrong type")
    events = []
    for each in found:
        header = _field(each, "header", dict, "line 1: an event")
        proof = tuple(unbase64(digest, "line 1: an event") for digest in _field(each, "proof", list, "line 1: an event"))
        facts, kind = _field(header, "facts", dict, "line 1: an event"), _field(header, "kind", str, "line 1: an event")
        events.append(_Event(_field(each, "index", int, "line 1: an event"), canonical(header), facts, kind, proof))
    return events


def _chain(top: dict[str, Any], events: Sequence[_Event], vkey: str | None) -> KeyChain:
    """The keys of the log as `vkey` vouches for them; the export's own latest key must be among them."""
    rotations = []
    for event in events:
        if event.kind == "key_rotation":
            rotation = open_rotation(_field(event.facts, "note", str, "line 1: a rotation"))
            if rotation.size != event.index:
                raise VerifyError(f"the rotation of keys in record {event.index} states another place")
            rotations.append(rotation)
    return key_chain(vkey or _field(top, "verifier_key", str), rotations)


def _pruned_ranges(events: Sequence[_Event], checkpoint: Checkpoint) -> list[tuple[int, int]]:
    """The ranges that recorded prunings took out, once every event is proved to be in the ledger."""
    ranges = []
    for event in events:
        leaf = leaf_hash(leaf_data(event.header, hashlib.sha256(b"").digest()))
        if not verify_inclusion(leaf, event.index, checkpoint.size, event.proof, checkpoint.root):
            raise VerifyError(f"line 1: the proof that event {event.index} is in the ledger does not hold")
        if event.kind == "prune":
            for each in event.facts.get("ranges", []):
                if not isinstance(each, list) or len(each) < 2 or not all(isinstance(part, int) for part in each[:2]):
                    raise VerifyError(f"the pruning in record {event.index} cannot be read")
                ranges.append((each[0], each[1]))
    return sorted(ranges)


def _second_signature(events: Sequence[_Event], note: str, origin: str) -> str:
    """Whether the second key that the ledger recorded signed the checkpoint too; raises VerifyError where it did not."""
    keys = [_field(event.facts, "vkey", str, "line 1: a second key") for event in events if event.kind == "second_key"]
    if not keys:
        return ""
    if parse_any_key(keys[-1])[0] != origin:
        raise VerifyError("line 1: the second key is of another log")
    try:
        verify_cosignature(note, keys[-1])
    except NoMlDsaError as error:
        return f"not checked: {error}"
    return "holds (ML-DSA-44)"


def _witnessed(
    top: dict[str, Any], checkpoint: Checkpoint, chain: KeyChain, witnesses: Sequence[str]
) -> tuple[tuple[str, int, int], ...]:
    """Which of the demanded witnesses cosigned an earlier or this checkpoint of the ledger; raises VerifyError."""
    notes = []
    for each in _shown(top):
        note = _field(each, "checkpoint", str, "line 1: a cosigned checkpoint")
        cosigned = chain.open_checkpoint(note)
        proof = [unbase64(digest, "line 1: a consistency proof") for digest in _field(each, "consistency", list)]
        if not verify_consistency(cosigned.size, checkpoint.size, proof, cosigned.root, checkpoint.root):
            raise VerifyError(f"the ledger is not the one whose first {cosigned.size} records were cosigned")
        notes.append((cosigned.size, note))
    notes.append((checkpoint.size, _field(top, "checkpoint", str)))
    found = []
    for witness in witnesses:
        name, problem = parse_any_key(witness)[0], None
        for size, note in sorted(notes, reverse=True):
            try:
                found.append((name, size, verify_cosignature(note, witness)))
                break
            except VerifyError as error:
                problem = problem if problem and "hold" in str(problem) else error
        else:
            raise VerifyError(f"{problem}")
    return tuple(found)


def _shown(top: dict[str, Any]) -> list[dict[str, Any]]:
    """The cosigned checkpoints that an export shows."""
    shown = top.get("witnessed", [])
    if not isinstance(shown, list) or not all(isinstance(each, dict) for each in shown):
        raise VerifyError("line 1: witnessed is of the wrong type")
    return shown


def _verify_record(line: bytes, index: int, where: str) -> Row:
    record = _loads(line, where)
    if record.get("index") != index:
        raise VerifyError(f"{where} is missing or out of order")
    if record.get("pruned") is True:
        leaf = unbase64(_field(record, "leaf", str, where), where)
        if len(leaf) != 32 or set(record) != {"index", "leaf", "pruned"}:
            raise VerifyError(f"{where}: a pruned record shows its hash and nothing else")
        return Row(index, leaf, b"", b"", b"", "pruned")
    header = canonical(_field(record, "header", dict, where))
    if "sealed" in record:
        sealed = unbase64(_field(record, "sealed", str, where), where)
        digest = hashlib.sha256(sealed).digest()
        state = "closed" if not {"body", "key"} & set(record) else _verify_text(record, header, sealed, where)
    else:
        stated, sealed = _field(record, "sealed_sha256", str, where), b""
        if len(stated) != 64 or any(c not in "0123456789abcdef" for c in stated):
            raise VerifyError(f"{where}: sealed_sha256 is malformed")
        if "body" in record and record["body"] is not None:
            raise VerifyError(f"{where}: a text is shown that nothing proves")
        digest, state = bytes.fromhex(stated), "erased" if record.get("erased") else "closed"
    return Row(index, leaf_hash(leaf_data(header, digest)), header, digest, sealed, state)


def _verify_text(record: dict[str, Any], header: bytes, sealed: bytes, where: str) -> str:
    """Whether the text that is shown with a sealed body is the one that was sealed; raises VerifyError."""
    body = canonical(_field(record, "body", dict, where))
    if sealed:
        try:
            opened = unseal(sealed, unbase64(_field(record, "key", str, where), where), header)
        except VerifyError as error:
            raise VerifyError(f"{where}: {error}") from None
        if opened != body:
            raise VerifyError(f"{where}: the text shown is not the text that was sealed")
    elif body != b"{}":
        raise VerifyError(f"{where}: a text is shown that nothing proves")
    return "readable"


def _field(record: dict[str, Any], name: str, kind: type, where: str = "line 1") -> Any:
    value = record.get(name)
    if kind is list and isinstance(value, list) and not all(isinstance(each, str) for each in value):
        value = None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise VerifyError(f"{where}: {name} is missing or of the wrong type")
    return value


# ---- a bundle -----------------------------------------------------------------------------------------------------


class Bundle:
    """The files of a bundle, in a folder or a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = zipfile.ZipFile(path) if path.is_file() else None

    def names(self) -> list[str]:
        if self.archive is None:
            return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())
        names = sorted(self.archive.namelist())
        if len(set(names)) != len(names):
            raise VerifyError("the bundle holds a file twice")
        return names

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        try:
            with (self.path / name).open("rb") if self.archive is None else self.archive.open(name) as file:
                yield file  # type: ignore[misc]
        except (FileNotFoundError, KeyError):
            raise VerifyError(f"{name} is missing from the bundle") from None

    def text(self, name: str) -> str:
        with self.open(name) as file:
            try:
                return file.read(1 << 20).decode()
            except UnicodeDecodeError:
                raise VerifyError(f"{name} is not text") from None


def manifest_text(digest: str) -> str:
    """The text that the ledger's key signs over a bundle's manifest; its key name ends in /bundle, so that a signature
    on a bundle can never pass for one on a checkpoint."""
    return f"tellerbox/bundle/1\n{digest}\n"


def bundle_key(vkey: str) -> str:
    """The verifier key of manifests: the same key under the name `<origin>/bundle`."""
    return renamed_key(vkey, "bundle")


def verify_bundle(
    path: Path,
    vkey: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    witnesses: Sequence[str] = (),
    observer: Observer | None = None,
) -> Report:
    """Verifies a bundle, a folder or a zip: the manifest and its signature, each file, then the records."""
    bundle = Bundle(path)
    own = bundle.text(VERIFIER_KEY).strip()
    manifest = bundle.text(MANIFEST)
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    try:
        signer = _bundle_signer(bundle, own, vkey)
        if open_note(bundle.text(MANIFEST_NOTE), bundle_key(signer)) != manifest_text(digest):
            raise VerifyError("it is signed for another manifest")
    except VerifyError as error:
        raise VerifyError(f"{MANIFEST}: {error}") from None
    files = _field(_loads(manifest.encode(), MANIFEST), "files", dict, MANIFEST)
    for name in bundle.names():
        if name not in files and name not in (MANIFEST, MANIFEST_NOTE):
            raise VerifyError(f"{name} is in the bundle and not in its manifest")
    for name, stated in files.items():
        if "/" in name or "\\" in name or name.startswith("."):
            raise VerifyError(f"{MANIFEST} names a file outside the bundle")
        with bundle.open(name) as file:
            found = hashlib.sha256()
            while chunk := file.read(1 << 20):
                found.update(chunk)
        if found.hexdigest() != _field(stated if isinstance(stated, dict) else {}, "sha256", str, MANIFEST):
            raise VerifyError(f"{name} is not the file the manifest names")
    with bundle.open(RECORDS) as file:
        report = verify_records(_lines(file), vkey or own, progress, witnesses, observer)
    if bundle.text(CHECKPOINT) != report.note:
        raise VerifyError(f"{CHECKPOINT} is not the checkpoint of {RECORDS}")
    return report


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; one that is longer than any record can be comes in pieces, which are no JSON."""
    while line := file.readline(MAX_LINE):
        yield line


def _bundle_signer(bundle: Bundle, own: str, vkey: str | None) -> str:
    """The key that must have signed the manifest: the bundle's own where the pinned key vouches for it."""
    if vkey is None or vkey.strip() == own:
        return own
    with bundle.open(RECORDS) as file:
        top = _description(file.readline(MAX_LINE))
    chain = _chain(top, _events(top), vkey)
    return own if chain.holds(own) else vkey


def verify_path(
    path: Path,
    vkey: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    witnesses: Sequence[str] = (),
    observer: Observer | None = None,
) -> Report:
    """Verifies a JSONL export, a bundle folder or a bundle zip; raises VerifyError."""
    try:
        if path.is_dir() or zipfile.is_zipfile(path):
            return verify_bundle(path, vkey, progress, witnesses, observer)
        with path.open("rb") as file:
            return verify_records(_lines(file), vkey, progress, witnesses, observer)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise VerifyError(f"{path.name} cannot be read ({type(error).__name__})") from None


def describe(report: Report, pinned: bool) -> str:
    """What was shown, in a few lines for the auditor."""
    last = report.first + report.count - 1
    which = f"records {report.first} to {last}" if report.count else "no record"
    lines = [
        f"ledger    {report.origin}, {report.size} records, root {base64.b64encode(report.root).decode()}",
        f"verified  {which}: signed, complete, in order, unchanged",
        f"texts     {report.readable} opened and equal to what was sealed, {report.erased} erased, {report.pruned} pruned",
        f"key       {report.verifier_key}",
    ]
    if len(report.chain.keys) > 1:
        lines.append(f"          the ledger's key was changed {len(report.chain.keys) - 1} times; each change is signed by both keys")
    if report.second:
        lines.append(f"second    the signature of the ledger's second key {report.second}")
    for name, size, moment in report.witnessed:
        when = datetime.fromtimestamp(moment, timezone.utc).isoformat()  # noqa: UP017 (Python 3.9)
        lines.append(f"witness   {name} cosigned the first {size} records at {when}")
    if not pinned:
        lines.append("          compare this key with the one the branch published, or give it with --key")
    return "\n".join(lines)


def _key_or_file(given: str) -> str:
    path = Path(given)
    return path.read_text(encoding="utf-8").strip() if len(given) < 256 and path.is_file() else given


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Verify an export of a Tellerbox ledger, offline.")
    parser.add_argument("path", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", help="the branch's verifier key, or a file that holds it")
    parser.add_argument("--receipt", type=Path, help="also verify this receipt against the same key")
    parser.add_argument("--witness-key", action="append", default=[], help="demand this cosigner (its key, or a file of it)")
    given = parser.parse_args(arguments)

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{total}", end="\r", file=sys.stderr)

    try:
        pinned = given.key and _key_or_file(given.key)
        report = verify_path(given.path, pinned, progress, [_key_or_file(each) for each in given.witness_key])
        print(describe(report, bool(pinned)))
        if given.receipt:
            receipt, checkpoint = verify_receipt(given.receipt.read_text(encoding="utf-8"), report.chain)
            print(f"receipt   record {receipt.index} is in the ledger of {checkpoint.size} records")
    except (VerifyError, OSError, UnicodeDecodeError) as error:
        print(f"NOT VERIFIED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
