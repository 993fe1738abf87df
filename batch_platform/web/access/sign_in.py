"""Signing in to a local account, and how failures slow it: nobody is kept out for good, nobody learns who has one.

Failures are counted by account and place, so strangers do not slow people elsewhere. What many do together is slowed
too: all that one address tries, and all that strangers try on one account; the wait is then short and does not grow.
A browser from which the person has signed in is slowed by its own failures alone, an address by those of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, ClassVar, Final

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.core.postgres import Pool
from batch_platform.web.access import passwords
from batch_platform.web.access.model import Principal, account_key, is_name
from batch_platform.web.access.service import Change, start
from batch_platform.web.access.sessions import KNOWN_FOR, Sessions, hash_id
from batch_platform.web.access.store import BROWSER, AccessStore, Lock, Lockout, Session
from batch_platform.web.api.refusals import Refusal

BACK_OFF: Final = Lockout(threshold=5)
"""Of one account at one place."""
SLOW: Final = Lockout(threshold=100, shortest=timedelta(seconds=10), longest=timedelta(seconds=10))
"""Of all accounts at one address, and of one account at all addresses that are not known."""
_ALL: Final = ""


class LoginRefused(Refusal):
    """Wrong name or password, disabled, or too early again; which of the first three is not told."""


@dataclass(frozen=True)
class Origin:
    """Where an attempt comes from: the visitor's `address` and, when it has one, its `browser`'s id."""

    address: str
    browser: str | None = None

    @property
    def place(self) -> str:
        return place_of(self.address)

    @property
    def browser_place(self) -> str | None:
        return None if self.browser is None else f"{BROWSER}{hashlib.sha256(self.browser.encode()).hexdigest()}"

    @property
    def places(self) -> list[str]:
        return [self.place, *([self.browser_place] if self.browser_place else [])]


@dataclass(frozen=True)
class _Counter:
    account: str
    place: str
    lockout: Lockout


@dataclass(frozen=True)
class Attempts:
    """The attempts of one `name` from one origin."""

    store: AccessStore
    name: str
    origin: Origin
    proves_all: ClassVar[bool] = False

    def count(self, now: datetime) -> list[_Counter]:
        """Count the attempt as failed, before the password is looked at.

        Raises `LoginRefused` (429) while it has to wait, and then nothing counts.
        """
        with self.store.transaction() as session:
            session.delete_old_attempts(BACK_OFF, now=now)
            counters = self._counters(session, now)
            # always in this order: two attempts never wait for each other in a circle
            for counter in counters:
                locked = session.count_attempt(counter.account, counter.place, counter.lockout, now=now)
                if locked is not None:
                    raise _too_early(locked, now)
        return counters

    def succeed(self, session: Session, counters: list[_Counter], now: datetime) -> None:
        """What was counted is taken back; the place is known, of whoever has a second factor once that is shown."""
        for counter in counters:
            if counter.lockout is BACK_OFF:
                session.forget_attempts(account=counter.account, place=counter.place)
            else:
                session.forgive_attempt(counter.account, counter.place, counter.lockout)
        if self.proves_all or session.second_factor(self.name) is None:
            session.remember_places(self.name, self.origin.places, now=now, forgotten=now - KNOWN_FOR)

    def fail(self, counters: list[_Counter], change: Change, reason: str) -> None:
        """One row in the audit log: of the failure, or of the wait that it begins."""
        with self.store.transaction() as session:
            ends = [session.locked_until(counter.account, counter.place) for counter in counters]
            until = max((end for end in ends if end is not None and end > change.now), default=None)
            after: dict[str, Any] = {"address": self.origin.address, "reason": reason}
            target = "unknown account" if reason == "unknown-account" else self.name
            if until is None:
                change.trace(session, "sign-in.fail", target, after=after)
            else:
                after["locked_until"] = until.isoformat(timespec="seconds")
                change.trace(session, "sign-in.lock", target, after=after)

    def _counters(self, session: Session, now: datetime) -> list[_Counter]:
        account, place, browser = account_key(self.name), self.origin.place, self.origin.browser_place
        known: set[str] = set()
        if is_name(self.name):
            known = session.known_places(self.name, self.origin.places, since=now - KNOWN_FOR)
        if browser is not None and browser in known:
            return [_Counter(account, browser, BACK_OFF)]
        strangers = [] if place in known else [_Counter(account, _ALL, SLOW)]
        return [_Counter(_ALL, place, SLOW), *strangers, _Counter(account, place, BACK_OFF)]


@dataclass(frozen=True)
class CodeAttempts(Attempts):
    """Of the second factor, by whoever knows the password: counted apart, as a right password forgives its failures.

    One count of all places, so that many addresses have no more guesses than one; a known browser has its own.
    """

    proves_all: ClassVar[bool] = True

    def _counters(self, session: Session, now: datetime) -> list[_Counter]:
        browser = self.origin.browser_place
        known = session.known_places(self.name, [browser], since=now - KNOWN_FOR) if browser else set()
        return [_Counter(code_key(self.name), browser if browser and known else _ALL, BACK_OFF)]


def log_in(
    sessions: Sessions,
    name: str,
    password: str,
    *,
    address: str,
    browser: str | None = None,
    correlation_id: str | None,
) -> str:
    """The id of a new session. Raises `LoginRefused`: 401, or 429 with Retry-After when it is too early again."""
    context = sessions.context
    store = AccessStore(context.pool)
    name = name.strip().casefold()
    attempts = Attempts(store, name, Origin(address, browser))
    counters = attempts.count(context.clock())
    with store.transaction() as session:
        stored, enabled = session.credentials(name) if is_name(name) else (None, False)
    # no connection is held meanwhile: hashing is slow on purpose
    right = passwords.verify(stored, password)
    now = context.clock()
    if right and stored is not None and enabled:
        newer = passwords.hash_password(password) if passwords.is_outdated(stored) else None
        change = Change(f"local:{name}", now, correlation_id)
        with store.transaction() as session:
            # False when an administrator was faster
            if session.signed_in(name, stored, now=now):
                if newer:
                    session.replace_hash(name, old=stored, new=newer)
                attempts.succeed(session, counters, now)
                by = Principal(change.by, name, frozenset(), "session")
                return start(sessions, session, by, change, user_name=name, address=address)
    reason = "unknown-account" if stored is None else "disabled" if right else "wrong-password"
    attempts.fail(counters, Change(f"address:{address}", now, correlation_id), reason)
    raise LoginRefused(401, "wrong-password", "The name or the password is wrong.")


def change_password(
    sessions: Sessions, principal: Principal, current: str, password: str, *, origin: Origin, change: Change
) -> None:
    """Give oneself another password, and end one's other sessions.

    Raises `InvalidInput` for a bad or unchanged password and for a wrong `current` one, which counts as a failed
    sign-in, and `LoginRefused` (429) while that has to wait.
    """
    name = local_name(principal)
    password = passwords.check_password(password, name=name)
    store = AccessStore(sessions.context.pool)
    attempts = Attempts(store, name, origin)
    counters = attempts.count(change.now)
    with store.transaction() as session:
        stored, enabled = session.credentials(name)
    if not passwords.verify(stored, current) or stored is None or not enabled:
        attempts.fail(counters, change, "wrong-password")
        raise InvalidInput("wrong-current-password", "the current password is wrong", field="current")
    if passwords.verify(stored, password):
        raise InvalidInput("password-unchanged", "the new password is the one you have", field="password")
    changed = passwords.hash_password(password)
    with store.transaction() as session:
        if not session.change_password(name, old=stored, new=changed, now=change.now):
            raise InvalidInput("wrong-current-password", "the current password is wrong", field="current")
        attempts.succeed(session, counters, change.now)
        session.end_sessions(principal.subject, kept=hash_id(principal.session_id) if principal.session_id else None)
        change.trace(session, "user.change-password", name)


def local_name(principal: Principal) -> str:
    """The name of a local account. Raises `NotFound` for whoever signs in elsewhere."""
    if principal.kind != "local":
        raise NotFound("no-local-account", "you sign in elsewhere: there is no password here to change")
    return principal.subject.removeprefix("local:")


def locks(pool: Pool, *, now: datetime) -> list[Lock]:
    """The accounts and addresses that have to wait."""
    with AccessStore(pool).transaction() as session:
        return session.locks(now=now)


def unlock_account(pool: Pool, name: str, change: Change) -> bool:
    """Let an account try again, wherever; False when nothing was counted. Raises `NotFound`."""
    with AccessStore(pool).transaction() as session:
        session.user(name)
        return _unlock(
            session, change, "user.unlock", name, [{"account": key} for key in (account_key(name), code_key(name))]
        )


def unlock_address(pool: Pool, address: str, change: Change) -> bool:
    """Let an address try again, whatever the account; False when nothing was counted. Raises `InvalidInput`."""
    try:
        place = place_of(str(ip_address(address.partition("/")[0].strip())))
    except ValueError:
        raise InvalidInput(
            "not-an-ip-address", "{address} is not an IP address", address=repr(address), field="address"
        ) from None
    with AccessStore(pool).transaction() as session:
        return _unlock(session, change, "address.unlock", place, [{"place": place}])


def code_key(name: str) -> str:
    """What failed codes of a second factor are counted under; the statement `locks` knows it too."""
    return account_key(f"second factor of {name}")


def place_of(address: str) -> str:
    """What is counted as one place: an address, of IPv6 the /64 that one subscriber has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _unlock(session: Session, change: Change, what: str, target: str, of: Sequence[dict[str, str]]) -> bool:
    failures = sum(session.failures(**counted) for counted in of)
    if failures and not change.dry_run:
        for counted in of:
            session.forget_attempts(**counted)
        change.trace(session, what, target, before={"failures": failures})
    return failures > 0


def _too_early(until: datetime, now: datetime) -> LoginRefused:
    seconds = max(1, int((until - now).total_seconds()) + 1)
    headers = {"Retry-After": str(seconds)}
    return LoginRefused(429, "locked-out", "Too many failed attempts. Try again later.", headers=headers)
