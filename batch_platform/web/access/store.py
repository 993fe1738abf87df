"""Every read and write of accounts, sessions and failed logins; statements stand in `sql/`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from batch_platform.core.failures import NotFound
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.web.access.model import Due, Role, User

BROWSER: Final = "browser:"
"""What the places begin with that are no addresses."""


@dataclass(frozen=True)
class Lockout:
    """From which failure on the next attempt has to wait, and how long: from `shortest`, doubling, to `longest`."""

    threshold: int
    shortest: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=15)
    forgotten_after: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Lock:
    """Failures that slow sign-ins: of `account` (a hash) at `place`, either of which may be empty, for all of them.

    `name` is that of the account, when there is one.
    """

    account: str
    place: str
    name: str | None
    failures: int
    locked_until: datetime

    @property
    def address(self) -> str | None:
        """The place, when it is an address and neither a browser nor all."""
        return None if not self.place or self.place.startswith(BROWSER) else self.place


@dataclass(frozen=True)
class StoredSession:
    """A live session; a local account's roles are those of this moment, a provider's those of `confirmed_at`."""

    subject: str
    name: str
    roles: frozenset[Role]
    seen_at: datetime
    due: Due | None
    confirmed_at: datetime | None


@dataclass(frozen=True)
class ListedSession:
    """A live session as people see it; `id` is a hash, by which it can be ended but not used."""

    id: str
    subject: str
    name: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Session(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.web.access.sql")

    # accounts

    def lock_users(self) -> None:
        """Until the end of the transaction, nobody else changes accounts."""
        self._run("lock_users")

    def users(self, name: str | None = None) -> list[User]:
        rows = self._rows("users", name=name)
        return [User(**row | {"roles": frozenset(map(Role, row["roles"]))}) for row in rows]

    def user(self, name: str) -> User:
        """Raises `NotFound`."""
        users = self.users(name)
        if not users:
            raise NotFound(
                "unknown-account", "no account {name}; see `batch-platform users list`", name=name, field="name"
            )
        return users[0]

    def credentials(self, name: str) -> tuple[str | None, bool]:
        """Password hash and whether the account is enabled; (None, False) when there is none."""
        rows = self._rows("credentials", name=name)
        return (rows[0]["password_hash"], rows[0]["enabled"]) if rows else (None, False)

    def insert_user(self, name: str, roles: Collection[Role], password_hash: str, *, now: datetime) -> bool:
        """False when the name is taken."""
        return self._run("insert_user", name=name, roles=_written(roles), password_hash=password_hash, now=now) == 1

    def set_enabled(self, name: str, *, enabled: bool, now: datetime) -> None:
        self._run("set_enabled", name=name, enabled=enabled, now=now)

    def set_roles(self, name: str, roles: Collection[Role], *, now: datetime) -> None:
        self._run("set_roles", name=name, roles=_written(roles), now=now)

    def set_password(self, name: str, password_hash: str, *, now: datetime) -> None:
        self._run("set_password", name=name, password_hash=password_hash, now=now)

    def change_password(self, name: str, *, old: str, new: str, now: datetime) -> bool:
        """By its owner. False when somebody was faster."""
        return self._run("change_password", name=name, old=old, new=new, now=now) == 1

    def replace_hash(self, name: str, *, old: str, new: str) -> None:
        self._run("replace_hash", name=name, old=old, new=new)

    def needs_first_administrator(self, name: str) -> bool:
        return bool(self._value("needs_first_administrator", name=name))

    def save_first_administrator(self, name: str, password_hash: str, *, now: datetime) -> None:
        self._run("save_first_administrator", name=name, password_hash=password_hash, now=now)

    def signed_in(self, name: str, password_hash: str, *, now: datetime) -> bool:
        """False when the account was disabled or its password changed since the hash was read."""
        return self._run("signed_in", name=name, password_hash=password_hash, now=now) == 1

    # sessions

    def insert_session(
        self,
        id_hash: bytes,
        *,
        subject: str,
        name: str,
        user_name: str | None,
        roles: Collection[Role] | None,
        address: str,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """Either of a local account (`user_name`) or with the roles a provider gave."""
        self._run(
            "insert_session",
            id_hash=id_hash,
            subject=subject,
            name=name,
            user_name=user_name,
            roles=None if roles is None else _written(roles),
            address=address,
            now=now,
            expires_at=expires_at,
        )

    def session(
        self, id_hash: bytes, *, now: datetime, idle_since: datetime, second_factor_roles: Collection[Role] = ()
    ) -> StoredSession | None:
        needed = _written(second_factor_roles)
        rows = self._rows("session", id_hash=id_hash, now=now, idle_since=idle_since, second_factor_roles=needed)
        return StoredSession(**rows[0] | {"roles": frozenset(map(Role, rows[0]["roles"]))}) if rows else None

    def touch_session(self, id_hash: bytes, *, now: datetime) -> None:
        self._run("touch_session", id_hash=id_hash, now=now)

    def sessions(self, subject: str | None, *, now: datetime, idle_since: datetime) -> list[ListedSession]:
        """Those of one subject, or of all, the most recently used first; 1,000 at most."""
        rows = self._rows("sessions", subject=subject, now=now, idle_since=idle_since)
        return [ListedSession(**row) for row in rows]

    def end_session(self, session_id: str, *, subject: str | None) -> ListedSession | None:
        """The session that was ended; None when there is none, or it is not one of the subject's."""
        rows = self._rows("end_session", id=session_id, subject=subject)
        return ListedSession(**rows[0]) if rows else None

    def count_sessions(self, subject: str, *, kept: bytes | None = None) -> int:
        return int(self._value("count_sessions", subject=subject, kept=kept))

    def end_sessions(self, subject: str, *, kept: bytes | None = None) -> int:
        """How many were ended: all of the subject's but the `kept` one."""
        return self._run("end_sessions", subject=subject, kept=kept)

    def delete_session(self, id_hash: bytes) -> bool:
        return self._run("delete_session", id_hash=id_hash) == 1

    def delete_sessions_of(self, name: str) -> int:
        return self._run("delete_sessions_of", name=name)

    def delete_ended_sessions(self, *, now: datetime, idle_since: datetime) -> None:
        self._run("delete_ended_sessions", now=now, idle_since=idle_since)

    # second factors

    def second_factor(self, name: str) -> bytes | None:
        """Its encrypted secret."""
        rows = self._rows("second_factor", name=name)
        return bytes(rows[0]["secret"]) if rows else None

    def insert_second_factor(self, name: str, secret: bytes, step: int, *, now: datetime) -> bool:
        """False when there is one."""
        return self._run("insert_second_factor", name=name, secret=secret, step=step, now=now) == 1

    def delete_second_factor(self, name: str) -> None:
        self._run("delete_second_factor", name=name)

    def use_step(self, name: str, step: int) -> bool:
        """False when its code, or a later one, was used before."""
        return self._run("use_step", name=name, step=step) == 1

    def insert_recovery_codes(self, name: str, hashes: Sequence[bytes]) -> None:
        self._run("insert_recovery_codes", name=name, hashes=list(hashes))

    def use_recovery_code(self, name: str, code_hash: bytes) -> bool:
        return self._run("use_recovery_code", name=name, code_hash=code_hash) == 1

    def recovery_codes_left(self, name: str) -> int:
        return int(self._value("recovery_codes_left", name=name))

    def verify_session(self, id_hash: bytes, *, renewed: bytes) -> None:
        """The second factor was shown; the session goes on under another id."""
        self._run("verify_session", id_hash=id_hash, renewed=renewed)

    # failed sign-ins, and the places that are known

    def count_attempt(self, account: str, place: str, lockout: Lockout, *, now: datetime) -> datetime | None:
        """Count one more failure; the moment until which it is locked when it is, and then nothing counts."""
        counted = self._rows(
            "count_attempt",
            account=account,
            place=place,
            now=now,
            forgotten=now - lockout.forgotten_after,
            threshold=lockout.threshold,
            shortest=lockout.shortest,
            longest=lockout.longest,
        )
        return None if counted else self.locked_until(account, place)

    def locked_until(self, account: str, place: str) -> datetime | None:
        rows = self._rows("locked_until", account=account, place=place)
        return rows[0]["locked_until"] if rows else None

    def locks(self, *, now: datetime) -> list[Lock]:
        """What is locked now, the longest first; 200 at most."""
        return [Lock(**row) for row in self._rows("locks", now=now)]

    def failures(self, *, account: str | None = None, place: str | None = None) -> int:
        """How many are counted: of an account wherever, of a place whatever the account, or of one at the other."""
        return int(self._value("failures", account=account, place=place))

    def forget_attempts(self, *, account: str | None = None, place: str | None = None) -> None:
        """Start counting anew, chosen as by `failures`. Raises `ValueError` when neither is given."""
        if account is None and place is None:
            raise ValueError("either an account or a place has to be given")
        self._run("forget_attempts", account=account, place=place)

    def forgive_attempt(self, account: str, place: str, lockout: Lockout) -> None:
        """Take the attempt that succeeded out of the count."""
        self._run("forgive_attempt", account=account, place=place, threshold=lockout.threshold)

    def delete_old_attempts(self, lockout: Lockout, *, now: datetime) -> None:
        self._run("delete_old_attempts", forgotten=now - lockout.forgotten_after)

    def known_places(self, name: str, places: Sequence[str], *, since: datetime) -> set[str]:
        """Those of the places from which the person has signed in."""
        return {row["place"] for row in self._rows("known_places", name=name, places=list(places), since=since)}

    def remember_places(self, name: str, places: Sequence[str], *, now: datetime, forgotten: datetime) -> None:
        self._run("forget_places", name=name, before=forgotten)
        self._run("remember_places", name=name, places=list(places), now=now)

    def forget_places(self, name: str) -> None:
        self._run("forget_places", name=name, before=None)


class AccessStore(BaseStore[Session]):
    """Opens transactions on the accounts' tables."""

    _session = Session


def _written(roles: Collection[Role]) -> list[str]:
    return sorted(role.value for role in roles)
