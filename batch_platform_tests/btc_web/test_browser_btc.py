"""The adjustment in Chromium: from the rate to the proof and back, by mouse, by keys, without scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from batch_platform.btc import service
from batch_platform.btc.model import Batch, TransactionType
from batch_platform.btc.store import Header
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import PASSWORD
from batch_platform_tests.btc.service_tools import expected
from batch_platform_tests.btc_web.conftest import Office
from batch_platform_tests.chromium import WIDE, OpenPage, in_both_widths, overflow, watch
from batch_platform_tests.web.rig import Call

HOME = "/console/admin/batch-operations"
SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(office: Office, origin: str, account: Call, open_page: OpenPage) -> SignIn:
    """`sign_in(width=…, language=…, role=…, **context)`: the page of an account of its own."""

    def signed(*, width: int = WIDE, language: str = "ja", role: Role = Role.ADMINISTRATOR, **context: Any) -> Page:
        name = account(role)
        page = open_page(origin, width=width, **context)
        watch(page).expect("status of 401")
        page.context.add_cookies([{"name": "language", "value": language, "url": origin}])
        page.goto(HOME)
        page.locator("input[name=name]").fill(name)
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        expect(page.locator("nav.side")).to_have_count(1)
        return page

    return signed


def shot(page: Page, name: str, *, full: bool = False) -> None:
    """Pictures for whoever wants to look: in the folder that the variable names."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=f"{folder}/{name}.png", full_page=full)


def batch_of(page: Page, office: Office) -> Batch:
    """The batch whose page is open."""
    page.wait_for_url(re.compile(rf"{HOME}/[0-9a-f-]{{36}}"))
    return office.batch(page.url.rpartition("/")[2].partition("?")[0])


def halfway(office: Office, batch: Batch) -> None:
    """A worker elsewhere has done the first chunk, and is gone."""
    batches = office.context.store.batches
    plan = service.sealed_rows(office.context, batch.batch_id)
    first = plan.filter(plan["amount"] != 0).head(office.context.options.chunk_users)
    progress: dict[str, Any] = {
        "processed_user_count": first.height,
        "applied_sum": int(first["amount"].sum()),
    }
    held = office.take(batch)
    header = Header(batch.batch_id, TransactionType.ADJUSTMENT, batch.created_at, batch.created_by, batch.memo, 1)
    office.context.store.ledger.write_chunk(header, first.select("user_id", "amount").rows())
    batches.renew(held, now=office.clock(), **progress)
    office.later()


def test_the_whole_story(office: Office, sign_in: SignIn) -> None:
    page = sign_in()
    page.get_by_label("増減率").fill("5")
    page.get_by_label("メモ").fill("10月の運用益")
    page.get_by_role("button", name="実行", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("全ユーザーの残高を +5% 調整しますか")
    expect(dialog).to_contain_text("停止・解約: 2")
    expect(dialog.locator("canvas")).to_be_visible()
    shot(page, "btc-question-1280")
    dialog.get_by_role("button", name="実行").click()

    batch = batch_of(page, office)
    live = page.locator("#batch-live")
    expect(live.locator(".badge").first).to_have_text("処理中")
    halfway(office, batch)
    expect(live).to_contain_text("記帳済み 5")
    expect(page.locator("progress")).to_have_js_property("value", 7)
    shot(page, "btc-progress-1280")
    with page.context.expect_page() as opened:
        page.evaluate(f"window.open('{HOME}')")
    history = opened.value
    expect(history.locator("#history-live .badge")).to_have_text("処理中")
    expect(history.get_by_role("button", name="実行", exact=True)).to_be_disabled()
    shot(history, "btc-open-1280")
    office.apply()
    # both pages notice by themselves
    expect(live.locator(".badge").first).to_have_text("完了")
    expect(live).to_contain_text("未処理 0")
    expect(history.locator("#history-live .badge")).to_have_text("完了")
    expect(history.get_by_role("button", name="実行", exact=True)).to_be_enabled()
    expect(history.locator("#adjust-submit .notice")).to_have_count(0)
    assert office.booked(batch.batch_id) == expected(office.before, "5")
    history.close()

    # the result and its proof show themselves
    expect(live.locator(".notice.tone-good")).to_contain_text(
        "計画どおり完了しました。 9 人に記帳し、 合計は +1,050,006.54668501 BTC"
    )
    expect(page.locator("#proof .notice")).to_contain_text("すべて一致しました")
    expect(page.locator("#proof tbody tr")).to_have_count(7)
    shot(page, "btc-batch-1280", full=True)

    page.get_by_role("button", name="逆取引…").click()
    expect(page.get_by_role("dialog")).to_contain_text("この一括調整を逆取引で取り消しますか")
    shot(page, "btc-reverse-1280")
    page.get_by_role("dialog").get_by_role("button", name="逆取引を実行").click()
    expect(page.locator("h1")).to_have_text("逆取引 -5%")
    back = batch_of(page, office)
    office.apply()
    expect(live.locator(".badge").first).to_have_text("完了")
    assert back.reverses == batch.batch_id
    assert office.balances() == office.before
    page.goto(HOME)
    expect(page.locator("#history-live tbody tr")).to_have_count(2)
    shot(page, "btc-history-1280")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_fit_their_window(office: Office, sign_in: SignIn, language: str) -> None:
    done = office.make(memo="10月の運用益")
    sealed = office.make("-3", apply=False, approve=False)
    page = sign_in(language=language)
    paths = {
        "history": HOME,
        "none": f"{HOME}?status=failed",
        "batch": f"{HOME}/{done.batch_id}?proof=true",
        "sealed": f"{HOME}/{sealed.batch_id}",
        "moved": f"{HOME}/{sealed.batch_id}?moved=true",
    }
    for name, path in paths.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
            shot(page, f"btc-{name}-{width}-{language}", full=name == "batch")
    page.locator("button[commandfor=approve]").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(sealed.plan_sha256 or "")
    for width in in_both_widths(page):
        assert overflow(page) == 0, width
        shot(page, f"btc-approve-{width}-{language}")
    service.cancel(office.context, sealed.batch_id, by="local:setup")
    page.goto(HOME)
    page.locator("input[name=adjustment_rate]").fill("150")
    page.locator("main form button[type=submit]").first.click()
    dialog = page.get_by_role("dialog")
    for width in in_both_widths(page):
        assert overflow(page) == 0, width
        shot(page, f"btc-question-{width}-{language}")
        assert dialog.locator("form").evaluate("form => form.scrollWidth - form.clientWidth") == 0
    dialog.get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_large_rate_by_keys_alone(office: Office, sign_in: SignIn) -> None:
    page = sign_in()
    watch(page).expect("status of 422")
    walk_to(page, page.get_by_label("増減率"))
    page.keyboard.type("150")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    walk_to(page, page.get_by_role("button", name="実行", exact=True))
    page.keyboard.press("Enter")
    field = dialog.get_by_label("増減率をもう一度入力")
    for typed, words in (("15", "確認のため 150 をもう一度入力してください"), ("150", "")):
        walk_to(page, field)
        page.keyboard.type(typed)
        walk_to(page, dialog.get_by_role("button", name="実行"))
        page.keyboard.press("Enter")
        if words:
            expect(dialog.locator(".error")).to_contain_text(words)
    batch = batch_of(page, office)
    assert (str(batch.adjustment_rate), batch.status) == ("150", "processing")


def test_it_works_without_scripts(office: Office, sign_in: SignIn) -> None:
    page = sign_in(java_script_enabled=False)
    page.get_by_label("増減率").fill("-3")
    page.get_by_role("button", name="実行", exact=True).click()
    dialog = page.locator("dialog#question")
    expect(dialog).to_contain_text("全ユーザーの残高を -3% 調整しますか")
    expect(dialog.get_by_text("表で見る")).to_be_visible()
    shot(page, "btc-plain-1280")
    dialog.get_by_role("button", name="実行").click()
    batch = batch_of(page, office)
    office.apply()
    page.goto(f"{HOME}/{batch.batch_id}?proof=true")
    expect(page.locator("#proof .notice")).to_contain_text("すべて一致しました")


def walk_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by Tab")
