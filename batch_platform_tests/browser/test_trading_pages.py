"""The competition in Chromium: a player trades by keyboard and sees the order filled; pages fit a phone."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from batch_platform.core import postgres
from batch_platform.web.access.model import Role
from batch_platform_tests.browser.conftest import OpenPage, in_both_widths, overflow, until, watch
from batch_platform_tests.trading.live import Live
from batch_platform_tests.trading_web.conftest import (
    Wallet,
    cheap_hashes,
    games_site,
    log,
    pool,
    site,
    trading_database,
    trading_pool,
)
from batch_platform_tests.trading_web.story import HOME, sign_in, tell
from batch_platform_tests.web.site import Browser, Site

__all__ = ["cheap_hashes", "games_site", "log", "pool", "site", "trading_database", "trading_pool"]

DRAWN: Final = "id => window.Chart && window.Chart.getChart(id) !== undefined"


@pytest.fixture
def story(site: Site, pool: postgres.Pool) -> tuple[Live, dict[str, Wallet]]:
    return tell(site, pool, hours=8)


def opened(site: Site, open_page: OpenPage, browser: Browser) -> Page:
    """A page with the cookies of one who has signed in."""
    page = open_page(site.url, locale="ja-JP")
    jar = browser.client.cookies.jar
    page.context.add_cookies([{"name": one.name, "value": one.value or "", "url": site.url} for one in jar])
    return page


def test_a_player_swaps_by_keyboard_and_sees_it_filled(
    site: Site, open_page: OpenPage, story: tuple[Live, dict[str, Wallet]]
) -> None:
    live, wallets = story
    page = opened(site, open_page, sign_in(site, wallets["sakura"]))
    page.goto(HOME)
    page.get_by_role("button", name="取引する").click()
    amount = page.get_by_label("数量")
    expect(amount).to_be_focused()
    page.get_by_label("支払うトークン").select_option("SOL")
    page.get_by_label("受け取るトークン").select_option("USDC")
    amount.focus()
    page.keyboard.type("1")
    expect(page.locator("#quote")).to_contain_text("手数料")
    expect(page.locator("#quote")).to_contain_text("0.003")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/*")
    expect(page.locator("#order")).to_contain_text("約定待ち")
    live.clock.pass_by(minutes=1)
    live.tick({"SOL": "160", "USDC": "1"})
    expect(page.locator("#order")).to_contain_text("約定しました")
    expect(page.locator("#order")).to_contain_text("159.52")


def test_a_refused_order_keeps_the_form(
    site: Site, open_page: OpenPage, story: tuple[Live, dict[str, Wallet]]
) -> None:
    page = opened(site, open_page, sign_in(site, story[1]["sakura"]))
    watch(page).expect("status of 422")
    page.goto(f"{HOME}/players/{story[1]['sakura'].address}/trade?order=perp_open")
    page.get_by_label("証拠金（USDC）").fill("99999")
    page.keyboard.press("Enter")
    field = page.get_by_label("証拠金（USDC）")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("99999")


def test_a_position_is_closed_after_a_question(
    site: Site, open_page: OpenPage, story: tuple[Live, dict[str, Wallet]]
) -> None:
    live, wallets = story
    page = opened(site, open_page, sign_in(site, wallets["sakura"]))
    page.goto(f"{HOME}/players/{wallets['sakura'].address}")
    until(page, DRAWN, "allocation")
    page.get_by_role("button", name="決済…").click()
    page.get_by_role("dialog").get_by_role("button", name="決済する").click()
    page.wait_for_url("**/orders/*")
    live.clock.pass_by(minutes=1)
    live.tick({"SOL": "161", "USDC": "1"})
    expect(page.locator("#order")).to_contain_text("約定しました")


def test_pages_fit_a_phone_and_a_desk(site: Site, open_page: OpenPage, story: tuple[Live, dict[str, Wallet]]) -> None:
    wallets = story[1]
    player = opened(site, open_page, sign_in(site, wallets["sakura"]))
    staff = opened(site, open_page, site.signed_in("ann", Role.ADMINISTRATOR))
    own = f"/players/{wallets['sakura'].address}"
    of_player = ("", "/leaderboard", "/tokens", "/tokens/SOL", own, f"{own}/history", f"{own}/trade")
    of_staff = ("", own, "/prices", "/administration")
    for page, paths in ((player, of_player), (staff, of_staff)):
        for path in paths:
            page.goto(f"{HOME}{path}")
            for _ in in_both_widths(page):
                assert overflow(page) == 0, path
