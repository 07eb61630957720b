"""The key files of a ledger: for their owner alone, written whole or not at all, encrypted at rest under a passphrase.

In clear a file holds what it always did (PEM, or hexadecimal digits). Encrypted it is one line of JSON: AES-256-GCM
under a key that scrypt (RFC 7914) makes of the passphrase. Files that stand in clear are encrypted in place when a
passphrase is first given, each in one atomic step, after everything else was found to be in order.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from compliance.errors import ComplianceError
from compliance.store import sync_folder

SIGNING, NEXT_SIGNING, WRAPPING, SECOND = "signing.key", "signing.next", "wrapping.key", "second.key"
SCRYPT_COST = 2**17
"""scrypt's N; with r = 8 one derivation takes 128 MiB and about half a second on the box."""
_COSTS = range(2**14, 2**20 + 1)
_FORMAT = "tellerbox/encrypted-key/1"


class KeyFiles:
    """The key files of one folder, read and written with the same passphrase (None: in clear)."""

    def __init__(self, folder: Path, passphrase: bytes | None = None) -> None:
        self.folder = folder
        self._passphrase = passphrase or None
        self._derived: dict[tuple[bytes, int], bytes] = {}

    def signing(self, *, create: bool) -> Ed25519PrivateKey:
        """The signing key; raises ComplianceError where it is missing (and may not be made), damaged, or locked."""
        return self.own(SIGNING, create=create)

    def own(self, name: str, *, create: bool) -> Ed25519PrivateKey:
        """An Ed25519 key under another file name, as `signing` gives the ledger's."""
        return self._signing(self._made(name, _new_signing, create))

    def next_signing(self) -> Ed25519PrivateKey | None:
        """The key that a rotation was about to change to, None where none was begun."""
        return self._signing(self.folder / NEXT_SIGNING) if (self.folder / NEXT_SIGNING).exists() else None

    def stage_signing(self) -> Ed25519PrivateKey:
        """Makes a new signing key, durably, beside the one in use."""
        self._replace(NEXT_SIGNING, self._locked(NEXT_SIGNING, _new_signing()))
        return self._signing(self.folder / NEXT_SIGNING)

    def adopt_signing(self) -> None:
        """Puts the staged key in the place of the one in use, which is gone afterwards."""
        with (self.folder / SIGNING).open("r+b") as old:
            os.replace(self.folder / NEXT_SIGNING, self.folder / SIGNING)
            sync_folder(self.folder)
            _overwrite(old.fileno())

    def wrapping(self, *, create: bool) -> bytes:
        """The 32 bytes of the wrapping key; raises ComplianceError as `signing` does."""
        path = self._made(WRAPPING, lambda: secrets.token_hex(32).encode() + b"\n", create)
        return self._hexadecimal(path, "the wrapping key")

    @property
    def has_second(self) -> bool:
        """Whether there is a second signing key."""
        return (self.folder / SECOND).exists()

    def second(self, *, create: bool) -> bytes | None:
        """The 32-byte seed of the second signing key (ML-DSA-44), None where there is none and none may be made."""
        if not create and not (self.folder / SECOND).exists():
            return None
        path = self._made(SECOND, lambda: secrets.token_hex(32).encode() + b"\n", create)
        return self._hexadecimal(path, "the second signing key")

    def encrypt(self) -> list[str]:
        """Encrypts, where a passphrase was given, the files that stand in clear; returns their names. Call it once
        every key was read with that passphrase."""
        if self._passphrase is None:
            return []
        changed = []
        for name in (WRAPPING, SIGNING, NEXT_SIGNING, SECOND):
            path = self.folder / name
            if path.exists() and not _is_encrypted(data := path.read_bytes()):
                with path.open("r+b") as old:
                    self._replace(name, self._locked(name, data))
                    _overwrite(old.fileno())
                changed.append(name)
        return changed

    def _signing(self, path: Path) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(self._unlocked(path), None)
        except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ComplianceError(f"the signing key is damaged, or not an Ed25519 key ({path})")
        return key

    def _hexadecimal(self, path: Path, named: str) -> bytes:
        try:
            key = bytes.fromhex(self._unlocked(path).decode("ascii").strip())
        except (ValueError, UnicodeDecodeError):
            key = b""
        if len(key) != 32:
            raise ComplianceError(f"{named} is damaged: it should be 64 hexadecimal digits ({path})")
        return key

    # ---- encryption ---------------------------------------------------------------------------------------------

    def _locked(self, name: str, plain: bytes) -> bytes:
        """What to write for a key: as it is, or encrypted where there is a passphrase."""
        if self._passphrase is None:
            return plain
        salt, cost = next(iter(self._derived), (secrets.token_bytes(16), SCRYPT_COST))
        nonce = secrets.token_bytes(12)
        data = AESGCM(self._derive(salt, cost)).encrypt(nonce, plain, _context(name))
        members = {"format": _FORMAT, "kdf": "scrypt", "n": cost, "r": 8, "p": 1}
        return json.dumps(members | {"salt": salt.hex(), "nonce": nonce.hex(), "data": data.hex()}).encode() + b"\n"

    def _unlocked(self, path: Path) -> bytes:
        stored = path.read_bytes()
        if not _is_encrypted(stored):
            return stored
        if self._passphrase is None:
            raise ComplianceError(f"the keys of the ledger are encrypted and no passphrase was given ({path})")
        try:
            members = json.loads(stored)
            salt, nonce, data = (bytes.fromhex(members[name]) for name in ("salt", "nonce", "data"))
            cost = members["n"]
            known = members["format"] == _FORMAT and (members["kdf"], members["r"], members["p"]) == ("scrypt", 8, 1)
            if not known or cost not in _COSTS or cost & (cost - 1) or len(nonce) != 12:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise ComplianceError(f"an encrypted key file is damaged, or of a newer Tellerbox ({path})") from None
        try:
            return AESGCM(self._derive(salt, cost)).decrypt(nonce, data, _context(path.name))
        except InvalidTag:
            raise ComplianceError(f"the passphrase of the ledger's keys is wrong, or the file was changed ({path})") from None

    def _derive(self, salt: bytes, cost: int) -> bytes:
        assert self._passphrase is not None
        if (salt, cost) not in self._derived:
            self._derived[salt, cost] = Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(self._passphrase)
        return self._derived[salt, cost]

    # ---- files --------------------------------------------------------------------------------------------------

    def _made(self, name: str, make: Callable[[], bytes], create: bool) -> Path:
        """The path of a key file, made if it is missing and may be."""
        path = self.folder / name
        if path.exists():
            return path
        if not create:
            raise ComplianceError(f"a key of the ledger is missing: {path} should be there")
        draft = self._drafted(name, self._locked(name, make()))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it first: its key counts
        except OSError:  # a file system without hard links
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(self.folder)
        return path

    def _replace(self, name: str, data: bytes) -> None:
        draft = self._drafted(name, data)
        try:
            os.replace(draft, self.folder / name)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(self.folder)

    def _drafted(self, name: str, data: bytes) -> Path:
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft


def _context(name: str) -> bytes:
    """What ties an encrypted file to its role, so that one cannot be put in another's place."""
    role = SIGNING if name == NEXT_SIGNING else name
    return f"{_FORMAT}\n{role}".encode()


def _is_encrypted(stored: bytes) -> bool:
    return stored.lstrip()[:1] == b"{"


def _overwrite(handle: int) -> None:
    """Zeros over a replaced key file: the best a file system that copies on write lets one do."""
    with suppress(OSError):
        os.pwrite(handle, b"\0" * os.fstat(handle).st_size, 0)
        os.fsync(handle)


def _new_signing() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
