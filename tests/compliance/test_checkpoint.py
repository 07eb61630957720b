"""Signed notes against Go's published vector, checkpoints and receipts against forgery."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from compliance.checkpoint import Signer, format_receipt
from compliance.errors import ComplianceError
from compliance.verify import (
    Tree,
    VerifyError,
    leaf_hash,
    open_checkpoint,
    open_note,
    parse_receipt,
    parse_verifier_key,
    verify_receipt,
)

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "signed_note.json").read_text())
SEED = base64.b64decode(VECTOR["secret_key"].split("+", 4)[4])[1:]
PETER = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(SEED))
LOG = Signer("tellerbox/branch-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))


def test_the_published_note_is_made_and_opened() -> None:
    assert PETER.vkey == VECTOR["verifier_key"]
    assert PETER.sign(VECTOR["text"]) == VECTOR["note"]
    assert open_note(VECTOR["note"], VECTOR["verifier_key"]) == VECTOR["text"]


@given(st.data())
def test_a_note_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    note = VECTOR["note"]
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != note[at]))
    with pytest.raises(VerifyError):
        open_note(note[:at] + other + note[at + 1 :], VECTOR["verifier_key"])


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"])).map(lambda t: t + "\n"))
def test_any_text_without_control_characters_signs_and_opens(text: str) -> None:
    assert open_note(LOG.sign(text), LOG.vkey) == text


def test_unknown_signatures_are_ignored_and_a_known_one_is_needed() -> None:
    note = LOG.checkpoint(3, bytes(32))
    cosignature = OTHER.sign(open_note(note, LOG.vkey)).rpartition("\n\n")[2]
    assert open_checkpoint(note + cosignature, LOG.vkey).size == 3
    with pytest.raises(VerifyError, match="no signature"):
        open_note(note, OTHER.vkey)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    stolen = LOG.sign(f"tellerbox/branch-2\n3\n{base64.b64encode(bytes(32)).decode()}\n")
    with pytest.raises(VerifyError, match="another log"):
        open_checkpoint(stolen, LOG.vkey)


@pytest.mark.parametrize("size", ["", "-1", "03", "٣", "1.0", "x"])
def test_a_malformed_size_is_refused(size: str) -> None:
    note = LOG.sign(f"{LOG.name}\n{size}\n{base64.b64encode(bytes(32)).decode()}\n")
    with pytest.raises(VerifyError):
        open_checkpoint(note, LOG.vkey)


@given(st.text(max_size=80))
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(VerifyError):
        parse_verifier_key(text)


def test_a_text_that_is_no_note_is_not_signed() -> None:
    for text in ("", "no newline", "tab\t\n", "null\0\n"):
        with pytest.raises(ComplianceError):
            LOG.sign(text)
    with pytest.raises(ComplianceError, match="spaces"):
        Signer("a name", Ed25519PrivateKey.generate())


def receipt() -> str:
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    tree = Tree()
    for leaf in leaves:
        tree.push(leaf)
    return format_receipt(1, leaves[1], [leaves[0]], LOG.checkpoint(2, tree.root()))


def test_a_receipt_is_a_tlog_proof_that_verifies_offline() -> None:
    text = receipt()
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert "\nindex 1\n" in text
    parsed, checkpoint = verify_receipt(text, LOG.vkey, leaf_hash(b"b"))
    assert (parsed.index, checkpoint.size) == (1, 2)
    assert parse_receipt(text) == parsed
    with pytest.raises(VerifyError, match="another record"):
        verify_receipt(text, LOG.vkey, leaf_hash(b"a"))
    with pytest.raises(VerifyError):
        verify_receipt(text, OTHER.vkey)


@given(st.data())
def test_a_receipt_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    text = receipt()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=1, max_codepoint=0x2FF).filter(lambda c: c != text[at]))
    with pytest.raises(VerifyError):
        verify_receipt(text[:at] + other + text[at + 1 :], LOG.vkey)


@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_receipt_with_a_clear_error(text: str) -> None:
    with pytest.raises(VerifyError):
        verify_receipt(text, LOG.vkey)
