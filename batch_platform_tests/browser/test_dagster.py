"""Dagster's UI in a real browser behind our login: a viewer's buttons are grey, an administrator's are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from batch_platform.local.home import REPOSITORY, Home
from batch_platform_tests.browser.conftest import OpenPage, watch
from batch_platform_tests.site import PASSWORD, Site

LAUNCHPAD = "/dagster/locations/batch_platform/jobs/counting/playground"
PAGES = (
    "/dagster/overview/activity/timeline",
    "/dagster/runs",
    "/dagster/assets",
    "/dagster/assets/small",
    "/dagster/asset-groups",
    "/dagster/jobs",
    "/dagster/automation",
    "/dagster/deployment",
    "/dagster/deployment/daemons",
    "/dagster/deployment/config",
    LAUNCHPAD,
)
SECONDS = 15_000


@pytest.fixture(scope="module")
def site(services: dict[str, str]) -> Iterator[Site]:
    home = Home(Path(services["BATCH_PLATFORM_HOME"]))
    with Site(home, services, "batch_platform_tests.site_definitions", REPOSITORY) as site:
        for role in ("viewer", "administrator"):
            site.add_user(f"dagster-{role}", role)
        yield site


@pytest.fixture(params=["viewer", "administrator"])
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(site: Site, open_page: OpenPage, role: str) -> Page:
    """Signed in by the form, in Dagster; the page of each test must be without complaints."""
    page = open_page(site.url)
    page.goto("/login?next=/dagster/")
    page.fill("[name=name]", f"dagster-{role}")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/dagster/**")
    return page


def test_every_page_renders_and_talks_to_us_alone(page: Page) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    for path in PAGES:
        page.goto(path)
        expect(page.locator("#root")).not_to_be_empty(timeout=SECONDS)
        page.wait_for_load_state("networkidle")
    assert sockets


def test_who_may_launch(page: Page, role: str) -> None:
    page.goto(LAUNCHPAD)
    button = page.get_by_role("button", name="Launch run", exact=False).first
    expect(button).to_be_visible(timeout=SECONDS)
    if role == "viewer":
        expect(button).to_be_disabled()
    else:
        page.get_by_role("button", name="Scaffold missing config").click()
        expect(button).to_be_enabled(timeout=SECONDS)


def test_who_may_materialize(page: Page, role: str) -> None:
    page.goto("/dagster/assets/small")
    button = page.get_by_role("button", name="Materialize", exact=False).first
    expect(button).to_be_visible(timeout=SECONDS)
    if role == "viewer":
        expect(button).to_be_disabled()
    else:
        expect(button).to_be_enabled(timeout=SECONDS)


def test_signing_out_ends_dagster_too(page: Page) -> None:
    watch(page).expect("status of 401")
    page.context.clear_cookies()
    page.goto("/dagster/runs")
    expect(page.locator("[name=password]")).to_be_visible()
    assert page.locator("#root").count() == 0


def test_the_playground_works_under_its_policy(page: Page) -> None:
    page.goto("/dagster/graphql")
    expect(page.locator(".graphiql-container")).to_be_visible(timeout=SECONDS)
