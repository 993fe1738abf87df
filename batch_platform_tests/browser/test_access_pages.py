"""Pages of API tokens and of the audit log in Chromium, wide and narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from batch_platform.core import postgres
from batch_platform.core.audit import Log
from batch_platform.core.failures import Conflict
from batch_platform.web.access.model import Role
from batch_platform_tests.browser.conftest import NARROW, OpenPage, check_axe, in_both_widths, overflow
from batch_platform_tests.web.conftest import cheap_hashes, pool, shop_site, site, web_database, web_pool
from batch_platform_tests.web.site import NOON, PASSWORD, Site

__all__ = ["cheap_hashes", "pool", "shop_site", "site", "web_database", "web_pool"]

LONG = ", ".join(f"0190{number:04}-7c1f-7d2e-9a54-3f1b2c4d5e6f" for number in range(6))


@pytest.fixture
def signed_in(site: Site, open_page: OpenPage) -> OpenPage:
    site.add_user("ann", Role.ADMINISTRATOR)

    def opened(origin: str, **options: object) -> object:
        page = open_page(origin, **options)
        page.goto("/login")
        page.get_by_label("アカウント").fill("ann")
        page.get_by_label("パスワード").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/console$"))
        return page

    return opened  # type: ignore[return-value]


def test_a_token_is_made_seen_once_and_revoked_by_the_keyboard(site: Site, signed_in: OpenPage) -> None:
    page = signed_in(site.url, width=NARROW)
    page.goto("/console/tokens")
    page.get_by_label("名前").fill("nightly-report")
    page.get_by_label("閲覧者").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="発行").focus()
    page.keyboard.press("Enter")
    token = page.locator("#token").inner_text()
    for width in in_both_widths(page):
        assert overflow(page) == 0, width
        check_axe(page)
    assert site.client(Authorization=f"Bearer {token}").get("/api/session").status_code == 200
    page.goto("/console/tokens")
    assert token not in page.content()
    page.get_by_role("button", name="失効").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="失効").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("失効済み")).to_be_visible()
    assert site.client(Authorization=f"Bearer {token}").get("/api/session").status_code == 401


def test_the_log_is_read_narrowed_and_taken_out(site: Site, pool: postgres.Pool, signed_in: OpenPage) -> None:
    log = Log(pool, lambda: NOON, "local:hanako", correlation_id="c-1")
    with log.intent("user.add", LONG, {"roles": ["viewer"]}) as intent:
        intent.after = {"digest": "9" * 300}
    with pytest.raises(Conflict), log.intent("user.disable", "bob"):
        raise Conflict("last", "it is the last administrator")
    page = signed_in(site.url)
    page.goto("/console/audit")
    rows = page.locator(".log > li")
    expect(rows.filter(has_text="hanako がアカウント bob を無効化").first).to_contain_text("拒否")
    page.get_by_role("link", name="hanako").first.click()
    expect(page).to_have_url(re.compile("who=local%3Ahanako"))
    rows.first.locator("summary").click()
    for width in in_both_widths(page):
        assert overflow(page) == 0, width
        check_axe(page)
    page.get_by_label("操作内容").select_option("user.disable")
    page.get_by_role("button", name="表示").click()
    expect(rows.first).to_contain_text("bob")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSVで書き出し").click()
    assert download.value.suggested_filename == "audit.csv"
    with open(download.value.path(), encoding="utf-8") as file:
        text = file.read()
    assert "hanako がアカウント bob を無効化" in text
    assert LONG not in text
