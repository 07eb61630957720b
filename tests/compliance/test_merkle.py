"""The Merkle tree against the published vectors of RFC 6962, and every proof against what it should and should not
show."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import merkle
from compliance.verify import Tree, VerifyError, leaf_hash, span, verify_consistency, verify_inclusion

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc6962.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(each)) for each in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(each) for each in VECTORS["roots"]]


class Stored:
    """A tree with all its nodes kept, as the ledger keeps them."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.tree, self.nodes, self.roots = Tree(), {}, [Tree().root()]
        for leaf in leaves:
            self.nodes |= {(level, index): digest for level, index, digest in self.tree.push(leaf)}
            self.roots.append(self.tree.root())

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


def numbered(count: int) -> list[bytes]:
    return [leaf_hash(str(each).encode()) for each in range(count)]


def test_roots_of_the_published_vectors() -> None:
    assert Stored(LEAVES).roots == ROOTS
    for size in range(9):
        assert merkle.tree(Stored(LEAVES).node, size).root() == ROOTS[size]


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=str)
def test_published_inclusion_proofs(vector: dict[str, object]) -> None:
    index, size = int(str(vector["index"])), int(str(vector["size"]))
    proof = merkle.inclusion(Stored(LEAVES).node, index, size)
    assert [each.hex() for each in proof] == vector["proof"]
    assert verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=str)
def test_published_consistency_proofs(vector: dict[str, object]) -> None:
    old, new = int(str(vector["old"])), int(str(vector["new"]))
    proof = merkle.consistency(Stored(LEAVES).node, old, new)
    assert [each.hex() for each in proof] == vector["proof"]
    assert verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])


def check_all_pairs(limit: int) -> None:
    stored = Stored(numbered(limit))
    for new in range(limit + 1):
        for old in range(new + 1):
            proof = merkle.consistency(stored.node, old, new)
            first, second = stored.roots[old], stored.roots[new]
            assert verify_consistency(old, new, proof, first, second), (old, new)
            other = sha256(b"other").digest()
            assert not verify_consistency(old, new, proof, first, other) or old == 0 < new
            assert not verify_consistency(old, new, proof, other, second), (old, new)
            if proof:
                assert not verify_consistency(old, new, proof[:-1], first, second), (old, new)
                assert not verify_consistency(old, new, [*proof, other], first, second), (old, new)


def test_every_consistency_pair_to_64() -> None:
    check_all_pairs(64)


@pytest.mark.slow
def test_every_consistency_pair_to_200() -> None:
    check_all_pairs(200)


def test_every_inclusion_proof_to_64_proves_its_own_leaf_and_place_alone() -> None:
    leaves = numbered(64)
    stored = Stored(leaves)
    for size in range(1, 65):
        for index in range(size):
            proof = merkle.inclusion(stored.node, index, size)
            assert verify_inclusion(leaves[index], index, size, proof, stored.roots[size])
            assert not verify_inclusion(leaves[index - 1], index, size, proof, stored.roots[size]) or size == 1
            assert not verify_inclusion(leaves[index], index + 1, size, proof, stored.roots[size])
            assert not verify_inclusion(leaves[index], index, size, [*proof, leaves[0]], stored.roots[size])


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_range_with_the_hashes_left_and_right_of_it_rebuilds_the_root(first: int, second: int, third: int) -> None:
    start, stop, size = sorted((first, second, third))
    leaves = numbered(size)
    stored = Stored(leaves)
    tree = Tree(start, [stored.node(*each) for each in span(0, start)])
    for leaf in leaves[start:stop]:
        tree.push(leaf)
    for level, index in span(stop, size):
        tree.push(stored.node(level, index), level)
    assert tree.root() == stored.roots[size]


def test_a_tree_refuses_what_cannot_be_one() -> None:
    with pytest.raises(VerifyError, match="peaks"):
        Tree(3, [b""])
    with pytest.raises(VerifyError, match="cannot stand"):
        Tree(1, [b"\0" * 32]).push(b"\0" * 32, level=1)
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion(Stored([]).node, 0, 0)
    with pytest.raises(ValueError, match="cannot precede"):
        merkle.consistency(Stored([]).node, 2, 1)
