"""Logins and tokens of an OIDC provider: authorization code with PKCE, refresh, logout, every claim checked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from batch_platform.core.clock import Clock
from batch_platform.web.access.model import Principal
from batch_platform.web.access.oidc import claims as reading
from batch_platform.web.access.oidc.connection import Connection
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.context import OidcSettings

ALGORITHMS: Final = ("RS256", "ES256")
LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
_CLOCKS_APART: Final = 60


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


@dataclass(frozen=True)
class SignIn:
    """Who signed in at the provider, and what is kept of it: its name of the session, and tokens that are needed.

    `id_token` is the hint of a logout, None where the provider has none; without `refresh_token` roles cannot be
    read again.
    """

    principal: Principal
    sid: str | None
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)


@dataclass(frozen=True)
class LogoutToken:
    """Whose sessions end: all of a subject, or those of one session there; `jti` counts once until `expires_at`."""

    subject: str | None
    sid: str | None
    jti: str
    expires_at: datetime


class Provider:
    """The provider of one issuer. Safe to share between threads."""

    def __init__(self, settings: OidcSettings, *, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._connection = Connection(settings, clock=clock)

    def close(self) -> None:
        self._connection.close()

    def authorization_url(self, flow: Flow, *, redirect_uri: str) -> str:
        """Where to send the browser. Raises `TransientFailure` when the provider does not answer."""
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        if self.settings.prompt:
            query["prompt"] = self.settings.prompt
        return _with_query(self._connection.metadata()["authorization_endpoint"], query)

    def redeem(self, code: str, flow: Flow, *, redirect_uri: str) -> SignIn:
        """Who signed in, for the code of a callback. Raises `TokenRefused` when code or ID token is not in order."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        tokens = self._connection.grant(form)
        claims = self._id_token(tokens)
        if claims.get("nonce") != flow.nonce:
            raise TokenRefused("the ID token's nonce is not that of this login")
        return self._signed_in(claims, tokens)

    def refresh(self, before: SignIn) -> SignIn:
        """The same person as the provider has it now. Raises `TokenRefused` when it knows that one no more."""
        if before.refresh_token is None:
            raise TokenRefused("the provider gave nothing to read the roles again by")
        subject = before.principal.subject.partition(":")[2]
        tokens = self._connection.grant({"grant_type": "refresh_token", "refresh_token": before.refresh_token})
        claims = self._id_token(tokens) if "id_token" in tokens else {"sub": subject}
        if claims["sub"] != subject:
            raise TokenRefused("the refreshed ID token is another's")
        kept = {"refresh_token": before.refresh_token, "id_token": before.id_token, "sid": before.sid}
        return self._signed_in({"sid": before.sid, **claims}, {**kept, **tokens})

    def logout_url(self, id_token: str | None, *, back_to: str) -> str | None:
        """Where the browser ends its session there, to be sent back; None where the provider has no such place."""
        endpoint = self._connection.metadata().get("end_session_endpoint")
        if endpoint is None:
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back_to}
        query["logout_uri"] = back_to  # Amazon Cognito's name of the same
        if id_token is not None:
            query["id_token_hint"] = id_token
        return _with_query(endpoint, query)

    def read(self, token: str) -> Principal:
        """Whose bearer token it is. Raises `TokenRefused`, and `TransientFailure` when keys cannot be had."""
        header, claims = self._decoded(token)
        if "aud" not in claims and claims.get("token_use") == "access":
            claims["aud"] = claims.get("client_id")  # Cognito's access tokens name the client only here
        self._check(claims, audience=self.settings.audience, sub={"essential": True})
        reading.check_access_token(header, claims, client_id=self.settings.client_id)
        return self._principal(claims, via_session=False)

    def read_logout(self, token: str) -> LogoutToken:
        """What a back-channel logout ends (OpenID Connect Back-Channel Logout 2.6). Raises as `read`."""
        header, claims = self._decoded(token)
        self._check(claims, audience=self.settings.client_id, jti={"essential": True}, events={"essential": True})
        kind = header.get("typ")
        if isinstance(kind, str) and kind.lower() not in ("jwt", "logout+jwt", "application/logout+jwt"):
            raise TokenRefused("the token's type is not that of a logout token")
        events, subject, sid, jti = (claims.get(name) for name in ("events", "sub", "sid", "jti"))
        if not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict):
            raise TokenRefused("the token tells of no logout")
        if "nonce" in claims:
            raise TokenRefused("a logout token has no nonce")
        if not all(isinstance(value, str) for value in (jti, subject or "", sid or "")) or not (subject or sid):
            raise TokenRefused("the logout token names nobody")
        until = datetime.fromtimestamp(claims["exp"] + _CLOCKS_APART, UTC)
        return LogoutToken(f"oidc:{subject}" if subject else None, sid or None, str(jti), until)

    def check_issuer(self, issuer: str | None) -> None:
        """RFC 9207: a callback that names another issuer is an answer to somebody else's question."""
        promised = self._connection.metadata().get("authorization_response_iss_parameter_supported") is True
        if issuer != self.settings.issuer and (promised or issuer is not None):
            raise TokenRefused("the callback comes from another issuer")

    def _id_token(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise TokenRefused("the provider sent no ID token")
        client_id = self.settings.client_id
        _, claims = self._decoded(token)
        self._check(claims, audience=client_id, sub={"essential": True})
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
            raise TokenRefused("the ID token was made for another party")
        return claims

    def _signed_in(self, claims: dict[str, Any], tokens: Mapping[str, Any]) -> SignIn:
        """With what UserInfo adds where the ID token does not say all."""
        metadata, access = self._connection.metadata(), tokens.get("access_token")
        if not reading.is_complete(claims, self.settings) and "userinfo_endpoint" in metadata and access:
            more = self._connection.userinfo(str(access))
            if more.get("sub") != claims["sub"]:
                raise TokenRefused("UserInfo tells of another person")
            claims = {**more, **claims}
        sid, hint = claims.get("sid"), "end_session_endpoint" in metadata
        return SignIn(
            self._principal(claims, via_session=True),
            sid if isinstance(sid, str) else None,
            tokens.get("refresh_token"),
            tokens.get("id_token") if hint else None,
        )

    def _decoded(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of what the provider has signed."""
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            content = jwt.decode(token, lambda jws: self._connection.key(jws.headers()), list(ALGORITHMS), registry)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefused(str(error)) from None
        return content.header, content.claims

    def _check(self, claims: dict[str, Any], *, audience: str, **more: Any) -> None:
        """Issuer, audience and times, and what else a kind of token must have."""
        try:
            JWTClaimsRegistry(
                now=int(self._clock().timestamp()),
                leeway=_CLOCKS_APART,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                iat={"essential": True},
                **more,
            ).validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefused(str(error)) from None

    def _principal(self, claims: Mapping[str, Any], *, via_session: bool) -> Principal:
        roles = reading.roles_in(claims, self.settings)
        name = reading.name_in(claims)
        return Principal(f"oidc:{claims['sub']}", name, roles, "session" if via_session else "token")


def _with_query(endpoint: str, query: Mapping[str, str]) -> str:
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
