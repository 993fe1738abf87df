"""Dagster's UI in a real browser behind our login: a viewer's buttons are grey, an administrator's are not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from batch_platform_tests.accounts import PASSWORD
from batch_platform_tests.browser.conftest import OpenPage, watch
from batch_platform_tests.site import Site

LAUNCHPAD = "/dagster/locations/batch_platform/jobs/plain/playground"
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


@pytest.fixture(scope="module")
def site(dagster_site: Site) -> Site:
    for role in ("viewer", "administrator"):
        dagster_site.add_user(f"dagster-{role}", role)
    return dagster_site


Enter = Callable[[str], Page]


@pytest.fixture
def enter(site: Site, open_page: OpenPage) -> Enter:
    """Sign in by the form with a role, into Dagster. The page must be without complaints but Dagster's own two."""

    def entered(role: str) -> Page:
        page = open_page(site.url)
        watch(page).expect(r"go\.apollo\.dev")  # a warning of its GraphQL client about its own use
        watch(page).expect("WebSocket is closed before the connection is established")  # it changes pages quickly
        page.goto("/login?next=/dagster/")
        page.fill("[name=name]", f"dagster-{role}")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/dagster/**")
        return page

    return entered


def test_every_page_renders_and_talks_to_us_alone(enter: Enter) -> None:
    page = enter("administrator")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("navigation")).to_be_visible()
        page.wait_for_load_state("networkidle")
    assert sockets


def test_a_viewers_buttons_are_grey(enter: Enter) -> None:
    """From the launchpad, whose tab is grey, Dagster leads away."""
    page = enter("viewer")
    page.goto(LAUNCHPAD)
    expect(page.get_by_role("tab", name="Launchpad")).to_be_disabled()
    expect(page.get_by_role("button", name="Launch run")).to_have_count(0)
    page.goto("/dagster/assets/small")
    expect(page.get_by_role("button", name="Materialize").first).to_be_disabled()


def test_an_administrator_launches(enter: Enter, site: Site) -> None:
    page = enter("administrator")
    page.goto("/dagster/assets/small")
    expect(page.get_by_role("button", name="Materialize").first).to_be_enabled()
    page.goto(LAUNCHPAD)
    page.get_by_role("button", name="Launch run").click()
    page.wait_for_url(re.compile(r"/dagster/runs/[0-9a-f-]{36}"))
    run_id = page.url.partition("/dagster/runs/")[2][:36]
    found = site.graphql("viewer", "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)
    assert found["runOrError"]["status"] == "QUEUED"


def test_without_the_session_there_is_no_dagster(enter: Enter) -> None:
    page = enter("viewer")
    watch(page).expect("status of 401")
    page.wait_for_load_state("networkidle")  # what is still being fetched would be refused
    page.context.clear_cookies()
    page.goto("/dagster/runs")
    expect(page.locator("[name=password]")).to_be_visible()
    assert page.locator("#root").count() == 0


def test_the_playground_works_under_its_policy(enter: Enter) -> None:
    page = enter("viewer")
    page.goto("/dagster/graphql")
    expect(page.locator(".graphiql-container")).to_be_visible()
