"""Corpus of the embedder: aligned sentences, questions with their passages, customers' questions, dictionaries.

Everything is read from the shared data folder (its README names sources and licences). Documents are split by path, and
passages by their text, so that no held-out sentence comes from a document that was trained on. Tatoeba is not read.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")

_LETTERS = {"zh": re.compile(r"[\u4e00-\u9fff]"), "ar": re.compile(r"[\u0621-\u064a]")}
_LETTER = re.compile(r"[^\W\d_]")
SENTENCE_END = re.compile(r"(?<=[.!?؟。！？])\s*")


@dataclass(frozen=True, slots=True)
class Group:
    """One meaning in several languages: `texts` by language code; `source` names where it is from."""

    texts: dict[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the sentence (with its neighbours) that answers it, in one language."""

    language: str
    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a customer says, and the intent it belongs to (the same name in every language)."""

    language: str
    intent: str
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training material, and the held-out documents and passages beside it."""

    groups: list[Group]
    pairs: list[Pair]
    utterances: list[Utterance]
    held_out_groups: list[Group]
    held_out_pairs: list[Pair]


def bare(text: str) -> str:
    """A text's letters and digits alone, whatever their case: as two are compared that may be one sentence."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a `.jsonl` or `.jsonl.xz` file; nothing when the file is absent."""
    if not path.is_file():
        return
    opened = lzma.open if path.suffix == ".xz" else open
    with opened(path, "rt", encoding="utf8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def write_rows(path: Path, rows: Iterable[dict[str, str]]) -> int:
    """Write a `.jsonl` file of aligned texts; returns how many."""
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_corpus(data: Path, extra: tuple[Path, ...] = (), limit: int | None = None) -> Corpus:
    """The corpus of `data`; `extra` are more files of aligned texts; `limit` keeps the first rows of each file."""
    groups, held_out_groups = _parallel(data / "parallel" / "sentences.jsonl.xz", limit)
    for path in extra:
        groups += _aligned_texts(path, limit)
    pairs: list[Pair] = []
    held_out_pairs: list[Pair] = []
    for language in LANGUAGES:
        for pair in _pairs(data / "qa" / f"{language}.jsonl.xz", language, limit):
            (held_out_pairs if _held_out(pair.passage, 4) else pairs).append(pair)
    utterances = _utterances(data / "intents" / "customer_questions.jsonl.xz", limit)
    return Corpus(groups, pairs, utterances, held_out_groups, held_out_pairs)


def _held_out(key: str, percent: int) -> bool:
    return hashlib.sha256(key.encode()).digest()[0] < percent * 256 // 100


def _parallel(path: Path, limit: int | None) -> tuple[list[Group], list[Group]]:
    train: list[Group] = []
    held_out: list[Group] = []
    seen: set[str] = set()
    for number, row in enumerate(read_rows(path)):
        if limit is not None and number >= limit:
            break
        texts = clean_texts(row)
        key = texts.get("en", "").casefold()
        if len(texts) < 2 or not key or key in seen:
            continue
        seen.add(key)
        (held_out if _held_out(str(row.get("path", "")), 2) else train).append(Group(texts, "parallel"))
    return train, held_out


def _aligned_texts(path: Path, limit: int | None) -> list[Group]:
    groups = []
    for number, row in enumerate(read_rows(path)):
        if limit is not None and number >= limit:
            break
        texts = {code: str(row[code]).strip() for code in LANGUAGES if row.get(code)}
        if len(texts) > 1 and "en" in texts:
            groups.append(Group(texts, path.name.split(".")[0]))
    return groups


def clean_texts(row: dict[str, Any]) -> dict[str, str]:
    """Texts of an aligned row that can be translations: in their own script, no copy of the English, not too long."""
    english = str(row.get("en", "")).strip()
    if not 4 <= len(english) <= 320 or len(_LETTER.findall(english)) < len(english) * 0.4:
        return {}
    texts = {"en": english}
    for code in LANGUAGES[1:]:
        text = str(row.get(code, "")).strip()
        ratio = len(text) / len(english)
        shortest, longest = (0.1, 1.2) if code == "zh" else (0.4, 2.5)
        if not text or text.casefold() == english.casefold() or not shortest <= ratio <= longest:
            continue
        script = _LETTERS.get(code)
        if script and len(script.findall(text)) < max(2, len(_LETTER.findall(text)) * 0.3):
            continue
        texts[code] = text
    return texts


def _pairs(path: Path, language: str, limit: int | None) -> Iterator[Pair]:
    for number, row in enumerate(read_rows(path)):
        if limit is not None and number >= limit:
            return
        if not row.get("answerable", True) or row.get("start") is None:
            continue
        yield Pair(language, str(row["question"]).strip(" -"), _around(str(row["passage"]), int(row["start"])))


def _around(passage: str, position: int, most: int = 400) -> str:
    """The sentence at `position`, and the next ones while they fit in `most` characters."""
    starts = [0, *(match.end() for match in SENTENCE_END.finditer(passage)), len(passage)]
    first = max(index for index, start in enumerate(starts[:-1]) if start <= max(position, 0))
    last = first + 1
    while last + 1 < len(starts) and starts[last + 1] - starts[first] <= most:
        last += 1
    return passage[starts[first] : starts[last]].strip()[: 2 * most]


def _utterances(path: Path, limit: int | None) -> list[Utterance]:
    rows = [row for number, row in enumerate(read_rows(path)) if limit is None or number < limit]
    names = _intent_names(rows)
    out = []
    for row in rows:
        source, intent, text = str(row.get("source", "")), str(row.get("intent", "")), str(row["text"]).strip()
        if text and row["lang"] in LANGUAGES:
            shared = names.get(intent) if source == "arbanking77" else None
            name = f"banking77/{shared}" if shared else f"{source}/{intent}"
            out.append(Utterance(str(row["lang"]), "" if intent in {"oos", ""} else name, text))
    return out


def _intent_names(rows: list[dict[str, Any]]) -> dict[str, str]:
    """ArBanking77 translates Banking77's intents and keeps their order: its name for an intent to the English one."""
    order = {
        source: list(dict.fromkeys(str(row["intent"]) for row in rows if row.get("source") == source))
        for source in ("arbanking77", "banking77")
    }
    if len(order["arbanking77"]) != len(order["banking77"]):
        return {}
    return dict(zip(order["arbanking77"], order["banking77"], strict=True))
