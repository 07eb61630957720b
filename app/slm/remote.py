"""Remote: an OpenAI-compatible server (llama-server, vLLM, a head-office cluster) that words answers instead of the box.

What it is sent is what the box's own model would be: redacted, with the evidence; what it says is grounded and recorded alike.
A server that is down, busy or wrong is left alone for a while, and the model of the box answers.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import httpx

from app.errors import TellerboxError
from app.slm.backend import Backend
from app.slm.generation import Generation, Limits
from app.slm.prompt import Message

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0
REST_SECONDS = 30.0
"""How long a server that failed is left alone."""
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, IndexError, TypeError)


class Remote:
    """Asks `model` of the server at `address` (with or without `/v1`); `fallback` answers when it does not.

    Raises TellerboxError when the address is none.
    """

    def __init__(self, address: str, model: str, key: str, context: int, fallback: Backend | None = None) -> None:
        try:
            self._url = httpx.URL(address.rstrip("/").removesuffix("/v1") + "/v1/")
        except httpx.InvalidURL:
            raise TellerboxError("setting 'server' is not an address") from None
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise TellerboxError("setting 'server' must begin with http:// or https://")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # No proxy of the environment: questions go to this server or nowhere.
        self._client = httpx.Client(base_url=self._url, headers=headers, trust_env=False, timeout=CONNECT_SECONDS)
        self._model = model
        self._context = context
        self._fallback = fallback
        self._rest_until = 0.0

    @property
    def context_size(self) -> int:
        """The most tokens of a prompt and its answer together."""
        return self._context if self._fallback is None else self._fallback.context_size

    def describe(self) -> str:
        """The model and where it runs."""
        return f"{self._model or 'the first model'} at {self._url.host}"

    def wait_ready(self) -> None:
        """Return when answers can be worded; a server that is down is no reason to wait."""
        if self._fallback is not None:
            self._fallback.wait_ready()

    def generate(self, messages: Sequence[Message], limits: Limits | None = None, person: str = "") -> Generation:
        """Start an answer, there or here. Raises Busy and TellerboxError as the model of the box does, or when there is none."""
        limits = limits or Limits()
        if time.monotonic() >= self._rest_until:
            try:
                return self._ask(messages, limits)
            except _FAILURES as error:
                self._rest(error)
        if self._fallback is None:
            raise TellerboxError(f"the server at {self._url.host} does not answer")
        return self._fallback.generate(messages, limits, person)

    def close(self) -> None:
        """Close the connections. The model of the box is closed by whoever made it."""
        self._client.close()

    def _rest(self, error: Exception) -> None:
        log.warning("the server at %s does not answer (%s); left alone for %.0f s", self._url.host, type(error).__name__, REST_SECONDS)
        self._rest_until = time.monotonic() + REST_SECONDS

    def _ask(self, messages: Sequence[Message], limits: Limits) -> Generation:
        if not self._model:
            self._model = str(self._client.get("models").raise_for_status().json()["data"][0]["id"])
        chat = [{"role": message.role, "content": message.content} for message in messages]
        body = {"model": self._model, "messages": chat, "stream": True, "temperature": 0, "max_tokens": limits.tokens}
        timeout = httpx.Timeout(limits.seconds, connect=CONNECT_SECONDS)
        response = self._client.send(self._client.build_request("POST", "chat/completions", json=body, timeout=timeout), stream=True)
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError:
            response.close()
            raise
        stopped = threading.Event()
        generation = Generation(limits, stopped.set)
        generation.text = "\n".join(f"{message.role}: {message.content}" for message in messages)
        generation.model = self.describe()
        threading.Thread(target=self._relay, args=(response, generation, stopped), name="slm-server", daemon=True).start()
        return generation

    def _relay(self, response: httpx.Response, generation: Generation, stopped: threading.Event) -> None:
        """Pass on what comes until it ends, breaks, is late, or nobody waits for it any more."""
        finish = "failed"
        try:
            for piece, why in _pieces(response):
                if stopped.is_set() or generation.late:
                    finish = "cancelled" if stopped.is_set() else "timeout"
                    break
                if piece:
                    generation.say(piece)
                if why:
                    finish = "length" if why == "length" else "stop"
        except httpx.ReadTimeout:
            finish = "timeout"
        except _FAILURES as error:
            if not stopped.is_set():
                self._rest(error)
        finally:
            with suppress(httpx.HTTPError):
                response.close()
            generation.end(finish)


def _pieces(response: httpx.Response) -> Iterator[tuple[str, str]]:
    """`(text, why it ended or "")` for each event of a stream of chat completions. Raises one of _FAILURES when it is none."""
    for line in response.iter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        chosen: dict[str, Any] = json.loads(data)["choices"][0]
        yield str((chosen.get("delta") or {}).get("content") or ""), str(chosen.get("finish_reason") or "")
