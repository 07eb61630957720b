"""What went wrong, in the teller's words."""

from __future__ import annotations

from app.kiosk.client import Problem
from app.kiosk.wording import Wording

_KNOWN = {403: "problem.forbidden", 404: "problem.gone", 409: "problem.taken", 410: "problem.ended", 413: "problem.too_long"}


def in_words(problem: Problem, say: Wording, consequence: str) -> str:
    """The reason and what it means for what was tried (`consequence`, such as "the reply was not sent"). Only what the box says of
    a question (422) is in a person's language already; its other lines are for programs."""
    if problem.is_away:
        reason = say("problem.away")
    elif problem.status == 422 and problem.message:
        reason = problem.message
    elif problem.status == 429:
        reason = say("problem.busy", seconds=str(max(1, problem.retry_after)))
    else:
        reason = say(_KNOWN.get(problem.status, "problem.fault"))
    return f"{reason} {say(consequence)}"
