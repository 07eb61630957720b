"""Agreement: whether the versions of a policy in all languages say the same figures, and whether its fields hold."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from knowledge.policy import LANGUAGES, Policy
from knowledge.quantities import quantities

_VERSION = re.compile(r"^\d{4}-\d{2}$")


def disagreements(policies: Sequence[Policy], languages: Sequence[str] = LANGUAGES) -> list[str]:
    """One line for each problem; none when all is well."""
    problems: list[str] = []
    groups: dict[tuple[str, str], dict[str, Policy]] = {}
    for policy in policies:
        problems += _fields(policy)
        groups.setdefault((policy.id, policy.version), {})[policy.language] = policy
    for (id_, version), versions in sorted(groups.items()):
        missing = [code for code in languages if code not in versions]
        if missing:
            problems.append(f"{id_} {version}: missing in {', '.join(missing)}")
        problems += _compare(versions)
    return problems + list(_overlaps(policies))


def _fields(policy: Policy) -> Iterable[str]:
    if policy.effective_from is None:
        yield f"{policy.source}: no effective_from"
    if not _VERSION.match(policy.version):
        yield f"{policy.source}: version {policy.version!r} is not YYYY-MM"
    if not policy.owner or not policy.approved_by:
        yield f"{policy.source}: no owner or approved_by"
    if policy.effective_from and policy.effective_to and policy.effective_to < policy.effective_from:
        yield f"{policy.source}: ends before it begins"


def figures(policy: Policy) -> Counter[tuple[str, str, str]]:
    """The figures of a policy's body, counted. Words for numbers are left out: they are style, not figures."""
    body = policy.text[policy.body_start :]
    found = quantities(body, policy.language)
    written = (item for item in found if any(char.isdecimal() for char in body[item.start : item.end]))
    # A month by itself ("in January", "1月") has digits in Chinese alone.
    return Counter(item.key for item in written if not (item.kind == "date" and item.value.startswith("--") and len(item.value) < 6))


def _compare(versions: dict[str, Policy]) -> Iterable[str]:
    reference = versions.get("en") or next(iter(versions.values()))
    expected = figures(reference)
    for policy in versions.values():
        if policy is reference:
            continue
        held = figures(policy)
        for sign, difference in (("lacks", expected - held), ("has besides", held - expected)):
            if difference:
                listed = ", ".join(
                    f"{value}{' ' + unit if unit else ''} ({kind})" for kind, value, unit in sorted(difference)
                )
                yield f"{policy.source}: {sign} {listed}"
        for field in ("effective_from", "effective_to", "audience", "jurisdiction", "supersedes"):
            if getattr(policy, field) != getattr(reference, field):
                yield f"{policy.source}: {field} differs from {reference.source}"


def _overlaps(policies: Sequence[Policy]) -> Iterable[str]:
    by_id: dict[tuple[str, str], list[Policy]] = {}
    for policy in policies:
        by_id.setdefault((policy.id, policy.language), []).append(policy)
    for versions in by_id.values():
        dated = sorted((p for p in versions if p.effective_from), key=lambda p: p.effective_from or p.text)
        for earlier, later in itertools.pairwise(dated):
            assert later.effective_from is not None
            if earlier.effective_to is None or earlier.effective_to >= later.effective_from:
                yield f"{earlier.source}: still in force when {later.source} begins"
