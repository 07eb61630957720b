"""The questions that search learns from: whole, on the right side of the split, and a wrong line is named."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.questions import read_rows
from factory.questions import BASICS, FOLDER, WRITTEN, read_questions
from knowledge.policy import load_policies
from tests.conftest import PROJECT
from tests.gold.build import LANGUAGES, TEST, TODAY

POLICIES = load_policies(PROJECT / "knowledge" / "policies")


def test_every_language_asks_what_is_answered_and_what_is_not() -> None:
    rows = read_questions(POLICIES)
    counted = Counter((row.language, row.expected) for row in rows)
    assert all(counted[code, "answered"] >= 200 and counted[code, "abstained"] >= 200 for code in LANGUAGES)
    assert len({row.id for row in rows}) == len(rows)
    assert all(len({row.question.casefold() for row in rows if row.language == code}) == 432 for code in LANGUAGES)
    crossed = [row for row in rows if row.category == "cross-language"]
    assert len(crossed) > 500
    spanish = next(row for row in crossed if row.language == "es")
    english = [policy.text for policy in POLICIES if policy.language == "en" and policy.id == spanish.policy and policy.in_force(TODAY)]
    assert spanish.exclude == {f"es:{spanish.policy}"}
    assert all(quote in text for quote in spanish.must_quote for text in english)
    tellers = [row for row in rows if row.role == "teller"]
    assert {row.policy for row in tellers if row.policy} == {"accounts/dormant", "teller/counterfeit-notes"}


def test_none_is_about_a_policy_of_the_test_questions_or_one_of_them() -> None:
    folders = (FOLDER, BASICS)
    lines = [line.split("\t") for folder in folders for path in folder.glob("*.tsv") for line in path.read_text("utf-8").splitlines()]
    named = {name for name, *_ in lines} | {each.split("#")[0] for _, numbers, _ in lines for each in numbers.split(",") if "#" in each}
    assert len(named) == 37
    assert not named & TEST
    asked = {row.question.casefold() for code in LANGUAGES for row in read_rows(PROJECT / "tests" / "gold" / code / "test.jsonl")}
    assert len(asked) > 1000
    written = [row for folder in folders for row in read_questions(POLICIES, folder)]
    assert not [row.question for row in written if row.question.casefold() in asked]


def test_every_language_asks_the_same_basics() -> None:
    rows = read_questions(POLICIES, BASICS)
    counted = Counter((row.language, row.expected) for row in rows)
    assert all((counted[code, "answered"], counted[code, "abstained"]) == (118, 33) for code in LANGUAGES)
    labels = {code: [line.split("\t")[:2] for line in (BASICS / f"{code}.tsv").read_text("utf-8").splitlines()] for code in LANGUAGES}
    assert all(each == labels["en"] for each in labels.values())
    assert len({(row.language, row.question.casefold()) for row in rows}) == len(rows)
    assert len({row.id for row in [*rows, *read_questions(POLICIES)]}) == len(rows) + len(read_questions(POLICIES))
    cost = next(row for row in rows if row.question == "What does a SEPA transfer cost?")
    assert (cost.policy, cost.also) == ("payments/sepa-transfer", {"accounts/fees"})
    assert len(cost.must_quote) == 4


def test_a_statement_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "en.tsv").write_text(
        "accounts/bereavement\t5,6\twho pays for the coffin\naccounts/fees\t-\twhy so dear\nnone\t-\thow tall is it\n", "utf-8"
    )
    answered, near, far = read_questions(POLICIES, tmp_path)
    assert ["funeral" in quote for quote in answered.must_quote] == [True, False]
    assert (answered.policy, near.policy, near.category, far.category) == ("accounts/bereavement", None, "near-miss", "unanswerable")


@pytest.mark.parametrize(
    "line", ["accounts/nowhere\t1\twhat", "accounts/fees\t999\twhat", "accounts/fees\tx\twhat", "accounts/fees\t1", "none\t2\twhat"]
)
def test_a_wrong_line_is_named(line: str, tmp_path: Path) -> None:
    shutil.copy(FOLDER / "en.tsv", tmp_path / "en.tsv")
    text = (tmp_path / "en.tsv").read_text("utf-8").splitlines()
    (tmp_path / "en.tsv").write_text("\n".join([*text[:6], line]) + "\n", "utf-8")
    with pytest.raises(ValueError, match=r"en\.tsv, line 7"):
        read_questions(POLICIES, tmp_path)


def test_numbers_are_those_of_the_version_that_was_read(tmp_path: Path) -> None:
    """A version that is in force later, with other statements, moves no label, and the question is asked on the day of writing."""
    shutil.copy(FOLDER / "en.tsv", tmp_path / "en.tsv")
    later = [
        replace(
            policy,
            version="2027-01",
            effective_from=date(2027, 1, 1),
            text=policy.text[: policy.body_start] + "# New\n\nNothing as before.\n",
        )
        for policy in POLICIES
        if policy.in_force(WRITTEN)
    ]
    rows = read_questions([*POLICIES, *later], tmp_path)
    assert rows == [row for row in read_questions(POLICIES, FOLDER) if row.language == "en"]
    assert {row.as_of for row in rows} == {WRITTEN}
    with pytest.raises(ValueError, match=r"en\.tsv, line 1"):
        read_questions(later, tmp_path)
