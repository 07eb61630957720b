"""The server: FastAPI around the box, with the chat mounted on it, security headers outside, and a start in steps."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from app.activity import RecentActivity
from app.appliance import Appliance
from app.crash import hide_messages
from app.errors import SAFE_ERRORS, TellerboxError
from app.export_jobs import ExportJobs
from app.resident import settle
from app.software import versions
from app.web.auth import signed_in
from app.web.policy_page import policy_page
from app.web.starting import Starting

log = logging.getLogger(__name__)
STATIC = Path(__file__).with_name("static")
MAX_BODY_BYTES = 1_000_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CSP_CONSOLE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_CSP_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
_CSP_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guarded:
    """Security headers on every response, and a limit on every request's body. Pure ASGI, so that streaming streams."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if lengths and (not lengths[0].isdigit() or int(lengths[0]) > MAX_BODY_BYTES):
            await JSONResponse({"error": "the request is too large"}, status_code=413)(scope, receive, send)
            return
        path = str(scope["path"])
        policy = _content_policy(path)
        keep = path.startswith(("/assets/", "/static/", "/pages/", "/theme.css"))

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = [(b"content-security-policy", policy.encode()), *_HEADERS]
                stated = {name.lower() for name, _ in message.get("headers", [])} & {b"content-security-policy"}
                names = {name for name, _ in ours} - stated - ({b"cache-control"} if keep else set())
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
                message["headers"] = kept + [pair for pair in ours if pair[0] in names]
            await send(message)

        await self.app(scope, self._limited(receive), guarded)

    @staticmethod
    def _limited(receive: Receive) -> Receive:
        taken = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b"") or b"")
            if taken > MAX_BODY_BYTES:
                raise HTTPException(413, "the request is too large")
            return message

        return limited


def _content_policy(path: str) -> str:
    """What a page may load that does not say so itself, as the chat's does (app/web/gradio_shell.py): the console and policies
    their style alone, everything else nothing."""
    if path.startswith("/policies/"):
        return _CSP_POLICY
    return _CSP_CONSOLE if path == "/console" or path.startswith("/console/") else _CSP_NOTHING


def create_app(box: Appliance) -> FastAPI:
    """The whole web application of a box."""
    return add_chat(create_api(box), box)


def add_chat(app: FastAPI, box: Appliance) -> FastAPI:
    """The application with the chat at its root."""
    # Gradio asks the network for fonts, versions and analytics unless told not to before it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["GRADIO_SSR_MODE"] = "False"
    from app.web.chat import mount_chat

    return mount_chat(app, box)


def create_api(box: Appliance) -> FastAPI:
    """The application without the chat: API, console and policies, and what the chat's page asks for beside Gradio."""
    from app.web import chat_session
    from app.web.api import router
    from app.web.console import router as console
    from app.web.console.single_sign_on import open_provider
    from app.web.failures import tell_failures
    from app.web.limits import Limits

    app = FastAPI(
        title="Tellerbox", version=versions()["tellerbox"], summary="Answers from the bank's own policies, with evidence and a record.",
        openapi_url="/api/openapi.json", docs_url=None, redoc_url=None, lifespan=_sweeping(box),
    )  # fmt: skip
    app.state.box = box
    app.state.limits = Limits(box.settings)
    app.state.exports = ExportJobs(box.settings.home / "exports", box.ledger, bank=box.settings.bank, policies=box.policy_text)
    app.state.activity = RecentActivity(box.ledger)
    app.state.oidc = open_provider(box)
    tell_failures(app)
    app.include_router(router)
    app.include_router(console)
    app.include_router(chat_session.router)
    app.mount("/pages", StaticFiles(directory=STATIC), name="static")

    @app.get("/policies/{language}/{policy_id:path}", response_class=HTMLResponse, include_in_schema=False)
    def read_policy(
        request: Request, language: str, policy_id: str, version: str = "", start: int = 0, end: int = 0, look: str = ""
    ) -> HTMLResponse:
        from app.language import SERVED

        shown_in = request.query_params.get("in", language)
        try:
            policy = box.policy(policy_id, language, version or None)
        except SAFE_ERRORS:
            raise HTTPException(404, "no such policy") from None
        reader = signed_in(request) if policy.audience == "teller" else None
        if policy.audience == "teller" and (reader is None or "policies" not in reader.scopes):
            raise HTTPException(404, "no such policy")
        return HTMLResponse(policy_page(policy, start, end, shown_in if shown_in in SERVED else "en", look.split()))

    app.add_middleware(Guarded)
    return app


def _sweeping(box: Appliance) -> Callable[[FastAPI], Any]:
    """Wipe idle sessions every few seconds while the server runs: nobody has to come back for it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        done = threading.Event()

        def sweep() -> None:
            while not done.wait(5):
                try:
                    box.sweep()
                    app.state.exports.sweep()
                except SAFE_ERRORS as error:
                    log.error("the sweep failed: %s", error)

        thread = threading.Thread(target=sweep, name="idle-sweep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()

    return lifespan


def complete(app: FastAPI, box: Appliance) -> FastAPI:
    """What `create_api` made with the chat as well, and everything loaded."""
    box.warm()  # who asks the API before waits for its parts; only then is Gradio read, so that it takes no time from them
    whole = add_chat(app, box)
    settle()
    return whole


def serve(box: Appliance, host: str, port: int) -> None:
    """Listen until stopped. Raises TellerboxError when the address is taken."""
    import socket

    import uvicorn

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise TellerboxError(f"cannot listen on {host}:{port} ({error.strerror})") from None
    hide_messages()
    reasons: list[BaseException] = []

    def failed(error: BaseException) -> None:
        reasons.append(error)
        server.should_exit = True

    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    made = Starting(
        lambda: create_api(box),
        lambda app: complete(app, box),
        failed,
        lambda: print(f"Tellerbox answers at http://{shown}:{port}", flush=True),
    )
    server = uvicorn.Server(
        uvicorn.Config(made, host=host, port=port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5)
    )
    server.run()
    if reasons:
        raise reasons[0]
