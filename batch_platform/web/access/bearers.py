"""Whose bearer token a request brings: the platform's own, a login provider's, or a guest's."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from batch_platform.web.access.guests import GuestBook
from batch_platform.web.access.model import Principal
from batch_platform.web.access.oidc.provider import ALGORITHMS, Provider
from batch_platform.web.access.token_service import Admission
from batch_platform.web.access.tokens import ALGORITHM, TokenRefused, Tokens
from batch_platform.web.context import WebContext
from batch_platform.web.headers import header
from batch_platform.web.security import address_of

_LONGEST_TOKEN: Final = 8_192

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Bearers:
    """Reads the header `Authorization`."""

    context: WebContext
    provider: Provider | None
    guests: GuestBook

    @cached_property
    def admission(self) -> Admission:
        return Admission(self.context)

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens.of(self.context.secret)

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        """Who asks; None when the header names nobody, or nobody any more."""
        scheme, _, token = (header(connection.scope, b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or len(token) > _LONGEST_TOKEN:
            return None
        if self.guests.issues(token):
            return await run_in_threadpool(self.guests.read, self.context, token)
        try:
            # which key is asked is the token's choice, what that key may verify is not
            algorithm = _algorithm(token.partition(".")[0])
            if algorithm == ALGORITHM:
                return await self._own(connection, token)
            if algorithm in ALGORITHMS and self.provider is not None:
                return await run_in_threadpool(self._of_provider, self.provider, token, connection)
        except TokenRefused as error:
            _log.info("bearer token refused", reason=str(error))
        return None

    async def _own(self, connection: HTTPConnection, token: str) -> Principal | None:
        claims = self._tokens.read(token, now=self.context.clock())
        principal = await self.admission.admit(
            claims, address=address_of(connection.scope), correlation_id=connection.scope.get("correlation_id")
        )
        if principal is None:
            raise TokenRefused("it was revoked, or its owner may not act")
        return principal

    def _of_provider(self, provider: Provider, token: str, connection: HTTPConnection) -> Principal:
        principal = provider.read(token)
        self.admission.greet(
            principal,
            token,
            issuer=provider.settings.issuer,
            address=address_of(connection.scope),
            correlation_id=connection.scope.get("correlation_id"),
        )
        return principal


@lru_cache(100)
def _algorithm(head: str) -> str | None:
    """What a token of this head says it is signed by."""
    try:
        encoded = head.encode("ascii")
        header = json.loads(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
    except (UnicodeError, binascii.Error, ValueError, RecursionError):
        return None
    algorithm = header.get("alg") if isinstance(header, dict) else None
    return algorithm if isinstance(algorithm, str) else None
