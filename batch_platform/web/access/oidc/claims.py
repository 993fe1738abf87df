"""What claims say: a person's roles and name, and whether a token is one for the API. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.context import OidcSettings

Claims = Mapping[str, Any]

_NAMES: Final = ("name", "email", "preferred_username")
_ACCESS_TOKEN: Final = ("at+jwt", "application/at+jwt")
_PLAIN: Final = (None, "jwt")
_OF_ID_TOKENS: Final = ("nonce", "at_hash", "c_hash", "s_hash", "events")


def claim_at(claims: Any, path: str) -> Any:
    """The value at a dotted path, `realm_access.roles`; None when there is none. Names may hold dots themselves."""
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    parts = path.split(".")
    heads = [(".".join(parts[:size]), ".".join(parts[size:])) for size in range(len(parts) - 1, 0, -1)]
    values = (claim_at(claims[head], rest) for head, rest in heads if head in claims)
    return next((value for value in values if value is not None), None)


def roles_in(claims: Claims, settings: OidcSettings) -> frozenset[Role]:
    """The roles of the groups that the claim names: by `roles_map` where it is set, else groups named like roles.

    The claim is a list, or one text parted by commas, or without any by spaces.
    """
    groups = _groups(claim_at(claims, settings.roles_claim))
    if settings.roles_map:
        return frozenset(Role(name) for group in groups for name in settings.roles_map.get(group, ()))
    known = {group.lower() for group in groups}
    return frozenset(role for role in Role if role.value in known)


def is_complete(claims: Claims, settings: OidcSettings) -> bool:
    """Whether they say all that a session needs, so that nobody else need be asked."""
    return claim_at(claims, settings.roles_claim) is not None and any(claims.get(name) for name in _NAMES)


def name_in(claims: Claims) -> str:
    """What a person is called."""
    return str(next((claims[name] for name in _NAMES if claims.get(name)), claims["sub"]))[:200]


def check_access_token(header: Claims, claims: Claims, *, client_id: str) -> None:
    """Raises `TokenRefused` for what is not an access token.

    What the token calls itself decides: `typ` of its header (RFC 9068: `at+jwt`), else `token_use` (Amazon Cognito:
    `access`), else the claim `typ` (Keycloak: `Bearer`). One that says nothing is known by its audience: an ID token
    always names the client (OpenID Connect Core 2), so an access token must be for another, the API itself.
    """
    kind = header.get("typ")
    kind = kind.lower() if isinstance(kind, str) else kind
    if kind in _ACCESS_TOKEN:
        return
    if kind not in _PLAIN:
        raise TokenRefused("the token's type is not that of an access token")
    for claim, access in (("token_use", "access"), ("typ", "bearer")):
        if claim in claims:
            if str(claims[claim]).lower() != access:
                raise TokenRefused(f"the token's {claim} is not that of an access token")
            return
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if client_id in audiences or any(claim in claims for claim in _OF_ID_TOKENS):
        raise TokenRefused("the token does not say that it is an access token, and may be an ID token")


def _groups(claim: Any) -> set[str]:
    if isinstance(claim, list):
        return {group for group in claim if isinstance(group, str)}
    if not isinstance(claim, str):
        return set()
    parts = claim.split(",") if "," in claim else re.split(r"\s+", claim)
    # a single group may have spaces or commas in its name
    return {claim, *(part.strip() for part in parts)}
