"""Bearer tokens of the platform itself: HS256, short-lived, checked in every claim.

A token is a program's own, `token:nightly`, or acts as the person who made it, with no more than that one's roles.
Whether it was revoked is `token_service`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

from batch_platform.core.failures import InvalidInput
from batch_platform.web.access.model import Role, roles_of
from batch_platform.web.context import check_secret, derive_key

ALGORITHM: Final = "HS256"
ISSUER: Final = "batch-platform"
AUDIENCE: Final = "batch-platform-api"
LONGEST: Final = timedelta(hours=24)
LONGEST_TO_READ: Final = timedelta(days=90)  # what scrapes metrics can change nothing
_CLOCKS_APART: Final = 30
_KEPT: Final = 1_000
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SUBJECT: Final = re.compile(r"token:[A-Za-z0-9._@-]{1,63}")
_OWNER: Final = re.compile(r"(local|oidc):.{1,255}")


class TokenRefused(Exception):
    """The bearer token is not valid; its text says why, for the log only."""


@dataclass(frozen=True)
class Claims:
    """What a token says of itself; `owner` is the subject of the person it acts as, None of a program's own."""

    id: str
    name: str
    owner: str | None
    roles: frozenset[Role]
    issued_at: datetime
    expires_at: datetime

    @property
    def subject(self) -> str:
        """Who acts by it."""
        return self.owner or f"token:{self.name}"


@dataclass(frozen=True)
class Tokens:
    """Makes and reads the tokens of one secret."""

    key: OctKey
    _known: dict[str, tuple[datetime, Claims]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, secret: bytes) -> Tokens:
        check_secret(secret)
        return cls(OctKey.import_key(derive_key(secret, "api tokens 1")))

    def issue(
        self,
        *,
        name: str,
        roles: Collection[Role],
        ttl: timedelta,
        now: datetime,
        random: Callable[[int], bytes],
        owner: str | None = None,
    ) -> str:
        """A token for a program or, with an `owner`, for that person's programs.

        Raises `InvalidInput` for a name or lifetime out of bounds.
        """
        subject = f"token:{name}"
        if not _SUBJECT.fullmatch(subject):
            raise InvalidInput(
                "bad-token-name", "a token's name holds letters, digits and . _ @ -, at most 63", field="name"
            )
        longest = longest_for(roles, owner)
        if not timedelta(0) < ttl <= longest:
            raise InvalidInput(
                "token-lives-too-long",
                "the days that such a token lives are at most {days}",
                days=longest.days,
                field="ttl",
            )
        issued = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "name": name,
            "roles": sorted(role.value for role in roles),
            "iat": issued,
            "exp": issued + int(ttl.total_seconds()),
            "jti": random(12).hex(),  # no first letter that a command would take for an option
        }
        if owner is not None:
            claims["owner"] = owner
        return jwt.encode({"alg": ALGORITHM}, claims, self.key, algorithms=[ALGORITHM])

    def read(self, token: str, *, now: datetime) -> Claims:
        """What the token says. Raises `TokenRefused` unless signature and every claim are in order.

        What was in order once stays so until the token's end, so it is kept.
        """
        since, known = self._known.get(token, (now, None))
        if known is not None and since <= now < known.expires_at:
            return known
        claims = self._read(token, now)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[token] = now, claims
        return claims

    def _read(self, token: str, now: datetime) -> Claims:
        try:
            claims = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
            _registry(now).validate(claims)
            roles = roles_of(claims["roles"])
        except (JoseError, InvalidInput, ValueError, TypeError, RecursionError) as error:
            raise TokenRefused(str(error)) from None
        number, subject, owner = claims["jti"], claims["sub"], claims.get("owner")
        if not _SUBJECT.fullmatch(subject):
            raise TokenRefused("the subject is none of ours")
        if not isinstance(number, str) or not (owner is None or (isinstance(owner, str) and _OWNER.fullmatch(owner))):
            raise TokenRefused("its number or its owner is none")
        if claims["exp"] - claims["iat"] > longest_for(roles, owner).total_seconds():
            raise TokenRefused("it lives longer than its roles allow")
        issued, ends = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        return Claims(number, subject.removeprefix("token:"), owner, roles, issued, ends)


def longest_for(roles: Collection[Role], owner: str | None = None) -> timedelta:
    """The longest lifetime: who steals one that may change something has it for a day at most.

    Nobody tells us when a login provider's person is dismissed, so that one's tokens do not last either.
    """
    lasting = set(roles) <= {Role.VIEWER} and not (owner or "").startswith("oidc:")
    return LONGEST_TO_READ if lasting else LONGEST


def parse_ttl(text: str) -> timedelta:
    """`90s`, `30m`, `1h` or `7d`. Raises `InvalidInput`."""
    if not (match := re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)):
        raise InvalidInput(
            "bad-lifetime",
            "a lifetime is written like 90s, 30m, 1h or 7d, not {lifetime}",
            lifetime=text,
            field="ttl",
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _registry(now: datetime) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_CLOCKS_APART,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
        roles={"essential": True},
    )
