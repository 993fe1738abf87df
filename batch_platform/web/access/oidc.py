"""Logins and tokens of an OIDC provider: authorization code with PKCE, keys fetched and kept, every claim checked."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from batch_platform.core.clock import Clock
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.context import OidcSettings

ALGORITHMS: Final = ("RS256", "ES256")
_CLOCKS_APART: Final = 60
_KEPT: Final = timedelta(hours=1)
_ASK_AGAIN: Final = timedelta(seconds=30)
_SECONDS: Final = 10.0
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Flow:
    """One login on its way: everything follows from its state and our key, so that only the state travels."""

    state: str
    key: bytes = field(repr=False)

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _base64(hashlib.blake2b(f"{purpose} {self.state}".encode(), key=self.key, digest_size=32).digest())


class Provider:
    """The provider of one issuer. Safe to share between threads."""

    def __init__(self, settings: OidcSettings, *, clock: Clock, client: httpx.Client | None = None) -> None:
        _check_url(settings.issuer, settings.issuer)
        self._settings = settings
        self._clock = clock
        self._client = client or httpx.Client(timeout=_SECONDS, follow_redirects=False)
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._metadata_at: datetime | None = None
        self._keys: dict[str | None, Key] = {}
        self._keys_at: datetime | None = None

    def close(self) -> None:
        self._client.close()

    def authorization_url(self, flow: Flow, *, redirect_uri: str) -> str:
        """Where to send the browser. Raises `TransientFailure` when the provider does not answer."""
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._discovered()["authorization_endpoint"]
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def redeem(self, code: str, flow: Flow, *, redirect_uri: str) -> Principal:
        """Who signed in, for the code of a callback. Raises `TokenRefused` when code or ID token is not in order."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._settings.client_id,
            "code_verifier": flow.verifier,
        }
        secret = self._settings.client_secret
        auth = httpx.BasicAuth(self._settings.client_id, secret) if secret else None
        answer = self._ask("POST", self._discovered()["token_endpoint"], data=form, auth=auth)
        if answer.status_code != 200:
            raise TokenRefused(f"the provider refuses the code with {answer.status_code}")
        token = _json(answer).get("id_token")
        if not isinstance(token, str):
            raise TokenRefused("the provider sent no ID token")
        claims = self._claims(token, audience=self._settings.client_id)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self._settings.client_id if len(audiences) == 1 else None) != self._settings.client_id:
            raise TokenRefused("the ID token was made for another party")
        if claims.get("nonce") != flow.nonce:
            raise TokenRefused("the ID token's nonce is not that of this login")
        return self._principal(claims, via_session=True)

    def read(self, token: str) -> Principal:
        """Whose bearer token it is. Raises `TokenRefused`, and `TransientFailure` when keys cannot be had."""
        return self._principal(self._claims(token, audience=self._settings.audience), via_session=False)

    def check_issuer(self, issuer: str | None) -> None:
        """RFC 9207: a callback that names another issuer is an answer to somebody else's question."""
        if issuer is not None and issuer != self._settings.issuer:
            raise TokenRefused("the callback comes from another issuer")

    def _claims(self, token: str, *, audience: str) -> dict[str, Any]:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            claims = jwt.decode(token, lambda jws: self._key(jws.headers()), list(ALGORITHMS), registry).claims
            if "aud" not in claims and claims.get("token_use") == "access":
                claims["aud"] = claims.get("client_id")  # Cognito's access tokens name the client only here
            JWTClaimsRegistry(
                now=int(self._clock().timestamp()),
                leeway=_CLOCKS_APART,
                iss={"essential": True, "value": self._settings.issuer},
                aud={"essential": True, "value": audience},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefused(str(error)) from None
        return claims

    def _principal(self, claims: Mapping[str, Any], *, via_session: bool) -> Principal:
        names = claims.get(self._settings.roles_claim, [])
        if isinstance(names, str):
            names = names.split()
        known = {str(name).lower() for name in names} if isinstance(names, list) else set()
        roles = frozenset(role for role in Role if role.value in known)
        shown = next(
            (claims[key] for key in ("name", "email", "preferred_username") if claims.get(key)), claims["sub"]
        )
        return Principal(f"oidc:{claims['sub']}", str(shown)[:200], roles, "session" if via_session else "token")

    def _key(self, header: Mapping[str, Any]) -> Key:
        """The key a token names. Unknown ones are asked for at the provider, but not at anybody's pleasure."""
        kid = header.get("kid")
        with self._lock:
            now = self._clock()
            age = None if self._keys_at is None else now - self._keys_at
            if age is None or age > _KEPT or (kid not in self._keys and age > _ASK_AGAIN):
                self._keys_at = now
                self._refresh_keys()
            key = self._keys.get(kid)
            if key is None and kid is None and len(self._keys) == 1:
                [key] = self._keys.values()
        if not self._keys:
            raise TransientFailure(
                "login-keys-unavailable",
                "the keys of {issuer} cannot be had at the moment",
                issuer=self._settings.issuer,
            )
        if key is None:
            raise TokenRefused("the token is signed by a key that the provider does not publish")
        return key

    def _refresh_keys(self) -> None:
        """What was known stays in use while the provider does not answer."""
        try:
            self._keys = self._fetched_keys()
        except TransientFailure:
            if not self._keys:
                raise

    def _fetched_keys(self) -> dict[str | None, Key]:
        answer = self._ask("GET", self._discovered(locked=True)["jwks_uri"])
        entries = _json(answer).get("keys")
        usable = [entry for entry in entries if _is_public(entry)] if isinstance(entries, list) else []
        keys = KeySet.import_key_set({"keys": usable}).keys if usable else []
        return {key.kid: key for key in keys}

    def _discovered(self, *, locked: bool = False) -> Mapping[str, Any]:
        """The provider's metadata; what was known stays in use while it does not answer."""
        if not locked:
            with self._lock:
                return self._discovered(locked=True)
        now = self._clock()
        if self._metadata_at is not None and now - self._metadata_at < _KEPT:
            return self._metadata
        issuer = self._settings.issuer
        try:
            metadata = _json(self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        except TransientFailure:
            if self._metadata:
                return self._metadata
            raise
        if metadata.get("issuer") != issuer:
            raise PermanentFailure(
                "other-issuer",
                "OIDC_ISSUER is {issuer}, but the provider calls itself {provider}",
                issuer=issuer,
                provider=str(metadata.get("issuer")),
            )
        for name in _NEEDED:
            _check_url(metadata.get(name), issuer)
        self._metadata, self._metadata_at = metadata, now
        return metadata

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, url, headers={"Accept": "application/json"}, **more)
        except httpx.HTTPError as error:
            _log.warning("the OIDC provider does not answer", url=url, reason=str(error))
            raise TransientFailure(
                "login-provider-silent", "the login provider {issuer} does not answer", issuer=self._settings.issuer
            ) from None
        if answer.status_code >= 500 or (method == "GET" and answer.status_code != 200):
            raise TransientFailure(
                "login-provider-failing",
                "the login provider {issuer} answers {status}",
                issuer=self._settings.issuer,
                status=answer.status_code,
            )
        return answer


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise TransientFailure(
            "answer-no-json", "{host} did not answer with a JSON object", host=answer.request.url.host
        )
    return content


def _is_public(entry: Any) -> bool:
    """Signature keys of the kinds we accept; a provider may publish others, and a secret must never be one."""
    return isinstance(entry, dict) and entry.get("kty") in ("RSA", "EC") and entry.get("use", "sig") == "sig"


def _check_url(url: Any, issuer: str) -> None:
    """TLS, except towards a provider on this machine."""
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        return
    raise PermanentFailure(
        "login-provider-without-tls",
        "the login provider {issuer} names an address without TLS: {url}",
        issuer=issuer,
        url=url,
    )


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
