"""Guests: people whom a domain knows by itself, who have neither an account nor a role here.

A domain's `Part` names them by the kind of their subjects, `player` for `player:7Np4…`. Their tokens begin with
that kind and a dot, which no token of the platform or of a provider does; their browsers have sessions as others do.
Whatever they are not granted is refused, as to anybody without the permission.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from batch_platform.web.access.model import Grants, Principal, check_permission
from batch_platform.web.context import WebContext

KINDS_OF_THE_PLATFORM: Final = frozenset({"cli", "local", "oidc", "platform", "token"})


@dataclass(frozen=True)
class Guests:
    """What guests of one kind may do, how their tokens are read, and where their browsers sign in.

    `find` answers whose token it is, as the part of the subject after the colon; None when it is nobody's. `label` is
    a msgid, the text of the way from the login page to the page `sign_in`, which takes `next` as the login page does.
    """

    permissions: frozenset[str]
    find: Callable[[WebContext, str], str | None]
    sign_in: str
    label: str


@dataclass(frozen=True)
class GuestBook:
    """All guests of an app by their kind. Raises `ValueError` for a kind of the platform and for no permission."""

    kinds: Mapping[str, Guests]

    def __post_init__(self) -> None:
        for kind, guests in self.kinds.items():
            if kind in KINDS_OF_THE_PLATFORM or not kind.isalpha():
                raise ValueError(f"guests cannot be of the kind {kind!r}")
            for permission in guests.permissions:
                check_permission(permission)

    def issues(self, token: str) -> bool:
        """Whether the token says that it is a guest's."""
        return token.partition(".")[0] in self.kinds

    def read(self, context: WebContext, token: str) -> Principal | None:
        """The guest whose token it is; None for nobody's."""
        kind = token.partition(".")[0]
        name = self.kinds[kind].find(context, token)
        return None if name is None else Principal(f"{kind}:{name}", name, frozenset(), "token")

    def sign_in_of(self, principal: Principal) -> str | None:
        """The page at which the guest signs in; None for an account."""
        guests = self.kinds.get(principal.kind)
        return guests.sign_in if guests else None

    def admitted(self, principal: Principal, grants: Grants) -> Principal:
        """The principal with what it may do here: by its roles, or as a guest."""
        guests = self.kinds.get(principal.kind)
        return replace(principal, grants=grants, granted=guests.permissions if guests else frozenset())
