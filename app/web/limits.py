"""How often: at most so many requests a minute of one session, key, browser or address; 429 with Retry-After beyond."""

from __future__ import annotations

import math
import time

from fastapi import HTTPException, Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.settings import Settings
from app.web.auth import Anyone


class Limits:
    """The limits of one server, counted in memory: a restart forgets them, which a box of one process can afford."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._turns = RateLimitItemPerMinute(settings.turns_per_minute, namespace="turns")
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute, namespace="requests")
        self._sign_ins = RateLimitItemPerMinute(settings.sign_ins_per_minute, namespace="sign-ins")

    def turn(self, session: str) -> None:
        """Counts a turn of a session; raises 429 beyond the limit."""
        self._count(self._turns, session)

    def request(self, who: str) -> None:
        """Counts a request of a key, a browser or an address; raises 429 beyond the limit."""
        self._count(self._requests, who)

    def sign_in(self, address: str) -> None:
        """Counts a try to sign in from an address; raises 429 beyond the limit."""
        self._count(self._sign_ins, address)

    def _count(self, item: RateLimitItemPerMinute, who: str) -> None:
        if not self._limiter.hit(item, who):
            left = self._limiter.get_window_stats(item, who).reset_time - time.time()
            raise HTTPException(429, "too many requests; try again shortly", headers={"Retry-After": str(max(1, math.ceil(left)))})


def limits_of(request: Request) -> Limits:
    """The limits of this server."""
    limits: Limits = request.app.state.limits
    return limits


def address_of(request: Request) -> str:
    """Where a request comes from, as far as the server knows."""
    return request.client.host if request.client else "unknown"


def limited(request: Request, principal: Anyone) -> None:
    """A dependency of every route of the API: counts the request."""
    who = f"{principal.via}:{principal.id}" if principal else f"address:{address_of(request)}"
    limits_of(request).request(who)


def limit_turn(request: Request, session: str) -> None:
    """Counts a turn of a session."""
    limits_of(request).turn(session)
