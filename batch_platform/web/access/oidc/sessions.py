"""Sessions of people whom the provider vouches for: begun, confirmed again and again, ended where it says so."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from batch_platform.core.failures import TransientFailure
from batch_platform.web.access.model import Principal
from batch_platform.web.access.oidc.provider import LogoutToken, Provider, SignIn
from batch_platform.web.access.oidc.store import OidcStore, Session
from batch_platform.web.access.service import Change, start
from batch_platform.web.access.sessions import Sessions, hash_id
from batch_platform.web.access.store import StoredSession
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.context import WebContext

_ASK_AGAIN: Final = timedelta(seconds=30)
_PATIENCE: Final = 10.0
_STEP: Final = 0.05
_ENCRYPTION: Final = {"alg": "dir", "enc": "A256GCM"}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OidcSessions:
    """The sessions of one provider in one app."""

    sessions: Sessions
    provider: Provider

    def begin(self, sign_in: SignIn, change: Change, *, address: str) -> str:
        """The id of a new session of somebody who signed in at the provider."""
        with self._store.transaction() as session:
            session_id = start(self.sessions, session, sign_in.principal, change, user_name=None, address=address)
            _save(self.sessions.context, self.provider, session, session_id, sign_in)
        return session_id

    def go_on(self, session_id: str, before: Principal, sign_in: SignIn, change: Change) -> None:
        """The same person has signed in once more in the same browser: the session stays, as the provider has it now.

        Another tab may be open, whose forms belong to the session.
        """
        with self._store.transaction() as session:
            if _save(self.sessions.context, self.provider, session, session_id, sign_in):
                _trace(session, change, before, sign_in.principal)

    def logout_url(self, principal: Principal, *, back_to: str) -> str | None:
        """Where the browser ends its session at the provider too; None where it has no such place.

        Whoever signed in otherwise has no session there. A provider that does not answer keeps nobody signed in here.
        """
        if principal.session_id is None or principal.kind != "oidc":
            return None
        with self._store.transaction() as session:
            stored = session.tokens(hash_id(principal.session_id))
        if stored is None:
            return None
        _, id_token = _open(self.sessions.context, stored.tokens, principal.session_id)
        try:
            return self.provider.logout_url(id_token, back_to=back_to)
        except TransientFailure:
            return None

    def end(self, token: LogoutToken, *, correlation_id: str | None) -> int:
        """How many sessions a back-channel logout has ended. Raises `TokenRefused` when it was here before."""
        now = self.sessions.context.clock()
        with self._store.transaction() as session:
            jti_hash = hashlib.sha256(token.jti.encode()).digest()
            if not session.insert_logout_token(jti_hash, now=now, expires_at=token.expires_at):
                raise TokenRefused("the logout token has been used before")
            ended = session.delete_oidc_sessions(subject=token.subject, sid=token.sid)
            if ended:
                subject, name = ended[0]
                change = Change(subject, now, correlation_id)
                change.trace(session, "session.end", name, after={"by": "login-provider", "sessions": len(ended)})
        return len(ended)

    @property
    def _store(self) -> OidcStore:
        return OidcStore(self.sessions.context.pool)


@dataclass(frozen=True)
class Confirmations:
    """Has the provider say again which roles a session has: from half of their time on, and never beyond its end.

    Until then a provider that does not answer changes nothing.
    """

    context: WebContext
    provider: Provider

    def __call__(self, session_id: str, stored: StoredSession) -> StoredSession | None:
        """The session as it is now; None when it has ended. Raises `TransientFailure` when nobody can tell."""
        now, lasts = self.context.clock(), self.provider.settings.roles_for
        confirmed_at = stored.confirmed_at
        if confirmed_at is None or now - confirmed_at < lasts / 2:
            return stored
        in_time = now - confirmed_at < lasts
        try:
            if self._claim(session_id, confirmed_at, now):
                return self._confirmed(session_id, stored)
            return self._of_another(session_id, confirmed_at, patience=0.0 if in_time else _PATIENCE)
        except TransientFailure:
            if not in_time:
                raise
            return stored

    def _claim(self, session_id: str, confirmed_at: datetime, now: datetime) -> bool:
        with self._store.transaction() as session:
            return session.claim_confirmation(
                hash_id(session_id), confirmed_at=confirmed_at, now=now, asked_before=now - _ASK_AGAIN
            )

    def _confirmed(self, session_id: str, stored: StoredSession) -> StoredSession | None:
        """What the provider says; without a role, or when it no longer knows the person, the session ends."""
        id_hash, before = hash_id(session_id), Principal(stored.subject, stored.name, stored.roles, "session")
        try:
            sign_in = self._refreshed(session_id, before)
        except TransientFailure:
            with self._store.transaction() as session:
                session.release_confirmation(id_hash)
            raise
        except TokenRefused as refused:
            _log.info("the provider does not confirm a session", subject=stored.subject, reason=str(refused))
            sign_in = None
        change = Change(stored.subject, self.context.clock())
        with self._store.transaction() as session:
            if sign_in is not None and _save(self.context, self.provider, session, session_id, sign_in):
                _trace(session, change, before, sign_in.principal)
                return replace(stored, name=sign_in.principal.name, roles=sign_in.principal.roles)
            if session.delete_session(id_hash):
                change.trace(session, "session.end", stored.name, after={"by": "login-provider", "sessions": 1})
        return None

    def _refreshed(self, session_id: str, before: Principal) -> SignIn:
        with self._store.transaction() as session:
            kept = session.tokens(hash_id(session_id))
        if kept is None:
            raise TokenRefused("the session has ended meanwhile")
        refresh_token, id_token = _open(self.context, kept.tokens, session_id)
        sign_in = self.provider.refresh(SignIn(before, kept.sid, refresh_token, id_token))
        if not sign_in.principal.roles:
            raise TokenRefused("the person has no role any more")
        return sign_in

    def _of_another(self, session_id: str, confirmed_at: datetime, *, patience: float) -> StoredSession | None:
        """What another request is told, which asks at this moment."""
        id_hash, limits, until = hash_id(session_id), self.context.limits, time.monotonic() + patience
        while True:
            now = self.context.clock()
            with self._store.transaction() as session:
                kept = session.tokens(id_hash)  # first: whoever asks no more has saved what it heard
                stored = session.session(id_hash, now=now, idle_since=now - limits.session_idle)
            if stored is None or stored.confirmed_at != confirmed_at:
                return stored
            if kept is None or not kept.asking or time.monotonic() >= until:
                raise TransientFailure(
                    "login-provider-silent",
                    "the login provider {issuer} does not answer",
                    issuer=self.provider.settings.issuer,
                )
            time.sleep(_STEP)

    @property
    def _store(self) -> OidcStore:
        return OidcStore(self.context.pool)


def _save(context: WebContext, provider: Provider, session: Session, session_id: str, sign_in: SignIn) -> bool:
    """What the provider says now; False when the session has ended.

    Where it gave nothing to ask it again by, the session ends with the time of its roles.
    """
    now, id_hash, again = context.clock(), hash_id(session_id), sign_in.refresh_token is not None
    until = None if again else now + provider.settings.roles_for
    longest = context.limits.session_age
    if not session.confirm_session(id_hash, sign_in.principal, longest=longest, until=until):
        return False
    tokens = _seal(context, sign_in, session_id)
    session.save_tokens(id_hash, sid=sign_in.sid, tokens=tokens, confirmed_at=now if again else None)
    return True


def _trace(session: Session, change: Change, before: Principal, after: Principal) -> None:
    """Other roles are a row of the audit log."""
    if before.roles != after.roles:
        was, is_now = {"roles": sorted(before.roles)}, {"roles": sorted(after.roles)}
        change.trace(session, "session.set-roles", after.name, before=was, after=is_now)


def _seal(context: WebContext, sign_in: SignIn, session_id: str) -> str:
    """Tokens as they are stored: only the cookie and our secret together open them."""
    content = {"refresh_token": sign_in.refresh_token, "id_token": sign_in.id_token}
    return jwe.encrypt_compact(_ENCRYPTION, json.dumps(content), _key(context, session_id))


def _open(context: WebContext, sealed: str, session_id: str) -> tuple[str | None, str | None]:
    """Refresh token and ID token; none of what was sealed for another session."""
    try:
        plain = jwe.decrypt_compact(sealed, _key(context, session_id)).plaintext
    except (JoseError, ValueError):
        return None, None
    content = json.loads(plain or b"{}")
    return content["refresh_token"], content["id_token"]


def _key(context: WebContext, session_id: str) -> OctKey:
    return OctKey.import_key(context.key(f"oidc tokens 1 {session_id}"))
