"""The second factor: set up, asked for at every sign-in, lost and replaced; a code is good once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore
from batch_platform.web.access import second_factor, service
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform_tests.web.site import NOON, PASSWORD, Browser, Site, lent, open_site

PAGE = "/console/account/second-factor"
VERIFY = f"{PAGE}/verify"
TICK = timedelta(seconds=30)


class Phone:
    """An authenticator that has scanned what the page shows, and the codes on paper."""

    def __init__(self, site: Site, browser: Browser) -> None:
        match = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", browser.get(PAGE).text)
        assert match
        self._site, self._totp = site, pyotp.TOTP(match[1])
        answer = browser.send(PAGE, {"code": self.code(), "csrf_token": browser.csrf(PAGE)})
        assert answer.status_code == 200
        self.paper = re.findall(r"\b[a-z2-7]{5}-[a-z2-7]{5}\b", answer.text)

    def code(self, steps: int = 0) -> str:
        return self._totp.at(self._site.clock(), counter_offset=steps)

    def next(self) -> str:
        """A code that was not used yet."""
        self._site.clock.pass_by(TICK)
        return self.code()


@pytest.fixture
def ann(site: Site) -> Browser:
    return site.signed_in("ann", Role.VIEWER)


@pytest.fixture
def phone(site: Site, ann: Browser) -> Phone:
    return Phone(site, ann)


def signed_in(site: Site) -> Browser:
    """By the password alone."""
    browser = site.browser()
    assert browser.log_in("ann").status_code == 303
    return browser


def show(browser: Browser, code: str, target: str = "/console") -> int:
    return browser.send(VERIFY, {"code": code, "next": target, "csrf_token": browser.csrf(VERIFY)}).status_code


def trace(site: Site) -> tuple[str, str, str, object]:
    row = AuditStore(site.context.pool).rows(limit=1)[0]
    return row.who, row.what, row.target, row.after


def test_a_password_alone_opens_nothing_any_more(site: Site, ann: Browser, phone: Phone) -> None:
    assert trace(site) == ("local:ann", "user.enrol-second-factor", "ann", None)
    assert ann.get("/console").status_code == 200  # who has just set it up has shown it
    browser = signed_in(site)
    answer = browser.get("/console/audit?who=x")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{VERIFY}?next=%2Fconsole%2Faudit%3Fwho%3Dx")
    refused = browser.client.get("/api/session")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "second-factor-due")
    for path in ("/console/account", "/console/account/password", PAGE, "/inside/x"):
        assert browser.get(path).headers["location"].startswith(VERIFY)
    before = dict(browser.client.cookies)
    assert show(browser, phone.next()) == 303
    assert trace(site) == ("local:ann", "session.verify", "ann", {"by": "authenticator"})
    assert browser.get("/console").text == "hello ann"
    stolen = site.browser()
    stolen.client.cookies.update(before)
    assert stolen.get("/console").status_code == 401  # the session has another id since


def test_a_code_is_good_once_and_not_for_long(site: Site, phone: Phone) -> None:
    code = phone.next()
    assert show(signed_in(site), code) == 303
    assert show(signed_in(site), code) == 422
    site.clock.pass_by(10 * TICK)
    assert show(signed_in(site), phone.code(-2)) == 422
    assert show(signed_in(site), phone.code(-1)) == 303  # clocks of telephones
    assert show(signed_in(site), phone.code(1)) == 303
    assert show(signed_in(site), phone.code()) == 422  # older than the last one that was used
    for wrong in ("", "abcdef", "１２３４５６", "0" * 100):
        assert show(signed_in(site), wrong) in (422, 429)


def test_codes_on_paper_are_good_once(site: Site, phone: Phone) -> None:
    assert len(set(phone.paper)) == second_factor.RECOVERY_CODES
    assert show(signed_in(site), f" {phone.paper[0].upper()} ") == 303
    assert trace(site)[-1] == {"by": "recovery-code"}
    assert show(signed_in(site), phone.paper[0]) == 422
    browser = signed_in(site)
    assert show(browser, phone.paper[1]) == 303
    assert "残りのリカバリーコード：8個" in browser.get(PAGE).text


def test_the_database_has_neither_secret_nor_codes(site: Site, phone: Phone) -> None:
    with postgres.transaction(site.context.pool) as connection:
        rows = connection.execute(
            "SELECT f::text FROM web.second_factors f UNION SELECT c::text FROM web.recovery_codes c"
        )
        stored = repr(rows.fetchall())
    secret = phone._totp.secret
    for known in (secret, secret.encode().hex(), *phone.paper, *(code.encode().hex() for code in phone.paper)):
        assert known not in stored


def test_guesses_wait_and_a_right_password_does_not_forgive_them(site: Site, phone: Phone) -> None:
    answers = [show(signed_in(site), "000000") for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert trace(site)[1] == "session.start"
    assert show(signed_in(site), phone.code()) == 429
    site.clock.pass_by(TICK + timedelta(seconds=1))
    assert show(signed_in(site), phone.code()) == 303


def test_it_is_removed_by_a_code(site: Site, ann: Browser, phone: Phone) -> None:
    token = {"csrf_token": ann.csrf(PAGE)}
    assert ann.send(f"{PAGE}/remove", {**token, "code": "000000"}).status_code == 422
    assert ann.send(f"{PAGE}/remove", {**token, "code": phone.next()}).status_code == 303
    assert signed_in(site).get("/console").status_code == 200


def test_who_has_lost_it_is_helped_by_an_administrator(site: Site, ann: Browser, phone: Phone) -> None:
    boss = site.signed_in("boss", Role.ADMINISTRATOR)
    token = {"csrf_token": boss.csrf("/console/users")}
    assert "ann/reset-second-factor" in boss.get("/console/users").text
    assert boss.send("/console/users/ann/reset-second-factor", token).status_code == 303
    assert trace(site) == ("local:boss", "user.reset-second-factor", "ann", None)
    assert ann.get("/console").status_code == 401
    assert signed_in(site).get("/console").status_code == 200
    assert "ann/reset-second-factor" not in boss.get("/console/users").text
    assert not second_factor.reset(site.context.pool, "ann", Change("cli:root", NOON))


@pytest.fixture(scope="module")
def strict_site(web_pool: postgres.Pool) -> Iterator[Site]:
    with open_site(web_pool, second_factor_required=True) as site:
        yield site


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMINISTRATOR])
def test_approvers_and_administrators_set_it_up_first(strict_site: Site, pool: postgres.Pool, role: Role) -> None:
    with lent(strict_site) as site:
        assert site.signed_in("vic", Role.VIEWER, Role.OPERATOR).get("/console").status_code == 200
        browser = site.signed_in("ann", role)
        assert browser.get("/console").headers["location"] == f"{PAGE}?next=%2Fconsole"
        assert browser.client.get("/api/session").json()["type"].endswith("enrolment-due")
        Phone(site, browser)
        assert browser.get("/console").status_code == 200
        assert show(signed_in(site), "000000") == 422


def test_a_password_set_by_somebody_else_comes_second(site: Site, phone: Phone) -> None:
    """Whoever has set it cannot choose the next one without the factor."""
    service.reset_password(site.context.pool, "ann", lambda: PASSWORD, Change("local:boss", NOON))
    browser = signed_in(site)
    assert browser.get("/console/account/password").headers["location"].startswith(VERIFY)
    assert show(browser, phone.next()) == 303
    assert browser.get("/console").headers["location"].startswith("/console/account/password")
