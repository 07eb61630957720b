"""Roles of the staff and their scopes: a scope is one thing that a route asks for and that an API key may be given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.errors import TellerboxError

SCOPES: Mapping[str, str] = {
    "turns": "ask as a teller, with the policies that only tellers may read",
    "policies": "read every policy",
    "handoffs": "see who waits for a person, take them over, reply",
    "ledger": "read records and explanations, replay them, verify the ledger",
    "exports": "take records out of the box",
    "insights": "read counts of what was asked and what had no answer",
    "accounts": "list the accounts of the staff, stop and restore one",
}
ROLES: Mapping[str, frozenset[str]] = {
    "teller": frozenset({"turns", "policies", "handoffs"}),
    "steward": frozenset({"turns", "policies", "insights"}),
    "officer": frozenset({"policies", "ledger", "exports", "insights"}),
    "admin": frozenset({"accounts"}),
}
"""Whoever keeps the accounts reads no records with that role, and whoever reads records makes no accounts."""


def check_role(role: str) -> str:
    """The role; raises TellerboxError where there is none of that name."""
    if role not in ROLES:
        raise TellerboxError(f"the role must be one of {', '.join(ROLES)}")
    return role


def check_scopes(scopes: Iterable[str], role: str) -> frozenset[str]:
    """The scopes, once each is one that the role has; raises TellerboxError naming those it may give."""
    wanted = frozenset(scopes)
    if not wanted or not wanted <= ROLES[role]:
        raise TellerboxError(f"a key of a {role} may be given: {', '.join(sorted(ROLES[role]))}")
    return wanted
