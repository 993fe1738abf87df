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
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from batch_platform_tests.web.site import HandClock

CLIENT, CLIENT_SECRET = "the-client", "the-client's secret"


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


RSA, OTHER_RSA = rsa("k1"), rsa("k2")
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


@dataclass
class Provider:
    """What the provider knows and how it behaves; `mend` changes ID tokens' claims before they are signed."""

    clock: HandClock
    issuer: str = ""
    calls_itself: str | None = None
    keys: list[Key] = field(default_factory=lambda: [RSA, EC])
    signer: Key = field(default_factory=lambda: RSA)
    algorithm: str = "RS256"
    roles: Any = field(default_factory=lambda: ["operator"])
    mend: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    encode: Callable[[dict[str, Any]], str] | None = None
    away: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        standing = {"iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 600, "name": "Ann"}
        return self.mend({**standing, "cognito:groups": self.roles, **more})

    def sign(self, claims: dict[str, Any]) -> str:
        if self.encode is not None:
            return self.encode(claims)
        header = {"alg": self.algorithm, "kid": self.signer.kid}
        return jwt.encode(header, claims, self.signer, algorithms=[self.algorithm])

    def token(self, **more: Any) -> str:
        """As its clients send it to our API."""
        return self.sign(self.claims(**more))

    # endpoints

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.calls_itself or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
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
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or authorization != basic or form.get("redirect_uri") != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if challenge.decode().rstrip("=") != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.sign(self.claims(nonce=query["nonce"])), "token_type": "Bearer"}


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
                self.answer(200, {"keys": [key.as_dict(private=False) for key in provider.keys]})
            else:
                self.answer(302, {}, Location=provider.authorize(query))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
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
