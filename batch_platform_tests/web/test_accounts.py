"""Local accounts: the first administrator, signing in, lock-out, and what administrators change."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import argon2
import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.web.access import passwords, service, sign_in
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform.web.access.sessions import Sessions
from batch_platform.web.access.sign_in import LoginRefused
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.site import NOON, PASSWORD, HandClock, make_context

ADMIN = service.FIRST_ADMINISTRATOR

ENSURE = """
import os, secrets, signal, sys
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.web.access.service import ensure_administrator
pool = postgres.open_pool(sys.argv[1], application_name="first-start", max_size=1)
print("started", flush=True)
password = ensure_administrator(pool, secrets.token_bytes, utc_now)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print(password, flush=True)
"""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sessions(pool: postgres.Pool, clock: HandClock) -> Sessions:
    return Sessions(make_context(pool, clock))


def ensure(pool: postgres.Pool) -> str | None:
    return service.ensure_administrator(pool, secrets.token_bytes, lambda: NOON)


def change(**more: Any) -> Change:
    return Change("test:somebody", NOON, **more)


def add(pool: postgres.Pool, name: str, *roles: Role) -> bool:
    return service.add_user(pool, name, roles or [Role.VIEWER], lambda: PASSWORD, change())


def log_in(sessions: Sessions, name: str, password: str = PASSWORD, address: str = "10.0.0.1") -> str:
    return sign_in.log_in(sessions, name, password, address=address, correlation_id="c")


def status(sessions: Sessions, name: str, password: str = "wrong", address: str = "10.0.0.1") -> int:
    """200 or the refusal's status."""
    try:
        log_in(sessions, name, password, address)
    except LoginRefused as refused:
        return refused.status_code
    return 200


def rows(pool: postgres.Pool, query: str) -> list[Any]:
    with postgres.transaction(pool) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_first_start_makes_an_administrator(pool: postgres.Pool, sessions: Sessions) -> None:
    password = ensure(pool)
    assert password is not None
    assert len(password) >= 24
    principal = sessions.find(log_in(sessions, ADMIN, password))
    assert principal is not None
    assert principal.roles == {Role.ADMINISTRATOR}
    assert ensure(pool) is None
    [(stored,)] = rows(pool, "SELECT password_hash FROM web.users")
    assert password not in stored
    assert stored.startswith("$argon2id$")
    assert rows(pool, f"SELECT FROM web.audit_log WHERE before::text || after::text LIKE '%{password}%'") == []


def test_a_password_that_nobody_used_is_replaced(pool: postgres.Pool, sessions: Sessions) -> None:
    first, second = ensure(pool), ensure(pool)
    assert first
    assert second
    assert first != second
    assert status(sessions, ADMIN, first) == 401
    assert status(sessions, ADMIN, second) == 200


def test_somebody_else_is_administrator_already(pool: postgres.Pool) -> None:
    add(pool, "ann", Role.ADMINISTRATOR)
    assert ensure(pool) is None
    assert [user.name for user in service.users(pool)] == ["ann"]


def test_a_chosen_password_is_not_replaced(pool: postgres.Pool, sessions: Sessions) -> None:
    ensure(pool)
    service.reset_password(pool, ADMIN, lambda: PASSWORD, change())
    assert ensure(pool) is None
    assert status(sessions, ADMIN, PASSWORD) == 200


def test_a_viewer_called_admin_is_left_alone(pool: postgres.Pool, sessions: Sessions) -> None:
    add(pool, ADMIN, Role.VIEWER)
    assert ensure(pool) is None
    assert status(sessions, ADMIN, PASSWORD) == 200


@pytest.mark.faults
def test_a_start_that_is_killed_before_it_tells_the_password(
    pool: postgres.Pool, web_database: str, sessions: Sessions
) -> None:
    died = subprocess.run([sys.executable, "-c", ENSURE, web_database, "die"], timeout=PATIENCE, check=False)
    assert died.returncode == -signal.SIGKILL
    assert rows(pool, "SELECT name FROM web.users") == [(ADMIN,)]
    told = subprocess.run(
        [sys.executable, "-c", ENSURE, web_database, "live"], stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    password = told.stdout.decode().split()[-1]
    assert status(sessions, ADMIN, password) == 200


@pytest.mark.faults
@pytest.mark.parametrize("after", [0.0, 0.03, 0.06, 0.1])
def test_a_start_that_is_killed_at_any_moment(
    pool: postgres.Pool, web_database: str, sessions: Sessions, after: float
) -> None:
    process = subprocess.Popen([sys.executable, "-c", ENSURE, web_database, "live"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.kill()
    process.communicate()
    password = ensure(pool)
    assert password is not None
    assert rows(pool, "SELECT name FROM web.users") == [(ADMIN,)]
    assert status(sessions, ADMIN, password) == 200


def test_two_starts_at_once_end_with_one_password_that_works(pool: postgres.Pool, sessions: Sessions) -> None:
    with ThreadPoolExecutor(4) as executor:
        told = list(executor.map(lambda _: ensure(pool), range(4)))
    assert all(told)
    assert sorted(status(sessions, ADMIN, str(password)) for password in told) == [200, 401, 401, 401]


def test_refusals_do_not_tell_what_was_wrong(pool: postgres.Pool, sessions: Sessions) -> None:
    add(pool, "ann")
    add(pool, "off")
    service.set_enabled(pool, "off", change(), enabled=False)
    told = set()
    for name, password in [
        ("ann", "wrong"),
        ("nobody", PASSWORD),
        ("off", PASSWORD),
        ("", ""),
        ("ann\x00", "x" * 999),
    ]:
        with pytest.raises(LoginRefused) as refused:
            log_in(sessions, name, password)
        told.add((refused.value.status_code, refused.value.detail, str(refused.value.headers)))
    assert told == {(401, "The name or the password is wrong.", "None")}


def test_names_are_typed_in_any_case(pool: postgres.Pool, sessions: Sessions) -> None:
    add(pool, "ann")
    assert status(sessions, " Ann ", PASSWORD) == 200


def test_an_unknown_account_takes_as_long(
    pool: postgres.Pool, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt verifies exactly one hash, always of the same cost: what is slow does not depend on the name."""
    add(pool, "ann")
    costs: list[argon2.Parameters] = []

    class Watched(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 (the parameter's own name)
            costs.append(argon2.extract_parameters(str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobodys.cache_clear()
    for name, password in [
        ("ann", PASSWORD),
        ("ann", "wrong"),
        ("nobody", PASSWORD),
        ("Not A Name", ""),
        ("ann", "x" * 999),
    ]:
        status(sessions, name, password)
    assert len(costs) == 5
    assert len(set(map(str, costs))) == 1


def test_a_weak_hash_is_renewed_at_login(pool: postgres.Pool, sessions: Sessions) -> None:
    add(pool, "ann")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE web.users SET password_hash = %s", [weak])
    assert status(sessions, "ann", PASSWORD) == 200
    [(stored,)] = rows(pool, "SELECT password_hash FROM web.users")
    assert stored != weak
    assert status(sessions, "ann", PASSWORD) == 200


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "annannannann", "annann-1234"])
def test_passwords_that_are_refused(pool: postgres.Pool, password: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        service.add_user(pool, "annann", [Role.VIEWER], lambda: password, change())
    assert failure.value.field == "password"
    assert service.users(pool) == []


def test_a_password_may_be_written_in_either_normal_form(pool: postgres.Pool, sessions: Sessions) -> None:
    service.add_user(pool, "ann", [Role.VIEWER], lambda: "パスワードパスワード１２", change())
    assert status(sessions, "ann", "ﾊﾟｽﾜｰﾄﾞﾊﾟｽﾜｰﾄﾞ12") == 200


def test_adding_twice_is_adding_once(pool: postgres.Pool) -> None:
    assert add(pool, "ann", Role.VIEWER)
    assert not service.add_user(pool, "ann", [Role.VIEWER], lambda: pytest.fail("not needed"), change())
    with pytest.raises(Conflict, match="viewer"):
        add(pool, "ann", Role.OPERATOR)


def test_a_dry_run_writes_nothing(pool: postgres.Pool) -> None:
    dry = change(dry_run=True)
    assert service.add_user(pool, "ann", [Role.VIEWER], lambda: pytest.fail("not needed"), dry)
    assert service.users(pool) == []
    add(pool, "ann")
    assert not service.add_user(pool, "ann", [Role.VIEWER], lambda: pytest.fail("not needed"), dry)
    before = rows(pool, "TABLE web.users")
    audited = rows(pool, "SELECT max(id) FROM web.audit_log")
    assert service.set_enabled(pool, "ann", dry, enabled=False)
    assert service.set_roles(pool, "ann", [Role.OPERATOR], dry)
    service.reset_password(pool, "ann", lambda: pytest.fail("not needed"), dry)
    assert (rows(pool, "TABLE web.users"), rows(pool, "SELECT max(id) FROM web.audit_log")) == (before, audited)


def test_the_last_administrator_stays(pool: postgres.Pool) -> None:
    add(pool, "ann", Role.ADMINISTRATOR)
    add(pool, "bob", Role.ADMINISTRATOR)
    assert service.set_enabled(pool, "bob", change(), enabled=False)
    with pytest.raises(Conflict, match="last administrator"):
        service.set_enabled(pool, "ann", change(), enabled=False)
    with pytest.raises(Conflict, match="last administrator"):
        service.set_roles(pool, "ann", [Role.VIEWER], change())
    assert service.set_enabled(pool, "bob", change(), enabled=True)
    assert not service.set_enabled(pool, "bob", change(), enabled=True)
    assert service.set_roles(pool, "ann", [Role.VIEWER], change())
    assert not service.set_roles(pool, "ann", [Role.VIEWER], change())


def test_two_administrators_cannot_disable_each_other(pool: postgres.Pool) -> None:
    for round_ in range(5):
        names = [f"ann{round_}", f"bob{round_}"]
        for name in names:
            add(pool, name, Role.ADMINISTRATOR)
        for user in service.users(pool):
            if user.enabled and user.name not in names:
                service.set_enabled(pool, user.name, change(), enabled=False)

        def disable(name: str) -> bool:
            try:
                return service.set_enabled(pool, name, change(), enabled=False)
            except Conflict:
                return False

        with ThreadPoolExecutor(2) as executor:
            assert sorted(executor.map(disable, names)) == [False, True]


@pytest.mark.parametrize(
    "act",
    [
        lambda pool: service.set_enabled(pool, "nobody", change(), enabled=False),
        lambda pool: service.set_roles(pool, "nobody", [Role.VIEWER], change()),
        lambda pool: service.reset_password(pool, "nobody", lambda: PASSWORD, change()),
    ],
)
def test_accounts_that_do_not_exist(pool: postgres.Pool, act: Callable[[postgres.Pool], object]) -> None:
    with pytest.raises(NotFound, match="no account nobody"):
        act(pool)


def test_every_change_leaves_its_trace(pool: postgres.Pool, sessions: Sessions) -> None:
    [(last,)] = rows(pool, "SELECT coalesce(max(id), 0) FROM web.audit_log")
    add(pool, "ann")
    principal = sessions.find(log_in(sessions, "ann"))
    assert principal is not None
    service.log_out(sessions, principal, correlation_id="c")
    service.log_out(sessions, principal, correlation_id="c")
    service.set_roles(pool, "ann", [Role.OPERATOR], change())
    service.set_enabled(pool, "ann", change(), enabled=False)
    service.reset_password(pool, "ann", lambda: PASSWORD, change())
    traces = rows(pool, f"SELECT who, what, target, before, after FROM web.audit_log WHERE id > {last} ORDER BY id")
    assert traces == [
        ("test:somebody", "user.add", "ann", None, {"roles": ["viewer"], "enabled": True}),
        ("local:ann", "session.start", "ann", None, {"address": "10.0.0.1"}),
        ("local:ann", "session.end", "ann", None, None),
        ("test:somebody", "user.set-roles", "ann", {"roles": ["viewer"]}, {"roles": ["operator"]}),
        ("test:somebody", "user.disable", "ann", {"enabled": True}, {"enabled": False}),
        ("test:somebody", "user.reset-password", "ann", None, None),
    ]
