"""The ledger's second key: ML-DSA-44, which a quantum computer does not break, beside Ed25519 (C2SP tlog-cosignature).

It signs what leaves the box (published checkpoints, bundles), not each commit's head and no receipt: its signature is
2.4 kB. Its public half is a record of the log, so whoever trusts the log's key knows that its signature must be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.cosigner import PostQuantumCosigner
from compliance.errors import ComplianceError
from compliance.keys import KeyFolder
from compliance.record import Header
from compliance.store import Snapshot, in_words

if TYPE_CHECKING:
    from compliance.ledger import Ledger

SECOND_KEY = "second_key"


def second_cosigner(origin: str, keys: KeyFolder, *, create: bool) -> PostQuantumCosigner | None:
    """The ledger's second key (ML-DSA-44), None where there is none and none may be made; raises ComplianceError where
    the installed `cryptography` has no ML-DSA."""
    if not create and not keys.files.has_second:
        return None
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
    except ImportError:
        raise ComplianceError("the ledger's second key needs ML-DSA, which the installed `cryptography` lacks") from None
    seed = keys.files.second(create=create)
    return None if seed is None else PostQuantumCosigner(origin, MLDSA44PrivateKey.from_seed_bytes(seed))


def second_key(view: Snapshot) -> str | None:
    """The verifier key of the second key that the ledger records, None where there is none."""
    found = [header for header in (Header.decode(each) for _, each, _ in view.events()) if header.kind == SECOND_KEY]
    return str(found[-1].facts.get("vkey")) if found else None


def add_second_key(ledger: Ledger) -> str:
    """Makes the second key, records its public half, and signs with it from now on; returns its verifier key. Makes none
    where there is one. Raises ComplianceError where the installed `cryptography` has no ML-DSA."""
    with in_words(ledger.keys.place, "the second key was not made"):
        if ledger.second is None:
            ledger.second = second_cosigner(ledger.origin, ledger.keys, create=True)
    assert ledger.second is not None
    announce_second_key(ledger)
    return ledger.second.vkey


def announce_second_key(ledger: Ledger) -> None:
    """Records the second key, where there is one and that is not done yet."""
    second = ledger.second
    with ledger.snapshot() as view:
        if second is None or second_key(view) == second.vkey:
            return
    ledger.append(Header.now(SECOND_KEY, branch=ledger.branch, role="officer", facts={"vkey": second.vkey}), {})
