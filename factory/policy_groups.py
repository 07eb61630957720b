"""Aligned texts of the reference bank: the n-th title, heading or statement of a policy, and the training questions."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from factory.embedder_corpus import LANGUAGES, Group, Pair, read_rows
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


def question_groups(gold: Path) -> list[Group]:
    """The training questions: `en-fees-1`, `es-fees-1` … ask the same in each language. Other splits are not read."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for code in LANGUAGES:
        for row in read_rows(gold / code / "train.jsonl"):
            found[str(row["id"]).removeprefix(f"{code}-")][code] = str(row["question"])
    return [Group(texts, "questions") for texts in found.values() if "en" in texts and len(texts) > 1]


def question_pairs(policies: Path, gold: Path) -> list[Pair]:
    """Training questions with the passage of their policy, in their language, that holds the figures of the answer or the statement
    that is it."""
    shelves: dict[tuple[str, str], Policy] = {}
    for policy in sorted(load_policies(policies), key=lambda policy: policy.version):
        shelves[policy.language, policy.id] = policy
    pairs = []
    for code in LANGUAGES:
        for row in read_rows(gold / code / "train.jsonl"):
            shelf = shelves.get((code, str(row.get("policy"))))
            figures = [figure for wanted in row.get("must_contain", []) for figure in re.findall(r"\d+", wanted)]
            quotes = row.get("must_quote", [])
            if shelf is None or not (figures or quotes):
                continue
            held = [passage for passage in passages_of(shelf) if _holds(passage.text, figures) and _quotes(passage.text, quotes)]
            if len(held) == 1:
                pairs.append(Pair(code, str(row["question"]), f"{held[0].heading}. {held[0].text}"))
    return pairs


def _holds(text: str, figures: list[str]) -> bool:
    return set(figures) <= set(re.findall(r"\d+", text))


def _quotes(text: str, quotes: list[str]) -> bool:
    return not quotes or any(quote in text for quote in quotes)


def _shape(policy: Policy) -> list[int]:
    return [len(passage.statements) for passage in passages_of(policy)]


def _texts(policy: Policy) -> list[str]:
    lines = [policy.title]
    for passage in passages_of(policy):
        lines.append(passage.heading.replace(" › ", ". "))
        lines += [statement.text for statement in passage.statements]
    return lines
