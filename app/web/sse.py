"""Server-sent events (WHATWG HTML §9.2): what a generator yields, as it comes; closed when the reader goes away."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

T = TypeVar("T")
MOST_STREAMS = 200
"""Streams open at once: each is a coroutine and a socket; a box serves a branch."""
KEEP_ALIVE_SECONDS = 15.0
_END = object()


class EventStream(StreamingResponse):
    """A response of server-sent events."""

    media_type = "text/event-stream"
    open_now = 0

    def __init__(self, events: AsyncGenerator[str], status_code: int = 200) -> None:
        if EventStream.open_now >= MOST_STREAMS:
            raise HTTPException(503, "too many streams are open; try again shortly", headers={"Retry-After": "5"})
        self._events = events
        super().__init__(events, status_code, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        EventStream.open_now += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            EventStream.open_now -= 1
            with anyio.CancelScope(shield=True):
                await self._events.aclose()


def event(name: str, data: Any, id: int | None = None) -> str:
    """One event; its data is one line of JSON."""
    number = "" if id is None else f"id: {id}\n"
    return f"event: {name}\n{number}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def data(value: Any) -> str:
    """An event without a name, as the OpenAI protocol has them: one line of JSON, or the text as it is."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n"


async def in_threads(items: Generator[T]) -> AsyncGenerator[T]:
    """What a blocking generator yields, each step in a thread. Closing this closes the generator before it returns, so that
    a turn whose reader left is recorded as abandoned."""
    try:
        while (item := await run_in_threadpool(_next, items)) is not _END:
            yield item  # type: ignore[misc]
    finally:
        with anyio.CancelScope(shield=True), suppress(ValueError):
            await run_in_threadpool(items.close)


def _next(items: Iterator[T]) -> T | object:
    return next(items, _END)
