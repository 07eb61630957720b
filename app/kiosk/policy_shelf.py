"""The policies as the box lists them, and their texts, read once each: they hold nothing of anybody."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from PySide6.QtCore import QObject

from app.kiosk.client import Client, Problem
from app.kiosk.values import Evidence, Policy, policies_of, policy_of

Key = tuple[str, str, str]
"""Id, language and version."""


def key_of(evidence: Evidence) -> Key:
    """The policy that evidence lies in."""
    return evidence.policy, evidence.language, evidence.version


class PolicyShelf(QObject):
    """The policies of one box."""

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._listed: dict[Key, Policy] = {}
        self._texts: dict[Key, Policy] = {}

    def load(self) -> None:
        """Reads the list anew."""
        self._client.send("GET", "/api/v1/policies", parse=policies_of).done.connect(self._loaded)

    def _loaded(self, policies: tuple[Policy, ...]) -> None:
        self._listed = {(each.id, each.language, each.version): each for each in policies}
        self._texts.clear()

    def of(self, evidence: Evidence) -> Policy | None:
        """What is listed of the policy that evidence lies in; None while the list has not come."""
        return self._listed.get(key_of(evidence))

    def title(self, policy_id: str, language: str) -> str | None:
        """The title of a policy in a language."""
        return next((each.title for (id, code, _), each in self._listed.items() if (id, code) == (policy_id, language)), None)

    def is_for_staff(self, evidence: Evidence) -> bool:
        """Whether customers may not read what this rests on. What is not known to be for them is not for them."""
        found = self.of(evidence)
        return found is None or found.is_for_staff

    def in_language(self, evidence: Evidence, language: str) -> Key | None:
        """The same policy and version in another language, where there is one."""
        key = (evidence.policy, language, evidence.version)
        return key if key in self._listed else None

    def read(self, key: Key, then: Callable[[Policy], None], failed: Callable[[Problem], None]) -> None:
        """The policy with its text: at once where it was read before, later otherwise."""
        if key in self._texts:
            then(self._texts[key])
            return

        def keep(policy: Policy) -> None:
            self._texts[key] = policy
            then(policy)

        id, language, version = key
        where = f"{quote(language)}/{quote(id)}?{urlencode({'version': version})}"
        call = self._client.send("GET", f"/api/v1/policies/{where}", parse=policy_of)
        call.done.connect(keep)
        call.failed.connect(failed)
