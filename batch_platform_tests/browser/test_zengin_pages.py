"""The bank master's pages in Chromium: they fit, and hundreds of rows are reviewed without leaving the keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from batch_platform.core import postgres
from batch_platform.web.access.model import Role
from batch_platform.zengin.model import Changeset
from batch_platform_tests.accounts import PASSWORD, add_account
from batch_platform_tests.browser.conftest import NARROW, WIDE, OpenPage, in_both_widths, overflow, watch
from batch_platform_tests.web.served import served
from batch_platform_tests.zengin_web.conftest import Master, app, clock, context, environment, master, pool
from batch_platform_tests.zengin_web.releases import first, second

__all__ = ["app", "clock", "context", "environment", "master", "pool"]

HOME = "/console/zengin"
SignIn = Callable[..., Page]


@pytest.fixture
def changeset(master: Master) -> Changeset:
    master.load(first())
    return master.propose(second())


@pytest.fixture
def few(master: Master) -> Changeset:
    """Thirteen rows."""
    master.load(first(8))
    return master.propose(second(8, 6))


@pytest.fixture
def sign_in(app: FastAPI, pool: postgres.Pool, master: Master, open_page: OpenPage) -> Iterator[SignIn]:
    """`sign_in(path, width=…, language=…)`: a page of an approver of its own."""
    app.state.zengin = master.context
    with served(app) as origin:

        def signed(path: str, *, width: int = WIDE, language: str = "ja") -> Page:
            name = f"approver-{uuid4().hex[:8]}"
            add_account(pool, name, Role.APPROVER)
            page = open_page(origin, width=width)
            watch(page).expect("status of 401")
            page.context.add_cookies([{"name": "language", "value": language, "url": origin}])
            page.goto(path)
            page.locator("input[name=name]").fill(name)
            page.locator("input[type=password]").fill(PASSWORD)
            page.locator("main form button[type=submit]").first.click()
            expect(page.locator("nav.side")).to_have_count(1)
            return page

        yield signed


def shot(page: Page, name: str) -> None:
    """Pictures for whoever wants to look: in the folder that the variable names."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def ready(page: Page) -> None:
    """The keys work once the script has run."""
    expect(page.locator("html")).to_have_attribute("data-review-ready", "true")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_fit_their_window(sign_in: SignIn, master: Master, changeset: Changeset, language: str) -> None:
    record = master.records(changeset)["0901-003"]
    page = sign_in(HOME, language=language)
    paths = {
        "review": HOME,
        "empty": f"{HOME}?status=failed",
        "record": f"{HOME}/records/{record.id}",
        "changesets": f"{HOME}/changesets",
        "changeset": f"{HOME}/changesets/{changeset.id}",
        "banks": f"{HOME}/banks",
        "search": f"{HOME}/banks?q=さくら",
        "branches": f"{HOME}/banks/0903",
        "history": f"{HOME}/history?key=0901-001",
    }
    for name, path in paths.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
            shot(page, f"zengin-{name}-{width}-{language}")
    page.goto(f"{HOME}/changesets/{changeset.id}")
    page.locator("button[commandfor=approve-all]").first.click()
    expect(page.locator("dialog#approve-all")).to_contain_text(changeset.payload_hash)
    for width in in_both_widths(page):
        assert overflow(page) == 0, width
        shot(page, f"zengin-approve-all-{width}-{language}")


def test_rows_are_reviewed_by_keyboard(sign_in: SignIn, master: Master, few: Changeset) -> None:
    page = sign_in(f"{HOME}/changesets/{few.id}")
    ready(page)
    rows = page.locator("[data-row]")
    expect(rows.first).to_be_focused()
    before = rows.count()
    third = rows.nth(2).get_attribute("id")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.locator("[data-selected]")).to_have_text("2")
    page.keyboard.press("a")
    expect(page.locator("h1")).to_contain_text("2 件を承認しますか")
    expect(page.locator("form[data-confirm] button[type=submit]")).to_be_focused()
    shot(page, "zengin-confirm-1280-ja")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.tone-good")).to_contain_text("2 件を承認しました")
    ready(page)
    expect(page.locator("[data-row]")).to_have_count(before - 2)
    # the row after those that went is in hand: the review goes on where it was
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    assert third not in {row.get_attribute("id") for row in page.locator("[data-row]").all()}
    page.keyboard.press("r")
    expect(page.locator("input[name=reason]")).to_be_focused()
    page.keyboard.type("表記は正しい")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.tone-good")).to_contain_text("1 件を却下しました")


def test_groups_help_and_the_way_back(sign_in: SignIn, master: Master, few: Changeset) -> None:
    page = sign_in(f"{HOME}/changesets/{few.id}", language="en")
    ready(page)
    groups = page.locator("[data-group]")
    size = groups.nth(1).locator("[data-row]").count()
    page.keyboard.press("n")
    expect(groups.nth(1).locator("[data-row]").first).to_be_focused()
    page.keyboard.press("g")
    expect(page.locator("[data-selected]")).to_have_text(str(size))
    expect(groups.nth(1).locator("[data-select-group]")).to_be_checked()
    page.keyboard.press("a")
    expect(page.locator("h1")).to_contain_text("Approve")
    page.keyboard.press("Escape")
    ready(page)
    expect(page.locator("[data-selected]")).to_have_text(str(size))
    page.keyboard.press("Escape")
    expect(page.locator("[data-selected]")).to_have_text("0")
    page.keyboard.press("p")
    page.keyboard.press("?")
    expect(page.locator("dialog#review-keys")).to_be_visible()
    page.keyboard.press("a")  # keys do nothing behind a dialog
    expect(page.locator("dialog#review-keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    page.wait_for_url("**/records/*")


def test_the_mouse_does_it_too(sign_in: SignIn, master: Master, few: Changeset) -> None:
    page = sign_in(f"{HOME}/changesets/{few.id}?change_class=bank_closed", width=NARROW, language="en")
    ready(page)
    page.locator("[data-row] input[type=checkbox]").first.check()
    page.get_by_role("button", name="Approve…").last.click()
    expect(page.get_by_text("Two approvers are needed")).to_be_visible()
    assert overflow(page) == 0
    page.locator("form[data-confirm] button[type=submit]").click()
    expect(page.locator(".notice.tone-good")).to_contain_text("waits for another approver")
    other = sign_in(f"{HOME}/changesets/{few.id}?change_class=bank_closed", language="en")
    expect(other.locator("[data-row]").first).to_contain_text("another approver is needed")


def test_two_approvers_approve_everything(sign_in: SignIn, master: Master, few: Changeset) -> None:
    for words in ("13 records wait for another approver", "13 records are approved"):
        page = sign_in(f"{HOME}/changesets/{few.id}", language="en")
        page.locator("button[commandfor=approve-all]").first.click()
        dialog = page.locator("dialog#approve-all")
        expect(dialog).to_contain_text(few.payload_hash)
        dialog.get_by_role("button", name="Approve 13 rows").click()
        expect(page.locator(".notice.tone-good")).to_contain_text(words)
