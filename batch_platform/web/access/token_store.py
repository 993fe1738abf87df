"""Every read and write of API tokens; statements stand in `sql/tokens.sql`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batch_platform.core.failures import NotFound
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.web.access.model import ApiToken, Role, held
from batch_platform.web.access.tokens import Claims


@dataclass(frozen=True)
class Usable:
    """A token that may act: when it last did, and the roles that its owner's account has at this moment."""

    last_used_at: datetime | None
    owner_roles: frozenset[Role] | None

    def left_of(self, roles: frozenset[Role]) -> frozenset[Role]:
        """The roles of the token that its owner still has."""
        return roles if self.owner_roles is None else held(roles, self.owner_roles)


class TokenSession(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.web.access.sql")

    def lock_tokens_of(self, owner: str) -> None:
        """Until the end of the transaction, nobody else makes tokens of this person."""
        self._run("lock_tokens_of", owner=owner)

    def insert_token(self, token: Claims, *, made_by: str | None) -> bool:
        """False when it is already there."""
        roles = sorted(role.value for role in token.roles)
        values = {"id": token.id, "name": token.name, "owner": token.owner, "roles": roles, "made_by": made_by}
        return self._run("insert_token", **values, created_at=token.issued_at, expires_at=token.expires_at) == 1

    def tokens(self, *, owner: str | None, living_at: datetime | None, limit: int | None) -> list[ApiToken]:
        """The newest ones first; of everybody when no owner is named, dead ones too when no moment is."""
        return [_token(row) for row in self._rows("api_tokens", owner=owner, living_at=living_at, limit=limit)]

    def token(self, token_id: str) -> ApiToken:
        """Raises `NotFound`."""
        rows = self._rows("api_token", id=token_id)
        if not rows:
            raise NotFound("unknown-api-token", "no token {token}", token=token_id, field="id")
        return _token(rows[0])

    def usable_token(self, token_id: str, *, second_factor_roles: Collection[Role]) -> Usable | None:
        """None when it was revoked, its owner may not act at this moment, or nobody knows it."""
        return _usable(self._rows("usable_tokens", **_parameters([token_id], second_factor_roles))).get(token_id)

    def first_use_of_token(self, token_id: str, *, now: datetime) -> bool:
        return self._run("first_use_of_token", id=token_id, now=now) == 1

    def touch_token(self, token_id: str, *, now: datetime) -> None:
        self._run("touch_token", id=token_id, now=now)

    def revoke_token(self, token_id: str, *, by: str, now: datetime) -> bool:
        """False when somebody has revoked it before."""
        return self._run("revoke_token", id=token_id, by=by, now=now) == 1


class TokenStore(BaseStore[TokenSession]):
    """Opens transactions on the tokens' table."""

    _session = TokenSession

    async def usable_tokens(self, ids: Collection[str], second_factor_roles: Collection[Role]) -> dict[str, Usable]:
        """Those that may act at this moment."""
        return _usable(await self._rows("usable_tokens", **_parameters(ids, second_factor_roles)))


def _parameters(ids: Collection[str], second_factor_roles: Collection[Role]) -> dict[str, list[str]]:
    return {"ids": list(ids), "second_factor_roles": [role.value for role in second_factor_roles]}


def _usable(rows: Sequence[Mapping[str, Any]]) -> dict[str, Usable]:
    return {
        row["id"]: Usable(
            row["last_used_at"], None if row["owner_roles"] is None else frozenset(map(Role, row["owner_roles"]))
        )
        for row in rows
    }


def _token(row: Mapping[str, Any]) -> ApiToken:
    return ApiToken(**{**row, "roles": frozenset(map(Role, row["roles"]))})
