"""Appliance: builds the parts once and holds them; the only place that wires them together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import feedback, locales, turn
from app.admission import Admission
from app.answer import Answer, Handoff, InQueue, Sentence
from app.conversation import Session, Sessions
from app.errors import TellerboxError
from app.settings import Settings
from app.slm.backend import Backend
from app.slm.catalog import ModelFile, resolve
from app.slm.engine import Engine, Tuning
from app.slm.generation import Limits
from app.slm.resources import SHARE, cores, memory, repacks, threads
from app.slm.tuned import load_tuned
from compliance.errors import ComplianceError
from compliance.ledger import Entry, Ledger
from compliance.report.policy_text import PolicyText
from knowledge.embedder import Embedder, load_embedder
from knowledge.index import Index, open_index
from knowledge.policy import Policy, load_policies
from knowledge.search import Scope, Search

if TYPE_CHECKING:
    from app.handoffs import Handoffs, Waiting
    from app.staff import Staff
    from compliance.redaction.engine import Redactor

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
WAITING_CHANNELS = ("web", "api")
"""Where somebody is there to read a teller's reply. Whoever is asked about at the kiosk has a teller before them already."""


def open_ledger(settings: Settings) -> Ledger:
    """The ledger as the settings describe it; raises one of SAFE_ERRORS."""
    return Ledger.open(
        settings.home / "ledger",
        branch=settings.branch,
        passphrase=settings.ledger_secret(),
        url=settings.ledger_url.get_secret_value(),
    )


class Appliance:
    """One box. Parts are made when first needed; `close` frees them.

    `policies` other than the settings' are indexed in memory alone ("try it on your own documents").
    """

    def __init__(self, settings: Settings, policies: Path | None = None, progress: Progress | None = None) -> None:
        self.settings = settings
        self._own_policies = policies
        self._progress = progress
        self._lock = threading.Lock()
        self.sessions = Sessions(settings.idle_minutes * 60, settings.max_sessions)
        self.admission = Admission(settings.people + settings.waiting, settings.people)

    # -- parts -------------------------------------------------------------------------------------------------------

    @cached_property
    def embedder(self) -> Embedder:
        return load_embedder(self.settings.models / "embedder")

    @cached_property
    def policies(self) -> list[Policy]:
        return load_policies(self._own_policies or self.settings.policies, self._language_of)

    @cached_property
    def index(self) -> Index:
        folder = None if self._own_policies else self.index_folder
        return open_index(self.policies, self.embedder, folder, self._progress)

    @property
    def index_folder(self) -> Path:
        return self.settings.home / "index"

    @cached_property
    def search(self) -> Search:
        return Search(self.index)

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.settings)

    @cached_property
    def staff(self) -> Staff:
        """The accounts of the staff. Raises ComplianceError where their file cannot be opened."""
        from app.staff import Staff

        return Staff.open(self.settings.home / "staff", self.ledger, passphrase=self.settings.ledger_secret())

    @cached_property
    def handoffs(self) -> Handoffs:
        """Who waits for a person. Raises ComplianceError where the queue cannot be opened."""
        from app.handoffs import Handoffs

        return Handoffs.open(self.settings.home / "handoffs", self.ledger, self.redactor)

    @cached_property
    def model_file(self) -> ModelFile:
        return resolve(self.settings.model, self.settings.models, self.settings.home)

    @cached_property
    def engine(self) -> Engine:
        """The model of the box, in a process that has begun to load it."""
        settings = self.settings
        cap = settings.model_memory_mb << 20 or int(SHARE * memory())
        return Engine(
            self.model_file.path, self.tuning, waiting=settings.waiting, prefix_bytes=settings.prefix_mb << 20, memory_bytes=cap, wait=False
        )

    @cached_property
    def tuning(self) -> Tuning:
        """How the model is run: as the settings say, else as was measured on this box, else as is safe everywhere."""
        settings = self.settings
        tuned = load_tuned(settings.home, self.model_file.sha256, cores())
        kv = settings.kv if settings.kv != "auto" else (tuned.kv if tuned else "f16")
        measured = tuned is not None and tuned.flash_attention
        # llama.cpp reads a quantized cache in its flash attention only.
        flash = kv != "f16" or settings.flash_attention == "on" or (settings.flash_attention == "auto" and measured)
        return Tuning(
            context=settings.context_tokens,
            sequences=settings.people,
            threads=settings.threads or (tuned.threads if tuned else threads()),
            flash_attention=flash,
            kv=kv,
            repack=tuned.repack if tuned else repacks(),
        )

    @cached_property
    def backend(self) -> Backend | None:
        """What words answers: a server where one is set, with the model of the box behind it where that words any; else the model of the
        box; None on a box that only quotes."""
        settings = self.settings
        local = self.engine if self._own else None  # one that is never asked is not loaded
        if not settings.server:
            return local
        from app.slm.remote import Remote

        return Remote(
            settings.server, settings.server_model, settings.server_key.get_secret_value(), settings.context_tokens, fallback=local
        )

    @cached_property
    def worded(self) -> frozenset[str]:
        """The languages in which the model words answers; in the others the box quotes. A server's model does in every one."""
        from app.language import SERVED

        return frozenset(self.settings.model_languages or SERVED) if self.settings.server else self._own

    @property
    def _own(self) -> frozenset[str]:
        """The languages in which the model of the box does."""
        from app.language import SERVED

        settings = self.settings
        if not settings.slm:
            return frozenset()
        found = self.model_file.languages
        return frozenset(settings.model_languages or (SERVED if found is None else found))

    @cached_property
    def redactor(self) -> Redactor:
        """Rules, the tagger of names, and the bank's own recognizers. Raises ComplianceError where one cannot be had."""
        from compliance.redaction.engine import Redactor
        from compliance.redaction.plugins import load_finder
        from compliance.redaction.tagger import NameTagger

        settings = self.settings
        own = [load_finder(place) for place in settings.recognizers]
        return Redactor((*settings.public_numbers, settings.bank), NameTagger.load(settings.models / "names"), own)

    @cached_property
    def detector(self) -> Any:
        from app.language import LanguageDetector

        settings = self.settings
        return LanguageDetector(settings.models / "language" / "language.npz", default=settings.default_language)

    @cached_property
    def parts(self) -> turn.Parts:
        """Everything a turn needs. Raises one of SAFE_ERRORS when a part cannot be had."""
        from app.grounding import Grounding
        from app.guard import Guard

        settings = self.settings
        # The model loads in its own process, and what reads large files in threads, while policies and index are read here.
        with ThreadPoolExecutor(2, "loading") as loading:
            others = [loading.submit(make) for make in (lambda: self.backend, lambda: self.embedder, lambda: self.redactor)]
            search = self.search
            for other in others:
                other.result()
        engine, grounding, guard = self.backend, Grounding(self.embedder), Guard()
        if engine is not None:
            engine.wait_ready()
        return turn.Parts(
            redactor=self.redactor,
            detector=self.detector,
            guard=guard,
            search=search,
            grounding=grounding,
            engine=engine,
            worded=self.worded,
            ledger=self.ledger,
            model=self._model_facts(engine),
            branch=settings.branch,
            jurisdiction=None if self._own_policies else settings.jurisdiction,
            limits=Limits(settings.max_tokens, settings.max_seconds),
            max_question_chars=settings.max_question_chars,
            default_language=settings.default_language,
        )

    def _model_facts(self, engine: Backend | None) -> turn.ModelFacts:
        if engine is None:
            return turn.QUOTING
        if not self._own:
            return turn.ModelFacts(engine.describe(), "", "", engine.context_size)
        file = self.model_file
        return turn.ModelFacts(file.name, file.sha256, file.quantization or engine.describe(), engine.context_size)

    def _language_of(self, text: str) -> str:
        return str(self.detector.detect(text[:4000]).language)

    # -- turns -------------------------------------------------------------------------------------------------------

    def start_session(self, role: str = "customer", channel: str = "cli", owner: str = "") -> Session:
        """A new session of this box."""
        return self.sessions.start(role, channel, owner)

    def run(self, session: Session, text: str, **options: Any) -> Generator[Sentence | InQueue | Answer]:
        """One turn, as it comes. See `turn.run`. Raises Busy when too many run already; then nothing was answered."""
        with self._lock:
            parts = self.parts
        with self._admitted(session, options):
            yield from self._queueing(session, turn.run(parts, session, text, **options))

    def _admitted(self, session: Session, options: Mapping[str, Any]) -> AbstractContextManager[None]:
        language = options.get("language") or session.language or self.settings.default_language
        return self.admission.enter(session.id, locales.text("error.busy", language))

    def ask(self, text: str, role: str = "customer", session: Session | None = None, **options: Any) -> Answer:
        """One turn, whole; in a session of its own unless one is given. Raises Busy as `run` does."""
        own = session is None
        session = session or self.start_session(role)
        try:
            with self._lock:
                parts = self.parts
            with self._admitted(session, options):
                *_, answer = self._queueing(session, turn.run(parts, session, text, **options))
            assert isinstance(answer, Answer)
            return answer
        finally:
            if own:
                self.sessions.end(session.id)

    def _queueing(self, session: Session, items: Generator[Sentence | InQueue | Answer]) -> Generator[Sentence | InQueue | Answer]:
        """What a turn yields; a customer whom it hands to a person is in the queue before the answer is given."""
        with closing(items):
            for item in items:
                if isinstance(item, Answer) and item.outcome == "handed_off" and self._can_wait(session):
                    try:
                        self.ask_for_person(session, item)
                    except ComplianceError as error:  # the answer sends them to a person all the same
                        log.error("a hand-off was not queued: %s", error)
                yield item

    @staticmethod
    def _can_wait(session: Session) -> bool:
        return session.role == "customer" and session.channel in WAITING_CHANNELS

    def ask_for_person(self, session: Session, answer: Answer | None = None) -> Waiting:
        """Puts a customer in the queue of hand-offs, for what their answer says or because they ask. Raises
        ComplianceError where it cannot be recorded."""
        language = session.language or self.settings.default_language
        handoff = answer.handoff if answer and answer.handoff else Handoff("person", False, language, None)
        return self.handoffs.queue(session.id, handoff, turn=answer.turn if answer else "", channel=session.channel)

    def end_session(self, session_id: str) -> None:
        """Wipes a session because its person finished: they no longer wait for anybody either."""
        self.sessions.end(session_id)
        self.handoffs.leave(session_id)

    def sweep(self) -> None:
        """What time ends: idle sessions, sign-ins, hand-offs whose teller went away. Called every few seconds by the server."""
        self.sessions.sweep()
        self.staff.sign_ins.sweep()
        self.handoffs.sweep()

    def feedback(
        self, session: Session, turn_id: str, *, useful: bool, reasons: Sequence[str] = (), comment: str = ""
    ) -> Entry:
        """Record what a person thought of an answer of their session. See `feedback.record`."""
        with self._lock:
            parts = self.parts
        return feedback.record(parts, session, turn_id, useful=useful, reasons=reasons, comment=comment)

    def policy(self, policy_id: str, language: str, version: str | None = None) -> Policy:
        """A policy of the index; without a version, the one in force today. Raises TellerboxError when there is none."""
        found = [p for p in self.index.policies if p.id == policy_id and p.language == language]
        if version is not None:
            found = [p for p in found if p.version == version]
        else:
            found = [p for p in found if p.in_force(date.today())] or found
        if not found:
            raise TellerboxError(f"no policy {policy_id} in {language}" + (f", version {version}" if version else ""))
        return found[-1]

    def policy_text(self, policy_id: str, version: str, language: str) -> PolicyText | None:
        """The very text that evidence of a record counts into, for the audit report; None where it is not here."""
        found = (p for p in self.policies if (p.id, p.version, p.language) == (policy_id, version, language))
        return next((PolicyText(p.title, p.text, p.sha256) for p in found), None)

    def ready(self) -> None:
        """Build every part; raises one of SAFE_ERRORS, saying which one cannot be had."""
        with self._lock:
            _ = self.parts, self.staff, self.handoffs

    def warm(self) -> None:
        """Do once what the first question would otherwise wait for; nothing is recorded."""
        self.ready()
        language = self.settings.default_language
        self.detector.detect(locales.text("ui.example_1", language))
        self.search.find(locales.text("ui.example_1", language), Scope(language))

    def readiness(self) -> str:
        """Why the box cannot answer yet, without waiting for it; empty when it can. Raises one of SAFE_ERRORS as `ready`."""
        if "parts" in self.__dict__:
            return ""
        if not self._lock.acquire(blocking=False):
            return "the box is starting"
        try:
            _ = self.parts
        finally:
            self._lock.release()
        return ""

    def close(self) -> None:
        """Free the model, close the ledger, wipe the sessions."""
        self.sessions.end_all()
        for name in ("backend", "engine"):
            part = self.__dict__.get(name)
            if part is not None:
                part.close()
        for name in ("handoffs", "staff"):
            if name in self.__dict__:
                self.__dict__[name].close()
        if "ledger" in self.__dict__:
            try:
                self.ledger.close()
            except ComplianceError as error:
                log.warning("the ledger did not close cleanly: %s", error)

    def __enter__(self) -> Appliance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
