"""The cost pages in Chromium, on the bundled month: they fit, charts are drawn, forms ask before they write."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from batch_platform.core import postgres
from batch_platform.finops.demo import DATA
from batch_platform.finops.service import compute_anomalies, compute_forecast
from batch_platform.finops.web.context import FinopsState
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import PASSWORD, add_account
from batch_platform_tests.browser.conftest import NARROW, WIDE, OpenPage, in_both_widths, overflow, until, watch
from batch_platform_tests.finops.conftest import Project, SteppingClock
from batch_platform_tests.finops_web.conftest import app, clock, context, make_project, pool, project
from batch_platform_tests.web.served import served

__all__ = ["app", "clock", "context", "make_project", "pool", "project"]

PAYER = b"100000000000"
OCTOBER = date(2026, 10, 1)


@pytest.fixture
def bundled(make_project: Callable[..., Project], clock: SteppingClock) -> Project:
    """The demo's month, of a payer no other test has."""
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    project = make_project()
    for path in sorted(DATA.glob("cur/**/*.*"), key=lambda path: path.suffix == ".json"):
        body = path.read_bytes()
        if path.suffix == ".gz":
            body = gzip.compress(gzip.decompress(body).replace(PAYER, project.payer.encode()), 1, mtime=0)
        project.bucket.put(path.relative_to(DATA).as_posix(), body)
    project.run(OCTOBER)
    compute_anomalies(project.context, project.id, OCTOBER)
    compute_forecast(project.context, project.id, OCTOBER)
    return project


@pytest.fixture
def sign_in(
    app: FastAPI, pool: postgres.Pool, bundled: Project, open_page: OpenPage
) -> Iterator[Callable[..., Page]]:
    """`sign_in(width=…, language=…, path=…)`: an administrator's page."""
    name = f"admin-{uuid4().hex[:8]}"
    add_account(pool, name, Role.ADMINISTRATOR)
    app.state.finops = FinopsState.of(bundled.context)
    with served(app) as origin:

        def signed(path: str, *, width: int = WIDE, language: str = "ja") -> Page:
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
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_fit_their_window(sign_in: Callable[..., Page], bundled: Project, language: str) -> None:
    base = f"/console/projects/{bundled.id}"
    costs = f"/console/costs?project={bundled.id}&month={OCTOBER:%Y-%m}"
    page = sign_in(costs, language=language)
    paths = {
        "costs": costs,
        "costs-account": f"{costs}&group_by=account&measure=amortized",
        "costs-days": f"{costs}&group_by=day&then=service",
        "costs-range": f"/console/costs?project={bundled.id}&period=range&start=2026-10-05&end=2026-10-11"
        "&group_by=resource&then=usage_type&filter=service%3DAmazonEC2",
        "costs-yesterday": f"/console/costs?project={bundled.id}&period=yesterday",
        "commitments": f"/console/costs/commitments?project={bundled.id}&month={OCTOBER:%Y-%m}",
        "containers": f"/console/costs/containers?project={bundled.id}&month={OCTOBER:%Y-%m}",
        "projects": "/console/projects",
        "project": base,
        "files": f"{base}/files",
        "restatements": f"{base}/restatements",
        "insight": f"{base}/insight?month={OCTOBER:%Y-%m}",
        "edit": f"{base}/edit",
        "new": "/console/projects/~new",
    }
    for name, path in paths.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
            shot(page, f"finops-{name}-{width}-{language}")


def test_charts_are_drawn_and_told(sign_in: Callable[..., Page], bundled: Project) -> None:
    page = sign_in(f"/console/costs?project={bundled.id}&month={OCTOBER:%Y-%m}")
    until(page, "Boolean(window.Chart && Chart.getChart(document.querySelector('canvas')))")
    chart = "Chart.getChart(document.querySelector('canvas'))"
    assert page.evaluate(f"{chart}.data.labels.length") == 31
    assert page.evaluate(f"{chart}.data.datasets.length") <= 9
    page.locator("figure.chart summary").click()
    assert page.locator("figure.chart tbody tr").count() == 31


def test_a_period_and_groups_are_chosen_by_keyboard(sign_in: Callable[..., Page], bundled: Project) -> None:
    page = sign_in(f"/console/costs?project={bundled.id}&month={OCTOBER:%Y-%m}", width=NARROW, language="en")
    # the tags of the line items are offered once they are found
    expect(page.locator("#cost-groups[hx-get]")).to_have_count(0)
    page.get_by_role("link", name="Days from – to").focus()
    page.keyboard.press("Enter")
    page.get_by_label("From").fill("2026-10-05")
    page.get_by_label("To", exact=False).and_(page.locator("input[name=end]")).fill("2026-10-06")
    page.get_by_label("Group by").select_option("day")
    page.get_by_label("Then by").select_option("usage_type")
    page.get_by_label("Then by").press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("start=2026-10-05&end=2026-10-06.*group_by=day&then=usage_type"))
    expect(page.locator("tbody th a").first).to_have_text("2026-10-05")
    assert overflow(page) == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.suggested_filename.endswith("2026-10-05-2026-10-06-unblended-day-usage_type.csv")


def test_a_project_is_added_after_a_question(sign_in: Callable[..., Page], bundled: Project) -> None:
    name = f"b-{uuid4().hex[:10]}"
    page = sign_in("/console/projects/~new", language="en")
    watch(page).expect("status of 422")
    place = bundled.connection
    page.get_by_label("Project id").fill(name)
    page.get_by_label("Name", exact=False).and_(page.locator("input[name=name]")).fill("Browser")
    page.locator("input[name=bucket]").fill("Not A Bucket")
    page.locator("input[name=prefix]").fill(place.prefix)
    page.locator("input[name=reportName]").fill(place.report_name)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#field-bucket-error")).to_be_visible()
    page.locator("input[name=bucket]").fill(place.bucket)
    page.get_by_role("button", name="Continue").click()
    dialog = page.locator("dialog#confirm")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text(f"s3://{place.bucket}")
    dialog.get_by_role("button", name="Save the project").click()
    expect(page.locator("h1")).to_have_text("Browser")
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_role("region", name="Connection test")).to_contain_text("role and bucket")


def test_a_budget_is_set_and_removed(sign_in: Callable[..., Page], bundled: Project) -> None:
    page = sign_in(f"/console/projects/{bundled.id}", language="en")
    page.get_by_text("Set a budget").click()
    page.locator("#budget-monthly_amount").fill("1500")
    page.get_by_role("button", name="Set the budget").click()
    row = page.get_by_role("region", name="Budgets").locator("tbody tr")
    expect(row).to_contain_text("Exceeded")
    expect(row).to_contain_text("1,894.18")
    shot(page, "finops-budget-1280-en")
    row.get_by_role("button", name="Remove").first.click()
    page.locator("dialog[open]").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No budget is set.")).to_be_visible()
