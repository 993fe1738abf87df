"""Signing in as a player in Chromium: by a wallet that an extension puts into the page, and by a pasted signature."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from batch_platform.trading.web.players import SIGN_IN
from batch_platform_tests.browser.conftest import OpenPage, in_both_widths, overflow
from batch_platform_tests.trading_web.conftest import (
    Wallet,
    cheap_hashes,
    games_site,
    log,
    new_wallet,
    pool,
    site,
    trading_database,
    trading_pool,
)
from batch_platform_tests.web.site import Site

__all__ = ["cheap_hashes", "games_site", "log", "pool", "site", "trading_database", "trading_pool"]

BOARD = "/api/games/board"
# What wallets inject, as far as the page uses it; the key stays outside, as an extension's does.
INJECTED: Final = """
window.solana = {
  connect: async () => ({ publicKey: { toString: () => "ADDRESS" } }),
  signMessage: async (message, shown) => {
    if (shown !== "utf8") throw new Error(shown);
    const signed = await window.signByWallet(new TextDecoder("utf-8", { fatal: true }).decode(message));
    if (signed === null) throw new Error("User rejected the request.");
    return { signature: new Uint8Array(signed) };
  },
};
"""


def with_wallet(page: Page, wallet: Wallet, *, refuses: bool = False) -> None:
    def sign(message: str) -> list[int]:
        assert wallet.address in message
        return list(wallet.private.sign(message.encode()))

    page.expose_function("signByWallet", (lambda _: None) if refuses else sign)
    page.add_init_script(INJECTED.replace("ADDRESS", wallet.address))


def test_the_wallet_of_the_browser_signs(site: Site, open_page: OpenPage) -> None:
    wallet = new_wallet()
    page = open_page(site.url)
    with_wallet(page, wallet)
    page.goto(f"{SIGN_IN}?next={BOARD}")
    page.get_by_role("button", name="このブラウザーのウォレットで署名").click()
    page.wait_for_url(f"{site.url}{BOARD}")
    answer = page.request.get(f"/api/games/{wallet.address}")
    assert (answer.status, answer.json()) == (200, wallet.address)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    session = cookies[site.app.state.sessions.cookie.name]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")


def test_a_wallet_that_does_not_sign_is_told(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.url)
    with_wallet(page, new_wallet(), refuses=True)
    page.goto(SIGN_IN)
    page.get_by_role("button", name="このブラウザーのウォレットで署名").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("ウォレットで署名できませんでした"))
    assert page.url.endswith(SIGN_IN)


def test_without_a_wallet_a_signature_is_pasted(site: Site, open_page: OpenPage) -> None:
    wallet = new_wallet()
    page = open_page(site.url)
    page.goto(f"{SIGN_IN}?next={BOARD}")
    expect(page.get_by_role("button", name="このブラウザーのウォレットで署名")).to_be_hidden()
    page.get_by_label("ウォレットアドレス").fill(wallet.address)
    page.keyboard.press("Enter")
    message = page.get_by_label("署名する文面").input_value()
    for _ in in_both_widths(page):
        assert overflow(page) == 0
    page.get_by_label("署名（Base58）").fill(wallet.sign(message))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}{BOARD}")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_fits_in_both_languages(site: Site, open_page: OpenPage, language: str) -> None:
    page = open_page(site.url)
    page.context.add_cookies([{"name": "language", "value": language, "url": site.url}])
    with_wallet(page, new_wallet())
    page.goto(SIGN_IN)
    expect(page.locator("#wallet")).to_be_visible()
    for _ in in_both_widths(page):
        assert overflow(page) == 0
