"""What search knows of a passage before anything is asked."""

from __future__ import annotations

from pathlib import Path

from knowledge.passages import passages_of
from knowledge.policy import load_policies
from knowledge.reading import examples
from tests.conftest import PROJECT

POLICY = """---
id: payments/abroad
title: Abroad
language: en
version: "1"
effective_from: 2026-01-01
audience: both
jurisdiction: EU
---

# Abroad

An order costs 0.3 %.

Example: an order of €8,000 costs €24. At the counter
it costs €34. So 0.3 % counts.

It is paid at once.

- Example: an order of €9,000 costs €27. At the counter it is €37.
- Nobody pays more than €60.
"""


def test_an_example_lasts_to_the_end_of_its_paragraph(tmp_path: Path) -> None:
    (tmp_path / "en" / "payments").mkdir(parents=True)
    (tmp_path / "en" / "payments" / "abroad.md").write_text(POLICY, "utf-8")
    (passage,) = passages_of(load_policies(tmp_path)[0])
    told = dict(zip([statement.text for statement in passage.statements], examples(passage), strict=True))
    assert told == {
        "An order costs 0.3 %.": False,
        "Example: an order of €8,000 costs €24.": True,
        "At the counter it costs €34.": True,
        "So 0.3 % counts.": True,
        "It is paid at once.": False,
        "Example: an order of €9,000 costs €27.": True,
        "At the counter it is €37.": True,
        "Nobody pays more than €60.": False,
    }


def test_an_example_that_is_cut_into_two_passages_stays_one(tmp_path: Path) -> None:
    told = " ".join(f"The price of case {number} is {number} euros, for this and that reason which is told at length." for number in range(30))
    (tmp_path / "a.md").write_text(f"# Prices\n\nAn ordinary sentence.\n\nWorked example: it is so. {told}\n\nAnother ordinary sentence.\n", "utf-8")
    passages = passages_of(load_policies(tmp_path)[0])
    assert len(passages) > 2
    marked = [each for passage in passages for each in examples(passage)]
    assert marked == [False, *[True] * 31, False]


def test_the_policies_have_the_same_examples_in_every_language() -> None:
    told: dict[tuple[str, str], set[tuple[bool, ...]]] = {}
    for policy in load_policies(PROJECT / "knowledge" / "policies"):
        marks = tuple(each for passage in passages_of(policy) for each in examples(passage))
        told.setdefault((policy.id, policy.version), set()).add(marks)
    assert not [key for key, marks in told.items() if len(marks) > 1]
