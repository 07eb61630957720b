"""What there is to say of a policy beside its text: its version, the days it is in force, its language."""

from __future__ import annotations

from app.kiosk.values import Policy
from app.kiosk.wording import Wording


def facts_of(policy: Policy, say: Wording) -> list[str]:
    """Version, days and language of a policy, a fact a part."""
    facts = [f"{say.shared('ui.version')} {policy.version}"]
    if policy.effective_from:
        facts.append(f"{say.shared('ui.in_force_since')} {say.day(policy.effective_from)}")
    if policy.effective_to:
        facts.append(f"{say.shared('ui.in_force_until')} {say.day(policy.effective_to)}")
    return [*facts, say.language_title(policy.language)]
