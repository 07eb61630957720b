"""Aligned texts of the reference bank's policies: the n-th title, heading or statement of a policy in each language."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from factory.embedder_corpus import Group, Pair
from knowledge.passages import passages_of
from knowledge.policy import Policy, load_policies


def policy_groups(policies: Path) -> list[Group]:
    """Groups with English, of policies with as many statements in each section as the English one."""
    found: dict[tuple[str, str], dict[str, Policy]] = defaultdict(dict)
    for policy in load_policies(policies):
        found[policy.id, policy.version][policy.language] = policy
    groups: list[Group] = []
    for versions in found.values():
        if "en" not in versions:
            continue
        shapes = {code: _shape(policy) for code, policy in versions.items()}
        texts = {code: _texts(policy) for code, policy in versions.items() if shapes[code] == shapes["en"]}
        for number in range(len(texts["en"])):
            groups.append(Group({code: lines[number] for code, lines in texts.items()}, "policies"))
    return groups


def policy_pairs(policies: Path) -> list[Pair]:
    """A statement asked for by its title and section, in each language: what a short question looks like."""
    pairs = []
    for policy in load_policies(policies):
        for passage in passages_of(policy):
            for statement in passage.statements:
                pairs.append(Pair(policy.language, passage.heading.replace(" › ", ". "), statement.text))
    return pairs


def _shape(policy: Policy) -> list[int]:
    return [len(passage.statements) for passage in passages_of(policy)]


def _texts(policy: Policy) -> list[str]:
    lines = [policy.title]
    for passage in passages_of(policy):
        lines.append(passage.heading.replace(" › ", ". "))
        lines += [statement.text for statement in passage.statements]
    return lines
