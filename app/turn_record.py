"""What is written about a turn: the facts and bodies of its records, as `compliance/fields.py` documents them.

Nothing that could confirm a guess of what a person typed goes into the facts, which stay in clear after an erasure: no
hash of a question or of a prompt that holds one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import locales
from app.grounding import Evidence
from app.slm.prompt import TEMPLATE_SHA256
from app.slm.prompt import VERSION as TEMPLATE_VERSION
from app.software import versions
from knowledge.search import Candidate, Scope

if TYPE_CHECKING:
    from app.turn import Parts, Progress


def opened(progress: Progress, scope: Scope) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts and body of the turn-opened record."""
    decision, guard = progress.language, progress.guard
    facts = {
        "software": dict(versions()),
        "disclosure": {
            "version": locales.DISCLOSURE_VERSION,
            "language": decision.language,
            "sha256": hashlib.sha256(locales.text("disclosure", decision.language).encode()).hexdigest(),
            "first": not progress.session.disclosed,
        },
        "language": {
            "answer_in": decision.language, "detected": decision.detected, "served": decision.served,
            "reason": decision.reason, "confidence": round(decision.confidence, 4),
            "scores": [[code, round(score, 4)] for code, score in decision.scores],
        },
        "redactions": dict(progress.redacted.counts),
        "guard": {
            "category": guard.category, "outcome": guard.outcome, "topic": guard.topic, "urgent": guard.urgent,
            "rules": list(guard.matched),
        },
        "scope": {
            "as_of": None if scope.as_of is None else scope.as_of.isoformat(),
            "jurisdiction": scope.jurisdiction,
            "exclude": sorted(scope.exclude),
        },
    }  # fmt: skip
    return facts, {"question": progress.redacted.text}


def closed(parts: Parts, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts and body of the turn-closed record."""
    found, handoff = progress.found, progress.handoff
    facts = {
        "outcome": progress.outcome,
        "handoff": None if handoff is None else {
            "reason": handoff.reason, "urgent": handoff.urgent, "language": handoff.language, "topic": handoff.topic,
        },
        "answerable": None if found is None else round(found.answerable, 4),
        "threshold": None if found is None else parts.search.ranking.below(found.language),
        "retrieved": [] if found is None else [_retrieved(item) for item in found.candidates],
        "index_sha256": parts.search.index.hash,
        "ranking_sha256": parts.search.ranking.sha256,
        "prompt": {
            "version": TEMPLATE_VERSION, "sha256": TEMPLATE_SHA256, "statements": _places(progress),
            "tokens": len(progress.prompt_tokens),
        },
        "model": _model(parts, progress),
        "sentences": [
            {"origin": each.origin, "key": each.key or None, "evidence": [_evidence(item) for item in each.evidence]}
            for each in progress.sentences
        ],
        "rejected": [{"reason": item["reason"], "score": item["score"]} for item in progress.rejected],
        "timings_ms": progress.timings,
    }  # fmt: skip
    body = {
        "question": progress.redacted.text,
        "query": progress.query,
        "limits": [] if progress.found is None else list(progress.found.limits),
        "answer": [sentence.text for sentence in progress.sentences],
        "rejected": progress.rejected,
        "prompt": progress.prompt,
        "prompt_tokens_sha256": tokens_sha256(progress.prompt_tokens) if progress.prompt else "",
        "tokens": progress.tokens,
        "logprobs": [round(value, 6) for value in progress.logprobs],
        "stop": None if progress.stop is None else {"token": progress.stop[0], "logprob": round(progress.stop[1], 6)},
    }
    return facts, body


def tokens_sha256(tokens: Sequence[int]) -> str:
    """Hex sha256 over token ids, each as four bytes, little-endian."""
    return hashlib.sha256(struct.pack(f"<{len(tokens)}i", *tokens)).hexdigest()


def place_of(item: Candidate) -> dict[str, Any]:
    """Where a statement stands: policy, version, language, sha256 of its text, and character offsets into it."""
    policy = item.policy
    return {
        "policy": policy.id, "version": policy.version, "language": policy.language, "sha256": policy.sha256,
        "start": item.statement.start, "end": item.statement.end,
    }  # fmt: skip


def _retrieved(item: Candidate) -> dict[str, Any]:
    return place_of(item) | {"score": round(item.score, 4)}


def _places(progress: Progress) -> list[int]:
    candidates = () if progress.found is None else progress.found.candidates
    return [place for shown in progress.shown for place, item in enumerate(candidates) if item is shown]


def _model(parts: Parts, progress: Progress) -> dict[str, Any]:
    model = parts.model_of(progress.language.language)
    if progress.model:
        # A server tells neither which file it runs nor how.
        model = replace(model, name=progress.model, sha256="", quantization="")
    return {
        "name": model.name, "sha256": model.sha256, "quantization": model.quantization, "sampling": "greedy",
        "settings": {
            "temperature": 0, "top_k": 1, "seed": None, "max_tokens": parts.limits.tokens,
            "max_seconds": parts.limits.seconds, "context_tokens": model.context_tokens,
        },
        "finish": progress.finish, "tokens": len(progress.tokens), "declined": progress.declined,
    }  # fmt: skip


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "policy": evidence.policy, "title": evidence.title, "version": evidence.version, "language": evidence.language,
        "start": evidence.start, "end": evidence.end, "score": evidence.score,
    }  # fmt: skip
