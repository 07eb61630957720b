"""A small sign-in service (OpenID Connect) for tests: discovery, authorization with PKCE, tokens signed with RS256; it signs in whoever
it is told to, and lies in whatever way it is told to."""

from __future__ import annotations

import hmac
import html
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Annotated, Any

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "tellerbox-branch-1", "a secret of the client"


@dataclass
class SignInService:
    """`person` are claims of who is signed in there; `lies` replace claims of the token; `denied` breaks off every sign-in;
    `shows_page`: it asks its person first, so that the way back begins at its own page; `token_answer` is
    answered in place of a token."""

    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001", "name": "Marta Ruiz", "groups": ["staff", "bank-officers"]})
    lies: dict[str, Any] = field(default_factory=dict)
    metadata_lies: dict[str, Any] = field(default_factory=dict)
    denied: bool = False
    shows_page: bool = False
    token_answer: Response | None = None
    foreign_key: bool = False
    codes_serve_again: bool = False
    algorithm: str = "RS256"
    asked: list[dict[str, str]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        """The service as an application."""
        app = FastAPI()
        app.get("/.well-known/openid-configuration")(self._describe)
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        app.get("/keys")(self._keys)
        return app

    def _describe(self) -> dict[str, Any]:
        self.fetched.append("metadata")
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"], "authorization_response_iss_parameter_supported": True,
        } | self.metadata_lies  # fmt: skip

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        back = asked["redirect_uri"]
        if self.denied:
            return RedirectResponse(f"{back}?error=access_denied&state={asked['state']}", 303)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        address = f"{back}?code={code}&state={asked['state']}&iss={self.issuer}"
        if self.shows_page:
            return HTMLResponse(f'<!doctype html><title>Bank</title><link rel="icon" href="data:,"><a href="{html.escape(address)}">It is me</a>')
        return RedirectResponse(address, 303)

    def _token(
        self, request: Request, code: Annotated[str, Form()], code_verifier: Annotated[str, Form()], redirect_uri: Annotated[str, Form()]
    ) -> Response:
        if self.token_answer is not None:
            return self.token_answer
        asked = self.codes.get(code) if self.codes_serve_again else self.codes.pop(code, None)
        given = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        right = given.partition(":")[2] == SECRET and asked is not None and asked["redirect_uri"] == redirect_uri
        if not right or asked is None or create_s256_code_challenge(code_verifier) != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": self._id_token(asked)})

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]} | self.person | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "1"}
        if self.algorithm != "RS256":
            return self._unsound(header, claims)
        key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}) if self.foreign_key else self.key
        return jwt.encode(header, claims, key)

    def _unsound(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Unsigned, or with the public key as a shared secret: made by hand, since no library makes it."""
        parts = b".".join(urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims))
        secret = self.key.as_pem(private=False)
        made = hmac.digest(secret, parts, "sha256") if self.algorithm == "HS256" else b""
        return (parts + b"." + urlsafe_b64encode(made).rstrip(b"=")).decode()

    def _keys(self) -> dict[str, Any]:
        self.fetched.append("keys")
        return dict(KeySet([self.key]).as_dict(private=False))
