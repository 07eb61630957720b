"""The ledger's signing key over time: which keys it had, which one signs now, and how one follows another.

A rotation is a record of the log itself: a note, signed by the old key and by the new one, that says after how many
records, with which root, the new key takes over (`compliance.verify.Rotation`). The head that holds it is the first
that the new key signs, in the same transaction. The new key lies in a file beside the old one before that, and takes
its place after it: wherever a rotation is cut off, the ledger opens with the key that signed its head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.checkpoint import Signer
from compliance.errors import ComplianceError
from compliance.keys import KeyFolder
from compliance.record import Header
from compliance.store import Snapshot, in_words
from compliance.verify import (
    KeyChain,
    Rotation,
    VerifyError,
    key_chain,
    open_checkpoint,
    open_rotation,
    parse_verifier_key,
    rotation_text,
)

if TYPE_CHECKING:
    from compliance.ledger import Entry, Ledger

KEY_ROTATION = "key_rotation"


def rotations(view: Snapshot) -> list[Rotation]:
    """The rotations that the ledger records, oldest first, their signatures verified; raises VerifyError."""
    found = []
    for index, header, _ in view.events():
        decoded = Header.decode(header)
        if decoded.kind == KEY_ROTATION:
            rotation = open_rotation(str(decoded.facts.get("note")))
            if rotation.size != index:
                raise VerifyError(f"the rotation of keys in record {index} states another place")
            found.append(rotation)
    return found


def current_chain(view: Snapshot) -> KeyChain:
    """Every key the ledger had, from its first on; raises VerifyError where a rotation does not follow from it, and
    ComplianceError where the ledger does not name its first key."""
    origin, vkey = next(iter(view.query("SELECT origin, vkey FROM ledger")), (None, None))
    if not isinstance(origin, str) or not isinstance(vkey, str):
        raise ComplianceError("the ledger is damaged: its name is missing")
    if parse_verifier_key(vkey)[0] != origin:
        raise VerifyError("the name of the ledger is not that of its key")
    found = rotations(view)
    chain = key_chain(vkey, found)
    if len(chain.keys) != len(found) + 1:
        raise VerifyError("the rotations of keys do not begin with the ledger's first key")
    return chain


def current_signer(chain: KeyChain, keys: KeyFolder, signer: Signer | None = None) -> Signer:
    """Who signs with the newest key of the chain: `signer` if it does, else from the key files, where a rotation that
    was cut off after it was recorded is finished. To be called in a write transaction, so that no other process moves
    the files meanwhile. Raises ComplianceError where no file holds that key."""
    newest = chain.keys[-1][0]
    name = parse_verifier_key(newest)[0]
    if signer is not None and signer.vkey == newest:
        return signer
    with in_words(keys.files.folder, "the keys cannot be read"):
        for staged in (False, True):
            key = keys.files.next_signing() if staged else keys.files.signing(create=False)
            if key is not None and Signer(name, key).vkey == newest:
                if staged:
                    keys.files.adopt_signing()
                keys.signing = key
                return Signer(name, key)
    raise ComplianceError(f"signing.key is not the key of this ledger ({keys.files.folder})")


def rotate(ledger: Ledger, *, role: str = "officer") -> Entry:
    """Changes the ledger's signing key for a new one and records it, signed by both; the old private key is destroyed.
    What the old key signed still verifies. Raises ComplianceError, the old key staying in use, where it cannot be
    recorded."""
    staged: list[Signer] = []

    def hand_over(view: Snapshot) -> Header:
        staged.append(Signer(ledger.origin, ledger.keys.files.stage_signing()))
        return _handed_over(ledger, view, staged[0], role)

    entry = ledger.record_alone(hand_over, lambda *_: ledger.sign_from_now(staged[0]))
    ledger.settle_key()
    return entry


def _handed_over(ledger: Ledger, view: Snapshot, new: Signer, role: str) -> Header:
    old = ledger.signer
    head = open_checkpoint(view.note, old.vkey)
    text = rotation_text(Rotation(head.origin, head.size, head.root, old.vkey, new.vkey))
    named = f"{ledger.origin}/rotation"
    note = old.named(named).sign(text, also=[new.named(named)])
    facts = {"old": old.vkey, "new": new.vkey, "note": note}
    return Header.now(KEY_ROTATION, branch=ledger.branch, role=role, facts=facts)
