"""The shell around Gradio: only what the chat needs gets in, and its page comes out without inline code of others.

Gradio serves some eighty routes: uploads, files, a proxy, API descriptions, monitoring, editors. The chat needs the few
below; every other one is answered 404, also those that a later version adds.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import PlainTextResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PAGE = re.compile(r"/")
_OPEN = {
    "GET": re.compile(
        r"/|/theme\.css|/favicon\.ico|/assets/[\w.-]+|/static/(?:js|fonts|img)/[\w./-]+"
        r"|/gradio_api/(?:queue/data|startup-events|theme\.css|heartbeat/\w{1,64})"
    ),
    "HEAD": _PAGE,
    "POST": re.compile(r"/gradio_api/(?:queue/join|cancel|reset)"),
}
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
# Cards for social networks and the manifest of an installable app: they name other hosts and serve nobody here.
_ELSEWHERE = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>|\s*<link rel="manifest"[^>]*>', re.IGNORECASE)


class GradioShell:
    """Pure ASGI around the Gradio application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        path = str(scope["path"])
        allowed = _OPEN.get(scope["method"])
        if allowed is None or not allowed.fullmatch(path) or ".." in path:
            await PlainTextResponse("not found", status_code=404)(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio's page, whole, so that its policy can name the hash of each of its inline scripts."""
        start: MutableMapping[str, Any] = {}
        body = b""

        async def hold(message: MutableMapping[str, Any]) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = _ELSEWHERE.sub("", body.decode())
            sent = page.encode()
            changed = {b"content-length", b"content-security-policy"}
            headers = [(name, value) for name, value in start["headers"] if name.lower() not in changed]
            headers += [(b"content-length", str(len(sent)).encode()), (b"content-security-policy", policy_of(page).encode())]
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": sent})

        await self.app(scope, receive, hold)


def policy_of(page: str) -> str:
    """The content security policy (CSP level 3) of a page: its own inline scripts by hash and files of this box, no more.

    Styles may be inline because Svelte sets them on elements; scripts may neither be added nor compiled from text.
    """
    hashes = sorted({_hash(script) for script in _INLINE.findall(page)})
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'none'"
    )


def _hash(script: str) -> str:
    # Browsers hash the text after their parser has turned every line break into a line feed.
    text = script.replace("\r\n", "\n").replace("\r", "\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
