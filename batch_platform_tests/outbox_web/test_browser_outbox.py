"""The outbox in Chromium: both widths, keys, the HTML of a mail in its frame, a recipient who has no account."""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from batch_platform.core import postgres
from batch_platform.outbox import links
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import PASSWORD, add_account
from batch_platform_tests.chromium import NARROW, WIDE, OpenPage, overflow, watch
from batch_platform_tests.outbox.rig import KEY, Kept, Outbox, attached

HOME = "/console/outbox"
A, B = "a@example.com", "b@example.com"
SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(pool: postgres.Pool, operator: httpx.Client, origin: str, open_page: OpenPage) -> SignIn:
    """`sign_in(width=…)`: the outbox, for an operator."""

    def signed(*, width: int = WIDE) -> Page:
        name = f"op{os.urandom(4).hex()}"
        add_account(pool, name, Role.OPERATOR)
        page = open_page(origin, width=width)
        watch(page).expect("status of 401")
        page.goto(HOME)
        page.locator("input[name=name]").fill(name)
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        expect(page.locator("nav.side")).to_have_count(1)
        return page

    return signed


def shot(page: Page, name: str) -> None:
    """Pictures for whoever wants to look: in the folder that the variable names."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}.png", full_page=True)  # type: ignore[index]


@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_notice_is_found_read_and_sent_again(outbox: Outbox, sign_in: SignIn, width: int) -> None:
    content = b"%PDF-1.7"
    outbox.files = Kept(content)  # type: ignore[assignment]
    outbox.add(A, attachments=[attached(content)])
    outbox.add(B, parameters={})
    outbox.deliver()
    page = sign_in(width=width)
    shot(page, "outbox")
    assert overflow(page) == 0
    page.get_by_label("状態").select_option("failed")
    page.get_by_role("button", name="表示").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("本文を作成できませんでした")
    shot(page, "outbox-failed")
    page.get_by_role("button", name="再送").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="再送").press("Enter")
    expect(page.locator("main")).to_contain_text("再送します")
    assert outbox.states()[B] == "pending"
    page.goto(HOME)
    page.locator("tbody tr", has_text=A).locator("a").click()
    expect(page.frame_locator("iframe.mail").locator("strong")).to_have_text("受け付け")
    shot(page, "outbox-notice")
    assert overflow(page) == 0
    mail = outbox.server.mails()[-1].name
    preview = "templates/shop/receipt?category=advertising"
    for place in ("suppressions", "templates", "mails", f"mails/{mail}", preview, outbox.rows()[0]["id"]):
        page.goto(f"{HOME}/{place}")
        shot(page, f"outbox-{str(place).replace('/', '-')}")
        assert overflow(page) == 0


def test_a_recipient_is_suppressed_and_no_more(outbox: Outbox, sign_in: SignIn) -> None:
    page = sign_in()
    page.goto(f"{HOME}/suppressions")
    page.get_by_role("textbox", name="宛先").fill("nobody")
    page.get_by_role("button", name="配信停止にする").click()
    expect(page.locator("main")).to_contain_text("メールアドレスではありません")
    page.get_by_role("textbox", name="宛先").fill(A)
    page.get_by_role("textbox", name="理由").fill("本人の申し出")
    page.get_by_role("button", name="配信停止にする").click()
    expect(page.locator("tbody tr")).to_contain_text("本人の申し出")
    outbox.add(A)
    outbox.deliver()
    assert outbox.states() == {A: "suppressed suppressed"}
    page.get_by_role("button", name=f"{A} を削除").click()
    expect(page.locator("main")).to_contain_text("配信停止の宛先はありません")


def test_a_recipient_declines_without_an_account(
    outbox: Outbox, operator: httpx.Client, origin: str, open_page: OpenPage
) -> None:
    outbox.consent(A)
    outbox.advertise(A)
    path = links.link(origin, KEY, outbox.rows()[0]["number"]).removeprefix(origin)
    page = open_page(origin, width=NARROW)
    page.goto(path)
    shot(page, "outbox-decline")
    assert overflow(page) == 0
    page.get_by_role("button", name="配信を停止する").press("Enter")
    expect(page.locator("main")).to_contain_text("停止しました")
    outbox.deliver()
    assert outbox.states() == {A: "skipped opted-out"}
