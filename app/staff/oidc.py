"""The bank's sign-in service (OpenID Connect Core 1.0): where a browser is sent, and who it says came back.

Authorization code with PKCE (RFC 7636, S256), state, nonce, and a cookie that ties the way back to the browser that set out. The
service is asked during a sign-in alone, each time for its metadata and keys, so that nothing of it is kept or grows stale here.
This module is imported where a service is set, and nowhere else: it needs the extra `oidc`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from app.errors import TellerboxError
from app.settings import Settings
from app.staff.vouched import Identity, identity

WITHIN_SECONDS = 600.0
"""How long a person may take at the service."""
MOST_BEGUN = 1_000
TIMEOUT_SECONDS = 5.0
LEEWAY_SECONDS = 60
ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures of ID tokens that are believed: with a public key always, so never `none` or HMAC."""


class ProviderUnavailable(TellerboxError):
    """The service cannot be reached, or answers something else than a sign-in service does."""


class ProviderRefused(TellerboxError):
    """What came back proves nothing: a state that was not given or was used, a token that is not for here, now and this browser."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: `url` is where the browser goes, `browser` the secret that it must bring back in a cookie."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True)
class _Pending:
    metadata: Mapping[str, Any]
    redirect: str
    nonce: str
    verifier: str
    browser: bytes
    back: str
    until: float


class Provider:
    """One sign-in service as the settings describe it. Sign-ins on their way are held in memory: a restart forgets them."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """Raises TellerboxError for settings that cannot be; asks the service nothing."""
        self._settings = settings
        self._secret = settings.oidc_secret()
        self._clock = clock
        self._begun: dict[str, _Pending] = {}
        self._lock = threading.Lock()
        if not settings.oidc_client_id or not settings.oidc_roles:
            raise TellerboxError("oidc_issuer needs oidc_client_id and oidc_roles beside it")
        if not _is_safe(settings.oidc_issuer):
            raise TellerboxError("oidc_issuer must be an https address")

    def begin(self, redirect: str, back: str) -> Begun:
        """Sets out: `redirect` is where the service sends the browser back to, `back` the page it wanted. Raises ProviderUnavailable."""
        metadata = self._metadata()
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        more = {"prompt": self._settings.oidc_prompt} if self._settings.oidc_prompt else {}
        with self._client(metadata, redirect) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier, **more
            )
        pending = _Pending(metadata, redirect, nonce, verifier, _digest(browser), back, self._clock() + WITHIN_SECONDS)
        with self._lock:
            self._forget()
            if len(self._begun) >= MOST_BEGUN:
                del self._begun[next(iter(self._begun))]  # the oldest
            self._begun[state] = pending
        return Begun(str(url), browser)

    def finish(self, state: str, browser: str, code: str, issuer: str = "") -> tuple[Identity, str]:
        """Who came back, and the page they wanted. `issuer` is the response's `iss` (RFC 9207), where there is one. A state serves
        once. Raises ProviderRefused or ProviderUnavailable."""
        pending = self._take(state, browser)
        if issuer != pending.metadata["issuer"] and (issuer or pending.metadata.get("authorization_response_iss_parameter_supported")):
            raise ProviderRefused("the answer names another issuer")
        with self._client(pending.metadata, pending.redirect) as client:
            try:
                token = client.fetch_token(
                    pending.metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=pending.verifier
                )
                keys = _json(client, pending.metadata["jwks_uri"])
            except AuthlibBaseError:
                raise ProviderRefused("the sign-in service does not take this code") from None
            except (httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:  # no JSON, or JSON that is no object
                raise ProviderUnavailable(f"the sign-in service does not answer ({type(error).__name__})") from None
        claims = self._claims(token, keys, pending)
        return identity(claims, self._settings.oidc_role_claim, self._settings.oidc_roles), pending.back

    def cancel(self, state: str, browser: str) -> None:
        """Ends a sign-in that the service says was broken off; raises ProviderRefused where there was none."""
        self._take(state, browser)

    def _claims(self, token: Mapping[str, Any], keys: Any, pending: _Pending) -> Mapping[str, Any]:
        """The claims of the ID token (OpenID Connect Core §3.1.3.7): signed by the service, for this client, now, with this nonce."""
        wanted = {
            "iss": {"essential": True, "value": pending.metadata["issuer"]},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
        }
        known = {"nonce": pending.nonce, "client_id": self._settings.oidc_client_id, "access_token": token.get("access_token")}
        try:
            registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
            signed = jwt.decode(token["id_token"], KeySet.import_key_set(keys), registry=registry)
            claims = CodeIDToken(signed.claims, signed.header, wanted, known)
            claims.validate(now=int(self._clock()), leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProviderRefused(f"the ID token is not valid ({type(error).__name__})") from None
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise ProviderRefused("the ID token names nobody")
        return dict(claims)

    def _metadata(self) -> Mapping[str, Any]:
        """The service's description of itself (OpenID Connect Discovery 1.0 §4), once it is that of this issuer."""
        issuer = self._settings.oidc_issuer
        with OAuth2Client(timeout=TIMEOUT_SECONDS) as client:
            try:
                found = _json(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
            except (httpx2.HTTPError, ValueError) as error:
                raise ProviderUnavailable(f"the sign-in service does not answer ({type(error).__name__})") from None
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not isinstance(found, dict) or found.get("issuer") != issuer or not all(_is_safe(found.get(name)) for name in needed):
            raise ProviderUnavailable("the sign-in service describes another one than oidc_issuer")
        if "S256" not in (found.get("code_challenge_methods_supported") or ["S256"]):
            raise ProviderUnavailable("the sign-in service does not take PKCE with S256")
        return found

    def _client(self, metadata: Mapping[str, Any], redirect: str) -> Any:
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "none" if not self._secret else "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return OAuth2Client(
            self._settings.oidc_client_id, self._secret or None, token_endpoint_auth_method=method, redirect_uri=redirect,
            scope=self._settings.oidc_scope, code_challenge_method="S256", timeout=TIMEOUT_SECONDS,
        )  # fmt: skip

    def _take(self, state: str, browser: str) -> _Pending:
        with self._lock:
            self._forget()
            held = self._begun.get(state)
            if held is None or not hmac.compare_digest(held.browser, _digest(browser)):
                raise ProviderRefused("no sign-in of this browser is on its way")
            return self._begun.pop(state)

    def _forget(self) -> None:
        """Under the lock: those that took too long go."""
        now = self._clock()
        for state in [state for state, held in self._begun.items() if held.until <= now]:
            del self._begun[state]


def _json(client: Any, url: str) -> Any:
    answer = client.request("GET", url, withhold_token=True)
    answer.raise_for_status()
    return answer.json()


def _is_safe(address: object) -> bool:
    """Whether an address is https, or on this machine."""
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    near = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or near)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
