"""Passwords: argon2id hashes (RFC 9106), what a password must be (NIST SP 800-63B), and one-time codes (RFC 6238)."""

from __future__ import annotations

import hmac
import secrets
import threading
import unicodedata

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import TellerboxError

SHORTEST, LONGEST = 12, 256
DISTINCT = 5
STEP_SECONDS = 30
AT_ONCE = 2
"""Passwords hashed at the same time: each takes 64 MiB and all processors of the box."""
_CONTEXT = b"tellerbox/totp/1\n"


class Passwords:
    """Hashes and checks passwords; `hasher` is argon2-cffi's default, the second choice of RFC 9106 (t=3, m=64 MiB, p=4)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The hash to keep, with its salt and parameters."""
        with self._turns:
            return self._hasher.hash(_normal(password))

    def check(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; None (no such account) takes as long and is never right."""
        with self._turns:
            try:
                return self._hasher.verify(kept or self._nobody, _normal(password)) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with parameters other than today's."""
        return self._hasher.check_needs_rehash(kept)


def check_new_password(password: str, name: str) -> None:
    """Raises TellerboxError saying what is wrong with a new password; it never repeats it."""
    plain = _normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise TellerboxError(f"a password has {SHORTEST} to {LONGEST} characters")
    if name.casefold() in plain.casefold() or len(set(plain)) < DISTINCT:
        raise TellerboxError(f"a password must not hold the name of its account, and has at least {DISTINCT} different characters")


def new_totp_secret() -> str:
    """A new shared secret of 160 bits in base32, as authenticator apps read it."""
    return pyotp.random_base32()


def totp_address(secret: str, name: str, bank: str) -> str:
    """The otpauth:// address that an authenticator app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"{bank} Tellerbox")


def totp_step(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is: the present one, the one before or the one after; None if it is none of them."""
    totp, digits = pyotp.TOTP(secret), "".join(code.split())
    present = int(now) // STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS).encode(), digits.encode("utf-8", "replace")):
            found = step
    return found


def seal_totp(secret: str, account: str, key: bytes) -> bytes:
    """A TOTP secret sealed (AES-256-GCM) to its account."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, secret.encode(), _CONTEXT + account.encode())


def open_totp(sealed: bytes, account: str, key: bytes) -> str:
    """The TOTP secret of an account; raises TellerboxError where it was changed or is another's."""
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], _CONTEXT + account.encode()).decode()
    except (InvalidTag, ValueError):
        raise TellerboxError("the second factor of this account is damaged; set it up again") from None


def _normal(password: str) -> str:
    """One form of what different keyboards write, and always valid Unicode: JSON may carry half a surrogate pair."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
