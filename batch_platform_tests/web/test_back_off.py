"""Failed sign-ins slow whoever fails; they keep nobody out for good and tell nobody who has an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditEntry, AuditStore
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.web.access import service, sign_in
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform.web.access.sessions import KNOWN_FOR, Sessions
from batch_platform.web.access.sign_in import SLOW, LoginRefused
from batch_platform_tests.web.site import NOON, PASSWORD, HandClock, Site, make_context

HOME, OFFICE, AWAY = "192.0.2.1", "192.0.2.2", "198.51.100.9"
WRONG = "wrong"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sessions(pool: postgres.Pool, clock: HandClock) -> Sessions:
    for name in ("ann", "bob"):
        service.add_user(pool, name, [Role.VIEWER], lambda: PASSWORD, change())
    return Sessions(make_context(pool, clock))


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Addresses that nobody has been seen at."""
    return (f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in count())


def change(**more: Any) -> Change:
    return Change("test:somebody", NOON, **more)


def attempt(
    sessions: Sessions, name: str, password: str, address: str, browser: str | None = None
) -> LoginRefused | None:
    """None, or how it was refused."""
    try:
        sign_in.log_in(sessions, name, password, address=address, browser=browser, correlation_id="c")
    except LoginRefused as refused:
        return refused
    return None


def status(sessions: Sessions, name: str, password: str, address: str, browser: str | None = None) -> int:
    refused = attempt(sessions, name, password, address, browser)
    return refused.status_code if refused else 200


def fail(sessions: Sessions, name: str, address: str, browser: str | None = None, *, times: int = 6) -> list[int]:
    return [status(sessions, name, WRONG, address, browser) for _ in range(times)]


def newest(pool: postgres.Pool) -> AuditEntry:
    return AuditStore(pool).rows(limit=1)[0]


def test_an_account_waits_at_the_place_that_fails_and_longer_each_time(sessions: Sessions, clock: HandClock) -> None:
    assert fail(sessions, "ann", AWAY) == [401] * 5 + [429]
    assert status(sessions, "ann", PASSWORD, AWAY) == 429  # the right one does not open a locked door
    delays = []
    for _ in range(8):
        refused = attempt(sessions, "ann", PASSWORD, AWAY)
        assert refused is not None
        delays.append(int((refused.headers or {})["Retry-After"]))
        clock.pass_by(timedelta(seconds=delays[-1]))
        assert status(sessions, "ann", WRONG, AWAY) == 401
    assert delays == [31, 61, 121, 241, 481, 901, 901, 901]
    clock.pass_by(timedelta(minutes=16))
    assert status(sessions, "ann", PASSWORD, AWAY) == 200
    assert fail(sessions, "ann", AWAY) == [401] * 5 + [429]


def test_others_and_other_places_do_not_wait(sessions: Sessions) -> None:
    """Nobody else behind the same proxy is locked out, nor is the person anywhere else."""
    fail(sessions, "ann", OFFICE, times=30)
    assert status(sessions, "bob", PASSWORD, OFFICE) == 200
    assert status(sessions, "ann", PASSWORD, HOME) == 200


def test_the_wait_holds_in_every_process(pool: postgres.Pool, sessions: Sessions, clock: HandClock) -> None:
    fail(sessions, "ann", AWAY)
    assert status(Sessions(make_context(pool, clock)), "ann", PASSWORD, AWAY) == 429


def test_strangers_together_slow_only_strangers(
    pool: postgres.Pool, sessions: Sessions, clock: HandClock, elsewhere: Iterator[str]
) -> None:
    """What many addresses try is slowed as a whole: the person signs in from where she has been, and keeps trying."""
    assert status(sessions, "ann", PASSWORD, OFFICE) == 200
    answers = [status(sessions, "ann", WRONG, next(elsewhere)) for _ in range(SLOW.threshold + 1)]
    assert answers == [401] * SLOW.threshold + [429]
    assert status(sessions, "ann", PASSWORD, OFFICE) == 200
    assert [status(sessions, "ann", PASSWORD, HOME) for _ in range(9)] == [429] * 9
    clock.pass_by(SLOW.longest)  # the wait does not grow, and what was refused did not count
    assert status(sessions, "ann", PASSWORD, HOME) == 200
    assert status(sessions, "ann", PASSWORD, HOME) == 200


def test_strangers_at_the_same_address_do_not_slow_a_known_browser(sessions: Sessions, clock: HandClock) -> None:
    assert status(sessions, "ann", PASSWORD, OFFICE, "anns") == 200
    for n in range(SLOW.threshold):
        assert status(sessions, f"nobody{n}", WRONG, OFFICE, f"strange{n}") == 401
    assert status(sessions, "bob", PASSWORD, OFFICE) == 429
    fail(sessions, "ann", OFFICE, "strange")
    assert status(sessions, "ann", PASSWORD, OFFICE, "anns") == 200
    assert status(sessions, "bob", PASSWORD, OFFICE, "anns") == 429  # it is known of ann alone
    clock.pass_by(KNOWN_FOR)
    assert status(sessions, "ann", PASSWORD, OFFICE, "anns") == 200
    clock.pass_by(KNOWN_FOR)
    fail(sessions, "ann", OFFICE, "strange")
    assert status(sessions, "ann", PASSWORD, OFFICE, "anns") == 429


def test_a_known_browser_waits_after_its_own_failures(sessions: Sessions) -> None:
    assert status(sessions, "ann", PASSWORD, HOME, "anns") == 200
    assert fail(sessions, "ann", AWAY, "anns") == [401] * 5 + [429]
    assert status(sessions, "ann", PASSWORD, HOME, "anns") == 429
    assert status(sessions, "ann", PASSWORD, HOME) == 200


def test_accounts_that_do_not_exist_answer_alike(sessions: Sessions, elsewhere: Iterator[str]) -> None:
    """Word by word: one after the other, by one address and by many."""
    told = {}
    for name in ("ann", "nobody"):
        answers = [attempt(sessions, name, WRONG, AWAY) for _ in range(6)]
        answers += [attempt(sessions, name, WRONG, next(elsewhere)) for _ in range(SLOW.threshold)]
        told[name] = [refused and (refused.status_code, refused.detail, refused.headers) for refused in answers]
    assert told["ann"] == told["nobody"]
    assert {answer[0] for answer in told["ann"] if answer} == {401, 429}


def test_both_sides_of_an_ipv6_network_are_one_place(sessions: Sessions) -> None:
    answers = [status(sessions, "ann", WRONG, f"2001:db8:0:1::{n:x}") for n in range(6)]
    assert answers == [401] * 5 + [429]
    assert status(sessions, "ann", PASSWORD, "2001:db8:0:2::1") == 200


def test_who_knows_the_password_is_not_counted(sessions: Sessions) -> None:
    for n in range(SLOW.threshold - 1):
        assert status(sessions, "bob", PASSWORD, OFFICE) == 200
        assert status(sessions, f"nobody{n}", WRONG, OFFICE) == 401
    assert status(sessions, "ann", PASSWORD, OFFICE) == 200


def test_failures_are_forgotten_after_a_day(sessions: Sessions, clock: HandClock) -> None:
    for _ in range(3):
        assert fail(sessions, "ann", AWAY, times=4) == [401] * 4
        clock.pass_by(timedelta(days=1, seconds=1))


def test_guesses_at_once_are_all_counted(sessions: Sessions) -> None:
    with ThreadPoolExecutor(12) as executor:
        answers = list(executor.map(lambda _: status(sessions, "ann", WRONG, AWAY), range(12)))
    assert sorted(answers) == [401] * 5 + [429] * 7


@pytest.mark.parametrize(
    "end",
    [
        lambda pool: service.reset_password(pool, "ann", lambda: PASSWORD, change()),
        lambda pool: sign_in.unlock_account(pool, "ann", change()),
        lambda pool: sign_in.unlock_address(pool, AWAY, change()),
    ],
    ids=["reset-password", "account", "address"],
)
def test_what_ends_the_wait(pool: postgres.Pool, sessions: Sessions, end: Callable[[postgres.Pool], object]) -> None:
    fail(sessions, "ann", AWAY)
    end(pool)
    assert status(sessions, "ann", PASSWORD, AWAY) == 200


def test_unlocking_tells_whether_there_was_something(pool: postgres.Pool, sessions: Sessions) -> None:
    fail(sessions, "ann", "2001:db8::1")
    dry = change(dry_run=True)
    for unlock, subject in ((sign_in.unlock_account, "ann"), (sign_in.unlock_address, "2001:db8::7")):
        assert unlock(pool, subject, dry)
    assert status(sessions, "ann", PASSWORD, "2001:db8::1") == 429
    assert sign_in.unlock_address(pool, "2001:db8::7", change())
    row = newest(pool)
    assert (row.who, row.what, row.target) == ("test:somebody", "address.unlock", "2001:db8::/64")
    assert sign_in.unlock_account(pool, "ann", change())  # those of strangers together
    row = newest(pool)
    assert (row.what, row.target, row.before) == ("user.unlock", "ann", {"failures": 5})
    assert not sign_in.unlock_account(pool, "ann", change())
    assert newest(pool) == row
    with pytest.raises(NotFound):
        sign_in.unlock_account(pool, "nobody", change())
    with pytest.raises(InvalidInput, match="IP address"):
        sign_in.unlock_address(pool, "office", change())


def test_a_new_password_makes_every_place_unknown(
    pool: postgres.Pool, sessions: Sessions, elsewhere: Iterator[str]
) -> None:
    """Whoever knew the old one is a stranger again."""
    assert status(sessions, "ann", PASSWORD, AWAY) == 200
    service.reset_password(pool, "ann", lambda: PASSWORD, change())
    for _ in range(SLOW.threshold):
        status(sessions, "ann", WRONG, next(elsewhere))
    assert status(sessions, "ann", WRONG, AWAY) == 429


@pytest.mark.parametrize(
    ("name", "password", "target", "reason"),
    [
        ("ann", WRONG, "ann", "wrong-password"),
        ("off", PASSWORD, "off", "disabled"),
        ("the secret typed as a name", WRONG, "unknown account", "unknown-account"),
    ],
)
def test_a_failure_leaves_one_row(
    pool: postgres.Pool, sessions: Sessions, name: str, password: str, target: str, reason: str
) -> None:
    service.add_user(pool, "off", [Role.VIEWER], lambda: PASSWORD, change())
    service.set_enabled(pool, "off", change(), enabled=False)
    last = newest(pool).id
    for _ in range(9):
        status(sessions, name, password, AWAY)
    rows = [row for row in reversed(AuditStore(pool).rows(limit=20)) if row.id > last]
    assert [(row.who, row.what, row.target, row.correlation_id) for row in rows] == [
        *[(f"address:{AWAY}", "sign-in.fail", target, "c")] * 4,
        (f"address:{AWAY}", "sign-in.lock", target, "c"),
    ]
    assert rows[0].after == {"address": AWAY, "reason": reason}
    assert rows[-1].after == rows[0].after | {"locked_until": "2026-11-20T03:00:30+00:00"}


def test_the_console_shows_and_ends_waits(site: Site) -> None:
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    assert "待ち時間中" not in ann.get("/console/users").text
    site.add_user("bob", Role.VIEWER)
    stranger = site.browser()
    assert [stranger.log_in("bob", WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
    page = ann.get("/console/users").text
    assert "待ち時間中のログイン" in page
    assert "127.0.0.1" in page
    token = {"csrf_token": ann.csrf("/console/users")}
    assert ann.send("/console/addresses/unlock", {**token, "address": "127.0.0.1"}).status_code == 303
    assert "待ち時間中" not in ann.get("/console/users").text
    assert stranger.log_in("bob").status_code == 303
    assert ann.send("/console/users/nobody/unlock", token).status_code == 303
    assert "ありません" in ann.get("/console/users").text


def test_a_browser_is_known_by_its_cookie(site: Site) -> None:
    site.add_user("ann", Role.VIEWER)
    anns, strange = site.browser(), site.browser()
    assert anns.log_in("ann").status_code == 303
    anns.send("/logout", {"csrf_token": anns.csrf("/console/audit")})
    assert strange.log_in("ann", WRONG).status_code == 401
    for _ in range(9):
        strange.log_in("ann", WRONG)
    assert strange.log_in("ann").status_code == 429
    assert anns.log_in("ann").status_code == 303
