"""Passages and statements: slices of a policy with exact character offsets into its text.

A passage is a section (or part of one); a statement is the smallest thing that can be evidence: a sentence, a bullet's
sentence, or a row of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.policy import Policy
from knowledge.sentences import sentence_spans

MAX_PASSAGE_CHARS = 900

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$")
_BULLET = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+")
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$")
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`|~~)(?=\S)(.+?)(?<=\S)\1")
# How marks are set: full width in Chinese, after a no-break space in French, the semicolon turned in Arabic.
_COLONS = {"zh": "：", "fr": "\u00a0: "}
_SEMICOLONS = {"zh": "；", "fr": "\u00a0; ", "ar": "؛ "}
_DASHES = {"zh": "——"}
_CELL_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Statement:
    """`policy.text[start:end]` is the evidence, character for character; `text` is the same, fit to be read."""

    start: int
    end: int
    text: str
    kind: str
    """"sentence", "bullet" or "row"."""


@dataclass(frozen=True, slots=True)
class Passage:
    """`heading` is the path of headings ("Cheques › Writing a cheque"); statements are in order of appearance."""

    policy: Policy
    start: int
    end: int
    heading: str
    statements: tuple[Statement, ...]

    @property
    def text(self) -> str:
        return self.policy.text[self.start : self.end]


@dataclass(slots=True)
class _Section:
    heading: str
    statements: list[Statement]


def passages_of(policy: Policy) -> list[Passage]:
    """The passages of a policy, each at most about MAX_PASSAGE_CHARS long and never across two sections."""
    passages: list[Passage] = []
    for section in _sections(policy):
        group: list[Statement] = []
        for statement in section.statements:
            if group and statement.end - group[0].start > MAX_PASSAGE_CHARS:
                passages.append(_passage(policy, section.heading, group))
                group = []
            group.append(statement)
        if group:
            passages.append(_passage(policy, section.heading, group))
    return passages


def _passage(policy: Policy, heading: str, group: list[Statement]) -> Passage:
    return Passage(policy, group[0].start, group[-1].end, heading, tuple(group))


def _lines(policy: Policy) -> Iterator[tuple[int, str]]:
    offset = policy.body_start
    for raw in policy.text[policy.body_start :].splitlines(keepends=True):
        yield offset, raw.rstrip("\r\n\u2028\u2029\x0b\x0c\x85")
        offset += len(raw)


def _sections(policy: Policy) -> list[_Section]:
    section = _Section(policy.title, [])
    sections = [section]
    path: list[str] = []
    paragraph: list[tuple[int, str]] = []
    table_head: list[str] | None = None
    lines = list(_lines(policy))
    for number, (offset, line) in enumerate(lines):
        heading = _HEADING.match(line)
        if "|" in line and not heading and (table_head is not None or _rule_follows(lines, number)):
            _close(paragraph, section, policy)
            if table_head is None:
                table_head = _cells(line)
            elif not _TABLE_RULE.match(line):
                section.statements.append(_row(offset, line, table_head, policy.language))
            continue
        table_head = None
        if heading:
            _close(paragraph, section, policy)
            path = [*path[: len(heading.group(1)) - 1], _plain(heading.group(2))]
            section = _Section(" › ".join(path), [])
            sections.append(section)
        elif not line.strip():
            _close(paragraph, section, policy)
        else:
            if _BULLET.match(line):
                _close(paragraph, section, policy)
            paragraph.append((offset, line))
    _close(paragraph, section, policy)
    return [section for section in sections if section.statements]


def _rule_follows(lines: list[tuple[int, str]], number: int) -> bool:
    return number + 1 < len(lines) and bool(_TABLE_RULE.match(lines[number + 1][1]))


def _close(paragraph: list[tuple[int, str]], section: _Section, policy: Policy) -> None:
    if not paragraph:
        return
    first_offset, first = paragraph[0]
    bullet = _BULLET.match(first)
    start = first_offset + (bullet.end() if bullet else len(first) - len(first.lstrip()))
    last_offset, last = paragraph[-1]
    text = policy.text[start : last_offset + len(last)]
    paragraph.clear()
    for begin, end in sentence_spans(text, policy.language):
        shown = _plain(text[begin:end])
        if any(char.isalnum() for char in shown):
            section.statements.append(Statement(start + begin, start + end, shown, "bullet" if bullet else "sentence"))


def _cells(line: str) -> list[str]:
    return [_plain(cell) for cell in _CELL_BAR.split(line.strip().strip("|"))]


def _row(offset: int, line: str, head: list[str], language: str) -> Statement:
    inner = line.strip()
    start = offset + line.index(inner)
    end = start + len(inner)
    if inner.startswith("|"):
        start += 1
    if inner.endswith("|") and end - start > 1:
        end -= 1
    raw = line[start - offset : end - offset]
    start += len(raw) - len(raw.lstrip())
    end -= len(raw) - len(raw.rstrip())
    return Statement(start, end, _row_text(_cells(line), head, language), "row")


def _row_text(cells: list[str], head: list[str], language: str) -> str:
    """A row as a line: "Cheque book: €10" for two columns, "Cheque book — Price: €10; Time: 5 days" for more."""
    name, values = cells[0], cells[1:]
    colon = _COLONS.get(language, ": ")
    if len(values) == 1:
        return f"{name}{colon}{values[0]}"
    titles = [*head[1:], *[""] * len(values)]
    pairs = [f"{title}{colon}{value}" if title else value for title, value in zip(titles, values, strict=False) if value]
    return name + _DASHES.get(language, " — ") + _SEMICOLONS.get(language, "; ").join(pairs) if pairs else name


def _plain(text: str) -> str:
    text = _LINK.sub(r"\1", text.replace("\\|", "|"))
    for _ in range(2):
        text = _EMPHASIS.sub(r"\2", text)
    # Only breaking white space is folded: no-break spaces belong to the figures ("1 500 €").
    return re.sub(r"[ \t\r\n]+", " ", text).strip()
