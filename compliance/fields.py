"""The fields of a record: what each says, where it stands, and since which schema; docs/records.md is written from it.

`python -m compliance.fields` prints the tables of that page. A path names members with dots, members of each element of
a list with `[]`, and members whose names are data (types of identifiers, steps) with `*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from compliance.record import Json

Part = Literal["header", "facts", "body"]

HEADER = "every record"
OPENED = "turn_opened"
CLOSED = "turn_closed"
FEEDBACK = "feedback"
ERASURE = "erasure"
EXPORT = "export"
HANDOFF = "handoff"
GATHER = "gather"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of records of one kind; `part` says whether it is in clear (header, facts) or sealed (body)."""

    kind: str
    part: Part
    path: str
    since: int
    meaning: str


def _table(kind: str, part: Part, rows: Mapping[str, tuple[int, str]]) -> Iterator[Field]:
    for path, (since, meaning) in rows.items():
        yield Field(kind, part, path, since, meaning)


_HEADER = {
    "schema": (1, "the schema it was written by"),
    "kind": (1, "turn_opened, turn_closed, feedback, handoff, sign_in, erasure, export …"),
    "turn": (1, "id of the turn, 16 hexadecimal digits; empty where there is none"),
    "session": (1, "id of the session, unguessable (128 bits); empty where there is none"),
    "branch": (1, "the branch office, from the settings"),
    "channel": (1, "web, api, openai (its protocol), cli or kiosk; empty where the box acts by itself"),
    "role": (1, "of whoever acts: customer, teller, steward, officer or admin; empty where none is known"),
    "time_utc": (1, "the moment, ISO 8601, UTC, milliseconds"),
    "monotonic_ns": (1, "the machine's clock that never goes back, in nanoseconds, as text: orders records of one run"),
    "facts": (1, "what was decided: the fields in clear below"),
}
_OPENED_FACTS = {
    "software.tellerbox": (2, "version of the appliance"),
    "software.llama_cpp_python": (2, "version of the library that runs the model"),
    "disclosure.version": (2, "which wording of 'you are talking to a machine' is in force"),
    "disclosure.language": (2, "the language it is given in"),
    "disclosure.sha256": (2, "sha256 of that text"),
    "disclosure.first": (2, "whether this is the session's first answer, which carries it"),
    "language.answer_in": (1, "the language of the answer"),
    "language.detected": (1, "the language that was recognised"),
    "language.served": (1, "whether that is one the box answers in"),
    "language.reason": (1, "why: explicit, script, words, detector, guard (a rule of it told), session or default"),
    "language.confidence": (1, "of the decision, 0 to 1"),
    "language.scores": (1, "[language, score] pairs, best first"),
    "redactions.*": (1, "how many identifiers of this type were taken out before anything else"),
    "guard.category": (1, "what the guard found; null: go on and answer from the policies"),
    "guard.outcome": (1, "the outcome that the guard decided"),
    "guard.topic": (2, "the policy a hand-off may quote"),
    "guard.urgent": (2, "whether a person is needed at once"),
    "guard.rules": (1, "names of the rules that matched"),
    "scope.as_of": (2, "the day whose policies were searched"),
    "scope.jurisdiction": (2, "the country whose policies were searched; null: any"),
    "scope.exclude": (2, "policies that were left out"),
}
_CLOSED_FACTS = {
    "outcome": (1, "answered, abstained, handed_off, refused, or abandoned (the person left)"),
    "handoff.reason": (1, "why a person is needed; `handoff` is null where none is"),
    "handoff.urgent": (1, "whether at once"),
    "handoff.language": (1, "the language that person should speak"),
    "handoff.topic": (1, "the policy it is about"),
    "answerable": (1, "probability (0 to 1) that the policies hold the answer; null: nothing was searched"),
    "threshold": (2, "below it the box abstains"),
    "retrieved[].policy": (1, "id of a policy that search found, best first"),
    "retrieved[].version": (1, "its version"),
    "retrieved[].language": (1, "its language"),
    "retrieved[].sha256": (1, "sha256 of its whole text"),
    "retrieved[].start": (1, "first character of the statement found, counted in the policy's text"),
    "retrieved[].end": (1, "one past its last character"),
    "retrieved[].score": (1, "probability (0 to 1) that it holds the answer"),
    "index_sha256": (1, "names the snapshot of policies and embedder that was searched"),
    "ranking_sha256": (2, "sha256 of the weights that scored what was found"),
    "prompt.version": (1, "version of the prompt template"),
    "prompt.sha256": (1, "sha256 of the prompt template"),
    "prompt.statements": (2, "the statements the model was given, as places in `retrieved` counted from 0, in their order"),
    "prompt.tokens": (2, "length of the prompt in tokens; 0: the model was not asked"),
    "model.name": (1, "name of the model; `quote` on a box without one"),
    "model.sha256": (1, "sha256 of its file"),
    "model.quantization": (2, "how its weights are stored, such as F16 or Q4_K_M"),
    "model.sampling": (1, "greedy: the likeliest token, always"),
    "model.settings.temperature": (2, "0: greedy"),
    "model.settings.top_k": (2, "1: greedy"),
    "model.settings.seed": (2, "null: greedy decoding draws nothing at random"),
    "model.settings.max_tokens": (2, "the cap on the answer, in tokens"),
    "model.settings.max_seconds": (2, "the cap on the answer, in seconds"),
    "model.settings.context_tokens": (2, "the context the model ran with"),
    "model.finish": (1, "why it ended: stop, length, timeout, cancelled, failed, busy, not asked; empty: no need of it"),
    "model.tokens": (1, "how many tokens it emitted"),
    "model.declined": (2, "whether it said that the statements do not answer"),
    "sentences[].origin": (1, "of a sentence shown: model, quote (the policy's own) or fixed (the box's own)"),
    "sentences[].key": (2, "which fixed sentence (app/locales); null for the others"),
    "sentences[].evidence[].policy": (1, "the policy it rests on"),
    "sentences[].evidence[].title": (2, "its title"),
    "sentences[].evidence[].version": (1, "its version"),
    "sentences[].evidence[].language": (1, "its language"),
    "sentences[].evidence[].start": (1, "first character of the evidence, counted in the policy's text"),
    "sentences[].evidence[].end": (1, "one past its last character"),
    "sentences[].evidence[].score": (1, "grounding: how far the evidence supports the sentence, 0 to 1"),
    "rejected[].reason": (1, "why a sentence of the model was not shown"),
    "rejected[].score": (1, "its grounding score, 0 to 1"),
    "timings_ms.*": (1, "milliseconds by step: redact, language, guard, record, search, slm, grounding; first_sentence, total"),
}
_CLOSED_BODY = {
    "question": (1, "what the person typed, redacted"),
    "query": (1, "what was searched for (with the question before it, for a follow-up; a town as its country); empty: nothing was"),
    "limits": (
        2,
        "places and money that the question names: ISO 3166 codes, zones (`euro`, `eu`, `eea`, `sepa`, `europe`), `home`, `abroad`, "
        "`others`, any of these after `outside`, `euros`, `other money`; statements that hold for others alone were left out",
    ),
    "answer": (1, "the sentences shown, in order, with pseudonyms in place of identifiers"),
    "rejected[].text": (1, "a sentence of the model that was not shown"),
    "rejected[].reason": (1, "as in the facts"),
    "rejected[].score": (1, "as in the facts"),
    "prompt": (2, "the prompt as rendered by the model's chat template; empty: the model was not asked"),
    "prompt_tokens_sha256": (2, "sha256 over its token ids, four bytes each, little-endian"),
    "tokens": (1, "the token ids the model emitted"),
    "logprobs": (1, "their log-probabilities"),
    "stop.token": (2, "the token that ended the answer; `stop` is null where it was cut"),
    "stop.logprob": (2, "its log-probability"),
}
_FEEDBACK_FACTS = {
    "useful": (2, "whether the person found the answer useful"),
    "reasons": (2, "what was wrong with it, from a fixed list"),
    "redactions.*": (2, "how many identifiers of this type were taken out of the comment"),
}
_CUSTODY_FACTS: dict[str, dict[str, tuple[int, str]]] = {
    "key_rotation": {
        "old": (1, "the verifier key that was in use until here"),
        "new": (1, "the verifier key in use from here on"),
        "note": (1, "the C2SP signed note of both keys that the one follows the other, with size and root at the change"),
    },
    "second_key": {"vkey": (1, "the ML-DSA-44 key that signs published checkpoints from here on")},
    "prune": {
        "before": (1, "records before this moment were taken out"),
        "count": (1, "how many records went"),
        "ranges": (1, "each range: first record, record after the last, time of the first, time of the last"),
        "kept_by_hold": (1, "each hold that kept records in: its number, how many"),
    },
    "hold": {
        "reason": (1, "a reference, such as a case number; no personal data"),
        "hold_session": (1, "the session that may not be pruned, or empty"),
        "hold_turn": (1, "the turn that may not be pruned, or empty"),
        "since": (1, "start of the period that may not be pruned, or null"),
        "until": (1, "its end, exclusive, or null"),
    },
    "hold_released": {"hold": (1, "number of the hold that ended")},
}
"""Records about the keeping of the ledger itself; those that take effect have no body."""
_HANDOFF_FACTS = {
    "handoff": (2, "id of the hand-off, 16 hexadecimal digits"),
    "change": (2, "queued, urgent, taken, message (of the customer), reply (of the teller), released, resolved, left"),
    "reason": (2, "when queued: why a person is needed"),
    "urgent": (2, "when queued: whether at once"),
    "language": (2, "when queued: the language that person should speak"),
    "topic": (2, "when queued: the policy it is about, or null"),
    "account": (2, "id of the teller's account; null or missing where no teller acts"),
    "waited_seconds": (2, "when taken: since it was queued"),
    "open_seconds": (2, "when it ended: since it was queued"),
    "how": (2, "when resolved: solved, at_counter, appointment, unreachable or other"),
    "redactions.*": (2, "how many identifiers of this type were taken out of a message or reply"),
}
_STAFF_FACTS: dict[str, dict[str, tuple[int, str]]] = {
    "sign_in": {
        "account": (2, "id of the account; null where there is none of that name: what was typed is not kept"),
        "result": (2, "accepted, refused (wrong password, code or token), locked, disabled, unknown or unmapped (no role here)"),
        "method": (2, "password, or oidc (the bank's sign-in service); missing in older records: password"),
    },
    "sign_out": {"account": (2, "id of the account")},
    "account_change": {
        "account": (2, "id of the account"),
        "change": (2, "created, disabled, enabled, role, password, second_factor_on, second_factor_off, key_made, key_revoked"),
        "by": (2, "id of the account that did it, its own where the bank's sign-in service did; empty: somebody at the box's command line"),
        "role": (2, "role of the account"),
        "key": (2, "id of the API key"),
        "scopes": (2, "what that key may be used for"),
    },
    "download": {
        "account": (2, "id of the account that took an export off the box"),
        "format": (2, "of the export"),
        "sha256": (2, "of the file"),
    },
}
"""Records about the staff. An account's id says nothing of whose it is; its name is in the box's file of accounts alone."""
_EXPORT_FACTS = {
    "format": (1, "of the export"),
    "first": (1, "first record in it"),
    "count": (1, "how many records are in it"),
    "since": (1, "start of the period asked for"),
    "until": (1, "end of the period asked for"),
    "decrypted": (1, "whether the redacted texts are in it"),
    "sealed": (2, "whether the texts are in it as they are stored, without their keys"),
    "sha256": (1, "of the exported file, or of the bundle's manifest"),
}
_GATHER_FACTS = {
    "finding": (2, "what came of a bundle: appended, checkpoint, nothing_new, broken, gap, fork, rolled_back, another_box or failed"),
    "origin": (2, "the box's log, such as tellerbox/branch-1, as the bundle names it; empty where it names none"),
    "first": (2, "first record in the bundle; 0 where it was refused"),
    "appended": (2, "how many records the copy gained"),
    "records": (2, "how many records the copy holds now; 0 where the bundle was refused"),
    "size": (2, "of how many records the bundle's checkpoint is; 0 where it was refused"),
    "erased": (2, "how many records of the bundle had their key destroyed"),
    "pruned": (2, "of how many records of the bundle only the hash was left"),
    "sha256": (2, "of the bundle's manifest; empty where it has none"),
}

FIELDS: tuple[Field, ...] = (
    *_table(HEADER, "header", _HEADER),
    *_table(OPENED, "facts", _OPENED_FACTS),
    *_table(OPENED, "body", {"question": (1, "what the person typed, redacted")}),
    *_table(CLOSED, "facts", _CLOSED_FACTS),
    *_table(CLOSED, "body", _CLOSED_BODY),
    *_table(FEEDBACK, "facts", _FEEDBACK_FACTS),
    *_table(FEEDBACK, "body", {"comment": (2, "what the person wrote about it, redacted; no body where nothing was")}),
    *_table(ERASURE, "facts", {"keys": (1, "ids of the keys that were destroyed")}),
    *_table(EXPORT, "facts", _EXPORT_FACTS),
    *_table(GATHER, "facts", _GATHER_FACTS),
    *_table(HANDOFF, "facts", _HANDOFF_FACTS),
    *_table(HANDOFF, "body", {"text": (2, "what was written, redacted; no body where nothing was")}),
    *(field for kind, facts in _STAFF_FACTS.items() for field in _table(kind, "facts", facts)),
    *(field for kind, facts in _CUSTODY_FACTS.items() for field in _table(kind, "facts", facts)),
)


def kinds() -> frozenset[str]:
    """The kinds of records whose fields are known."""
    return frozenset(field.kind for field in FIELDS if field.part != "header")


def paths(value: Mapping[str, Json], known: frozenset[str]) -> Iterator[str]:
    """The path of every field in a header's facts or a body. A member of a mapping for which `known` holds `….*` is
    named by that path; a mapping or list that is empty, or null in place of one, names nothing."""
    yield from _paths(value, "", known)


def _paths(value: Json, at: str, known: frozenset[str]) -> Iterator[str]:
    prefix = f"{at}." if at else ""
    if isinstance(value, Mapping):
        if f"{prefix}*" in known:
            yield from [f"{prefix}*"] if value else []
            return
        if not value and at and not any(path.startswith(prefix) for path in known):
            yield at
        for name, inner in value.items():
            yield from _paths(inner, prefix + name, known)
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from _paths(inner, f"{at}[]", known)
    elif value not in (None, [], ()) or not any(path.startswith((f"{at}.", f"{at}[]")) for path in known):
        yield at


def undocumented(kind: str, facts: Mapping[str, Json], body: Mapping[str, Json] | None) -> set[str]:
    """Fields of a record that are not in FIELDS, as "facts.<path>" and "body.<path>"."""
    found: set[str] = set()
    for part, value in (("facts", facts), ("body", body or {})):
        known = frozenset(field.path for field in FIELDS if (field.kind, field.part) == (kind, part))
        found |= {f"{part}.{path}" for path in paths(value, known) if path not in known}
    return found


def markdown() -> str:
    """The tables of docs/records.md, one a kind of record."""
    lines: list[str] = []
    for kind in dict.fromkeys(field.kind for field in FIELDS):
        lines += [f"### {kind if kind == HEADER else f'`{kind}`'}", "", "| field | in | since | what it says |", "|---|---|---|---|"]
        lines += [
            f"| `{field.path}` | {'body, sealed' if field.part == 'body' else field.part} | {field.since} | {field.meaning} |"
            for field in FIELDS
            if field.kind == kind
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
