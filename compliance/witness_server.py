"""A witness over HTTP: POST …/add-checkpoint, and nothing else (C2SP tlog-witness).

Bounded in everything a stranger could make it hold: the size of a request, the seconds a connection may be silent, the
connections at once. TLS is the task of whatever stands before it.
"""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from compliance.errors import ComplianceError
from compliance.witness import MAX_REQUEST, Reply, Witness

SILENT_SECONDS = 10.0
MAX_CONNECTIONS = 32


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness; `serve_forever` blocks, `shutdown` ends it."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Takes a connection, or closes it at once where too many are open."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """One connection, on a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tellerbox-witness", ""
    timeout = SILENT_SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self.path.endswith("/add-checkpoint"):
            self._refuse(404, "there is nothing here\n")
        elif not length.isascii() or not length.isdigit():
            self._refuse(411, "a request needs a Content-Length\n")
        elif int(length) > MAX_REQUEST:
            self._refuse(413, "the request is too large\n")
        else:
            self._answer(self._reply(self.rfile.read(int(length))))

    def do_GET(self) -> None:
        self._refuse(404, "there is nothing here\n")

    def _reply(self, body: bytes) -> Reply:
        try:
            return self.server.witness.add_checkpoint(body)
        except ComplianceError:
            return Reply(503, "the witness cannot keep its state\n")

    def _refuse(self, status: int, words: str) -> None:
        self.close_connection = True  # what the request still sends is not read
        self._answer(Reply(status, words))

    def _answer(self, reply: Reply) -> None:
        data = reply.text.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: the state says what was cosigned."""
