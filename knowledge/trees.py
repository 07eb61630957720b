"""Trees: gradient-boosted regression trees (Friedman 2001) read from JSON and evaluated; they are grown in `factory`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAF = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """Node 0 is the root. `feature` is LEAF at a leaf, where `value` counts; elsewhere a value of at most `threshold` goes left."""

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    def leaf(self, features: Sequence[float]) -> float:
        """The value of the leaf that `features` fall into."""
        node = 0
        while (column := self.feature[node]) != LEAF:
            node = self.left[node] if features[column] <= self.threshold[node] else self.right[node]
        return self.value[node]


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """`bias` and the trees add up to a log-odds."""

    bias: float
    trees: tuple[Tree, ...]

    def log_odds(self, features: Sequence[float]) -> float:
        """The sum over all trees for one row of features."""
        return self.bias + sum(tree.leaf(features) for tree in self.trees)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> BoostedTrees:
        """What `to_json` gave. Raises ValueError for trees that point outside themselves, KeyError for missing parts."""
        trees = tuple(_tree(each) for each in raw["trees"])
        return cls(float(raw["bias"]), trees)

    def to_json(self) -> dict[str, Any]:
        """As JSON: each tree a list of nodes, `[feature, threshold, left, right]` or `[value]` at a leaf."""
        return {"bias": self.bias, "trees": [[_node(tree, at) for at in range(len(tree.feature))] for tree in self.trees]}


def _node(tree: Tree, at: int) -> list[float]:
    if tree.feature[at] == LEAF:
        return [tree.value[at]]
    return [tree.feature[at], tree.threshold[at], tree.left[at], tree.right[at]]


def _tree(nodes: Sequence[Sequence[float]]) -> Tree:
    # Children stand after their parent, so that no tree can send a walk round in a circle.
    for at, node in enumerate(nodes):
        if len(node) not in (1, 4) or (len(node) == 4 and not all(at < child < len(nodes) for child in node[2:])):
            raise ValueError(f"node {at} of a tree is broken")
    return Tree(
        tuple(LEAF if len(node) == 1 else int(node[0]) for node in nodes),
        tuple(0.0 if len(node) == 1 else float(node[1]) for node in nodes),
        tuple(0 if len(node) == 1 else int(node[2]) for node in nodes),
        tuple(0 if len(node) == 1 else int(node[3]) for node in nodes),
        tuple(float(node[0]) if len(node) == 1 else 0.0 for node in nodes),
    )
