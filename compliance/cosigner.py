"""Keys that sign a checkpoint beside the log's own: a witness's Ed25519 key, and an ML-DSA-44 key (C2SP tlog-cosignature).

Both state when they signed. The ML-DSA-44 key resists a quantum computer; a ledger may hold one as its second key.
"""

from __future__ import annotations

import base64
import struct
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.errors import ComplianceError
from compliance.verify import COSIGNATURE, ML_DSA_44_COSIGNATURE, cosigned_message, key_id, subtree_message, verifier_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey


class Cosigner:
    """A named Ed25519 key that cosigns checkpoints (cosignature/v1, signature type 4)."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = checked_name(name)
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        """The public cosigner key as text."""
        return verifier_key(self.name, self._public, COSIGNATURE)

    def line(self, text: str) -> str:
        """The cosignature line over the text of a checkpoint, stamped with this second."""
        now = int(time.time())
        signature = struct.pack(">Q", now) + self._key.sign(cosigned_message(text, now))
        return _line(self.name, key_id(self.name, self._public, COSIGNATURE), signature)


class PostQuantumCosigner:
    """A named ML-DSA-44 key (FIPS 204) that cosigns checkpoints (subtree/v1, signature type 6)."""

    def __init__(self, name: str, key: MLDSA44PrivateKey) -> None:
        self.name = checked_name(name)
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        """The public cosigner key as text, about 1.8 kB."""
        return verifier_key(self.name, self._public, ML_DSA_44_COSIGNATURE)

    def line(self, text: str) -> str:
        """The cosignature line over the text of a checkpoint, about 3.3 kB, stamped with this second."""
        now = int(time.time())
        signature = struct.pack(">Q", now) + self._key.sign(subtree_message(text, self.name, now))
        return _line(self.name, key_id(self.name, self._public, ML_DSA_44_COSIGNATURE), signature)


def _line(name: str, number: bytes, signature: bytes) -> str:
    return f"— {name} {base64.b64encode(number + signature).decode()}\n"


def checked_name(name: str) -> str:
    """A key name that C2SP signed-note allows; raises ComplianceError."""
    if not 0 < len(name.encode()) < 256 or "+" in name or any(c.isspace() or ord(c) < 32 for c in name):
        raise ComplianceError("the name of a signing key must have neither spaces nor '+'")
    return name
