"""Signed tree heads and receipts: C2SP signed-note, tlog-checkpoint and tlog-proof, signed with Ed25519.

Their verification is in `compliance.verify`. A note has room for more signatures than ours: those of witnesses, and a
post-quantum one (`compliance.cosigner`); who does not know a signer ignores its line.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.errors import ComplianceError
from compliance.verify import PROOF_FORMAT, key_id, verifier_key


class NoteSigner(Protocol):
    """Whoever can add a signature line to a note."""

    @property
    def vkey(self) -> str:
        """The public key as text."""

    def line(self, text: str) -> str:
        """The signature line over the text of a note, ended by a newline."""


class Signer:
    """A named Ed25519 key that signs notes; the name of a log's key is the log's origin (tlog-checkpoint)."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        if not name or "+" in name or any(c.isspace() for c in name):
            raise ComplianceError("the name of a signing key must have neither spaces nor '+'")
        self.name = name
        self._key = key
        self._public = key.public_key().public_bytes_raw()
        self._id = key_id(name, self._public)

    @property
    def vkey(self) -> str:
        """The public verifier key as text."""
        return verifier_key(self.name, self._public)

    def named(self, name: str) -> Signer:
        """The same key under another name, which makes its signatures unusable under this one."""
        return Signer(name, self._key)

    def line(self, text: str) -> str:
        """The signature line of this key over `text`, ended by a newline (C2SP signed-note)."""
        return f"— {self.name} {base64.b64encode(self._id + self._key.sign(text.encode())).decode()}\n"

    def sign(self, text: str, also: Sequence[NoteSigner] = ()) -> str:
        """The note of `text`, signed by this key and then by those of `also`. The text ends in a newline and has no
        other control character (C2SP signed-note); raises ComplianceError otherwise."""
        if not text.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in text):
            raise ComplianceError("the text of a note must end in a newline and hold no control characters")
        return text + "\n" + self.line(text) + "".join(each.line(text) for each in also)

    def checkpoint(self, size: int, root: bytes, also: Sequence[NoteSigner] = ()) -> str:
        """The signed checkpoint of a tree of `size` leaves (C2SP tlog-checkpoint)."""
        return self.sign(f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n", also)


def format_receipt(index: int, leaf: bytes, proof: Sequence[bytes], note: str) -> str:
    """A receipt as text: a C2SP tlog-proof whose `extra` line is the leaf hash, so that it can be checked by itself and
    compared with the record later. About 300 bytes and 45 for each doubling of the ledger: it fits a QR code."""
    hashes = "".join(base64.b64encode(each).decode() + "\n" for each in proof)
    return f"{PROOF_FORMAT}\nextra {base64.b64encode(leaf).decode()}\nindex {index}\n{hashes}\n{note}"
