"""An answer as text with its sources, to be pasted into a letter or a note."""

from __future__ import annotations

from collections.abc import Callable

from app.kiosk.evidence_facts import facts_of
from app.kiosk.values import Answer, Evidence, Policy
from app.kiosk.wording import Wording

Known = Callable[[Evidence], Policy | None]


def numbered(answer: Answer) -> tuple[list[tuple[str, tuple[int, ...]]], list[Evidence]]:
    """The sentences, each with the numbers of its sources from 1, and the sources; the same policy is one source."""
    sources: list[Evidence] = []
    sentences: list[tuple[str, tuple[int, ...]]] = []
    for sentence in answer.sentences:
        numbers: list[int] = []
        for evidence in sentence.evidence:
            key = (evidence.policy, evidence.version, evidence.language)
            held = [(each.policy, each.version, each.language) for each in sources]
            if key not in held:
                sources.append(evidence)
                held.append(key)
            numbers.append(held.index(key) + 1)
        sentences.append((sentence.text, tuple(numbers)))
    return sentences, sources


def source_line(evidence: Evidence, known: Known, say: Wording) -> str:
    """A source in words: title, version, days, language, and the policy's id."""
    policy = known(evidence)
    facts = facts_of(policy, say) if policy else [f"{say.shared('ui.version')} {evidence.version}"]
    return f"{evidence.title} ({', '.join([*facts, evidence.policy])})"


def cited(answer: Answer, known: Known) -> str:
    """The answer with `[1]` behind its sentences and the sources below, in the language of the answer. `known` gives what is listed of
    a policy; an answer that rests on policies for staff says so first."""
    say = Wording(answer.language)
    sentences, sources = numbered(answer)
    lines = [" ".join([text, "".join(f"[{number}]" for number in numbers)]).strip() for text, numbers in sentences]
    if any(policy is not None and policy.is_for_staff for policy in map(known, sources)):
        lines.insert(0, say("evidence.staff"))
    if sources:
        lines += ["", say.shared("ui.citations")]
        lines += [f"[{number}] {source_line(each, known, say)}" for number, each in enumerate(sources, 1)]
    return "\n".join(lines)
