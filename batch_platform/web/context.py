"""What the web is given: connections, clock, randomness, secrets and limits; `request.app.state.web`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from batch_platform.core.audit import Log
from batch_platform.core.clock import Clock
from batch_platform.core.failures import InvalidInput
from batch_platform.core.postgres import Pool

MINIMUM_SECRET = 32


@dataclass(frozen=True)
class OidcSettings:
    """A provider of logins. `audience` is what its tokens for the API must carry.

    `roles_claim` may be a dotted path; `roles_map` gives the roles of each group, empty where groups are named like
    roles. Roles are good for `roles_for`: the provider is asked for them again from half of that time on.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    audience: str
    roles_claim: str = "cognito:groups"
    roles_map: Mapping[str, Collection[str]] = field(default_factory=dict)
    roles_for: timedelta = timedelta(hours=1)
    scopes: str = "openid profile email"
    prompt: str | None = None


@dataclass(frozen=True)
class Limits:
    """How much one caller may ask for. Rates are requests per second, bursts are what may come at once."""

    body_bytes: int = 1024 * 1024
    rate: int = 100
    burst: int = 1_000
    anonymous_rate: int = 10
    anonymous_burst: int = 200
    session_idle: timedelta = timedelta(hours=1)
    session_age: timedelta = timedelta(hours=12)


@dataclass(frozen=True)
class WebContext:
    """One web process's surroundings. Raises `InvalidInput` for a secret that is too short."""

    pool: Pool
    clock: Clock
    secret: bytes = field(repr=False)
    url: str
    secure_cookies: bool
    random: Callable[[int], bytes]
    environment: str = "local"
    oidc: OidcSettings | None = None
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()
    second_factor_required: bool = False
    """Whether approvers and administrators have to enrol a second factor before anything else."""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        check_secret(self.secret)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the public address, as browsers write them into `Origin`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def key(self, purpose: str) -> bytes:
        """A key for one purpose; keys of different purposes tell nothing about each other."""
        return derive_key(self.secret, purpose)


def check_secret(secret: bytes) -> None:
    """Raises `InvalidInput`."""
    if len(secret) < MINIMUM_SECRET:
        raise InvalidInput(
            "secret-too-short",
            "BATCH_PLATFORM_SECRET has {size} bytes; it needs {minimum}",
            size=len(secret),
            minimum=MINIMUM_SECRET,
            field="BATCH_PLATFORM_SECRET",
        )


def derive_key(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, b"batch_platform " + purpose.encode(), hashlib.sha256)


def web_of(connection: HTTPConnection) -> WebContext:
    """The context of the app that answers this connection."""
    return cast(WebContext, connection.app.state.web)


def log_of(connection: HTTPConnection) -> Log:
    """The audit log in the hands of whoever asks; a write with an `Idempotency-Key` has one row, however often."""
    web, key, principal = web_of(connection), connection.scope.get("idempotency_id"), connection.scope["principal"]
    return Log(
        pool=web.pool,
        clock=web.clock,
        who=principal.subject,
        via=None if principal.token is None else f"token:{principal.token}",
        correlation_id=connection.scope.get("correlation_id"),
        key=None if key is None else f"request {key.hex()}",
    )
