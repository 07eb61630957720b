"""Policy: one document of the bank, in one language, with a version and effective dates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import KnowledgeError
from knowledge.readers import SUFFIXES, read_document

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
AUDIENCES = ("customer", "teller", "both")
EVERYWHERE = "EU"

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_FIRST_HEADING = re.compile(r"^#{1,3}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_NOT_POLICIES = frozenset({"readme", "license", "changelog"})


@dataclass(frozen=True, slots=True)
class Policy:
    """`text` is the whole text of the file (front matter too), so that offsets into it are offsets into the file.

    For PDF, DOCX and HTML it is the text that was read out of the file. `jurisdiction` is empty when the policy
    holds everywhere, else country codes. `keywords` are what people call its subject, for the search alone. `source` is the
    path relative to the folder that was loaded.
    """

    id: str
    title: str
    language: str
    version: str
    effective_from: date | None
    effective_to: date | None
    audience: str
    jurisdiction: tuple[str, ...]
    owner: str
    approved_by: str
    supersedes: str | None
    keywords: tuple[str, ...]
    text: str
    body_start: int
    source: str
    sha256: str

    def in_force(self, day: date) -> bool:
        """Whether the policy holds on `day`; open ends hold for ever."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )

    def readable_by(self, role: str) -> bool:
        """Customers see what is written for customers; staff see everything."""
        return role != "customer" or self.audience != "teller"

    def holds_in(self, jurisdiction: str | None) -> bool:
        """Whether the policy holds in a country; `None` asks for no country in particular."""
        return not self.jurisdiction or jurisdiction is None or jurisdiction in self.jurisdiction

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.id, self.language, self.version)


def load_policies(folder: Path, detect: Callable[[str], str] | None = None) -> list[Policy]:
    """Every policy below `folder`, sorted by path; `detect` names the language of a text that does not say.

    Raises KnowledgeError for a missing folder, an unreadable file, or two files with one id, language and version.
    """
    if not folder.is_dir():
        raise KnowledgeError(f"policies folder not found: {folder}")
    policies = [load_policy(path, folder, detect) for path in _policy_files(folder)]
    policies = [policy for policy in policies if policy.text[policy.body_start :].strip()]
    if not policies:
        raise KnowledgeError(f"no policies in {folder} (looked for {', '.join(sorted(SUFFIXES))})")
    _refuse_twins(policies)
    return policies


def _policy_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and path.stem.lower() not in _NOT_POLICIES:
            yield path


def _refuse_twins(policies: Iterable[Policy]) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for policy in policies:
        if policy.key in seen:
            raise KnowledgeError(
                f"{policy.source} and {seen[policy.key]} are both policy {policy.id} {policy.version} in {policy.language}"
            )
        seen[policy.key] = policy.source


def load_policy(path: Path, folder: Path, detect: Callable[[str], str] | None = None) -> Policy:
    """One file as a Policy; what its front matter does not say is taken from its path and its text."""
    source = path.relative_to(folder).as_posix()
    text = read_document(path)
    meta, body_start = _front_matter(text, source)
    parts = list(Path(source).with_suffix("").parts)
    folder_language = parts.pop(0) if len(parts) > 1 and parts[0] in LANGUAGES else None
    body = text[body_start:]
    language = _string(meta, "language", source) or folder_language or (detect(body) if detect else "en")
    heading = _FIRST_HEADING.search(body)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    audience = _string(meta, "audience", source) or "both"
    if audience not in AUDIENCES:
        raise KnowledgeError(f"{source}: audience must be one of {', '.join(AUDIENCES)}, not {audience!r}")
    return Policy(
        id=_string(meta, "id", source) or "/".join(parts),
        title=_string(meta, "title", source) or (heading.group(1).strip() if heading else path.stem.replace("-", " ")),
        language=language,
        version=_string(meta, "version", source) or digest[:8],
        effective_from=_day(meta, "effective_from", source),
        effective_to=_day(meta, "effective_to", source),
        audience=audience,
        jurisdiction=_jurisdiction(meta.get("jurisdiction")),
        owner=_string(meta, "owner", source) or "",
        approved_by=_string(meta, "approved_by", source) or "",
        supersedes=_string(meta, "supersedes", source),
        keywords=_keywords(_string(meta, "keywords", source)),
        text=text,
        body_start=body_start,
        source=source,
        sha256=digest,
    )


def _front_matter(text: str, source: str) -> tuple[dict[str, Any], int]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, 0
    try:
        meta = yaml.load(match.group(1), Loader=_Loader) or {}  # noqa: S506 (the C build of SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 2}" if mark else ""
        raise KnowledgeError(f"{source}:{where} the front matter is not YAML") from None
    if not isinstance(meta, dict):
        raise KnowledgeError(f"{source}: the front matter is not a list of fields")
    return meta, match.end()


def _string(meta: dict[str, Any], field: str, source: str) -> str | None:
    value = meta.get(field)
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise KnowledgeError(f"{source}: {field} must be one value")
    return str(value).strip()


def _day(meta: dict[str, Any], field: str, source: str) -> date | None:
    value = meta.get(field)
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise KnowledgeError(f"{source}: {field} must be a day such as 2026-03-01") from None


def _keywords(value: str | None) -> tuple[str, ...]:
    return tuple(part for part in (each.strip() for each in re.split("[;；؛]", value or "")) if part)


def _jurisdiction(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value] if value else []
    codes = tuple(str(item).strip().upper() for item in items)
    return () if EVERYWHERE in codes else codes
