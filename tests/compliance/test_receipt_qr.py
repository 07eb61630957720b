"""A receipt fits a QR code, from a ledger of any length a branch can reach."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from compliance import merkle, verify
from compliance.checkpoint import Signer, format_receipt
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.record import Header
from compliance.report.qr import QUIET_ZONE, modules, symbol, write_symbol

LEAF = verify.leaf_hash(b"the same record, a million times")


@cache
def node(level: int, _index: int = 0) -> bytes:
    """A node of a tree whose leaves are all alike: it depends on its level alone."""
    return LEAF if level == 0 else verify.node_hash(node(level - 1), node(level - 1))


def receipt_of(size: int, index: int) -> tuple[str, str]:
    """A receipt that verifies, and its key, from a ledger of `size` records under the longest name a branch may have."""
    signer = Signer(f"tellerbox/{'b' * 64}", Ed25519PrivateKey.generate())
    root = merkle.tree(lambda level, _: node(level), size).root()
    proof = merkle.inclusion(lambda level, _: node(level), index, size)
    return format_receipt(index, LEAF, proof, signer.checkpoint(size, root)), signer.vkey


@pytest.mark.parametrize(("size", "most", "version"), [(1_000_000, 1_289, 26), (1_000_000_000, 1_745, 31)])
def test_a_receipt_of_a_long_ledger_verifies_and_fits(size: int, most: int, version: int) -> None:
    receipt, vkey = receipt_of(size, size // 3)
    verify.verify_receipt(receipt, vkey, LEAF)
    assert len(receipt.encode()) <= most
    code = symbol(receipt)
    assert int(code.version) <= version
    assert code.error == "L"
    assert len(modules(code)) == 17 + 4 * int(code.version)
    assert all(len(row) == len(modules(code)) for row in modules(code))


def test_a_real_receipt_is_written_as_a_picture(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger", branch="b1") as ledger:
        receipt = ledger.receipt(ledger.append(Header.now("turn_closed", turn="t"), {"question": "q"}).index)
    for suffix in ("svg", "png"):
        write_symbol(receipt, tmp_path / f"receipt.{suffix}")
    side = 4 * (len(modules(symbol(receipt))) + 2 * QUIET_ZONE)
    assert Image.open(tmp_path / "receipt.png").size == (side, side)
    assert f'width="{side}" height="{side}"' in (tmp_path / "receipt.svg").read_text()
    with pytest.raises(ComplianceError, match=r"ends in \.svg or \.png"):
        write_symbol(receipt, tmp_path / "receipt.jpg")
    with pytest.raises(ComplianceError, match="cannot be written"):
        write_symbol(receipt, tmp_path / "nowhere" / "receipt.svg")


def test_what_no_code_holds_is_refused() -> None:
    assert int(symbol("x" * 2953).version) == 40
    with pytest.raises(ComplianceError, match="more than a QR code holds"):
        symbol("x" * 2954)
    assert symbol("x" * 2953).matrix == segno.make_qr(b"x" * 2953, error="l", mode="byte").matrix
