"""Checks the questions with known answers: `python -m tests.gold.check` (part of `make gold` and of the tests)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from knowledge.policy import Policy, load_policies
from knowledge.quantities import quantity_keys
from tests.gold.build import HERE, LANGUAGES, SPLITS, TODAY, build, facts, quotes, split_of, statements_of, text_of

LEAST = {"answerable": 300, "unanswerable": 50, "near-miss": 150, "fixed": 30, "follow-up": 100, "new-subject": 20, "cross-language": 30}


def problems(policies: list[Policy]) -> Iterator[str]:
    """One line for each thing that is wrong; none when all is well."""
    by_id: dict[tuple[str, str], list[Policy]] = {}
    for policy in policies:
        by_id.setdefault((policy.id, policy.language), []).append(policy)
    yield from _facts(by_id)
    for language in LANGUAGES:
        rows = build(language)
        counted: dict[str, int] = {}
        seen: set[str] = set()
        asked: dict[str, str] = {}
        for split in SPLITS:
            path = HERE / language / f"{split}.jsonl"
            if not path.is_file() or path.read_text("utf-8") != text_of(rows[split]):
                yield f"{path.name} of {language} is not what the sources say; run `python -m tests.gold.build`"
            for row in rows[split]:
                counted[row["category"]] = counted.get(row["category"], 0) + 1
                if row["id"] in seen:
                    yield f"{row['id']} stands twice"
                seen.add(row["id"])
                if row.get("policy") and split_of(row["policy"]) != split:
                    yield f"{row['id']} is in {split}, its policy in {split_of(row['policy'])}"
                if row["category"] in ("answerable", "near-miss"):
                    other = asked.setdefault(row["question"].casefold(), split)
                    if other != split:
                        yield f"{row['id']}: the same words stand in {other} and {split}"
        for category, least in LEAST.items():
            if counted.get(category, 0) < least:
                yield f"{language}: {counted.get(category, 0)} {category} questions, at least {least} are wanted"


def _facts(by_id: dict[tuple[str, str], list[Policy]]) -> Iterator[str]:
    for id_, fact in facts().items():
        for language in LANGUAGES:
            day = date.fromisoformat(fact["as_of"]) if "as_of" in fact else TODAY
            versions = [policy for policy in by_id.get((fact["policy"], language), []) if policy.in_force(day)]
            for policy in versions:
                held = quantity_keys(policy.text[policy.body_start :], language)
                for wanted in fact["must_contain"]:
                    if not quantity_keys(wanted, language) <= held:
                        yield f"{id_}: {wanted} does not occur in {policy.source}"
                if len(statements_of(policy)) != len(statements_of(by_id[fact["policy"], "en"][-1])):
                    yield f"{policy.source} has not as many statements as the English policy"
            if not fact["must_contain"] and not quotes(id_, fact["policy"], language):
                yield f"{id_}: neither figures nor a statement tell a right answer"
            if not versions and language == "en":
                yield f"{id_}: no policy {fact['policy']} in force on {day}"


def main() -> None:
    """Print every problem; exit with 1 when there is any."""
    found = list(problems(load_policies(Path("knowledge/policies"))))
    for problem in found:
        print(problem)
    if found:
        sys.exit(1)
    total = sum(len((HERE / code / f"{split}.jsonl").read_text("utf-8").splitlines()) for code in LANGUAGES for split in SPLITS)
    print(json.dumps({"questions": total, "facts": len(facts())}))


if __name__ == "__main__":
    main()
