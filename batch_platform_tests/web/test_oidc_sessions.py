"""Sessions of an OIDC provider: confirmed again and again, ended there and here, in several tabs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batch_platform.core import postgres
from batch_platform_tests.web.oidc_provider import EC, OTHER_RSA, Provider
from batch_platform_tests.web.site import Browser, Site
from batch_platform_tests.web.test_oidc import leave, provider, sign_in, site

__all__ = ["provider", "site"]

Audited = Callable[[str], list[Any]]

HALF, LATE = timedelta(minutes=31), timedelta(minutes=61)
BACK_CHANNEL = "/login/oidc/logout"


@pytest.fixture
def signed_in(site: Site, provider: Provider) -> Browser:
    """Somebody in the middle of a long day: nobody is idle."""
    provider.gives_refresh_tokens, provider.sid = True, "s-1"
    browser = site.browser()
    assert sign_in(browser).status_code == 303
    return browser


def later(site: Site, *browsers: Browser, by: timedelta) -> None:
    """Time passes while somebody looks at pages now and then."""
    with postgres.transaction(site.context.pool) as connection:
        site.clock.pass_by(by)
        connection.execute("UPDATE web.sessions SET seen_at = %s", [site.clock()])


def roles(browser: Browser) -> Any:
    answer = browser.client.get("/api/session")
    return answer.json()["data"]["roles"] if answer.status_code == 200 else answer.status_code


@pytest.fixture
def audited(pool: postgres.Pool) -> Audited:
    """What the audit log has got since the test began, of one action."""
    seen = 0

    def rows(what: str) -> list[Any]:
        with postgres.transaction(pool) as connection:
            return connection.execute(
                "SELECT who, target, before, after FROM web.audit_log WHERE what = %s AND id > %s ORDER BY id",
                [what, seen],
            ).fetchall()

    with postgres.transaction(pool) as connection:
        [(seen,)] = connection.execute("SELECT coalesce(max(id), 0) FROM web.audit_log").fetchall()
    return rows


def test_roles_are_read_again(site: Site, provider: Provider, signed_in: Browser, audited: Audited) -> None:
    provider.roles = ["viewer", "approver"]
    assert roles(signed_in) == ["operator"]
    later(site, by=HALF)
    assert roles(signed_in) == ["approver", "viewer"]
    assert provider.asked.count("/token") == 2
    assert roles(signed_in) == ["approver", "viewer"]
    assert provider.asked.count("/token") == 2
    changed = ("oidc:u-1", "Ann", {"roles": ["operator"]}, {"roles": ["approver", "viewer"]})
    assert audited("session.set-roles") == [changed]
    later(site, by=HALF)
    assert roles(signed_in) == ["approver", "viewer"]  # by the second refresh token: the first was good once
    assert provider.asked.count("/token") == 3
    assert len(audited("session.set-roles")) == 1


@pytest.mark.parametrize("reason", ["no role", "unknown", "another"])
def test_who_is_not_confirmed_is_signed_out(
    site: Site, provider: Provider, signed_in: Browser, reason: str, audited: Audited
) -> None:
    if reason == "no role":
        provider.roles = []
    elif reason == "unknown":
        provider.refresh_tokens.clear()
    else:
        provider.mend = lambda claims: claims | {"sub": "u-2"}
    later(site, by=HALF)
    assert roles(signed_in) == 401
    assert audited("session.end") == [("oidc:u-1", "Ann", None, {"by": "login-provider", "sessions": 1})]
    assert roles(signed_in) == 401


def test_without_a_refresh_token_a_session_ends_with_the_time_of_its_roles(site: Site, provider: Provider) -> None:
    browser = site.browser()
    assert sign_in(browser).status_code == 303
    later(site, by=timedelta(minutes=59))
    assert roles(browser) == ["operator"]
    later(site, by=timedelta(minutes=2))
    assert roles(browser) == 401


def test_a_provider_that_is_away_changes_nothing_until_the_time_is_over(
    site: Site, provider: Provider, signed_in: Browser
) -> None:
    provider.away = True
    later(site, by=HALF)
    assert [roles(signed_in) for _ in range(3)] == [["operator"]] * 3
    assert provider.asked.count("/token") == 2  # once of three
    later(site, by=LATE - HALF)
    assert [roles(signed_in) for _ in range(3)] == [503] * 3
    assert provider.asked.count("/token") == 3
    provider.away = False
    site.clock.pass_by(timedelta(seconds=31))
    assert roles(signed_in) == ["operator"]


def test_many_requests_at_once_use_a_refresh_token_once(site: Site, provider: Provider, signed_in: Browser) -> None:
    later(site, by=LATE)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: roles(signed_in), range(16))) == [["operator"]] * 16
    assert provider.asked.count("/token") == 2


def test_no_token_is_stored_readably(site: Site, provider: Provider, signed_in: Browser) -> None:
    [refresh_token] = provider.refresh_tokens
    with postgres.transaction(site.context.pool) as connection:
        [(row, tokens)] = connection.execute("SELECT row::text, tokens FROM web.oidc_sessions AS row").fetchall()
    assert refresh_token not in row
    assert tokens.count(".") == 4


def test_tokens_of_one_session_are_nothing_to_another(
    pool: postgres.Pool, site: Site, provider: Provider, signed_in: Browser
) -> None:
    other = site.browser()
    sign_in(other)
    with postgres.transaction(pool) as connection:
        connection.execute(
            "UPDATE web.oidc_sessions AS one SET tokens = other.tokens FROM web.oidc_sessions AS other "
            "WHERE other.id_hash <> one.id_hash"
        )
    later(site, by=HALF)
    assert (roles(signed_in), roles(other)) == (401, 401)


# signing out


def test_signing_out_goes_on_to_the_provider(site: Site, provider: Provider, audited: Audited) -> None:
    provider.offers = {"end_session_endpoint"}
    browser = site.browser()
    sign_in(browser)
    page = browser.send("/logout", {"csrf_token": browser.csrf("/console/audit")})
    assert page.status_code == 200
    assert "組織のアカウントからログアウト" in page.text
    address = urlsplit(page.text.partition('content="0; url=')[2].partition('"')[0].replace("&amp;", "&"))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider.issuer}/end_session"
    query = {name: value for name, [value] in parse_qs(address.query).items()}
    assert query["client_id"] == "the-client"
    assert query["post_logout_redirect_uri"] == "http://127.0.0.1:8000/login"
    assert query["id_token_hint"].count(".") == 2
    assert roles(browser) == 401
    assert [row[0] for row in audited("session.end")] == ["oidc:u-1"]


def test_an_id_token_is_kept_only_where_it_is_the_hint_of_a_logout(
    site: Site, provider: Provider, signed_in: Browser
) -> None:
    def size() -> int:
        with postgres.transaction(site.context.pool) as connection:
            [(size,)] = connection.execute("SELECT max(length(tokens)) FROM web.oidc_sessions").fetchall()
            return size

    without = size()
    provider.offers = {"end_session_endpoint"}
    site.clock.pass_by(timedelta(hours=1))  # the metadata is read again
    sign_in(site.browser())
    assert size() > without + 300


@pytest.mark.parametrize("names", [{"sub": "u-1"}, {"sid": "s-1"}, {"sub": "u-1", "sid": "s-1"}], ids=str)
def test_the_provider_ends_sessions(
    site: Site, provider: Provider, signed_in: Browser, names: dict[str, str], audited: Audited
) -> None:
    provider.sid = "s-2"
    other = site.browser()
    sign_in(other)
    answer = site.client().post(BACK_CHANNEL, data={"logout_token": provider.logout_token(**names)})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert roles(signed_in) == 401
    assert roles(other) == (["operator"] if "sid" in names else 401)
    ended = 1 if "sid" in names else 2
    assert audited("session.end") == [("oidc:u-1", "Ann", None, {"by": "login-provider", "sessions": ended})]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ...},
        {"iat": ...},
        {"iat": 4_000_000_000},
        {"exp": ...},
        {"exp": 1},
        {"jti": ...},
        {"jti": 1},
        {"events": ...},
        {"events": {}},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": True}},
        {"sub": ...},
        {"sub": ["u-1"]},
        {"nonce": "n"},
        {"kind": "at+jwt"},
    ],
    ids=range(16),
)
def test_logout_tokens_are_checked(
    site: Site, provider: Provider, signed_in: Browser, claims: dict[str, Any]
) -> None:
    token = provider.logout_token(**{"sub": "u-1", **claims})
    answer = site.client().post(BACK_CHANNEL, data={"logout_token": token})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert roles(signed_in) == ["operator"]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 9_000])
def test_what_is_no_logout_token_is_refused(site: Site, signed_in: Browser, token: str) -> None:
    assert site.client().post(BACK_CHANNEL, data={"logout_token": token}).status_code in (400, 422)
    assert roles(signed_in) == ["operator"]


def test_logout_tokens_of_others_are_refused(site: Site, provider: Provider, signed_in: Browser) -> None:
    provider.signer = OTHER_RSA
    token = provider.logout_token(sub="u-1")
    assert site.client().post(BACK_CHANNEL, data={"logout_token": token}).status_code == 400
    assert roles(signed_in) == ["operator"]


def test_a_logout_token_counts_once(site: Site, provider: Provider, signed_in: Browser, audited: Audited) -> None:
    token = provider.logout_token(sub="u-1")
    assert site.client().post(BACK_CHANNEL, data={"logout_token": token}).status_code == 200
    assert site.client().post(BACK_CHANNEL, data={"logout_token": token}).status_code == 400
    sign_in(signed_in)
    assert roles(signed_in) == ["operator"]
    site.clock.pass_by(timedelta(minutes=4))
    provider.signer, provider.algorithm = EC, "ES256"
    nobodys = provider.logout_token(sub="u-9")
    assert site.client().post(BACK_CHANNEL, data={"logout_token": nobodys}).status_code == 200
    assert len(audited("session.end")) == 1
    with postgres.transaction(site.context.pool) as connection:
        [(kept,)] = connection.execute("SELECT count(*) FROM web.logout_tokens").fetchall()
    assert kept == 1  # the first has expired


def test_without_a_provider_there_is_no_back_channel(shop_site: Site) -> None:
    assert shop_site.client().post(BACK_CHANNEL, data={"logout_token": "x"}).status_code == 404


# several tabs


def test_two_tabs_sign_in_at_once(site: Site, audited: Audited) -> None:
    browser = site.browser()
    one, two = leave(browser, "/console"), leave(browser, "/console/audit")
    answer = browser.get(f"/login/{one}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    form = browser.csrf("/console/audit")
    answer = browser.get(f"/login/{two}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/audit")
    assert len(audited("session.start")) == 1
    # the first tab's forms are good still
    assert browser.send("/logout", {"csrf_token": form}).status_code == 303


def test_the_second_sign_in_brings_the_roles_of_now(site: Site, provider: Provider, audited: Audited) -> None:
    browser = site.browser()
    sign_in(browser)
    provider.roles = ["viewer"]
    sign_in(browser)
    assert roles(browser) == ["viewer"]
    assert len(audited("session.set-roles")) == 1


def test_another_person_in_the_same_browser_has_a_session_of_their_own(site: Site, provider: Provider) -> None:
    browser = site.browser()
    sign_in(browser)
    before = dict(browser.client.cookies)
    provider.mend = lambda claims: claims | {"sub": "u-2", "name": "Bob"}
    sign_in(browser)
    assert browser.client.get("/api/session").json()["data"]["name"] == "Bob"
    thief = site.browser()
    thief.client.cookies.update(before)
    assert roles(thief) == 401


def test_sign_ins_that_are_left_alone_do_not_pile_up(site: Site) -> None:
    browser = site.browser()
    backs = []
    for _ in range(8):
        backs.append(leave(browser))
        site.clock.pass_by(timedelta(seconds=1))
    assert sum("oidc" in name for name in browser.client.cookies) == 5
    assert browser.get(f"/login/{backs[0]}").status_code == 401
    assert browser.get(f"/login/{backs[-1]}").status_code == 303
