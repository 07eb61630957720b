"""What requests and responses of the API hold, with an example each."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.feedback import REASONS
from app.handoffs import RESOLUTIONS
from app.settings import Language

Text = Annotated[str, Field(max_length=200_000)]
SessionId = Annotated[str, Field(max_length=128, description="the session of an earlier answer", examples=["qVd1Yk0cT3mXh2sPz8LwRg"])]


class Body(BaseModel):
    """A request's body: what it does not know it refuses, so that a mistyped name is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong, in one line that holds nothing a person typed."""

    error: Annotated[str, Field(examples=["the session has ended"])]


# -- turns ----------------------------------------------------------------------------------------------------------------


class Question(Body):
    """One message of a person."""

    question: Annotated[Text, Field(examples=["How much does an international transfer cost?"])]
    language: Annotated[Language | None, Field(description="to answer in; left out, the box tells", examples=["en"])] = None
    session: Annotated[SessionId | None, Field(description="the session of an earlier answer, for a follow-up")] = None
    as_of: Annotated[date | None, Field(description="answer from the policies in force on this day", examples=["2026-11-24"])] = None
    role: Annotated[
        Literal["customer", "teller"],
        Field(description="of a new session; teller needs the scope `turns`, and finds the policies for tellers too"),
    ] = "customer"
    channel: Annotated[Literal["api", "kiosk"], Field(description="of a new session, as its records name it")] = "api"


class Evidence(BaseModel):
    """The span of a policy that supports a sentence; offsets count characters of the policy's text."""

    policy: Annotated[str, Field(examples=["payments/international-transfer"])]
    title: Annotated[str, Field(examples=["International transfers"])]
    version: Annotated[str, Field(examples=["2026-03"])]
    language: Annotated[str, Field(examples=["en"])]
    start: Annotated[int, Field(examples=[812])]
    end: Annotated[int, Field(examples=[930])]
    quote: Annotated[str, Field(examples=["A transfer outside the SEPA area costs 15 EUR."])]
    score: Annotated[float, Field(examples=[0.83])]
    source: Annotated[str, Field(description="the policy's file", examples=["en/payments/international-transfer.md"])]


class Sentence(BaseModel):
    """One verified sentence; `fixed` ones are the box's own and have no evidence."""

    text: Annotated[str, Field(examples=["A transfer outside the SEPA area costs 15 EUR."])]
    origin: Literal["model", "quote", "fixed"]
    evidence: list[Evidence]


class Redaction(BaseModel):
    """How many identifiers of a type were hidden before anything else."""

    type: Annotated[str, Field(examples=["IBAN"])]
    count: Annotated[int, Field(examples=[1])]


class NeedsPerson(BaseModel):
    """Why a person is needed; `id` is the hand-off in the queue, null where the person was not queued."""

    reason: Annotated[str, Field(examples=["lost_card"])]
    urgent: bool
    language: Annotated[str, Field(examples=["es"])]
    topic: Annotated[str | None, Field(examples=["cards/lost-card"])]
    id: Annotated[str | None, Field(examples=["9f3c2a1b5d6e7f80"])] = None


class Model(BaseModel):
    """The model of the box; the name is `quote` where it only quotes."""

    name: Annotated[str, Field(examples=["teller-tiny"])]
    sha256: Annotated[str, Field(examples=["1b0c…"])]


class Answer(BaseModel):
    """A finished turn, as `tellerbox ask --json` prints it, with its session and turn."""

    answer: Annotated[str, Field(examples=["A transfer outside the SEPA area costs 15 EUR."])]
    language: Annotated[str, Field(examples=["en"])]
    outcome: Literal["answered", "abstained", "handed_off", "refused"]
    sentences: list[Sentence]
    redactions: list[Redaction]
    handoff: NeedsPerson | None
    receipt: Annotated[str, Field(description="proof that it is in the ledger (C2SP tlog-proof)", examples=["c2sp.org/tlog-proof@v1 …"])]
    model: Model
    timings_ms: Annotated[dict[str, float], Field(examples=[{"redact": 1.9, "search": 3.2, "total": 41.0}])]
    session: SessionId
    turn: Annotated[str, Field(examples=["5f1d0c9ab3e24a17"])]
    disclosure: Annotated[
        str | None, Field(description="to be shown before the first answer (EU AI Act Art. 50)", examples=["You are talking to a machine."])
    ]


class Feedback(Body):
    """What a person thought of an answer of their session; the session is what shows that it was theirs."""

    session: SessionId
    useful: Annotated[bool, Field(examples=[False])]
    reasons: Annotated[
        list[str], Field(max_length=len(REASONS), description=f"any of {', '.join(REASONS)}", examples=[["unclear"]])
    ] = []
    comment: Annotated[Text, Field(examples=["It does not say when the money arrives."])] = ""


class Recorded(BaseModel):
    """The number of the record in the ledger."""

    record: Annotated[int, Field(examples=[1041])]


class Explanation(BaseModel):
    """Why a turn was answered as it was, in words."""

    turn: Annotated[str, Field(examples=["5f1d0c9ab3e24a17"])]
    explanation: Annotated[str, Field(examples=["Why you got this answer …"])]


class SessionState(BaseModel):
    """How long a session still lives, unless it is used; and whether its person waits for somebody."""

    session: SessionId
    seconds_left: Annotated[float, Field(description="0 once it was wiped", examples=[287.5])]
    language: Annotated[str | None, Field(examples=["es"])]
    handoff: Annotated[str | None, Field(description="the state of its hand-off", examples=["waiting"])]


class PolicyEntry(BaseModel):
    """One policy in one language."""

    id: Annotated[str, Field(examples=["payments/international-transfer"])]
    language: Annotated[str, Field(examples=["en"])]
    version: Annotated[str, Field(examples=["2026-03"])]
    title: Annotated[str, Field(examples=["International transfers"])]
    audience: Annotated[str, Field(examples=["customer"])]
    effective_from: date | None
    effective_to: date | None
    jurisdiction: Annotated[list[str], Field(description="countries it holds in", examples=[["ES"]])]
    sha256: Annotated[str, Field(examples=["9a41…"])]


class PolicyWithText(PolicyEntry):
    """A policy with the text that evidence counts into."""

    text: Annotated[str, Field(examples=["---\ntitle: International transfers\n---\n…"])]


# -- hand-offs ------------------------------------------------------------------------------------------------------------


class Message(Body):
    """What somebody writes; it is redacted before it is stored."""

    text: Annotated[Text, Field(examples=["Please come to counter 3, I will help you there."])]


class Resolution(Body):
    """How a hand-off ended."""

    how: Annotated[str, Field(description=f"one of {', '.join(RESOLUTIONS)}", examples=["solved"])] = "solved"


class SaidBody(BaseModel):
    """One thing said. `number` is its record's: ask for what came `after` it. `text` is null once it was erased."""

    number: Annotated[int, Field(examples=[1044])]
    time_utc: Annotated[str, Field(examples=["2026-11-24T10:21:07.120Z"])]
    who: Literal["customer", "box", "teller"]
    text: Annotated[str | None, Field(examples=["Please come to counter 3."])]


class OwnHandoff(BaseModel):
    """A hand-off as its customer sees it. `position` 1 is next."""

    state: Literal["waiting", "taken", "resolved", "left"]
    position: Annotated[int | None, Field(examples=[2])]
    waiting_seconds: Annotated[int, Field(examples=[95])]
    teller: Annotated[str | None, Field(description="the name of who took over", examples=["Marta"])]
    messages: list[SaidBody]


class QueuedHandoff(BaseModel):
    """A hand-off as the staff sees it in the queue; it holds no text and no session."""

    id: Annotated[str, Field(examples=["9f3c2a1b5d6e7f80"])]
    state: Literal["waiting", "taken", "resolved", "left"]
    reason: Annotated[str, Field(examples=["lost_card"])]
    urgent: bool
    language: Annotated[str, Field(examples=["es"])]
    topic: Annotated[str | None, Field(examples=["cards/lost-card"])]
    channel: Annotated[str, Field(examples=["web"])]
    created: Annotated[float, Field(description="seconds since 1970", examples=[1795515667.1])]
    waiting_seconds: Annotated[int, Field(description="since it was queued; until it ended, once it did", examples=[95])]
    teller: Annotated[str | None, Field(description="the name of who took over", examples=["Marta"])]
    mine: Annotated[bool, Field(description="whether that is who asks")]


class HandoffWithTalk(QueuedHandoff):
    """A hand-off with everything said in its session, redacted."""

    transcript: list[SaidBody]


# -- staff ----------------------------------------------------------------------------------------------------------------


class Credentials(Body):
    """What is typed to sign in; `code` is the one-time code, for an account that has a second factor."""

    name: Annotated[str, Field(max_length=1_000, examples=["marta"])]
    password: Annotated[str, Field(max_length=1_000, examples=["correct horse battery staple"])]
    code: Annotated[str, Field(max_length=20, examples=["492039"])] = ""
    channel: Annotated[Literal["api", "kiosk"], Field(description="as its record names it")] = "api"


class Me(BaseModel):
    """Who is signed in. `csrf` goes back in the header X-CSRF-Token of every request that writes."""

    name: Annotated[str, Field(examples=["marta"])]
    display: Annotated[str, Field(examples=["Marta"])]
    role: Annotated[str, Field(examples=["teller"])]
    scopes: Annotated[list[str], Field(examples=[["handoffs", "policies", "turns"]])]
    csrf: Annotated[str, Field(examples=["7c1f…"])]
    bank: Annotated[str, Field(description="the bank's name, as screens show it", examples=["Alborada"])]


class AccountEntry(BaseModel):
    """An account of the staff; times are seconds since 1970."""

    id: Annotated[str, Field(examples=["a1b2c3d4"])]
    name: Annotated[str, Field(examples=["marta"])]
    display: Annotated[str, Field(examples=["Marta"])]
    role: Annotated[str, Field(examples=["teller"])]
    disabled: bool
    second_factor: bool
    locked_until: Annotated[float, Field(description="0: not locked", examples=[0.0])]
    created: Annotated[float, Field(examples=[1795515667.1])]


# -- ledger ---------------------------------------------------------------------------------------------------------------


class RecordHeader(BaseModel):
    """A record's place and header, which stays in clear."""

    index: Annotated[int, Field(examples=[1041])]
    header: Annotated[
        dict[str, Any], Field(examples=[{"kind": "turn_closed", "turn": "5f1d0c9ab3e24a17", "facts": {"outcome": "answered"}}])
    ]


class RecordPage(BaseModel):
    """Headers, newest first; `before` asks for the next page, null at the beginning of the ledger."""

    size: Annotated[int, Field(description="how many records the ledger holds", examples=[1042])]
    records: list[RecordHeader]
    before: Annotated[int | None, Field(examples=[992])]


class RecordWithBody(RecordHeader):
    """One record; `body` is null once its key was destroyed."""

    body: Annotated[dict[str, Any] | None, Field(examples=[{"question": "My IBAN is <IBAN_1>. What does a transfer cost?"}])]
    receipt: Annotated[str, Field(examples=["c2sp.org/tlog-proof@v1 …"])]


class Verified(BaseModel):
    """Whether every hash and signature of the ledger holds."""

    ok: bool
    summary: Annotated[str, Field(examples=["1042 records verified"])]


class Checkpoint(BaseModel):
    """The signed head of the ledger (C2SP tlog-checkpoint), and the last one that a witness cosigned."""

    size: Annotated[int, Field(examples=[1042])]
    key: Annotated[str, Field(description="the verifier key", examples=["tellerbox/branch-1+…"])]
    checkpoint: Annotated[str, Field(examples=["tellerbox/branch-1\n1042\n…"])]
    cosigned_size: Annotated[int | None, Field(description="null: no witness has cosigned yet", examples=[1000])]
    cosigned: Annotated[str | None, Field(examples=["tellerbox/branch-1\n1000\n…"])]
