"""Signing in and out in Chromium at a certified OIDC provider: UserInfo, groups, refresh, logout from both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform_tests.browser.conftest import OpenPage, in_both_widths, overflow, watch
from batch_platform_tests.certified_provider import CertifiedProvider, certified_provider
from batch_platform_tests.waiting import eventually
from batch_platform_tests.web.conftest import cheap_hashes, log, pool, web_database, web_pool
from batch_platform_tests.web.served import listening, origin_of
from batch_platform_tests.web.site import Site, open_site

__all__ = ["cheap_hashes", "log", "pool", "web_database", "web_pool"]


@pytest.fixture
def places(pool: postgres.Pool) -> Iterator[tuple[Site, CertifiedProvider]]:
    """The console and the provider, each knowing the other's address."""
    with listening() as listener, certified_provider(origin_of(listener)) as provider:
        provider.save_account("ann", {"name": "Ann", "groups": ["Batch operators", "Everybody"]})
        with open_site(pool, oidc=provider.settings(), listener=listener, url=origin_of(listener)) as site:
            site.clock.now = utc_now()
            yield site, provider


def visitor(open_page: OpenPage, site: Site, provider: CertifiedProvider) -> Page:
    page = open_page(site.url)
    watch(page).expect(re.escape(provider.issuer))
    watch(page).expect("status of 401")
    return page


def sign_in(page: Page, path: str = "/console/audit") -> None:
    page.goto(path)
    page.get_by_role("button", name="組織のアカウントでログイン").click()
    page.get_by_label("Name").fill("ann")
    page.get_by_role("button", name="Sign in there").click()
    page.wait_for_url(f"**{path}")


def roles(page: Page) -> list[str]:
    return list(page.request.get("/api/session").json()["data"]["roles"])


def test_a_day_of_an_operator(places: tuple[Site, CertifiedProvider], open_page: OpenPage) -> None:
    site, provider = places
    page = visitor(open_page, site, provider)
    sign_in(page)
    assert roles(page) == ["operator", "viewer"]
    provider.save_account("ann", {"name": "Ann", "groups": ["Everybody"]})
    site.clock.now = utc_now() + timedelta(minutes=31)
    assert roles(page) == ["viewer"]
    site.clock.now = utc_now()
    page.goto("/console/audit")
    page.get_by_role("button", name="ログアウト").click()
    page.get_by_role("button", name="Sign me out").click()
    page.wait_for_url(f"{site.url}/login**")
    assert page.request.get("/api/session").status == 401
    page.goto("/login/oidc")
    expect(page.get_by_label("Name")).to_be_visible()  # signed out there too


def test_signing_out_there_signs_out_here(places: tuple[Site, CertifiedProvider], open_page: OpenPage) -> None:
    site, provider = places
    page = visitor(open_page, site, provider)
    sign_in(page)
    page.goto(f"{provider.issuer}/session/end")
    page.get_by_role("button", name="Sign me out").click()
    expect(page.get_by_text("Signed out of everything")).to_be_visible()
    eventually(lambda: page.request.get(f"{site.url}/api/session").status == 401)


def test_an_account_that_is_deleted_there_is_signed_out(
    places: tuple[Site, CertifiedProvider], open_page: OpenPage
) -> None:
    site, provider = places
    page = visitor(open_page, site, provider)
    sign_in(page)
    provider.delete_account("ann")
    site.clock.now = utc_now() + timedelta(minutes=31)
    assert page.request.get("/api/session").status == 401


def test_two_tabs_sign_in_at_once(places: tuple[Site, CertifiedProvider], open_page: OpenPage) -> None:
    site, provider = places
    one = visitor(open_page, site, provider)
    two = one.context.new_page()
    for page in (one, two):
        page.goto("/login/oidc?next=/console/audit")
    for page in (one, two):
        page.get_by_label("Name").fill("ann")
        page.get_by_role("button", name="Sign in there").click()
        page.wait_for_url("**/console/audit")
    one.get_by_role("button", name="ログアウト").click()
    one.get_by_role("button", name="Sign me out").click()
    one.wait_for_url(f"{site.url}/login**")


def test_the_page_on_the_way_out(places: tuple[Site, CertifiedProvider], open_page: OpenPage) -> None:
    site, provider = places
    page = visitor(open_page, site, provider)
    sign_in(page)
    # it goes on by itself, but to an answer without a page
    page.route(f"{provider.issuer}/**", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="ログアウト").click()
    expect(page.get_by_role("heading", name="ログアウト中")).to_be_visible()
    for _ in in_both_widths(page):
        assert overflow(page) == 0


def test_programs_bring_access_tokens(places: tuple[Site, CertifiedProvider]) -> None:
    site, provider = places
    site.clock.now = utc_now()
    answer = site.client(Authorization=f"Bearer {provider.access_token()}").get("/api/session")
    data = answer.json()["data"]
    assert (data["subject"], data["roles"], data["via"]) == ("oidc:the-client", ["operator"], "token")
