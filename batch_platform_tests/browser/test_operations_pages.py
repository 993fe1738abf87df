"""The pages of operations in Chromium: a job is rehearsed, run, watched, cancelled, mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from batch_platform.core.audit import Log
from batch_platform.core.clock import BUSINESS_ZONE, utc_now
from batch_platform.core.failures import TransientFailure
from batch_platform.operations import backfills, run_queue, service
from batch_platform.operations.model import DeadLetterState
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.settings import Settings
from batch_platform_tests.browser.conftest import (
    NARROW,
    WIDE,
    OpenPage,
    check_axe,
    in_both_widths,
    overflow,
    until,
    watch,
)
from batch_platform_tests.operations_web.rig import GATE, MENDED, PASSWORD, Rig, rigged
from batch_platform_tests.web.served import served


def _away(_request: object) -> None:
    raise TransientFailure("no-costs", "the costs are not to be had just now")


CARDS = (
    DashboardCard("Broken card", "batch:read", _away, "operations/none.html"),
    DashboardCard("Hidden card", "zengin:approve", _away, "operations/none.html"),
)

SignIn = Callable[..., Page]


@pytest.fixture(scope="module")
def rig(settings: Settings) -> Iterator[Rig]:
    with rigged(settings, cards=CARDS) as rig:
        for role in ("viewer", "operator"):
            rig.add_user(role, role)
        rig.letter()
        later = replace(rig.operations, clock=lambda: utc_now() + timedelta(days=1))
        Monitor(later, MonitorOptions()).once()
        for _ in range(2):
            rig.run()
        yield rig


@pytest.fixture(scope="module")
def origin(rig: Rig) -> Iterator[str]:
    with served(rig.app) as address:
        yield address


@pytest.fixture
def sign_in(rig: Rig, origin: str, open_page: OpenPage) -> Iterator[SignIn]:
    """`sign_in("operator", language="en")`: a page of somebody who has signed in by the form."""

    def signed(name: str, *, language: str = "en", width: int = WIDE) -> Page:
        page = open_page(origin, width=width)
        watch(page).expect("status of 401")  # what shows the login form
        page.context.add_cookies([{"name": "language", "value": language, "url": origin}])
        page.goto("/console")
        page.locator("input[name=name]").fill(name)
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        expect(page.locator("nav.side")).to_have_count(1)
        return page

    GATE.set()
    MENDED.clear()
    yield signed
    rig.runner.settle()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_fit_their_window(sign_in: SignIn, rig: Rig, language: str) -> None:
    page = sign_in("operator", language=language)
    [run, *_], _ = service.history(rig.operations, "web-count", limit=1)
    [letter, *_], _ = service.dead_letters(rig.operations)
    backfill = backfilled(rig)
    rig.made("2026-10-03")
    queued = rig.queued()
    for path in (
        "/console",
        "/console/queue",
        f"/console/runs/{queued}",
        "/console/jobs",
        "/console/jobs/web-count",
        "/console/jobs/web-day/partition?partition=2026-10-03",
        "/console/jobs/web-sweep",
        "/console/jobs/web-day/backfill",
        f"/console/backfills/{backfill}",
        f"/console/runs/{run.run_id}",
        "/console/dead-letters?state=all",
        f"/console/dead-letters/{letter.id}",
        "/console/incidents",
        f"/console/dead-letters/choose?act=discard&id={letter.id}",
        "/console/incidents?resolved=true",
        "/console/incidents/1",
        "/console/incidents/choose?act=assign&every=true",
        "/console/pauses",
        "/console/waiting",
        "/console/health",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
        assert page.locator("html").get_attribute("lang") == language
        expect(page.locator("h1")).to_have_count(1)
    rig.dequeue(queued)


def backfilled(rig: Rig) -> str:
    """The id of a backfill of two days that has ended."""
    days = date(2026, 9, 1), date(2026, 9, 2)
    log = Log(rig.operations.pool, rig.operations.clock, "local:rig")
    plan = backfills.planned(rig.operations, "web-day", *days, {})
    made = backfills.start(rig.operations, log, plan)
    backfills.advance(rig.operations, made.id)
    rig.runner.settle()
    service.sync(rig.operations)
    return made.id


def test_days_are_chosen_shown_and_run(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/jobs/web-day")
    page.get_by_role("button", name="Backfill").click()
    page.get_by_label("First day").fill("2026-10-01")
    page.get_by_label("Last day").fill("2026-10-02")
    page.get_by_role("button", name="Show what would run").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Ask for 2 runs?")
    expect(question).to_contain_text("2026-10-02")
    question.get_by_role("button", name="Backfill").click()
    page.wait_for_url("**/console/backfills/*")
    backfills.advance_all(rig.operations)
    rig.runner.settle()
    service.sync(rig.operations)
    expect(page.get_by_text("2 / 2")).to_be_visible()
    expect(page.get_by_role("region", name="Runs")).to_contain_text("Succeeded")


def test_dashboard_tells_what_is_wrong(sign_in: SignIn) -> None:
    page = sign_in("viewer")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_text("the costs are not to be had just now")).to_be_visible()
    expect(page.get_by_text("Hidden card")).to_have_count(0)
    expect(page.get_by_role("region", name="Open incidents")).to_contain_text("Count rows")
    expect(page.get_by_role("region", name="Dead letters")).to_contain_text("<b>it is torn</b>")
    expect(page.get_by_role("region", name="Next deadlines")).to_contain_text("Count rows")


def test_dry_run_first_then_the_run(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/jobs/web-count")
    page.get_by_label("Target date").fill("2026-01-01")
    page.get_by_label("Rows").fill("3")
    page.get_by_role("button", name="Dry run").click()
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("Succeeded")
    result = page.get_by_role("region", name="Result of the dry run")
    expect(result.get_by_role("row")).to_have_count(4)
    expect(result).to_contain_text("name <2>")
    rehearsed = page.url
    page.get_by_role("button", name="Run with the same input").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    page.wait_for_url(lambda url: "/console/runs/" in url and url != rehearsed)
    expect(page.locator("#run-live .badge").first).to_have_text("Succeeded")
    run = service.run(rig.operations, page.url.rpartition("/")[2]).run
    assert (run.dry_run, run.requested_by) == (False, "local:operator")
    assert run.parameters["targetDate"] == "2026-01-01"
    assert run.parameters["rows"] == 3


def test_a_run_is_confirmed_before_it_starts(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/jobs/web-count")
    page.get_by_label("Mode").select_option("wait")
    page.get_by_label("Thorough").check()
    before = len(service.history(rig.operations, "web-count", limit=100)[0])
    GATE.clear()
    page.get_by_role("button", name="Run now").click()
    dialog = page.get_by_role("dialog", name="Run the job now?")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("wait")
    assert len(service.history(rig.operations, "web-count", limit=100)[0]) == before
    dialog.get_by_role("button", name="Run now").dblclick()
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("Running")
    assert len(service.history(rig.operations, "web-count", limit=100)[0]) == before + 1
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, cancel the run").click()
    expect(page.locator("#run-live .badge").first).to_have_text("Canceled")
    expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
    expect(page.get_by_role("button", name="Show in Dagster")).to_have_attribute(
        "href", f"/dagster/runs/{page.url.rpartition('/')[2]}"
    )


def test_progress_moves_by_itself(sign_in: SignIn, rig: Rig) -> None:
    GATE.clear()
    run = rig.run("wait")
    page = sign_in("viewer")
    page.goto(f"/console/runs/{run.run_id}")
    expect(page.locator("#run-live .badge").first).to_have_text("Running")
    expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
    rig.runner.settle()
    expect(page.locator("#run-live .badge").first).to_have_text("Succeeded")
    page.get_by_text("Newest lines of the log").click()
    expect(page.get_by_role("region", name="Log", exact=True)).to_contain_text("counting 2 rows")


def test_wrong_parameters_are_named_and_kept(sign_in: SignIn) -> None:
    page = sign_in("operator")
    watch(page).expect("status of 422")
    page.goto("/console/jobs/web-count")
    page.get_by_label("Rows").fill("3")
    page.get_by_label("Target date").fill("2030-01-01")
    page.get_by_label("Project id").fill("nobody")
    page.get_by_role("button", name="Dry run").click()
    field = page.get_by_label("Target date")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Rows")).to_have_value("3")
    expect(page.get_by_text("2030-01-01 is in the future")).to_be_visible()
    field.fill("")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    expect(page.get_by_text("no project nobody")).to_be_visible()


def test_history_is_filtered_and_charted(sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto("/console/jobs/web-count")
    expect(page.get_by_role("button", name="Run now")).to_have_count(0)
    until(page, "Boolean(window.Chart && Chart.getChart('durations'))")
    page.get_by_label("State").select_option("failure")
    page.get_by_role("button", name="Show").click()
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows.first).to_contain_text("Failed")
    expect(rows.filter(has_text="Succeeded")).to_have_count(0)


def test_a_dead_letter_is_run_again_and_settled(sign_in: SignIn, rig: Rig) -> None:
    letter_id = rig.letter()
    page = sign_in("operator")
    page.goto("/console/dead-letters")
    page.locator(f"a[href='/console/dead-letters/{letter_id}']").click()
    page.get_by_role("link", name="The run that failed").click()
    expect(page.get_by_role("alert")).to_contain_text("<b>it is torn</b>")
    page.get_by_role("link", name="Its dead letter").click()
    MENDED.set()
    page.get_by_role("button", name="Run again").click()
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("Succeeded")
    service.sync(rig.operations)
    page.goto(f"/console/dead-letters/{letter_id}")
    expect(page.get_by_role("link", name="The run that succeeded")).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)


def test_a_dead_letter_is_discarded_once(sign_in: SignIn, rig: Rig) -> None:
    letter_id = rig.letter()
    page = sign_in("operator")
    watch(page).expect("status of 4(09|22)")
    page.goto(f"/console/dead-letters/{letter_id}")
    page.get_by_role("button", name="Discard").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("   ")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_text("say why it is discarded")).to_be_visible()
    letter = service.dead_letter(rig.operations, letter_id)
    service.discard_dead_letter(
        rig.operations, letter_id, version=letter.version, reason=f"first {uuid4().hex}", by="local:somebody"
    )
    dialog.get_by_label("Reason").fill("second")
    dialog.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("was changed meanwhile")).to_be_visible()
    expect(page.get_by_text("local:somebody")).to_be_visible()
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)


def test_all_of_a_page_are_chosen_and_discarded_by_the_keyboard(sign_in: SignIn, rig: Rig) -> None:
    rig.letter(), rig.letter()
    page = sign_in("operator", width=390)
    page.goto("/console/dead-letters?job=web-count")
    boxes = page.locator("tbody input[type=checkbox]")
    total = boxes.count()
    page.get_by_role("checkbox", name="All of this page").focus()
    page.keyboard.press("Space")
    assert [boxes.nth(number).is_checked() for number in range(total)] == [True] * total
    expect(page.locator("output")).to_have_text(f"({total})")
    boxes.first.focus()
    page.keyboard.press("Space")
    expect(page.locator("output")).to_have_text(f"({total - 1})")
    page.get_by_role("button", name="Discard").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{total - 1} dead letter")
    assert overflow(page) == 0
    page.get_by_label("Reason").fill("the month was delivered anew")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/dead-letters")
    expect(page.get_by_text(f"Discard: {total - 1} done.")).to_be_visible()
    assert len(service.dead_letters(rig.operations, DeadLetterState.OPEN, job="web-count")[0]) == 1


def test_all_that_match_are_assigned_and_one_says_what_it_is(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/incidents")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_text("nothing is chosen")).to_be_visible()
    page.get_by_label("All that match the filter").check()
    page.get_by_role("button", name="Assign").click()
    page.get_by_label("Assigned to").select_option(label="Myself (operator)")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("region", name="Incidents").locator("tbody tr").first).to_contain_text("local:operator")
    page.get_by_role("region", name="Incidents").locator("tbody th a").first.click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledge: 1 done.")).to_be_visible()
    page.get_by_role("textbox", name="Comment").fill("<b>the supplier</b> is told")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_role("article")).to_contain_text("<b>the supplier</b> is told")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page = sign_in("viewer")
    page.goto("/console/incidents")
    expect(page.locator("tbody input")).to_have_count(0)


def test_a_schedule_is_switched_off_with_a_reason_and_on_again(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/jobs/web-count")
    row = page.get_by_role("region", name="Schedules and sensors").get_by_role("row", name="web_count_schedule")
    for button, badge in (("Switch off", "Off"), ("Switch on", "On")):
        row.get_by_role("button", name=button).click()
        dialog = page.get_by_role("dialog", name="web_count_schedule")
        dialog.get_by_label("Reason").fill("the supplier is closed")
        dialog.get_by_role("button", name=button).click()
        expect(row.locator(".badge")).to_have_text(badge)
    row.get_by_role("link", name="Who switched it").click()
    page.wait_for_url("**/console/audit?target=web_count_schedule")


def test_a_maintenance_window_stands_on_every_page_until_it_ends(sign_in: SignIn, rig: Rig) -> None:
    page = sign_in("operator")
    page.goto("/console/pauses")
    page.get_by_label("Until").fill(f"{utc_now().astimezone(BUSINESS_ZONE) + timedelta(hours=2):%Y-%m-%dT%H:%M}")
    page.get_by_label("Reason").fill("the database gets a new version")
    page.get_by_role("button", name="Pause everything").click()
    banner = page.get_by_role("link", name="Schedules and sensors are paused until")
    for path in ("/console", "/console/jobs/web-sweep", "/console/pauses"):
        page.goto(path)
        expect(banner).to_contain_text("the database gets a new version (local:operator)")
        for width in in_both_widths(page):
            assert overflow(page) == 0, (path, width)
    page.get_by_role("button", name="End the pause now").click()
    dialog = page.get_by_role("dialog", name="End the pause now")
    dialog.get_by_label("Reason").fill("done early")
    dialog.get_by_role("button", name="End the pause now").click()
    expect(page.get_by_text("The pause is over")).to_be_visible()
    expect(banner).to_have_count(0)
    expect(page.get_by_role("row", name="the database gets a new version")).to_contain_text("done early")


def test_a_partition_is_wiped_by_the_keyboard_alone(sign_in: SignIn, rig: Rig) -> None:
    rig.made("2026-10-04")
    page = sign_in("operator", width=NARROW)
    watch(page).expect("status of 422")
    page.goto("/console/jobs/web-day")
    reach(page, page.get_by_role("button", name="Partitions"))
    page.keyboard.press("Enter")
    reach(page, page.get_by_label("Partition"))
    page.keyboard.type("2026-10-04")
    page.keyboard.press("Enter")
    reach(page, page.get_by_role("button", name="Wipe"))
    check_axe(page)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Wipe 2026-10-04 of tests/day_rows?")
    expect(dialog).to_contain_text("The data that was written stays")
    reach(page, dialog.get_by_label("Reason"))
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("say why it is wiped")).to_be_visible()
    check_axe(page)
    assert overflow(page) == 0
    reach(page, dialog.get_by_label("Reason"))
    page.keyboard.type("the file was withdrawn")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Its data is still there")).to_be_visible()
    expect(page.get_by_role("row", name="tests/day_rows")).to_contain_text("missing")
    check_axe(page)
    [row] = rig.audit("tests/day_rows [2026-10-04]")
    assert (row["what"], row["after"]["reason"]) == ("partition.wipe", "the file was withdrawn")


def test_a_queued_run_is_put_first_by_the_keyboard_alone(sign_in: SignIn, rig: Rig) -> None:
    rig.dequeue(*(queued.run.run_id for queued in run_queue.queue(rig.operations)))  # what other modules left
    older, newest = rig.queued(), rig.queued()
    page = sign_in("operator", width=NARROW)
    watch(page).expect("status of 422")
    page.goto("/console/queue")
    rows = page.get_by_role("region", name="Run queue").locator("tbody th a")
    assert [row.get_attribute("href") for row in rows.all()] == [f"/console/runs/{run}" for run in (older, newest)]
    check_axe(page)
    rows.nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/runs/{newest}")
    reach(page, page.get_by_role("button", name="Change the priority"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Change the priority")
    reach(page, dialog.get_by_label("Priority"))
    page.keyboard.press("Control+a")
    with page.expect_response("**/live"):  # what changes by itself takes away nothing that is typed
        page.keyboard.type("7")
    page.keyboard.press("Tab")
    page.keyboard.type("   ")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("say why the priority changes")).to_be_visible()
    expect(dialog.get_by_label("Priority")).to_have_value("7")
    expect(dialog.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    check_axe(page)
    assert overflow(page) == 0
    reach(page, dialog.get_by_label("Reason"))
    page.keyboard.type("the bank waits for this file")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The run has priority 7.")).to_be_visible()
    check_axe(page)
    page.goto("/console/queue")
    assert [row.get_attribute("href") for row in rows.all()] == [f"/console/runs/{run}" for run in (newest, older)]
    rig.dequeue(older, newest)
    expect(page.get_by_text("No run is queued")).to_be_visible()  # the page asks for itself
    check_axe(page)


def reach(page: Page, target: Locator) -> None:
    """Go to it by Tab."""
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not reach it")
