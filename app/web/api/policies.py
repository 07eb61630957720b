"""Policies: which there are, and their texts, as far as whoever asks may read them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query

from app.errors import TellerboxError
from app.web.api import bodies
from app.web.auth import Anyone, Box, Principal
from app.web.limits import limited
from knowledge.policy import Policy

router = APIRouter(prefix="/api/v1/policies", tags=["policies"], dependencies=[Depends(limited)])


def _may_read(principal: Principal | None, policy: Policy) -> bool:
    return policy.readable_by("customer") or (principal is not None and "policies" in principal.scopes)


@router.get("", summary="List policies")
def list_policies(
    box: Box, principal: Anyone, language: Annotated[str | None, Query(description="only in this language", examples=["es"])] = None
) -> list[bodies.PolicyEntry]:
    """The policies customers may read; for the staff, all of them."""
    found = (policy for policy in box.index.policies if language in (None, policy.language) and _may_read(principal, policy))
    return [bodies.PolicyEntry(**_entry(policy)) for policy in found]


@router.get("/{language}/{policy_id:path}", summary="Read a policy", responses={404: {"model": bodies.Problem}})
def read_policy(
    box: Box, principal: Anyone, language: str, policy_id: str,
    version: Annotated[str | None, Query(description="left out, the one in force today", examples=["2026-03"])] = None,
) -> bodies.PolicyWithText:  # fmt: skip
    """One policy with the text that evidence counts into."""
    try:
        policy = box.policy(policy_id, language, version)
    except TellerboxError:
        raise HTTPException(404, "no such policy") from None
    if not _may_read(principal, policy):
        raise HTTPException(404, "no such policy")
    return bodies.PolicyWithText(**_entry(policy), text=policy.text)


def _entry(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id, "language": policy.language, "version": policy.version, "title": policy.title, "audience": policy.audience,
        "effective_from": policy.effective_from, "effective_to": policy.effective_to,
        "jurisdiction": list(policy.jurisdiction) or ["EU"], "sha256": policy.sha256,
    }  # fmt: skip
