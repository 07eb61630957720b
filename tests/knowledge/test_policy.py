"""Policies: what is read from a file, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from knowledge.errors import KnowledgeError
from knowledge.passages import passages_of
from knowledge.policy import load_policies, load_policy

FRONT = """---
id: cards/lost
title: Lost card
language: en
version: "2026-01"
effective_from: 2026-01-01
effective_to: 2026-06-30
audience: teller
jurisdiction: [es, FR]
owner: Cards
approved_by: Committee
supersedes: null
---
# Lost card

A lost card is blocked **at once**. A new card costs €6.

- A card stolen abroad is replaced within 3 days. The courier costs
  €20.

| Card | Price | Time |
|---|---|---|
| Debit card | €6 | 5 days |
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_front_matter_is_read(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, "en/cards/lost.md", FRONT), tmp_path)
    assert (policy.id, policy.language, policy.version, policy.audience) == ("cards/lost", "en", "2026-01", "teller")
    assert policy.jurisdiction == ("ES", "FR")
    assert policy.in_force(date(2026, 6, 30))
    assert not policy.in_force(date(2026, 7, 1))
    assert not policy.readable_by("customer")
    assert policy.readable_by("teller")
    assert policy.holds_in("FR")
    assert not policy.holds_in("DE")


def test_statements_reproduce_the_file_exactly(tmp_path: Path) -> None:
    path = write(tmp_path, "lost.md", FRONT)
    policy = load_policy(path, tmp_path)
    text = path.read_bytes().decode()
    statements = [statement for passage in passages_of(policy) for statement in passage.statements]
    shown = [statement.text for statement in statements]
    assert shown == [
        "A lost card is blocked at once.",
        "A new card costs €6.",
        "A card stolen abroad is replaced within 3 days.",
        "The courier costs €20.",
        "Debit card — Price: €6; Time: 5 days",
    ]
    assert text[statements[0].start : statements[0].end] == "A lost card is blocked **at once**."
    assert text[statements[3].start : statements[3].end] == "The courier costs\n  €20."
    assert text[statements[4].start : statements[4].end] == "Debit card | €6 | 5 days"


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("fr", "Carte — Prix\u00a0: 6\u00a0€\u00a0; Temps\u00a0: 5"),
        ("zh", "Carte——Prix：6\u00a0€；Temps：5"),
        ("ar", "Carte — Prix: 6\u00a0€؛ Temps: 5"),
        ("es", "Carte — Prix: 6\u00a0€; Temps: 5"),
    ],
)
def test_a_row_is_joined_with_the_marks_of_its_language(tmp_path: Path, language: str, row: str) -> None:
    path = write(tmp_path, f"{language}/a.md", "| Quoi | Prix | Temps |\n|---|---|---|\n| Carte | 6\u00a0€ | 5 |\n")
    policy = load_policy(path, tmp_path)
    (statement,) = (each for passage in passages_of(policy) for each in passage.statements)
    assert statement.text == row
    assert policy.text[statement.start : statement.end] == "Carte | 6\u00a0€ | 5"


def test_crlf_and_byte_order_mark_keep_offsets(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "\ufeff" + FRONT.replace("\n", "\r\n"))
    policy = load_policy(path, tmp_path)
    assert policy.id == "cards/lost"
    text = path.read_bytes().decode()
    for passage in passages_of(policy):
        for statement in passage.statements:
            quote = text[statement.start : statement.end]
            assert quote == quote.strip()
            assert quote.split()[0].strip("*") == statement.text.split()[0]


def test_a_file_without_front_matter_gets_its_facts_from_path_and_text(tmp_path: Path) -> None:
    write(tmp_path, "es/pagos/transferencias.md", "# Transferencias\n\nUna transferencia cuesta 3 €.")
    write(tmp_path, "note.txt", "A plain note about cheques.")
    policies = load_policies(tmp_path, lambda text: "en")
    assert [(p.id, p.title, p.language) for p in policies] == [
        ("pagos/transferencias", "Transferencias", "es"),
        ("note", "note", "en"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\x00\x01binary", "NUL"),
        (b"caf\xe9", "UTF-8"),
        ("---\nid: [\n---\nx", "not YAML"),
        ("---\naudience: everyone\n---\nx", "audience"),
        ("---\neffective_from: soon\n---\nx", "effective_from"),
        ("---\n- a\n- b\n---\nx", "front matter"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    write(tmp_path, "broken.md", text)
    with pytest.raises(KnowledgeError, match=says) as caught:
        load_policies(tmp_path)
    assert "broken.md" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="not found"):
        load_policies(tmp_path / "nowhere")
    with pytest.raises(KnowledgeError, match="no policies"):
        load_policies(tmp_path)


def test_twins_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.md", FRONT)
    write(tmp_path, "b.md", FRONT)
    with pytest.raises(KnowledgeError, match=r"a\.md|b\.md"):
        load_policies(tmp_path)


@pytest.mark.parametrize(("line", "keywords"), [("", ()), ('keywords: "plastic gone;  wallet ؛ ;x"\n', ("plastic gone", "wallet", "x"))])
def test_keywords_are_read_and_are_no_evidence(tmp_path: Path, line: str, keywords: tuple[str, ...]) -> None:
    policy = load_policy(write(tmp_path, "en/lost.md", FRONT.replace("supersedes: null\n", "supersedes: null\n" + line)), tmp_path)
    assert policy.keywords == keywords
    assert not any("plastic" in statement.text for passage in passages_of(policy) for statement in passage.statements)


def test_keywords_must_be_one_line(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="keywords"):
        load_policy(write(tmp_path, "en/lost.md", FRONT.replace("supersedes: null\n", "keywords: {a: b}\n")), tmp_path)
