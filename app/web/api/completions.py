"""The OpenAI protocol: chat completions, whole and streamed, and the list of models, for programs that speak nothing else.

What the last user message asks is answered from the policies; user messages before it are what a follow-up refers to.
System and assistant messages change nothing: the policies decide, not whoever writes the request. What the protocol has
no place for (evidence, receipt, outcome) is in the member `tellerbox` of the response, or of the last chunk.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.answer import Answer, InQueue, Sentence
from app.appliance import Appliance
from app.conversation import REMEMBERED, Session
from app.errors import SAFE_ERRORS
from app.settings import Language
from app.web import metrics
from app.web.api import bodies
from app.web.api.turns import whole_answer
from app.web.auth import Box, Principal, Scope
from app.web.limits import limited
from app.web.sse import EventStream, data, in_threads

router = APIRouter(prefix="/v1", tags=["OpenAI protocol"], dependencies=[Depends(limited)])
Program = Annotated[Principal, Depends(Scope("turns"))]
MODEL = "tellerbox"
_EXAMPLE: Any = {"model": MODEL, "messages": [{"role": "user", "content": "How much does an international transfer cost?"}]}


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: str = ""


class ChatMessage(BaseModel):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, Field(max_length=200_000)] | list[Part] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content or ())


class Extension(bodies.Body):
    """What only this box takes."""

    language: Language | None = None
    role: Literal["customer", "teller"] = "customer"


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A request of the protocol. Sampling parameters are taken and change nothing: decoding is greedy."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})

    model: str = MODEL
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    tellerbox: Extension = Extension()


class Usage(BaseModel):
    """Tokens that the model of the box read and emitted; 0 where it was not asked and the policies were quoted."""

    prompt_tokens: Annotated[int, Field(examples=[214])]
    completion_tokens: Annotated[int, Field(examples=[31])]
    total_tokens: Annotated[int, Field(examples=[245])]


class AssistantMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: Annotated[str, Field(examples=["A transfer outside the SEPA area costs 15 EUR."])]
    refusal: Literal[None] = None


class Choice(BaseModel):
    """The only choice."""

    index: int = 0
    message: AssistantMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatCompletion(BaseModel):
    """A response of the protocol, with the whole answer in `tellerbox`."""

    id: Annotated[str, Field(examples=["chatcmpl-5f1d0c9ab3e24a17"])]
    object: Literal["chat.completion"] = "chat.completion"
    created: Annotated[int, Field(examples=[1795515667])]
    model: Annotated[str, Field(examples=[MODEL])]
    choices: list[Choice]
    usage: Usage
    tellerbox: bodies.Answer


class ModelEntry(BaseModel):
    """A model of the list."""

    id: Annotated[str, Field(examples=[MODEL])]
    object: Literal["model"] = "model"
    created: Annotated[int, Field(examples=[0])] = 0
    owned_by: Annotated[str, Field(examples=["Alborada"])]


class ModelList(BaseModel):
    """The models that may be named in a request."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


@router.get("/models", summary="List models")
def list_models(box: Box, program: Program) -> ModelList:
    """One: the box, whatever model words its answers."""
    return ModelList(data=[ModelEntry(id=MODEL, owned_by=box.settings.bank)])


@router.get("/models/{model}", summary="One model", responses={404: {"description": "There is no such model"}})
def read_model(box: Box, program: Program, model: str) -> ModelEntry:
    """The box."""
    if model != MODEL:
        raise Unsupported(f"the model must be {MODEL!r}", "model", 404)
    return ModelEntry(id=MODEL, owned_by=box.settings.bank)


@router.post(
    "/chat/completions", summary="Chat completion", response_model=ChatCompletion,
    responses={
        200: {"content": {"text/event-stream": {"example": 'data: {"object":"chat.completion.chunk","choices":[…]}\n\ndata: [DONE]\n\n'}}},
        400: {"description": "The protocol has this, the box does not"},
    },
)  # fmt: skip
def complete(box: Box, program: Program, request: Request, body: ChatRequest) -> Any:
    """An answer from the policies. Each request is a session of its own, erased from memory when it ends; its records stay."""
    _check_supported(body)
    session = _session(box, body)
    turn = _turn(box, session, body)
    id, created = f"chatcmpl-{secrets.token_hex(8)}", int(time.time())
    if body.stream:
        return EventStream(_chunks(box, turn, id, created, body.stream_options is not None and body.stream_options.include_usage))
    *_, last = turn
    if isinstance(last, str):
        return _failure(last, 422, "invalid_request_error")
    assert isinstance(last, Answer)
    metrics.answered(last, "openai")
    return {
        "id": id, "created": created, "model": MODEL, "usage": _usage(box, last), "tellerbox": whole_answer(box, last),
        "choices": [{"message": {"content": last.text}}],
    }  # fmt: skip


def _session(box: Appliance, body: ChatRequest) -> Session:
    """A session that has heard the user messages before the last one, redacted like everything else."""
    session = box.start_session(body.tellerbox.role, "openai")
    asked = [message.text for message in body.messages if message.role == "user" and message.text.strip()]
    for text in asked[-REMEMBERED - 1 : -1]:
        kept = box.redactor.redact(text[: box.settings.max_question_chars], session.vault).text
        session.remember(kept, box.detector.detect(kept).language)
    return session


def _turn(box: Appliance, session: Session, body: ChatRequest) -> Generator[Sentence | InQueue | Answer | str]:
    question = body.messages[-1].text
    try:
        yield from box.run(session, question, language=body.tellerbox.language)
    except SAFE_ERRORS as error:
        metrics.failed()
        yield str(error)
    finally:
        box.sessions.end(session.id)


async def _chunks(
    box: Appliance, turn: Generator[Sentence | InQueue | Answer | str], id: str, created: int, with_usage: bool
) -> AsyncGenerator[str]:
    said = 0

    def chunk(delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": MODEL}
        return data(head | {"choices": [choice]} | more)

    yield chunk({"role": "assistant", "content": ""})
    async with aclosing(in_threads(turn)) as items:
        async for item in items:
            if isinstance(item, str):
                yield data({"error": {"message": item, "type": "invalid_request_error", "param": None, "code": None}})
                return
            if isinstance(item, Sentence):
                # the language, and so whether sentences are parted by a space, is told by the text itself
                glue = " " if said and not _is_cjk(item.text) else ""
                yield chunk({"content": glue + item.text})
                said += 1
                continue
            if isinstance(item, InQueue):
                continue  # the protocol has no place for it
            metrics.answered(item, "openai")
            yield chunk({}, "stop", tellerbox=whole_answer(box, item))
            if with_usage:
                head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": MODEL, "choices": []}
                yield data(head | {"usage": _usage(box, item)})
    yield data("[DONE]")


def _is_cjk(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text[:8])


def _usage(box: Appliance, answer: Answer) -> dict[str, int]:
    """What the record of the turn says that the model read and emitted."""
    read = emitted = 0
    for entry in box.ledger.find(turn=answer.turn):
        facts: Any = entry.header.facts
        if entry.header.kind == "turn_closed":
            read, emitted = int(facts["prompt"]["tokens"]), int(facts["model"]["tokens"])
    return {"prompt_tokens": read, "completion_tokens": emitted, "total_tokens": read + emitted}


# -- what the box does not do ---------------------------------------------------------------------------------------------


class Unsupported(Exception):
    """The protocol has it, the box does not; told in the protocol's own form."""

    def __init__(self, message: str, param: str, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


def _check_supported(body: ChatRequest) -> None:
    """Raises Unsupported for whatever would change the form of the answer; a program must not take one for the other."""
    more: dict[str, Any] = body.model_extra or {}
    if body.model != MODEL:
        raise Unsupported(f"the model must be {MODEL!r}", "model", 404)
    if body.messages[-1].role != "user" or not body.messages[-1].text.strip():
        raise Unsupported("the last message must be the user's, with text", "messages")
    if any(isinstance(message.content, list) and any(part.type != "text" for part in message.content) for message in body.messages):
        raise Unsupported("only text can be read", "messages")
    for name in ("tools", "functions", "logprobs", "audio", "modalities"):
        if more.get(name) and more[name] != ["text"]:
            raise Unsupported(f"{name} is not supported", name)
    if more.get("n") not in (None, 1):
        raise Unsupported("there is one answer", "n")
    form = more.get("response_format")
    if form and (not isinstance(form, dict) or form.get("type") != "text"):
        raise Unsupported("answers are text", "response_format")


def unsupported(_: Request, error: Exception) -> JSONResponse:
    """The response to Unsupported."""
    assert isinstance(error, Unsupported)
    return _failure(str(error), error.status, "invalid_request_error", error.param)


def _failure(message: str, status: int, kind: str, param: str | None = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": None}}, status_code=status)
