"""Turn: the path of one turn. The only place where the order of steps is decided.

normalise, redact, language, guard, search, prompt, SLM, grounding, ledger, person.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol

from app import locales, turn_record
from app.answer import Answer, Handoff, InQueue, Sentence
from app.conversation import Session
from app.errors import Busy, TellerboxError
from app.grounding import Grounding, Verdict, evidence_of
from app.guard import URGENT, Guard, GuardDecision
from app.language import SERVED, LanguageDecision, LanguageDetector
from app.slm.backend import Backend
from app.slm.generation import Generation, InLine, Limits
from app.slm.prompt import MAX_STATEMENTS, NONE, labels, messages, without_labels
from compliance.errors import ComplianceError
from compliance.ledger import Entry
from compliance.record import Header
from compliance.redaction.engine import Redacted, Redactor
from knowledge.answerability import log_odds
from knowledge.places import country_of
from knowledge.search import STATEMENT_FEATURES, Candidate, Found, Scope, Search
from knowledge.sentences import sentence_spans
from knowledge.terms import words

log = logging.getLogger(__name__)

MAX_SENTENCES = 3
RELATIVE_SCORE = 0.45
"""A statement this much less likely than the best one is not given to the model beside it (chosen on the dev questions)."""
AS_GOOD = 0.3
"""Log-odds this close say nothing about which statement is the better one: of a list the one that the policy puts first is said first,
the main price."""
BESIDE = 1.0
"""A statement whose log-odds are this much below the best one's is not quoted beside it, of whatever section or policy it is. Of 1,018
gold dev questions that are answered a right statement is first for 716 and shown for 861, with 1,973 statements shown in all; by ratios of
probabilities and within the best one's passage alone, as before, 688 and 778 with 2,304 (of 769 basic questions 484 and 641 with 1,809; 457
and 608 with 2,075). At 0.7 and 1.5 a right one is shown for 839 and 875, with 1,698 and 2,282."""
_TOKEN = re.compile(r"<[A-Z_]+_\d+>")


class Recorder(Protocol):
    """What a turn needs of the ledger."""

    def append(self, header: Header, body: dict[str, Any]) -> Entry: ...

    def find(self, *, turn: str | None = None) -> list[Entry]: ...

    def receipt(self, index: int) -> str: ...


@dataclass(slots=True)
class Progress:
    """What is known of a turn while it runs; becomes its record."""

    turn: str
    session: Session
    started: float
    redacted: Redacted
    language: LanguageDecision
    guard: GuardDecision
    countries: Mapping[str, str] = field(default_factory=dict)
    """By pseudonym of a town, the country that it is in, as the language of the turn calls it: search needs no more."""
    found: Found | None = None
    query: str = ""
    sentences: list[Sentence] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    shown: Sequence[Candidate] = ()
    """The statements that the model was given, in their order in the prompt."""
    prompt: str = ""
    prompt_tokens: Sequence[int] = ()
    tokens: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    stop: tuple[int, float] | None = None
    model: str = ""
    """The model that was asked, where it is not the one of the box."""
    finish: str = ""
    declined: bool = False
    """Whether the model said that the statements do not answer."""
    outcome: str = "abstained"
    handoff: Handoff | None = None
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a record says of the model; where the box only quotes it has the name "quote" and no sha256."""

    name: str
    sha256: str
    quantization: str
    context_tokens: int


QUOTING = ModelFacts("quote", "", "", 0)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a turn is made of; `engine` is None on a box that only quotes, and is asked in the languages of `worded` alone."""

    redactor: Redactor
    detector: LanguageDetector
    guard: Guard
    search: Search
    grounding: Grounding
    engine: Backend | None
    worded: frozenset[str]
    ledger: Recorder
    model: ModelFacts
    branch: str
    jurisdiction: str | None
    limits: Limits
    max_question_chars: int
    default_language: str

    def model_of(self, language: str) -> ModelFacts:
        """What words answers in a language."""
        return self.model if language in self.worded else QUOTING


def run(
    parts: Parts,
    session: Session,
    text: str,
    *,
    language: str | None = None,
    as_of: date | None = None,
    jurisdiction: str | None = None,
    exclude: frozenset[str] = frozenset(),
) -> Generator[Sentence | InQueue | Answer]:
    """One turn: yields each sentence when it may be shown, then the Answer; in between, the place in line while others ask.

    The turn-opened record is durable before anything is yielded, the turn-closed record before the last sentence.
    Raises TellerboxError or ComplianceError with a message in the person's language; then nothing was answered.
    """  # fmt: skip
    with session.lock:
        progress = _receive(parts, session, text, language)
        code = progress.language.language
        scope = Scope(code, session.role, as_of or date.today(), jurisdiction or parts.jurisdiction, exclude)
        _open_record(parts, progress, scope)
        held: Sentence | None = None
        try:
            for sentence in _sentences(parts, progress, scope):
                if isinstance(sentence, InQueue):
                    yield sentence
                    continue
                progress.sentences.append(sentence)
                if held is not None:
                    yield held
                held = sentence
                progress.timings.setdefault("first_sentence", _ms(progress.started))
        except GeneratorExit:
            # The person left: what was shown is recorded, so that no opened turn stays without an end.
            progress.outcome = "abandoned"
            _close_record(parts, progress)
            raise
        progress.timings["total"] = _ms(progress.started)
        receipt = _close_record(parts, progress)
        session.remember(progress.query or progress.redacted.text, progress.language.language)
        disclosure = None if session.disclosed else locales.text("disclosure", progress.language.language)
        session.disclosed = True
        model = parts.model_of(progress.language.language)
        if held is not None:
            yield held
        yield Answer(
            turn=progress.turn, session=session.id, language=progress.language.language, outcome=progress.outcome,
            sentences=tuple(progress.sentences), redactions=progress.redacted.counts, handoff=progress.handoff,
            receipt=receipt, model_name=progress.model or model.name, model_sha256="" if progress.model else model.sha256,
            timings_ms=progress.timings, disclosure=disclosure,
        )  # fmt: skip


def answer(parts: Parts, session: Session, text: str, **options: Any) -> Answer:
    """One turn, whole."""
    *_, last = run(parts, session, text, **options)
    assert isinstance(last, Answer)
    return last


# -- 1 to 4: receive ----------------------------------------------------------------------------------------------------


def _receive(parts: Parts, session: Session, text: str, explicit: str | None) -> Progress:
    started = time.perf_counter()
    timings: dict[str, float] = {}
    if len(text) > 20 * parts.max_question_chars:
        raise TellerboxError(locales.text("error.too_long", explicit or session.language or parts.default_language))
    redacted = parts.redactor.redact(text, session.vault)
    timings["redact"] = _ms(started)
    mark = time.perf_counter()
    bare = _TOKEN.sub(" ", redacted.text).strip()
    decision = parts.detector.detect(bare, explicit=explicit, session=session.language or None)
    timings["language"] = _ms(mark)
    if not redacted.text.strip():
        raise TellerboxError(locales.text("error.empty", decision.language))
    if len(redacted.text) > parts.max_question_chars:
        raise TellerboxError(locales.text("error.too_long", decision.language))
    mark = time.perf_counter()
    decision, guard = _guarded(parts.guard, redacted.text, decision)
    timings["guard"] = _ms(mark)
    countries = dict(_countries(text, redacted, decision.language))
    return Progress(secrets.token_hex(8), session, started, redacted, decision, guard, countries, timings=timings)


def _countries(text: str, redacted: Redacted, language: str) -> Iterator[tuple[str, str]]:
    for finding, pseudonym in zip(redacted.findings, redacted.pseudonyms, strict=True):
        if finding.type == "LOCATION" and (country := country_of(text[finding.start : finding.end], language)):
            yield pseudonym, country


PLAUSIBLE = 0.15
"""A language at least this likely is one that a short text may be in."""


def _guarded(guard: Guard, text: str, decision: LanguageDecision) -> tuple[LanguageDecision, GuardDecision]:
    """What the guard says, in the language decided on or, where it says nothing and a few words told the language, in another that is
    plausible: an order or a fraud recognised in it also tells the language."""
    found = guard.check(text, decision.language)
    if found.category is None and decision.served and decision.reason in ("words", "detector", "default"):
        for code, score in decision.scores:
            if score >= PLAUSIBLE and code != decision.language and code in SERVED:
                other = guard.check(text, code)
                if other.category is not None:
                    return replace(decision, language=code, detected=code, reason="guard", confidence=score), other
    return decision, found


# -- 5 to 8: answer -----------------------------------------------------------------------------------------------------


def _sentences(parts: Parts, progress: Progress, scope: Scope) -> Iterator[Sentence | InQueue]:
    language = progress.language.language
    if not progress.language.served and progress.guard.category is None:
        progress.outcome = "handed_off"
        progress.handoff = Handoff("unserved_language", False, progress.language.detected, None)
        yield _own("unserved_language", language)
        if language != "en":
            yield _own("unserved_language", "en")
        return
    if progress.guard.category is not None:
        yield from _fixed(parts, progress, scope)
        return
    mark = time.perf_counter()
    progress.query, found = _search(parts, progress, scope)
    progress.found = found
    progress.timings["search"] = _ms(mark)
    if not found.candidates or found.answerable < parts.search.ranking.below(language):
        progress.outcome = "abstained"
        progress.handoff = Handoff("not_in_policies", False, language, None)
        yield _own("abstained", language)
        return
    progress.outcome = "answered"
    if found.answerable < parts.search.ranking.sure(language):
        yield _own("unsure", language)
    yield from _grounded(parts, progress, found)


def _own(key: str, language: str, **values: str) -> Sentence:
    """A sentence that the box says by itself."""
    return Sentence(locales.text(key, language, **values), "fixed", key=key)


def _fixed(parts: Parts, progress: Progress, scope: Scope) -> Iterator[Sentence]:
    """The box's own words for what the guard found, and the policy's own sentence where one helps at once."""
    guard = progress.guard
    language = progress.language.language
    progress.outcome = guard.outcome or "refused"
    if progress.outcome == "handed_off":
        progress.handoff = Handoff(guard.category or "guard", guard.urgent, language, guard.topic)
    yield _own(guard.message or "handed_off", language)
    if guard.topic:
        # Who has lost a card needs the number to call, whatever the words were.
        asked = locales.text(f"line.{guard.category}", language) if guard.category in URGENT else " ".join(progress.redacted.text.split())
        found = parts.search.find(asked, scope)
        of_topic = [item for item in found.candidates if item.policy.id.startswith(guard.topic)]
        calls = [item for item in of_topic if guard.category in URGENT and _PHONE.search(item.statement.text)]
        # Of several lines with a number, the one that says most of what is needed ("the fraud line").
        best = max(calls, key=lambda item: item.features[_LIKENESS], default=next((item for item in of_topic if item.score >= 0.5), None))
        if best is not None:
            progress.found, progress.query = found, asked
            yield from _notice(progress, [best])
            yield Sentence(best.statement.text, "quote", (evidence_of(best, 1.0),))


_LIKENESS = STATEMENT_FEATURES.index("likeness")
_PHONE = re.compile(r"\+?\d[\d \u00a0().-]{6,}\d")
FEW_WORDS = 6
TOGETHER = 0.1
"""How much less answerable a question may be with the one before it than alone, and is still read with it: a short question alone reads
like one about the usual case (592 follow-ups, 152 changes of subject of train and dev: right 50.5 and 63.8 %, not 49.2 and 63.2)."""
_FOLLOW_UP = {
    "en": ("and", "what about", "how about", "also", "then", "so", "but", "is it", "it", "that", "those", "them", "there"),
    "es": ("y", "pero", "entonces", "tambien", "eso", "esa", "ese", "lo", "alli"),
    "fr": ("et", "mais", "alors", "aussi", "donc", "ca", "cela", "c est"),
    "de": ("und", "aber", "dann", "auch", "also", "das", "dafur", "davon", "dabei"),
    "pt": ("e", "mas", "entao", "tambem", "isso", "esse", "essa"),
    "it": ("e", "ed", "ma", "allora", "anche", "quello", "quella", "questo"),
    "zh": ("那", "还有", "如果", "要是", "它", "这个", "这", "也"),
    "ar": ("و", "ماذا عن", "طيب", "لكن", "ايضا", "وهل", "وكم", "واذا", "ذلك", "هذا"),
}  # fmt: skip


def _search(parts: Parts, progress: Progress, scope: Scope) -> tuple[str, Found]:
    """Search for the question, together with the one before it when it reads as a follow-up or finds little alone."""
    text = _TOKEN.sub(lambda token: f" {progress.countries.get(token.group(), '')} ", progress.redacted.text)
    query = " ".join(text.split())
    alone = parts.search.find(query, scope)
    if not progress.session.questions:
        return query, alone
    joined_query = f"{progress.session.questions[-1]}\n{query}"
    if not _follows_up(query, scope.language) and alone.answerable >= parts.search.ranking.below(scope.language):
        return query, alone
    joined = parts.search.find(joined_query, scope)
    return (joined_query, joined) if joined.answerable > alone.answerable - TOGETHER else (query, alone)


def _follows_up(query: str, language: str) -> bool:
    folded = " ".join(words(query))
    starts = _FOLLOW_UP.get(language, _FOLLOW_UP["en"])
    # Seven words and more mostly say themselves what they are about (594 follow-ups and 152 changes of subject of train and dev).
    if language == "zh":
        return folded.startswith(starts) or len(folded) <= 2 * FEW_WORDS
    if len(folded.split()) <= FEW_WORDS:
        return True
    return folded.startswith(starts) if language == "ar" else any(folded.startswith(start + " ") for start in starts)


def _grounded(parts: Parts, progress: Progress, found: Found) -> Iterator[Sentence | InQueue]:
    """What the model says and the evidence supports; the policy's own sentences for the rest."""
    pool = _pool(found.candidates)
    best, ordered = pool[0], len(_as_good(found.candidates)) > MAX_SENTENCES
    yield from _notice(progress, pool)
    used: set[tuple[int, int, str]] = set()
    if parts.engine is not None and progress.language.language in parts.worded:
        for said in _model_sentences(parts, parts.engine, progress, pool):
            if isinstance(said, InQueue):
                yield said
                continue
            verdict, text = said
            assert verdict.candidate is not None
            assert verdict.evidence is not None
            reason = _out_of_place(verdict.candidate, best, used, ordered)
            if reason:
                _reject(parts, progress, text, reason, verdict.score)
                continue
            used.add(_span(verdict.candidate))
            yield Sentence(text, "model", (verdict.evidence,))
    for item in [best, *_beside(best, found.candidates)]:
        if _span(item) not in used and len(used) < MAX_SENTENCES:
            used.add(_span(item))
            yield Sentence(item.statement.text, "quote", (evidence_of(item, 1.0),))


def _out_of_place(said: Candidate, best: Candidate, used: set[tuple[int, int, str]], ordered: bool) -> str:
    """Why a supported sentence of the model is not shown; empty when it is. `ordered`: the policy's order said which is the best."""
    if _span(said) in used:
        return "its evidence is shown already"
    if len(used) >= MAX_SENTENCES:
        return "more sentences than an answer holds"
    # Of 934 dev questions 637 are right in their first sentence where the box only quotes, 634 so, 619 at 0.85 of the best score.
    if not used and said.score < best.score:
        return "search finds another statement above it"
    if not used and ordered and _span(said) != _span(best):
        return "the policy puts another statement before it"
    return ""


def _pool(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The statements an answer may be made of, the one to say first in front.

    Where more statements of one section are as good as equal than an answer may hold ("what does X cost?" over a list of
    prices), their order in the policy decides: it puts the main case first.
    """
    best, equal = candidates[0], _as_good(candidates)
    if len(equal) > MAX_SENTENCES:
        equal.sort(key=lambda item: item.statement.start)
    else:
        equal = [best]
    others = [item for item in candidates if item not in equal and item.score >= RELATIVE_SCORE * best.score]
    return [*equal, *others][:MAX_STATEMENTS]


def _beside(best: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """What may be quoted after the statement that is said first: those that are nearly as likely as the likeliest, in its language."""
    least = max(log_odds(item.score) for item in candidates) - BESIDE
    return [item for item in candidates if item.policy.language == best.policy.language and log_odds(item.score) >= least]


def _as_good(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best statement, and those of its section that are as good; those of another section of its policy, where so many there are as
    good that it is a list of what was asked for, and the best stands nearly alone in its own."""
    best = candidates[0]
    by_section: dict[tuple[int, int], list[Candidate]] = {}
    for item in candidates:
        if item.policy is best.policy and log_odds(best.score) - log_odds(item.score) <= AS_GOOD:
            by_section.setdefault((item.passage.start, item.passage.end), []).append(item)
    own = by_section[best.passage.start, best.passage.end]
    longest = max(by_section.values(), key=len)
    return longest if len(longest) > MAX_SENTENCES >= len(own) else own


def _notice(progress: Progress, pool: Sequence[Candidate]) -> Iterator[Sentence]:
    """One sentence ahead when the policy exists only in another language."""
    language = progress.language.language
    other = pool[0].policy.language
    if other != language:
        name = locales.text(f"language.{other}", language)
        yield _own("quoted_other_language", language, name=name)


def _span(candidate: Candidate) -> tuple[int, int, str]:
    return (candidate.statement.start, candidate.statement.end, candidate.policy.source)


def _in_order(pool: Sequence[Candidate]) -> list[Candidate]:
    """The statements as the model reads them: in the order of the policies, whatever was asked. Two questions about the same
    policy then begin alike, and what the engine has read for the first it need not read for the second."""
    return sorted(pool[:MAX_STATEMENTS], key=lambda item: (item.policy.source, item.statement.start))


def _model_sentences(
    parts: Parts, engine: Backend, progress: Progress, pool: Sequence[Candidate]
) -> Iterator[tuple[Verdict, str] | InQueue]:
    """The model's sentences that the evidence supports, as they come; the others are kept for the record."""
    language = progress.language.language
    mark = time.perf_counter()
    progress.shown = _in_order(pool)
    texts = [item.statement.text for item in progress.shown]
    first = progress.shown.index(max(pool[:MAX_STATEMENTS], key=lambda item: item.score))
    prompt = messages(progress.query, texts, locales.text(f"language.{language}", "en"), first)
    try:
        generation = engine.generate(prompt, parts.limits, progress.session.id)
    except Busy:
        progress.finish = "busy"
        return
    except TellerboxError as error:
        log.warning("the model was not asked: %s", error)
        progress.finish = "not asked"
        return
    try:
        for event in _split_stream(generation.events(), language):
            if isinstance(event, InQueue):
                yield event
                continue
            raw, whole = event
            text = without_labels(raw)
            progress.declined = progress.declined or NONE in raw
            if not text or NONE in raw:
                continue
            if not whole and generation.finish != "stop":
                _reject(parts, progress, text, "cut off", 0.0)
                continue
            judging = time.perf_counter()
            verdict = parts.grounding.judge(text, language, progress.shown, labels(raw))
            progress.timings["grounding"] = round(progress.timings.get("grounding", 0.0) + _ms(judging), 3)
            if verdict.evidence is None:
                _reject(parts, progress, text, verdict.reason, verdict.score)
            elif names_someone(parts.redactor, text, verdict.evidence.quote):
                _reject(parts, progress, text, "identifier", verdict.score)
            else:
                yield verdict, text
    finally:
        generation.cancel()
        _keep(progress, generation)
        progress.timings["slm"] = _ms(mark)


def names_someone(redactor: Redactor, sentence: str, quote: str) -> bool:
    """Whether a sentence of the model holds an identifier that its evidence does not: it then came from nowhere it may come from."""
    return any(sentence[found.start : found.end] not in quote for found in redactor.find(sentence))


def _reject(parts: Parts, progress: Progress, text: str, reason: str, score: float) -> None:
    # What the model said is kept for the officer, redacted like all else: a model can make identifiers up.
    progress.rejected.append({"text": parts.redactor.redact(text).text, "reason": reason, "score": round(score, 4)})


def _keep(progress: Progress, generation: Generation) -> None:
    """What the record says of a generation, which the engine may still be adding a token to."""
    progress.prompt, progress.prompt_tokens = generation.text, generation.prompt
    progress.logprobs = list(generation.logprobs)
    progress.tokens = list(generation.tokens[: len(progress.logprobs)])
    progress.finish = generation.finish or "cancelled"
    progress.model = generation.model
    progress.stop = generation.stop if progress.finish == "stop" else None


def _split_stream(pieces: Iterator[str | InLine], language: str) -> Iterator[tuple[str, bool] | InQueue]:
    """`(sentence, whole)` as text comes in; the last one is not whole when the stream ends without a stop."""
    buffer = ""
    for piece in pieces:
        if isinstance(piece, InLine):
            yield InQueue(piece.place)
            continue
        buffer += piece
        spans = sentence_spans(buffer, language)
        if len(spans) > 1:
            for start, end in spans[:-1]:
                yield buffer[start:end], True
            buffer = buffer[spans[-1][0] :]
    if buffer.strip():
        yield buffer, False


# -- 9: ledger ----------------------------------------------------------------------------------------------------------


def _header(parts: Parts, progress: Progress, kind: str, facts: dict[str, Any]) -> Header:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    session = progress.session
    return Header(
        kind=kind, turn=progress.turn, session=session.id, branch=parts.branch, channel=session.channel,
        role=session.role, time_utc=now, monotonic_ns=time.monotonic_ns(), facts=facts,
    )  # fmt: skip


def _open_record(parts: Parts, progress: Progress, scope: Scope) -> None:
    mark = time.perf_counter()
    facts, body = turn_record.opened(progress, scope)
    _append(parts, progress, _header(parts, progress, "turn_opened", facts), body)
    progress.timings["record"] = _ms(mark)


def _close_record(parts: Parts, progress: Progress) -> str:
    facts, body = turn_record.closed(parts, progress)
    entry = _append(parts, progress, _header(parts, progress, "turn_closed", facts), body)
    return parts.ledger.receipt(entry.index)


def _append(parts: Parts, progress: Progress, header: Header, body: dict[str, Any]) -> Entry:
    try:
        return parts.ledger.append(header, body)
    except ComplianceError as error:
        log.error("the ledger cannot write: %s", error)
        raise TellerboxError(locales.text("error.record", progress.language.language)) from error


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 3)
