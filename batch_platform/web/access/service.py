"""Use cases of local accounts: the first administrator, sessions, and what administrators change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from batch_platform.core import audit
from batch_platform.core.clock import Clock
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.core.postgres import Pool
from batch_platform.web.access import passwords, token_service
from batch_platform.web.access.model import Principal, Role, User, account_key, check_name
from batch_platform.web.access.sessions import Sessions, hash_id
from batch_platform.web.access.store import AccessStore, ListedSession, Session
from batch_platform.web.i18n import N_

ACTIONS: Final[Mapping[str, str]] = {
    "user.add": N_("%(who)s adds the account %(target)s"),
    "user.disable": N_("%(who)s disables the account %(target)s"),
    "user.enable": N_("%(who)s enables the account %(target)s"),
    "user.set-roles": N_("%(who)s gives the account %(target)s other roles"),
    "user.reset-password": N_("%(who)s gives the account %(target)s another password"),
    "user.change-password": N_("%(who)s changes the password of %(target)s"),
    "user.end-sessions": N_("%(who)s ends the sessions of %(target)s"),
    "user.enrol-second-factor": N_("%(who)s sets up a second factor for %(target)s"),
    "user.remove-second-factor": N_("%(who)s removes the second factor of %(target)s"),
    "user.reset-second-factor": N_("%(who)s resets the second factor of %(target)s"),
    "session.verify": N_("%(who)s shows the second factor of %(target)s"),
    "user.unlock": N_("%(who)s unlocks the account %(target)s"),
    "address.unlock": N_("%(who)s unlocks the address %(target)s"),
    "sign-in.fail": N_("%(who)s fails to sign in: %(target)s"),
    "sign-in.lock": N_("%(who)s is locked out after failed sign-ins: %(target)s"),
    "session.start": N_("%(who)s signs in"),
    "session.end": N_("%(who)s signs out"),
    token_service.ISSUE: N_("%(who)s makes the API token %(target)s"),
    token_service.REVOKE: N_("%(who)s revokes the API token %(target)s"),
    audit.EXPORT: N_("%(who)s exports the audit log as %(target)s"),
}
"""What people do with accounts, or fail to do, by its name in the audit log, with the sentence that is read there."""
UNASKED: Final[Mapping[str, str]] = {
    token_service.USE: N_("%(who)s uses the API token %(target)s for the first time"),
    "session.set-roles": N_("%(who)s has other roles by the login provider"),
    "user.first-password": N_("%(who)s gives the first account %(target)s a password"),
}
"""What is written beside: nobody asked for it as such."""
FIRST_ADMINISTRATOR: Final = "admin"


@dataclass(frozen=True)
class Change:
    """Who changes something, when, and under which correlation id; `dry_run` writes nothing."""

    by: str
    now: datetime
    correlation_id: str | None = None
    dry_run: bool = False

    def trace(self, session: Session, what: str, target: str, *, before: Any = None, after: Any = None) -> None:
        audit.record(
            session.connection,
            who=self.by,
            what=what,
            target=target,
            before=before,
            after=after,
            correlation_id=self.correlation_id,
            now=self.now,
        )


def ensure_administrator(pool: Pool, random: Callable[[int], bytes], clock: Clock) -> str | None:
    """Make sure that somebody can administrate: the new password of the account `admin`, or None when all is well.

    The password is told to nobody else and cannot be had again. As long as nobody has signed in with it each call
    makes a new one, so that a start that died before showing it costs nothing.
    """
    with AccessStore(pool).transaction() as session:
        session.lock_users()
        if not session.needs_first_administrator(FIRST_ADMINISTRATOR):
            return None
        password = passwords.generate(random)
        now = clock()
        session.save_first_administrator(FIRST_ADMINISTRATOR, passwords.hash_password(password), now=now)
        change = Change(by="platform:start", now=now)
        change.trace(session, "user.first-password", FIRST_ADMINISTRATOR, after={"roles": ["administrator"]})
        return password


def start_session(sessions: Sessions, principal: Principal, *, address: str, correlation_id: str | None) -> str:
    """The id of a new session of somebody whom others vouch for.

    Those are an OIDC provider, with the roles it gave, and a domain for its guest, who has none.
    """
    change = Change(principal.subject, sessions.context.clock(), correlation_id)
    with AccessStore(sessions.context.pool).transaction() as session:
        return start(sessions, session, principal, change, user_name=None, address=address)


def fail_sign_in(pool: Pool, target: str, change: Change, *, address: str, reason: str) -> None:
    """Trace that somebody could not sign in by a provider."""
    with AccessStore(pool).transaction() as session:
        change.trace(session, "sign-in.fail", target, after={"address": address, "reason": reason})


def log_out(sessions: Sessions, principal: Principal, *, correlation_id: str | None) -> None:
    """End the session; once more is the same."""
    with AccessStore(sessions.context.pool).transaction() as session:
        if principal.session_id and session.delete_session(hash_id(principal.session_id)):
            change = Change(principal.subject, sessions.context.clock(), correlation_id)
            change.trace(session, "session.end", principal.name)


def list_sessions(sessions: Sessions, subject: str | None = None) -> list[ListedSession]:
    """The live sessions of one subject, or of everybody."""
    now = sessions.context.clock()
    with AccessStore(sessions.context.pool).transaction() as session:
        return session.sessions(subject, now=now, idle_since=now - sessions.context.limits.session_idle)


def end_session(pool: Pool, session_id: str, change: Change, *, subject: str | None = None) -> None:
    """End a session by its listed id, where a `subject` is given only one of his own. Raises `NotFound`."""
    with AccessStore(pool).transaction() as session:
        ended = session.end_session(session_id, subject=subject)
        if ended is None:
            raise NotFound("no-session", "there is no such session: it may have ended by itself", field="session")
        before = {"address": ended.address, "created_at": ended.created_at.isoformat(timespec="seconds")}
        change.trace(session, "session.end", ended.name, before=before)


def end_sessions(pool: Pool, name: str, change: Change) -> int:
    """End all sessions of an account; how many there were. Raises `NotFound`."""
    with AccessStore(pool).transaction() as session:
        session.user(name)
        return _end_sessions(session, f"local:{name}", name, change)


def end_other_sessions(pool: Pool, principal: Principal, change: Change) -> int:
    """End all sessions of whoever asks but the one he asks from; how many there were."""
    with AccessStore(pool).transaction() as session:
        kept = hash_id(principal.session_id) if principal.session_id else None
        return _end_sessions(session, principal.subject, principal.name, change, kept=kept)


def users(pool: Pool) -> list[User]:
    """All local accounts by name."""
    with AccessStore(pool).transaction() as session:
        return session.users()


def add_user(pool: Pool, name: str, roles: Collection[Role], password: Callable[[], str], change: Change) -> bool:
    """Add an account; False when it is already there with these roles. The password is asked for only when needed.

    Raises `Conflict` when the name is taken by one with other roles, `InvalidInput` for a bad name or password.
    """
    check_name(name)
    if change.dry_run or _is_there(pool, name, roles):
        return not _is_there(pool, name, roles)
    password_hash = passwords.hash_password(passwords.check_password(password(), name=name))
    with AccessStore(pool).transaction() as session:
        session.lock_users()
        if session.insert_user(name, roles, password_hash, now=change.now):
            change.trace(session, "user.add", name, after={"roles": sorted(roles), "enabled": True})
            return True
    return not _is_there(pool, name, roles)


def set_enabled(pool: Pool, name: str, change: Change, *, enabled: bool) -> bool:
    """Let an account in or keep it out, ending its sessions; False when it was already so.

    Raises `NotFound`, and `Conflict` for the last administrator.
    """
    with AccessStore(pool).transaction() as session:
        session.lock_users()
        user = session.user(name)
        if user.enabled == enabled:
            return False
        if not enabled:
            _keep_an_administrator(session, user)
        if not change.dry_run:
            session.set_enabled(name, enabled=enabled, now=change.now)
            session.delete_sessions_of(name)
            verb = "enable" if enabled else "disable"
            change.trace(session, f"user.{verb}", name, before={"enabled": user.enabled}, after={"enabled": enabled})
        return True


def set_roles(pool: Pool, name: str, roles: Collection[Role], change: Change) -> bool:
    """Replace an account's roles, ending its sessions; False when it has them. Raises as `set_enabled`."""
    with AccessStore(pool).transaction() as session:
        session.lock_users()
        user = session.user(name)
        if user.roles == frozenset(roles):
            return False
        if Role.ADMINISTRATOR not in roles:
            _keep_an_administrator(session, user)
        if not change.dry_run:
            session.set_roles(name, roles, now=change.now)
            session.delete_sessions_of(name)
            before, after = {"roles": sorted(user.roles)}, {"roles": sorted(roles)}
            change.trace(session, "user.set-roles", name, before=before, after=after)
        return True


def reset_password(pool: Pool, name: str, password: Callable[[], str], change: Change) -> None:
    """Give an account another password, end its sessions and its lock-out. Raises `NotFound`, `InvalidInput`."""
    store = AccessStore(pool)
    with store.transaction() as session:
        session.user(name)
    if change.dry_run:
        return
    password_hash = passwords.hash_password(passwords.check_password(password(), name=name))
    with store.transaction() as session:
        session.lock_users()
        session.user(name)
        session.set_password(name, password_hash, now=change.now)
        session.delete_sessions_of(name)
        session.forget_attempts(account=account_key(name))
        session.forget_places(name)
        change.trace(session, "user.reset-password", name)


def start(
    sessions: Sessions, session: Session, by: Principal, change: Change, *, user_name: str | None, address: str
) -> str:
    """The id of a new session, in the caller's transaction; of a local account, or with the roles of `by`."""
    limits, session_id = sessions.context.limits, sessions.new_id()
    session.delete_ended_sessions(now=change.now, idle_since=change.now - limits.session_idle)
    session.insert_session(
        hash_id(session_id),
        subject=by.subject,
        name=by.name,
        user_name=user_name,
        roles=None if user_name else by.roles,
        address=address,
        now=change.now,
        expires_at=change.now + limits.session_age,
    )
    change.trace(session, "session.start", by.name, after={"address": address})
    return session_id


def _end_sessions(session: Session, subject: str, name: str, change: Change, *, kept: bytes | None = None) -> int:
    if change.dry_run:
        return session.count_sessions(subject, kept=kept)
    ended = session.end_sessions(subject, kept=kept)
    if ended:
        change.trace(session, "user.end-sessions", name, before={"sessions": ended})
    return ended


def _is_there(pool: Pool, name: str, roles: Collection[Role]) -> bool:
    """Raises `Conflict` when it is there with other roles."""
    with AccessStore(pool).transaction() as session:
        accounts = session.users(name)
    if accounts and accounts[0].roles != frozenset(roles):
        raise Conflict(
            "account-exists",
            "the account {name} exists with the roles {roles}",
            name=name,
            roles=sorted(accounts[0].roles),
            field="name",
        )
    return bool(accounts)


def _keep_an_administrator(session: Session, user: User) -> None:
    others = [u for u in session.users() if u.enabled and Role.ADMINISTRATOR in u.roles and u.name != user.name]
    if user.enabled and Role.ADMINISTRATOR in user.roles and not others:
        raise Conflict("last-administrator", "{name} is the last administrator", name=user.name, field="name")
