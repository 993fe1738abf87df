"""Roles, permissions and who is asking; frozen values, no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from batch_platform.core.failures import InvalidInput


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


Grants = Mapping[Role, frozenset[str]]
"""The permissions of each role."""

_READ: Final = frozenset({"*:read"})

# `batch:execute` is in none of the lists: it is the administrators' alone.
PERMISSIONS: Final[Grants] = MappingProxyType(
    {
        Role.VIEWER: _READ,
        Role.OPERATOR: _READ
        | {"jobs:run", "dead-letters:handle", "incidents:handle", "triggers:switch", "pauses:declare"},
        Role.APPROVER: _READ,
        Role.ADMINISTRATOR: frozenset({"*"}),
    }
)
"""What every platform grants; domains declare more."""

_PERMISSION: Final = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")


Due = Literal["second-factor", "password", "enrolment"]
"""What a person has to settle before anything else, in this order.

The code of his second factor; a password of his own, where somebody else has set one; a second factor, where his
roles need one.
"""


def check_permission(permission: str) -> str:
    """Raises `ValueError` unless it is written `things:verb`; wildcards belong to roles, not to routes."""
    if not _PERMISSION.fullmatch(permission):
        raise ValueError(f"a permission is written things:verb, not {permission!r}")
    return permission


def granting(*declared: Grants) -> Grants:
    """The platform's permissions and those that domains declare. Raises `ValueError` for what is no permission."""
    together = dict(PERMISSIONS)
    for grants in declared:
        for role, permissions in grants.items():
            together[role] |= frozenset(map(check_permission, permissions))
    return MappingProxyType(together)


def permissions_of(roles: Iterable[Role], grants: Grants = PERMISSIONS) -> frozenset[str]:
    """What the roles carry together; `*:read` stands for every `…:read`, `*` for all."""
    return frozenset[str]().union(*(grants[role] for role in roles))


def allowed(roles: Iterable[Role], permission: str, grants: Grants = PERMISSIONS) -> bool:
    """Whether any of the roles carries the permission."""
    carrying = {"*", permission, "*:read"} if permission.endswith(":read") else {"*", permission}
    return any(not carrying.isdisjoint(grants[role]) for role in roles)


def roles_of(names: Collection[str]) -> frozenset[Role]:
    """The roles of these names. Raises `InvalidInput` for none and for a name that is no role."""
    unknown = sorted(set(names) - set(Role))
    if unknown:
        raise InvalidInput(
            "unknown-role", "{role} is not a role: {roles}", role=unknown[0], roles=list(Role), field="roles"
        )
    if not names:
        raise InvalidInput("role-needed", "a role is needed: {roles}", roles=list(Role), field="roles")
    return frozenset(map(Role, names))


def held(roles: Iterable[Role], own: Collection[Role]) -> frozenset[Role]:
    """Those of the roles that are at most one's own: each role may look, and an administrator may all."""
    return frozenset(role for role in roles if own and (role in {*own, Role.VIEWER} or Role.ADMINISTRATOR in own))


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Raises `InvalidInput` unless it can be the name of an account."""
    if not is_name(name):
        raise InvalidInput(
            "bad-account-name",
            "{name} cannot name an account: lower-case letters, digits and . _ @ -, at most 63",
            name=repr(name),
            field="name",
        )
    return name


def account_key(name: str) -> str:
    """What failures to sign in are counted under: what was typed as a name may be a password, so it is a hash."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Principal:
    """Who is asking. Subjects say where they come from: `local:ann`, `oidc:8f1e…`, `token:nightly`.

    `granted` is what a domain lets its guests do (`guests.Guests`): they have no role. `token` names the API token by
    which a person acts.
    """

    subject: str
    name: str
    roles: frozenset[Role]
    via: Literal["session", "token"]
    session_id: str | None = None
    due: Due | None = None
    token: str | None = None
    grants: Grants = field(default_factory=lambda: PERMISSIONS, repr=False, compare=False)
    granted: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def kind(self) -> str:
        """Where the subject comes from: what stands before its colon."""
        return self.subject.partition(":")[0]

    @property
    def permissions(self) -> frozenset[str]:
        return permissions_of(self.roles, self.grants) | self.granted

    def may(self, permission: str) -> bool:
        return permission in self.granted or allowed(self.roles, permission, self.grants)


@dataclass(frozen=True)
class User:
    """A local account as others may see it."""

    name: str
    roles: frozenset[Role]
    enabled: bool
    created_at: datetime
    last_login_at: datetime | None
    second_factor: bool


@dataclass(frozen=True)
class ApiToken:
    """A token of the API as others may see it; `last_used_at` is right to the minute.

    `owner` is the subject of the person it acts as, None of a program's own; `made_by` is None where nobody knows.
    """

    id: str
    name: str
    owner: str | None
    roles: frozenset[Role]
    made_by: str | None
    created_at: datetime
    expires_at: datetime
    first_used_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > now else "expired"
