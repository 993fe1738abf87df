"""Statements on the sessions of an OIDC provider, beside those on all sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from batch_platform.core.store import BaseStore
from batch_platform.web.access import store
from batch_platform.web.access.model import Principal


@dataclass(frozen=True)
class StoredTokens:
    """What is kept of a session beside its person; `asking` while a request has the provider asked again."""

    sid: str | None
    tokens: str
    asking: bool


class Session(store.Session):
    """The statements of one transaction."""

    def save_tokens(self, id_hash: bytes, *, sid: str | None, tokens: str, confirmed_at: datetime | None) -> None:
        """`confirmed_at` is None when nothing can be asked again."""
        self._run("save_tokens", id_hash=id_hash, sid=sid, tokens=tokens, confirmed_at=confirmed_at)

    def confirm_session(
        self, id_hash: bytes, principal: Principal, *, longest: timedelta, until: datetime | None
    ) -> bool:
        """Name and roles of this moment; it ends `longest` after its beginning, and not later than `until`.

        False when it has ended.
        """
        roles = sorted(role.value for role in principal.roles)
        values = {"id_hash": id_hash, "name": principal.name, "roles": roles, "longest": longest, "until": until}
        return self._run("confirm_session", **values) == 1

    def tokens(self, id_hash: bytes) -> StoredTokens | None:
        rows = self._rows("tokens", id_hash=id_hash)
        return StoredTokens(**rows[0]) if rows else None

    def claim_confirmation(
        self, id_hash: bytes, *, confirmed_at: datetime, now: datetime, asked_before: datetime
    ) -> bool:
        """Whether the caller is to ask the provider: nobody else has since, and it was not confirmed meanwhile."""
        values = {"id_hash": id_hash, "confirmed_at": confirmed_at, "now": now, "asked_before": asked_before}
        return self._run("claim_confirmation", **values) == 1

    def release_confirmation(self, id_hash: bytes) -> None:
        """The provider has not answered."""
        self._run("release_confirmation", id_hash=id_hash)

    def delete_oidc_sessions(self, *, subject: str | None, sid: str | None) -> list[tuple[str, str]]:
        """Subject and name of each session that has ended."""
        rows = self._rows("delete_oidc_sessions", subject=subject, sid=sid)
        return [(row["subject"], row["name"]) for row in rows]

    def insert_logout_token(self, jti_hash: bytes, *, now: datetime, expires_at: datetime) -> bool:
        """False when it was here before."""
        return self._run("insert_logout_token", jti_hash=jti_hash, now=now, expires_at=expires_at) == 1


class OidcStore(BaseStore[Session]):
    """Opens transactions on them."""

    _session = Session
