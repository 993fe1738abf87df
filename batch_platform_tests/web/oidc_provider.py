"""A small OIDC provider over HTTP: real keys, real codes, PKCE verified; told by tests to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from batch_platform_tests.web.site import HandClock

CLIENT, CLIENT_SECRET = "the-client", "the-client's secret"
ACCESS_TOKEN = "an access token for UserInfo"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


RSA, OTHER_RSA = rsa("k1"), rsa("k2")
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


@dataclass
class Provider:
    """What the provider knows and how it behaves; `mend` changes tokens' claims before they are signed.

    It `offers` optional endpoints by their names in the metadata; a refresh token is good once.
    """

    clock: HandClock
    issuer: str = ""
    calls_itself: str | None = None
    keys: list[Key] = field(default_factory=lambda: [RSA, EC])
    signer: Key = field(default_factory=lambda: RSA)
    algorithm: str = "RS256"
    roles: Any = field(default_factory=lambda: ["operator"])
    strange_keys: list[dict[str, Any]] = field(default_factory=list)
    offers: set[str] = field(default_factory=set)
    userinfo: dict[str, Any] = field(default_factory=dict)
    sid: str | None = None
    gives_refresh_tokens: bool = False
    refresh_tokens: set[str] = field(default_factory=set)
    mend: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    encode: Callable[[dict[str, Any]], str] | None = None
    away: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        standing = {"iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 600, "name": "Ann"}
        groups = {} if self.roles is ... else {"cognito:groups": self.roles}
        return self.mend({**standing, **groups, **more})

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        if self.encode is not None:
            return self.encode(claims)
        header = {"alg": self.algorithm, "kid": self.signer.kid, **header}
        return jwt.encode(header, claims, self.signer, algorithms=[self.algorithm])

    def token(self, kind: str = "at+jwt", **more: Any) -> str:
        """As its clients send it to our API."""
        return self.sign(self.claims(**more), typ=kind)

    def logout_token(self, kind: str = "logout+jwt", **more: Any) -> str:
        """As it sends it to us when somebody has signed out there; `...` leaves a claim out."""
        now = int(self.clock().timestamp())
        standing = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_hex(8)}
        claims = {**standing, "events": {LOGOUT: {}}, **more}
        return self.sign({name: value for name, value in claims.items() if value is not ...}, typ=kind)

    # endpoints

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.calls_itself or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            **{name: f"{self.issuer}/{name.removesuffix('_endpoint')}" for name in self.offers},
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes after it has signed in here."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        given = ":".join(map(quote_plus, (CLIENT, CLIENT_SECRET)))
        if authorization != "Basic " + base64.b64encode(given.encode()).decode():
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return 400, {"error": "invalid_grant"}
            self.refresh_tokens.remove(form["refresh_token"])
            return 200, self.tokens()
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or form.get("redirect_uri") != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if challenge.decode().rstrip("=") != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, self.tokens(nonce=query["nonce"])

    def tokens(self, **more: Any) -> dict[str, Any]:
        session = {} if self.sid is None else {"sid": self.sid}
        given = {"id_token": self.sign(self.claims(**session, **more)), "access_token": ACCESS_TOKEN}
        if self.gives_refresh_tokens:
            given["refresh_token"] = secrets.token_urlsafe(16)
            self.refresh_tokens.add(given["refresh_token"])
        return {**given, "token_type": "Bearer"}


@contextmanager
def providing(clock: HandClock) -> Iterator[Provider]:
    provider = Provider(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            provider.asked.append(parts.path)
            if provider.away:
                self.answer(503, {})
            elif parts.path == "/.well-known/openid-configuration":
                self.answer(200, provider.metadata())
            elif parts.path == "/jwks":
                keys = [key.as_dict(private=False) for key in provider.keys]
                self.answer(200, {"keys": [*provider.strange_keys, *keys]})
            elif parts.path == "/userinfo":
                known = self.headers.get("Authorization") == f"Bearer {ACCESS_TOKEN}"
                self.answer(200 if known else 401, provider.userinfo if known else {})
            else:
                self.answer(302, {}, Location=provider.authorize(query))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if provider.away:
                self.answer(503, {})
                return
            self.answer(*provider.redeem(form, self.headers.get("Authorization", "")))

        def answer(self, status: int, content: dict[str, Any], **headers: str) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
