"""The vault: a session's pseudonyms, in memory only; forgetting a session is deleting its key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from compliance.errors import ComplianceError

TOKEN = re.compile(r"<([A-Z][A-Z_]*)_(\d+)>")
NEVER_KEPT = frozenset({"CVV", "PIN", "OTP", "PASSWORD", "EXPIRY"})
"""Sensitive authentication data is not kept even here (PCI DSS 4.0, 3.3): it cannot be restored."""
MASKED = frozenset({"CARD"})
"""Of a card number the last four digits alone are kept, for the screen of who typed it (PCI DSS 4.0, 3.4.1 allows them)."""
LAST = 4


class Vault:
    """Pseudonyms of one session. Values are held encrypted (AES-256-GCM) and found again by a keyed hash."""

    def __init__(self) -> None:
        self._key: bytes | None = secrets.token_bytes(32)
        self._tokens: dict[bytes, str] = {}
        self._values: dict[str, tuple[bytes, bytes]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def pseudonym(self, type: str, value: str) -> str:
        """The session's token for a value, such as "<IBAN_1>"; one value has one token, in whatever notation it comes.

        Raises ComplianceError after `forget`.
        """
        with self._lock:
            key = self._alive()
            plain = "".join(char for char in value.casefold() if char.isalnum())
            digest = hmac.new(key, f"{type}\0{plain or value}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
            token = self._tokens.get(digest)
            if token is None:
                self._counts[type] = self._counts.get(type, 0) + 1
                token = f"<{type}_{self._counts[type]}>"
                self._tokens[digest] = token
                if type not in NEVER_KEPT:
                    nonce = secrets.token_bytes(12)
                    kept = f"•••• {plain[-LAST:]}" if type in MASKED else value
                    sealed = AESGCM(key).encrypt(nonce, kept.encode("utf-8", "surrogatepass"), token.encode())
                    self._values[token] = (nonce, sealed)
            return token

    def restore(self, text: str) -> str:
        """The text with its pseudonyms put back: only for the screen of the person who typed it."""
        with self._lock:
            key = self._alive()
            return TOKEN.sub(lambda match: self._value(key, match[0]), text)

    def forget(self) -> None:
        """Delete the key and everything under it."""
        with self._lock:
            self._key = None
            self._tokens.clear()
            self._values.clear()
            self._counts.clear()

    def _alive(self) -> bytes:
        if self._key is None:
            raise ComplianceError("the session has ended")
        return self._key

    def _value(self, key: bytes, token: str) -> str:
        held = self._values.get(token)
        return token if held is None else AESGCM(key).decrypt(held[0], held[1], token.encode()).decode("utf-8", "surrogatepass")
