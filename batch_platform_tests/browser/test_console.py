"""The console's shell and macros in Chromium, under the platform's Content-Security-Policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from fastapi import FastAPI
from playwright.sync_api import Error, Page, expect

from batch_platform_tests.browser.conftest import NARROW, WIDE, OpenPage, in_both_widths, overflow, until, watch
from batch_platform_tests.waiting import eventually
from batch_platform_tests.web.console_demo import build
from batch_platform_tests.web.served import served

PAGES = (
    "/console",
    "/console/table",
    "/console/empty",
    "/console/form",
    "/console/run",
    "/console/charts",
    "/console/broken",
    "/login",
)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return build()


@pytest.fixture(scope="module")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


DRAWN = "() => Boolean(window.Chart && Chart.getChart('bars') && Chart.getChart('lines'))"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_fit_their_window(open_page: OpenPage, origin: str, language: str) -> None:
    page = open_page(origin, color_scheme="dark" if language == "en" else "light")
    watch(page).expect("status of 404")  # the error page's own status
    page.context.add_cookies([{"name": "language", "value": language, "url": origin}])
    for path in PAGES:
        page.goto(path)
        if path == "/console/charts":
            until(page, DRAWN)
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
        assert page.locator("html").get_attribute("lang") == language


def test_switch_of_language_returns_to_the_page(open_page: OpenPage, origin: str) -> None:
    page = open_page(origin)
    page.goto("/console/table?offset=12")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{origin}/console/table?offset=12")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("button", name="ログアウト")).to_be_visible()


def test_menus_of_a_narrow_window(open_page: OpenPage, origin: str) -> None:
    page = open_page(origin, width=NARROW)
    page.goto("/console")
    navigation = page.get_by_role("navigation", name="メインナビゲーション")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="メニュー").click()
    expect(navigation).to_be_visible()
    page.keyboard.press("Escape")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="山田 花子").click()
    expect(page.get_by_role("button", name="ログアウト")).to_be_visible()
    page.set_viewport_size({"width": WIDE, "height": 800})
    expect(navigation).to_be_visible()
    expect(page.get_by_role("button", name="ログアウト")).to_be_visible()


def test_keyboard_alone(open_page: OpenPage, origin: str) -> None:
    page = open_page(origin)
    page.goto("/console/run")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="本文へ移動")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    opener = page.get_by_role("button", name="実行を中止")
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="実行を中止")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_live_part_moves_and_stops_when_final(open_page: OpenPage, origin: str, app: FastAPI) -> None:
    page = open_page(origin)
    app.state.done = 0
    page.goto("/console/run")
    page.get_by_role("button", name="実行を中止").click()
    page.get_by_label("理由").fill("half a sent")
    app.state.done = 1
    expect(page.locator("#done")).to_have_text("1")
    expect(page.get_by_role("dialog")).to_be_visible()  # the swap leaves an open dialog and its input alone
    page.keyboard.type("ence")
    app.state.done = 2
    expect(page.locator("#done")).to_have_text("2")
    expect(page.get_by_label("理由")).to_have_value("half a sentence")
    expect(page.get_by_role("dialog")).to_be_visible()
    app.state.done = 3
    expect(page.locator("#run .badge")).to_have_text("成功")
    with pytest.raises(Error, match="Timeout"), page.expect_request("**/progress", timeout=3_000):
        pass


def test_live_part_says_when_it_cannot_be_refreshed(open_page: OpenPage, origin: str, app: FastAPI) -> None:
    page = open_page(origin)
    watch(page).expect("status of 50|status of 401|ERR_FAILED|Failed to fetch")
    app.state.done = 0
    page.goto("/console/run")
    note = page.locator("#connection")
    expect(note).to_be_hidden()
    page.route("**/progress", lambda route: route.abort())
    expect(note).to_contain_text("接続が切れました")
    page.unroute("**/progress")
    expect(note).to_be_hidden()
    app.state.done = 1
    expect(page.locator("#done")).to_have_text("1")
    page.route("**/progress", lambda route: route.fulfill(status=503, body="<h1>503</h1>"))
    expect(note).to_contain_text("接続が切れました")
    expect(page.locator("#done")).to_have_text("1")
    page.route("**/progress", lambda route: route.fulfill(status=401, body="<h1>401</h1>"))
    expect(note).to_contain_text("セッションが終了しました")
    assert page.locator("#run").get_attribute("hx-get") is None
    with pytest.raises(Error, match="Timeout"), page.expect_request("**/progress", timeout=3_000):
        pass


def test_confirmed_write_shows_its_message_once_and_escaped(open_page: OpenPage, origin: str, app: FastAPI) -> None:
    page = open_page(origin)
    page.goto("/console/table")
    page.get_by_role("button", name="実行を中止").nth(1).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="キャンセル").click()
    expect(dialog).to_be_hidden()
    assert app.state.saved == []
    page.get_by_role("button", name="実行を中止").nth(1).click()
    dialog.get_by_label("理由").fill("wrong month")
    dialog.get_by_role("button", name="実行を中止").click()
    expect(page.get_by_text("<b>wrong month</b>")).to_be_visible()
    assert app.state.saved == [{"reason": "wrong month"}]
    page.reload()
    expect(page.get_by_text("<b>wrong month</b>")).to_have_count(0)


def test_form_names_the_field_at_fault_and_is_sent_once(open_page: OpenPage, origin: str, app: FastAPI) -> None:
    page = open_page(origin)
    watch(page).expect("status of 422")
    app.state.saved.clear()
    page.goto("/console/form")
    page.get_by_label("名前").fill("a b")
    page.get_by_role("button", name="保存").click()
    field = page.get_by_label("名前")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("a b")
    expect(field).to_have_accessible_description("ここまでの結果は残ります。 name must be letters and digits")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{origin}/console/form")
    page.get_by_label("Sample name").fill("ab")
    page.get_by_role("button", name="Sample save").dblclick()
    expect(page.get_by_role("status").filter(has_text="Saved ab.")).to_be_visible()
    assert [saved["name"] for saved in app.state.saved] == ["ab"]
    assert app.state.saved[0]["csrf_token"] == "token-of-the-session"


def test_charts_are_drawn_and_told(open_page: OpenPage, origin: str) -> None:
    page = open_page(origin)
    page.goto("/console/charts")
    until(page, DRAWN)
    assert page.evaluate("Chart.getChart('bars').data.datasets.map((set) => set.type)") == ["bar"] * 4
    radii = "Chart.getChart('lines').data.datasets.map((set) => set.pointRadius)"
    assert page.evaluate(radii) == [0, 0, 0, 0, 5, 4]  # a line of one point would not be seen
    tooltip = page.evaluate(
        """() => {
            const chart = Chart.getChart('lines');
            chart.tooltip.setActiveElements([{ datasetIndex: 0, index: 6 }]);
            chart.update();
            return chart.tooltip.body.map((part) => part.lines[0]);
        }"""
    )
    assert tooltip == ["Actual: 1,072,000.1234567890 USD"]
    page.get_by_text("表で見る").first.click()
    expect(page.get_by_role("row", name="2026-10-04").first).to_be_visible()
    page.emulate_media(color_scheme="dark")
    until(page, "() => Chart.getChart('bars')?.options.scales.y.grid.color.includes('255')")


def test_what_a_clean_page_must_not_do_is_seen(open_page: OpenPage, origin: str) -> None:
    page = open_page(origin)
    page.goto("/console")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.executed = true';
            document.body.append(script);
            document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/pixel' }));
            document.body.setAttribute('style', 'color: red');
            setTimeout(() => { throw new Error('a broken script'); });
        }"""
    )
    for kind in ("inline script", "inline style", "127.0.0.1:9", "page error: .*a broken script"):
        eventually(partial(complained, page, kind), hint=watch(page).unexpected)
    assert page.evaluate("() => window.executed") is None
    watch(page).expect("")


def complained(page: Page, kind: str) -> bool:
    page.wait_for_timeout(20)  # what a page says is heard while Playwright waits
    return any(re.search(kind, text) for text in watch(page).unexpected())
