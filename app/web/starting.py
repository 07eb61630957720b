"""Starting: the server answers from its first moment; the API joins when it is made, the chat when Gradio has been read.

Reading Gradio takes longer than all the rest together, and neither the API, the console nor a probe of the process needs it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_SECONDS = 2
EARLY = ("/api/", "/v1/", "/metrics", "/policies/", "/console", "/pages/")
"""What the API application serves without the chat."""
_HEADERS = [
    (b"cache-control", b"no-store"), (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"), (b"retry-after", str(RETRY_SECONDS).encode()),
]  # fmt: skip
_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>Tellerbox</title>'
    f'<meta http-equiv="refresh" content="{RETRY_SECONDS}"><p>…</p>'
).encode()
"""A page without words, which asks again by itself: whose language it is nobody knows yet."""


class Starting:
    """An ASGI application that is whole from the start for who asks whether it lives, and for the others becomes so.

    `api` makes the application, `whole` makes it whole (it may add to the one it is given); both run in a thread, one after the
    other. `failed` is told what either raised, and the server should then end; `ready` is told when all is there.
    """

    def __init__(
        self,
        api: Callable[[], FastAPI],
        whole: Callable[[FastAPI], FastAPI],
        failed: Callable[[BaseException], None],
        ready: Callable[[], None],
    ) -> None:
        self._make_api, self._make_whole, self._failed, self._ready = api, whole, failed, ready
        self._app: FastAPI | None = None
        self._whole = False
        self._stack = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = str(scope.get("path", ""))
        if self._app is not None and (self._whole or path.startswith(EARLY)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._wait(path, scope, send)

    async def _wait(self, path: str, scope: Scope, send: Send) -> None:
        if path == "/healthz":
            await _respond(send, 200, b"text/plain; charset=utf-8", b"ok")
        elif path == "/readyz" or not _reads_pages(scope):
            body = {"ready": False, "why": "the box is starting"} if path == "/readyz" else {"error": "the box is starting"}
            await _respond(send, 503, b"application/json", json.dumps(body).encode())
        else:
            await _respond(send, 503, b"text/html; charset=utf-8", _PAGE)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        making = asyncio.create_task(self._make())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _make(self) -> None:
        try:
            app = self._app = await asyncio.to_thread(self._make_api)
            whole = await asyncio.to_thread(self._make_whole, app)
            await self._stack.enter_async_context(whole.router.lifespan_context(whole))
            self._app, self._whole = whole, True
            self._ready()
        except Exception as error:  # whatever it was, the server must not go on half made
            self._failed(error)


def _reads_pages(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope.get("headers", []))


async def _respond(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
