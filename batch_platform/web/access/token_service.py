"""Use cases of API tokens: made, listed, revoked, and let in.

Everybody makes tokens that act as themselves, with roles of their own; they are worth what their owner's account is
worth at each moment. Programs' own tokens, which are nobody's, are made by who has `MANAGE`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool

from batch_platform.core.audit import Log
from batch_platform.core.batched import Batched
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.postgres import Pool
from batch_platform.web.access.model import ApiToken, Principal, Role, held
from batch_platform.web.access.sessions import second_factor_roles
from batch_platform.web.access.token_store import TokenSession, TokenStore, Usable
from batch_platform.web.access.tokens import Claims, Tokens
from batch_platform.web.context import WebContext

ISSUE: Final = "token.issue"
REVOKE: Final = "token.revoke"
USE: Final = "token.use"
"""Written once for each token, when it is first used."""
MANAGE: Final = "tokens:manage"
_SEEN_EVERY: Final = timedelta(minutes=1)
_REMEMBERED: Final = 10_000


def make(
    tokens: Tokens,
    log: Log,
    *,
    name: str,
    roles: Collection[Role],
    ttl: timedelta,
    random: Callable[[int], bytes],
    owner: Principal | None = None,
) -> tuple[str, ApiToken]:
    """A new token, which is told here and never again, and what is kept of it; a program's own without an `owner`.

    Raises `InvalidInput` for a name or lifetime out of bounds and for roles that the owner has not, `Conflict` while
    another of the owner's living tokens has the name.
    """
    subject = None if owner is None else owner.subject
    lacking = [] if owner is None else sorted(set(roles) - held(roles, owner.roles))
    if lacking:
        raise InvalidInput(
            "role-not-held", "a token has no role that you have not: {role}", role=lacking, field="roles"
        )
    token = tokens.issue(name=name, roles=roles, ttl=ttl, now=log.clock(), random=random, owner=subject)
    claims = tokens.read(token, now=log.clock())
    with TokenStore(log.pool).transaction() as session:
        if subject is not None:
            _refuse_namesakes(session, subject, claims)
        session.insert_token(claims, made_by=log.who)
        log.record(session.connection, ISSUE, f"token:{name}", after=_brief(claims))
        return token, session.token(claims.id)


def listed(
    pool: Pool, *, owner: str | None, living_at: datetime | None = None, limit: int | None = None
) -> list[ApiToken]:
    """Tokens, the newest first: of one owner or of everybody, those alive at a moment or all."""
    with TokenStore(pool).transaction() as session:
        return session.tokens(owner=owner, living_at=living_at, limit=limit)


def revoke(log: Log, token_id: str, *, owner: str | None = None, dry_run: bool = False) -> bool:
    """End a token before its time; False when it was revoked before.

    Raises `NotFound`, also for one that is not the `owner`'s where one is named: others' are not theirs to know.
    """
    with TokenStore(log.pool).transaction() as session:
        token = session.token(token_id)
        if owner is not None and token.owner != owner:
            raise NotFound("unknown-api-token", "no token {token}", token=token_id, field="id")
        if dry_run or token.revoked_at is not None:
            return token.revoked_at is None
        if not session.revoke_token(token_id, by=log.who, now=log.clock()):
            return False
        log.record(session.connection, REVOKE, f"token:{token.name}", before=_brief(token))
        return True


class Admission:
    """Lets tokens in, as long as the database says that they may act: it is asked with every request."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self._store = TokenStore(context.pool)
        self._usable = Batched(partial(self._store.usable_tokens, second_factor_roles=second_factor_roles(context)))
        self._greeted: set[str] = set()

    def close(self) -> None:
        self._store.close()

    async def admit(self, claims: Claims, *, address: str, correlation_id: str | None) -> Principal | None:
        """Who acts by it; None when it was revoked or its owner may not act any more."""
        usable = (await self._usable.get([claims.id])).get(claims.id)
        seen_at = None if usable is None else usable.last_used_at
        if usable is None or seen_at is None or self.context.clock() - seen_at > _SEEN_EVERY:
            return await run_in_threadpool(self._look, claims, address, correlation_id)
        return _principal(claims, usable)

    def _look(self, claims: Claims, address: str, correlation_id: str | None) -> Principal | None:
        """As `admit`, and marks it as used.

        One that is not known yet, because it was made before tokens were kept, is entered.
        """
        now, needed = self.context.clock(), second_factor_roles(self.context)
        with self._store.transaction() as session:
            usable = session.usable_token(claims.id, second_factor_roles=needed)
            if usable is None:
                session.insert_token(claims, made_by=None)  # or another request is just doing so
                usable = session.usable_token(claims.id, second_factor_roles=needed)
            principal = None if usable is None else _principal(claims, usable)
            if usable is None or principal is None:
                return None
            if usable.last_used_at is None and session.first_use_of_token(claims.id, now=now):
                log = Log(self.context.pool, self.context.clock, claims.subject, correlation_id=correlation_id)
                log.record(
                    session.connection, USE, f"token:{claims.name}", after={**_brief(claims), "address": address}
                )
            elif usable.last_used_at is not None and now - usable.last_used_at > _SEEN_EVERY:
                session.touch_token(claims.id, now=now)
        return principal

    def greet(
        self, principal: Principal, token: str, *, issuer: str, address: str, correlation_id: str | None
    ) -> None:
        """Write down that a login provider's token is used for the first time, whichever process meets it."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        if digest in self._greeted:
            return
        key = f"{USE} {digest}"
        log = Log(self.context.pool, self.context.clock, principal.subject, correlation_id=correlation_id, key=key)
        with log.intent(USE, issuer) as intent:
            intent.after = {"roles": sorted(principal.roles), "address": address}
        if len(self._greeted) >= _REMEMBERED:
            self._greeted.clear()
        self._greeted.add(digest)


def _principal(claims: Claims, usable: Usable) -> Principal | None:
    """None when its owner has none of its roles any more."""
    roles = usable.left_of(claims.roles)
    if not roles:
        return None
    own = claims.owner is None
    name = claims.name if own else claims.subject.partition(":")[2]
    return Principal(claims.subject, name, roles, "token", token=None if own else claims.name)


def _refuse_namesakes(session: TokenSession, owner: str, claims: Claims) -> None:
    session.lock_tokens_of(owner)
    living = session.tokens(owner=owner, living_at=claims.issued_at, limit=None)
    if any(token.name == claims.name for token in living):
        raise Conflict("api-token-exists", "there is a token {token} already", token=claims.name, field="name")


def _brief(token: Claims | ApiToken) -> dict[str, object]:
    ends = token.expires_at.isoformat(timespec="seconds")
    return {"id": token.id, "owner": token.owner, "roles": sorted(token.roles), "expires_at": ends}
