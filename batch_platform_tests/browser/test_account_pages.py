"""Pages of the own account and of everybody's in Chromium: they fit, and the keyboard is enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pyotp import TOTP

from batch_platform.core import postgres
from batch_platform.web.access import service
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform_tests.browser.conftest import NARROW, WIDE, OpenPage, check_axe, in_both_widths, overflow, watch
from batch_platform_tests.web.conftest import web_database, web_pool
from batch_platform_tests.web.site import NOON, PASSWORD, Site, lent, open_site

__all__ = ["web_database", "web_pool"]

OWN = "my very own password"


@pytest.fixture
def site(web_pool: postgres.Pool) -> Iterator[Site]:
    with postgres.transaction(web_pool) as connection:
        connection.execute("DELETE FROM web.users")
        connection.execute("DELETE FROM web.login_attempts")
    with open_site(web_pool) as site, lent(site):
        yield site


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("アカウント").fill(name)
    page.get_by_label("パスワード").fill(password)
    page.keyboard.press("Enter")


def fits(page: Page) -> None:
    for width in in_both_widths(page):
        assert overflow(page) == 0, f"{page.url} at {width}"
        check_axe(page)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_new_colleague_chooses_a_password(site: Site, open_page: OpenPage, width: int) -> None:
    service.add_user(site.context.pool, "hanako", [Role.APPROVER], lambda: PASSWORD, Change("local:ann", NOON))
    page = open_page(site.url, width=width)
    watch(page).expect("status of 4(01|22)")
    page.goto("/console/account")
    sign_in(page, "hanako", PASSWORD)
    expect(page.get_by_role("heading", name="パスワードを変更")).to_be_visible()
    expect(page.get_by_label("現在のパスワード")).to_be_focused()
    fits(page)
    page.keyboard.type(PASSWORD)
    for typed in (OWN, "something else"):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.get_by_text("確認用と一致しません")).to_be_visible()
    fits(page)
    for label, typed in (("現在の", PASSWORD), ("新しいパスワード 必須", OWN), ("（確認）", OWN)):
        page.get_by_label(label).fill(typed)
    page.keyboard.press("Enter")
    expect(page.get_by_text("パスワードを変更しました")).to_be_visible()
    expect(page).to_have_url(f"{site.url}/console/account")
    fits(page)


def test_an_administrator_sees_waits_and_ends_sessions(site: Site, open_page: OpenPage) -> None:
    site.add_user("ann", Role.ADMINISTRATOR)
    site.signed_in("vic", Role.VIEWER)
    for name in ("vic", "nobody"):
        stranger = site.browser()
        for _ in range(5):
            stranger.log_in(name, "wrong")
    page = open_page(site.url)
    watch(page).expect("status of 401")
    page.goto("/console/users")
    sign_in(page, "ann", PASSWORD)
    expect(page.get_by_role("heading", name="待ち時間中のログイン")).to_be_visible()
    fits(page)
    page.get_by_role("button", name="アカウントの待ち時間を解除").click()
    page.get_by_role("dialog").get_by_role("button", name="アカウントの待ち時間を解除").click()
    expect(page.get_by_text("vicの待ち時間を解除しました")).to_be_visible()
    page.get_by_role("button", name="セッション").or_(page.get_by_role("link", name="セッション")).first.click()
    expect(page.get_by_role("heading", name="セッション")).to_be_visible()
    fits(page)
    page.get_by_role("row", name="vic").get_by_role("button", name="セッションを終了").click()
    page.get_by_role("dialog").get_by_role("button", name="セッションを終了").click()
    expect(page.get_by_text("セッションを終了しました")).to_be_visible()
    expect(page.get_by_role("row", name="vic")).to_have_count(0)


def test_an_administrator_changes_roles_and_a_password(site: Site, open_page: OpenPage) -> None:
    site.add_user("ann", Role.ADMINISTRATOR)
    site.add_user("vic", Role.VIEWER)
    page = open_page(site.url)
    watch(page).expect("status of 401")
    page.goto("/console/users")
    sign_in(page, "ann", PASSWORD)
    for button, label, message in (
        ("ロールを変更", "運用者", "vic のロールを変更しました"),
        ("パスワードを再設定", "パスワード", "vic のパスワードを再設定しました"),
    ):
        page.get_by_role("row", name="vic").get_by_role("button", name=button).focus()
        page.keyboard.press("Enter")
        fits(page)
        field = page.get_by_role("dialog").get_by_label(label)
        field.focus()
        page.keyboard.type(" " if label == "運用者" else OWN)
        page.get_by_role("dialog").get_by_role("button", name=button).press("Enter")
        expect(page.get_by_text(message)).to_be_visible()
    expect(page.get_by_role("row", name="vic").get_by_text("運用者, 閲覧者")).to_be_visible()
    assert site.browser().log_in("vic", OWN).status_code == 303


def test_a_second_factor_is_set_up_and_asked_for(site: Site, open_page: OpenPage) -> None:
    site.add_user("hanako", Role.VIEWER)
    page = open_page(site.url, width=NARROW)
    watch(page).expect("status of 4(01|22)")
    page.goto("/console/account")
    sign_in(page, "hanako", PASSWORD)
    page.get_by_role("button", name="二要素認証").click()
    expect(page.get_by_role("img", name="QRコード")).to_be_visible()
    assert page.get_by_role("img", name="QRコード").evaluate("image => image.complete && image.naturalWidth") > 100
    fits(page)
    totp = TOTP(page.locator("main code").inner_text())
    page.get_by_label("ワンタイムコード").fill(totp.at(site.clock()))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="リカバリーコード")).to_be_visible()
    fits(page)
    page.get_by_role("button", name="保管しました").click()
    expect(page.get_by_text("10個")).to_be_visible()
    fits(page)
    page.context.clear_cookies()
    page.goto("/console/account")
    sign_in(page, "hanako", PASSWORD)
    expect(page.get_by_label("ワンタイムコード")).to_be_focused()
    fits(page)
    page.keyboard.type(totp.at(site.clock(), counter_offset=1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="マイアカウント")).to_be_visible()
    fits(page)
