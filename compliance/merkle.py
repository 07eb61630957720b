"""Proofs from the stored nodes of an RFC 6962 Merkle tree.

`node(level, index)` gives the stored hash of the complete subtree of 2**level leaves that begins at leaf
index * 2**level. Hashing and the verification of proofs are in `compliance.verify`, so that the box and the auditor run
the same code.
"""

from __future__ import annotations

from collections.abc import Callable

from compliance.verify import Tree, node_hash, span

Node = Callable[[int, int], bytes]


def _split(width: int) -> int:
    """The largest power of two smaller than `width` (k of RFC 6962 §2.1)."""
    return 1 << ((width - 1).bit_length() - 1)


def subtree(node: Node, start: int, stop: int) -> bytes:
    """MTH(D[start:stop]) (RFC 6962 §2.1) for a start that is aligned as the tree's own splits are."""
    width = stop - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(subtree(node, start, middle), subtree(node, middle, stop))


def tree(node: Node, size: int) -> Tree:
    """The tree of the first `size` leaves, ready to grow or to give its root."""
    return Tree(size, [node(level, index) for level, index in span(0, size)])


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]), leaf to root (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(subtree(node, middle, stop))
            stop = middle
        else:
            path.append(subtree(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) (RFC 6962 §2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves cannot precede one of {new}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while stop != old:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(subtree(node, middle, stop))
            stop = middle
        else:
            path.append(subtree(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(node, start, stop))
    return path[::-1]
