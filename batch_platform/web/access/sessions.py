"""Browsers' sessions: a signed random id in a cookie, its hash and everything else in the database."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final, cast

from itsdangerous import BadSignature, Signer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from batch_platform.web.access.model import Principal, Role
from batch_platform.web.access.store import AccessStore, StoredSession
from batch_platform.web.context import WebContext

KNOWN_FOR: Final = timedelta(days=90)
"""How long a browser, and whatever else a person has signed in from, is known after the last time."""
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedCookie:
    """A cookie whose value only we can have made.

    Browsers send cookies of 127.0.0.1 to all its ports, so the name holds a part of the key: two homes on one machine
    do not sign each other out. Over TLS the name's `__Host-` keeps neighbours of the domain from setting it.
    """

    context: WebContext
    purpose: str

    @cached_property
    def _key(self) -> bytes:
        return self.context.key(f"cookie {self.purpose} 1")

    @cached_property
    def name(self) -> str:
        own = hashlib.sha256(self._key).hexdigest()[:8]
        return f"{'__Host-' if self.context.secure_cookies else ''}batch_platform_{self.purpose}_{own}"

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The value, if there is one and it is ours."""
        try:
            return self._signer().unsign(cookies.get(self.name, "")).decode()
        except (BadSignature, UnicodeError):
            return None

    def set(self, response: Response, value: str, *, age: timedelta) -> None:
        response.set_cookie(
            self.name,
            self._signer().sign(value).decode(),
            max_age=int(age.total_seconds()),
            path="/",
            secure=self.context.secure_cookies,
            httponly=True,
            samesite="lax",
        )

    def header(self, value: str, *, age: timedelta) -> str:
        """The `Set-Cookie` line, for who has no response at hand."""
        response = Response()
        self.set(response, value, age=age)
        return response.headers["set-cookie"]

    def delete(self, response: Response) -> None:
        response.delete_cookie(self.name, path="/", secure=self.context.secure_cookies, httponly=True)

    def _signer(self) -> Signer:
        return Signer(self._key, salt=self.purpose, digest_method=hashlib.sha256)


@dataclass(frozen=True)
class Sessions:
    """Names, finds and proves the sessions of one app; `service` starts and ends them.

    `confirm` has a login provider asked again whose session it is; None when that has ended.
    """

    context: WebContext
    confirm: Callable[[str, StoredSession], StoredSession | None] | None = None

    @cached_property
    def cookie(self) -> SignedCookie:
        return SignedCookie(self.context, "session")

    @cached_property
    def visitor(self) -> SignedCookie:
        """Names a browser, so that the login form can carry a token, and who has signed in from it is known there."""
        return SignedCookie(self.context, "visitor")

    @cached_property
    def _store(self) -> AccessStore:
        return AccessStore(self.context.pool)

    @cached_property
    def _csrf_key(self) -> bytes:
        return self.context.key("csrf 1")

    def new_id(self) -> str:
        return base64.urlsafe_b64encode(self.context.random(32)).decode().rstrip("=")

    def find(self, session_id: str) -> Principal | None:
        """Who is signed in; None when the session has ended, idled out or was revoked. Marks it as seen.

        Raises `TransientFailure` when a login provider that must be asked does not answer.
        """
        now, id_hash = self.context.clock(), hash_id(session_id)
        with self._store.transaction() as session:
            idle_since = now - self.context.limits.session_idle
            needed = second_factor_roles(self.context)
            row = session.session(id_hash, now=now, idle_since=idle_since, second_factor_roles=needed)
            if row is None:
                return None
            if now - row.seen_at > _SEEN_EVERY:
                session.touch_session(id_hash, now=now)
        # no connection is held meanwhile: the provider may take its time
        if row.confirmed_at is not None:
            row = self.confirm(session_id, row) if self.confirm is not None else None
            if row is None:
                return None
        return Principal(row.subject, row.name, row.roles, "session", session_id, row.due)

    def csrf_token(self, browser: str) -> str:
        """The token of a session (or of a visitor) for forms and the header X-CSRF-Token."""
        return hmac.digest(self._csrf_key, browser.encode(), hashlib.sha256).hex()


def second_factor_roles(context: WebContext) -> tuple[Role, ...]:
    """Whoever has one of these roles needs a second factor here."""
    return (Role.APPROVER, Role.ADMINISTRATOR) if context.second_factor_required else ()


def hash_id(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


def sessions_of(connection: HTTPConnection) -> Sessions:
    """The sessions of the app that answers this connection."""
    return cast(Sessions, connection.app.state.sessions)
