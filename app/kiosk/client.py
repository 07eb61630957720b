"""The API over HTTP, on Qt's own event loop: requests, streams, and the sign-in they are sent with.

Everything runs in the thread of the screen; nothing blocks it. A request is sent once: what fails is told and never
sent again by itself, so that no question or reply is asked twice or later than somebody pressed the key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QUrl, Signal
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkCookie, QNetworkReply, QNetworkRequest

from app.kiosk.event_stream import EventReader
from app.kiosk.values import Teller, teller_of

REQUEST_MS = 15_000
"""A request without a byte for this long has failed."""
STREAM_MS = 120_000
"""A turn may take as long as the box is set to; its stream may be silent for this long."""
COOKIES = ("tellerbox", "__Host-tellerbox")
Parse = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: the HTTP status, 0 where the box could not be reached; what it said; seconds to wait after a 429."""

    status: int
    message: str = ""
    retry_after: int = 0

    @property
    def is_away(self) -> bool:
        """Whether the box was not there."""
        return self.status == 0


@dataclass(frozen=True, slots=True)
class _SignIn:
    cookie: bytes
    csrf: bytes


class Call(QObject):
    """One request under way. Exactly one of `done` and `failed` is emitted, neither after `cancel`."""

    done = Signal(object)
    failed = Signal(object)
    message = Signal(str, object)
    """Of a stream: the event's name and its JSON."""

    def __init__(self, reply: QNetworkReply, parse: Parse, reader: EventReader | None, parent: QObject) -> None:
        super().__init__(parent)
        self.reply = reply
        self._parse = parse
        self._reader = reader
        self._over = False
        if reader is not None:
            reply.readyRead.connect(self._read)
        reply.finished.connect(self._finished)

    def cancel(self) -> None:
        """Ends it without a word; of a turn, the box records that it was abandoned."""
        if not self._over:
            self._over = True
            self.reply.abort()

    @property
    def status(self) -> int:
        """The HTTP status, 0 before there is one."""
        return int(self.reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) or 0)

    def _read(self) -> None:
        if self._over or self._reader is None or self.status != 200:
            return
        for each in self._reader.feed(_bytes(self.reply.readAll())):
            try:
                value = json.loads(each.data)
            except ValueError:
                self._end(Problem(self.status, "the stream cannot be read"))
                self.reply.abort()
                return
            self.message.emit(each.name, value)
            if self._over:
                return

    def _finished(self) -> None:
        self._read()
        if not self._over:
            failed = self.reply.error() != QNetworkReply.NetworkError.NoError
            if self.status == 0 or (failed and self.status < 400):
                self._end(Problem(0, self.reply.errorString()))
            elif self.status >= 400:
                self._end(self._refusal())
            else:
                self._succeed()
        self.reply.deleteLater()
        self.deleteLater()

    def _succeed(self) -> None:
        content = b"" if self._reader is not None else _bytes(self.reply.readAll())
        try:
            value = self._parse(json.loads(content)) if content else None
        except (ValueError, KeyError, TypeError, AttributeError):
            self._end(Problem(self.status, "the answer of the box cannot be read"))
            return
        self._over = True
        self.done.emit(value)

    def _refusal(self) -> Problem:
        try:
            message = str(json.loads(_bytes(self.reply.readAll()))["error"])
        except (ValueError, KeyError, TypeError):
            message = ""
        wait = _bytes(self.reply.rawHeader("Retry-After")).decode("ascii", "replace")
        return Problem(self.status, message, int(wait) if wait.isdigit() else 0)

    def _end(self, problem: Problem) -> None:
        self._over = True
        self.failed.emit(problem)


class Client(QObject):
    """The box at one address, and who is signed in there."""

    lost = Signal()
    """A request found the box away."""
    expired = Signal()
    """A request was refused because the sign-in has ended."""
    settled = Signal()
    """No request is under way any more."""

    def __init__(self, url: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.url = url.rstrip("/")
        self.teller: Teller | None = None
        self._network = QNetworkAccessManager(self)
        self._network.setRedirectPolicy(QNetworkRequest.RedirectPolicy.ManualRedirectPolicy)
        self._sign_in: _SignIn | None = None
        self._under_way = 0

    @property
    def is_waiting(self) -> bool:
        """Whether a request is under way."""
        return self._under_way > 0

    def send(self, method: str, path: str, body: Any = None, parse: Parse = lambda raw: raw) -> Call:
        """One request; `parse` makes a value of its JSON."""
        return self._call(self._request(path, REQUEST_MS, body), method, body, parse, None)

    def stream(self, method: str, path: str, body: Any = None, *, last_id: str = "", silent_ms: int = STREAM_MS) -> Call:
        """A request that is answered with server-sent events; `silent_ms` without a byte is a cut."""
        request = self._request(path, silent_ms, body)
        request.setRawHeader(b"Accept", b"text/event-stream")
        if last_id:
            request.setRawHeader(b"Last-Event-ID", last_id.encode())
        return self._call(request, method, body, lambda raw: raw, EventReader(last_id))

    # -- signing in and out ------------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, code: str = "") -> Call:
        """Signs in; `done` gives the Teller. A sign-in that was there before is ended."""
        before = self._sign_in
        body = {"name": name, "password": password, "code": code, "channel": "kiosk"}
        request = self._request("/api/v1/sign-in", REQUEST_MS, body, anonymous=True)
        call = self._call(request, "POST", body, teller_of, None, anonymous=True)
        call.done.connect(lambda teller: self._signed_in(call, teller, before))
        return call

    def _signed_in(self, call: Call, teller: Teller, before: _SignIn | None) -> None:
        kept = call.reply.header(QNetworkRequest.KnownHeaders.SetCookieHeader)
        cookies: list[QNetworkCookie] = kept if isinstance(kept, list) else []
        for cookie in cookies:
            name = _bytes(cookie.name())
            if name.decode("ascii", "replace") in COOKIES:
                pair = name + b"=" + _bytes(cookie.value())
                self.teller, self._sign_in = teller, _SignIn(pair, teller.csrf.encode())
        if before is not None:
            self._end(before)

    def sign_out(self) -> None:
        """Forgets the sign-in at once and tells the box, which ends it by itself where it cannot be told."""
        before, self._sign_in, self.teller = self._sign_in, None, None
        if before is not None:
            self._end(before)

    def _end(self, sign_in: _SignIn) -> None:
        request = self._request("/api/v1/sign-out", REQUEST_MS, None, anonymous=True)
        request.setRawHeader(b"Cookie", sign_in.cookie)
        request.setRawHeader(b"X-CSRF-Token", sign_in.csrf)
        self._call(request, "POST", None, lambda raw: raw, None, anonymous=True)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _request(self, path: str, silent_ms: int, body: Any, *, anonymous: bool = False) -> QNetworkRequest:
        request = QNetworkRequest(QUrl(self.url + path))
        request.setTransferTimeout(silent_ms)
        manual = QNetworkRequest.LoadControl.Manual
        # The cookie is kept here and not in a jar: signing out and locking must leave nothing behind that signs in.
        request.setAttribute(QNetworkRequest.Attribute.CookieLoadControlAttribute, manual)
        request.setAttribute(QNetworkRequest.Attribute.CookieSaveControlAttribute, manual)
        request.setAttribute(QNetworkRequest.Attribute.CacheLoadControlAttribute, QNetworkRequest.CacheLoadControl.AlwaysNetwork)
        if body is not None:
            request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        if self._sign_in is not None and not anonymous:
            request.setRawHeader(b"Cookie", self._sign_in.cookie)
            request.setRawHeader(b"X-CSRF-Token", self._sign_in.csrf)
        return request

    def _call(
        self, request: QNetworkRequest, method: str, body: Any, parse: Parse, reader: EventReader | None, *, anonymous: bool = False
    ) -> Call:
        content = QByteArray() if body is None else QByteArray(json.dumps(body).encode())
        call = Call(self._network.sendCustomRequest(request, method.encode(), content), parse, reader, self)
        signed = self._sign_in
        self._under_way += 1
        call.reply.finished.connect(self._settle)
        call.failed.connect(lambda problem: self._failed(problem, None if anonymous else signed))
        return call

    def _settle(self) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self.settled.emit()

    def _failed(self, problem: Problem, signed: _SignIn | None) -> None:
        if problem.is_away:
            self.lost.emit()
        elif problem.status == 401 and signed is not None and signed is self._sign_in:
            self.expired.emit()


def _bytes(array: QByteArray) -> bytes:
    return bytes(array.data())
