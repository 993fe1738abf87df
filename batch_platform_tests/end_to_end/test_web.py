"""The whole web of a running `up`, with the bundled costs published: who may, what its document promises, a run
from the API, metrics after a kill, and every page of the console in Chromium.

One stack serves all tests; none leaves anything behind that another one would notice.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from batch_platform import domains
from batch_platform.finops import demo
from batch_platform.trading.demo import bundled
from batch_platform.web.access.authentication import is_public
from batch_platform.web.context import Limits
from batch_platform.zengin.model import Status
from batch_platform_tests.chromium import NARROW, OpenPage, check_axe, in_both_widths, overflow, watch
from batch_platform_tests.end_to_end.demo_web import (
    ADJUSTMENTS,
    BATCH,
    COMPANY,
    NIGHT,
    NOWHERE,
    WAITING,
    Route,
    counted,
    demo_stack,
    exposed,
    items,
    kept,
    paused,
    routes_of,
    scraped,
    unfinished,
)
from batch_platform_tests.end_to_end.machine import Machine, running
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.end_to_end

OPENED = frozenset[str]().union(*(domain.web().part.opened for domain in domains.DOMAINS))
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
REVOKE = "/api/access-tokens/{id}/revoke"  # by a token too, of one's own alone
DRY_RUN = {"parameters": {"dryRun": True, "targetDate": "2026-10-01"}}
LAUNCH = (
    'mutation { launchRun(executionParams: {selector: {jobName: "x", repositoryName: "__repository__", '
    'repositoryLocationName: "batch_platform"}}) { __typename } }'
)
# Job parameters are the jobs' own: what the document allows may be refused. A method that no path has stands for all.
SCHEMATHESIS = """
[checks.positive_data_acceptance]
enabled = false

[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]

[phases.coverage]
unexpected-methods = ["PATCH"]
"""


# What reacts to a click, is shown, and is not reached by Tab.
OUT_OF_REACH = """
[...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [hx-post], [hx-get]:not([hx-trigger]), [onclick]"
)].filter(element => element.checkVisibility() && !element.disabled && element.tabIndex < 0)
  .map(element => element.outerHTML.slice(0, 200))
"""


@pytest.fixture(scope="module")
def machine(clean_environment: None) -> Iterator[Machine]:
    """Its own: a first administrator's password is only told while nobody has signed in."""
    with running() as machine:
        yield machine


@pytest.fixture(scope="module")
def stack(machine: Machine) -> Iterator[Stack]:
    with demo_stack(machine) as stack:
        yield stack


@pytest.fixture(scope="module")
def routes(machine: Machine) -> list[Route]:
    return routes_of(machine)


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client("administrator") as client:
        yield client


# who may


def test_nobody_passes_without_a_token(stack: Stack, routes: list[Route]) -> None:
    """From several addresses: there are more routes than one stranger may ask for at once."""
    open_ones = set()
    for first in range(0, len(routes), Limits.anonymous_burst):
        address = f"127.0.0.{2 + first // Limits.anonymous_burst}"
        with stack.client(None, transport=httpx.HTTPTransport(local_address=address)) as nobody:
            for route in routes[first : first + Limits.anonymous_burst]:
                answer = nobody.request(route.method, route.example)
                if is_public(route.example, OPENED):
                    assert answer.status_code not in (401, 429), route
                    assert answer.status_code < 500, route
                    open_ones.add(route.path)
                else:
                    assert answer.status_code == 401, route
                    assert answer.json()["type"].startswith("/problems/")
    with stack.client(None) as nobody:
        assert nobody.post("/dagster/graphql", json={"query": "{ version }"}).status_code == 401
    assert open_ones == {
        *("/login", "/login/oidc", "/login/oidc/callback", "/login/oidc/logout", "/login/language"),
        *("/health/live", "/health/ready", "/static"),
        *OPENED,
    }
    with pytest.raises(InvalidStatus):
        connect(f"{stack.url.replace('http', 'ws')}/dagster/graphql", proxy=None)


def test_a_viewer_writes_nothing(stack: Stack, routes: list[Route]) -> None:
    asked = 0
    with stack.client("viewer") as viewer:
        for route in routes:
            if route.method in WRITES and not route.mounted and not is_public(route.path, OPENED):
                answer = viewer.request(route.method, route.example)
                refusal = 404 if route.path == REVOKE else 403
                assert answer.status_code == refusal, (route, answer.text)
                asked += 1
        refused = viewer.post("/dagster/graphql", json={"query": LAUNCH}).json()
    assert asked > 20
    assert refused["data"]["launchRun"]["__typename"] == "UnauthorizedError"


# the document


def test_the_document_is_true(machine: Machine, stack: Stack, client: httpx.Client, tmp_path: Path) -> None:
    """schemathesis asks every operation of the document; no answer is a 5xx or other than promised.

    `cursor` is opaque and `Idempotency-Key` must be new for another body: neither can be made up from its schema, so
    both are left out of the document that is asked, and tested elsewhere. The daemon is paused meanwhile: the runs
    that are asked for stay in the queue, to be cancelled. `/health/ready` tells of such a daemon, by a 503: it is
    left out. Projects that were changed are put back as they were; only one that is not there is removed, and only
    accounts and tokens that are not there are changed: it would end those that ask.
    """
    document = client.get("/openapi.json").json()
    del document["paths"]["/health/ready"]
    for operation in (operation for item in document["paths"].values() for operation in item.values()):
        given = operation.get("parameters", ())
        operation["parameters"] = [one for one in given if one["name"] not in ("cursor", "Idempotency-Key")]
    for operation in operations_on_one(document):
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "string", "enum": ["nobody"]}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    command = [
        *("-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "openapi.json"),
        *("--url", stack.url, "--header", f"Authorization:Bearer {stack.token}", "--request-timeout", "30"),
        *("--continue-on-failure", "--phases", "examples,coverage,fuzzing", "--max-examples", "2"),
        *("--seed", "1", "--generation-database", "none", "--suppress-health-check", "all"),
        *("--no-shrink", "--no-color", "--rate-limit", f"{Limits.rate}/s"),
    ]
    with kept(client), paused(stack.running("daemon")):
        outcome = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        for run in unfinished(client):
            client.post(f"{BATCH}/runs/{run['runId']}/cancel").raise_for_status()
    log = (machine.home.logs / "web.log").read_text()
    failed = re.findall(r"request failed.*?(?=^\d{4}-)", log, re.DOTALL | re.MULTILINE)
    assert outcome.returncode == 0, "\n".join([outcome.stdout[-12_000:], outcome.stderr[-2_000:], *failed[-3:]])


def operations_on_one(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What could end what this test and others stand on."""
    yield document["paths"]["/api/projects/{projectId}"]["delete"]
    for path, item in document["paths"].items():
        if path == REVOKE or path.startswith("/api/accounts/{name}/"):
            yield item["post"]


@pytest.mark.parametrize("region", [f"ap{'-northeast' * 8}-1", "ap-northeast-１"], ids=["long", "wide digit"])
def test_a_project_cannot_have_a_region_that_boto_refuses(client: httpx.Client, region: str) -> None:
    place = {"bucket": demo.BUCKET, "prefix": "cur/acme", "reportName": "cur", "region": region}
    answer = client.post("/api/projects", json={"projectId": "far-away", "name": "far", "enabled": False, **place})
    assert (answer.status_code, answer.json().get("field")) == (422, "region")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_verb_of_a_project_is_only_posted(client: httpx.Client, method: str) -> None:
    answer = client.request(method, f"/api/projects/{demo.PROJECT}:test")
    assert (answer.status_code, answer.headers.get("allow")) == (405, "POST")


# a run


def test_a_dry_run_is_asked_for_and_followed(client: httpx.Client) -> None:
    asked = client.post(f"{BATCH}/jobs/cur-aggregate/execute", json=DRY_RUN)
    assert asked.status_code == 202, asked.text
    seen = []

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(asked.headers["location"]).json()["data"]
        seen.append(run["status"])
        return run if run["endedAt"] else None

    run = eventually(ended, hint=lambda: seen[-1])
    assert (run["status"], run["dryRun"], run["dagsterJob"]) == ("success", True, "cur_aggregate_dry_run")
    assert seen == sorted(seen, key=["queued", "starting", "running", "success"].index)
    [row] = [row for row in run["dryRunRows"] if row["project"] == WAITING]
    assert {name: row[name] for name in ("month", "files_to_read", "would_be_published")} == {
        "month": "2026-10",
        "files_to_read": 2,
        "would_be_published": True,
    }
    again = items(client, f"{BATCH}/jobs/cur-aggregate/history")
    assert run["runId"] in [one["runId"] for one in again]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"dryRun": True, "targetDate": 0}, "parameters.targetDate"),
        ({"dryRun": "off", "targetDate": "2026-10-01"}, "parameters.dryRun"),
    ],
)
def test_wrong_parameters_are_named(client: httpx.Client, parameters: dict[str, Any], field: str) -> None:
    answer = client.post(f"{BATCH}/jobs/cur-aggregate/execute", json={"parameters": parameters})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


# metrics


def test_metrics_tell_the_whole_history_right_after_a_kill(stack: Stack, client: httpx.Client) -> None:
    eventually(lambda: not unfinished(client))
    history, before = counted(client), exposed(client.get("/metrics").text)
    assert before == history
    assert history["cur-aggregate", "success"] >= 2
    assert history["cur-fetch", "failure"] == 1

    killed = stack.running("web")
    killed.send(signal.SIGKILL)
    with stack.client("administrator") as fresh:
        first = eventually(lambda: scraped(fresh))
        assert stack.running("web") != killed
        assert exposed(first) == history
        assert counted(fresh) == history
    assert 'batch_job_last_success_timestamp_seconds{job_name="cur-aggregate"}' in first


# the console


def test_every_page_is_clean(stack: Stack, client: httpx.Client, routes: list[Route], open_page: OpenPage) -> None:
    """By the navigation on a phone, and at every address on a desk and on a phone; axe-core finds nothing there."""
    page = sign_in(stack, open_page, width=NARROW)
    entries = page.locator("nav.side a")
    targets = [entries.nth(index).get_attribute("href") or "" for index in range(entries.count())]
    known = {
        "/console",
        "/console/jobs",
        "/console/costs",
        "/console/zengin",
        "/console/admin/batch-operations",
        "/console/staffing",
        "/console/trading",
    }
    assert known < set(targets)
    for target in targets:
        page.get_by_role("button", name="メニュー").click()
        link = page.locator(f"nav.side a[href='{target}']")
        if target.startswith("/dagster"):
            expect(link).to_be_visible()  # its pages complain of themselves; test_dagster.py looks at them
            page.reload()
            continue
        link.click()
        page.wait_for_url(f"**{target}")
        check_page(page, target)
        check_axe(page)

    [run, *_] = items(client, f"{BATCH}/jobs/cur-aggregate/history")
    [failed, *_] = items(client, f"{BATCH}/jobs/cur-fetch/history?status=failure")
    [letter] = items(client, f"{BATCH}/dead-letters")
    # schemathesis has decided about some of them
    records = [record for status in Status for record in items(client, f"/api/zengin/diffs?status={status}")[:1]]
    changesets = items(client, "/api/zengin/changesets")
    days = {"from": "2026-10-01", "to": "2026-10-01", "parameters": {"projectId": demo.PROJECT}}
    backfill = client.post(f"{BATCH}/jobs/cur-fetch/backfills", json=days)
    assert backfill.status_code == 202, backfill.text
    values = {
        "name": ("cur-fetch", "cur-aggregate"),
        "run_id": (run["runId"], failed["runId"]),
        "backfill_id": (backfill.json()["data"]["id"],),
        "letter_id": (letter["id"],),
        "incident_id": [str(incident["id"]) for incident in items(client, f"{BATCH}/incidents?openOnly=false")[:1]],
        "project_id": (demo.PROJECT, NOWHERE),
        "record_id": [record["id"] for record in records],
        "changeset_id": [changeset["id"] for changeset in changesets],
        "batch_id": [batch["batch_id"] for batch in items(client, ADJUSTMENTS)],
        "wallet_address": (bundled.FOLLOWED,),
        "symbol": ("SOL",),
        "order_id": ("order-0001",),
        "code": [bank["bankCode"] for bank in items(client, "/api/zengin/banks")[:1]],
        "notice_id": [notice["id"] for notice in items(client, "/api/outbox")[:1]],
        "domain": ("trading",),
        "template": ("order-filled",),
        "company_id": (COMPANY,),
        "night": (NIGHT.isoformat(),),
        "month": (f"{NIGHT:%Y-%m}",),
        "invoice": [row["id"] for row in items(client, "/api/staffing/invoices")],
        "report_id": [row["id"] for row in items(client, "/api/staffing/reports")],
    }
    walked = 0
    for route in routes:
        if route.method != "GET" or route.mounted or not route.path.startswith("/console"):
            continue
        # scripts and styles, mails, of which none has been sent, and questions about what was ticked
        if re.search(r"/files/|^/console/outbox/mails/|/choose$", route.path):
            continue
        names = re.findall(r"{(\w+)", route.path)
        for chosen in product(*(values[name] for name in names)):
            given = iter(chosen)
            place = re.sub(r"{[^}]*}", lambda _, given=given: next(given), route.path)
            if place.startswith("/console/trading"):
                place += f"?campaign={bundled.CAMPAIGN}"
            walked += 1
            if route.path.endswith(
                ("/live", "/retries", "/groups", "/proof", "/export", "/quote", "/html", "/pdf", "/picture")
            ):  # a part of a page, or a file
                assert page.request.get(place).status == 200, place
                continue
            answer = page.goto(place)
            assert answer is not None
            assert answer.status == 200, place
            for _ in in_both_widths(page):
                check_page(page, place)
            check_axe(page)
            assert page.evaluate(OUT_OF_REACH) == [], place
    assert walked > 15


def test_a_dry_run_by_keyboard_alone(stack: Stack, open_page: OpenPage) -> None:
    page = open_page(stack.url, locale="ja-JP")
    page.goto("/login")
    expect(page.locator("input[name=name]")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(stack.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    walk_to(page, page.locator("nav.side a[href='/console/jobs']"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/jobs")
    walk_to(page, page.get_by_role("link", name="CUR 解析・集計"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/jobs/cur-aggregate")
    walk_to(page, page.get_by_label("対象日"))
    page.keyboard.type("10012026")  # the browser's own parts of a date are English
    expect(page.get_by_label("対象日")).to_have_value("2026-10-01")
    walk_to(page, page.get_by_role("button", name="ドライラン"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("成功")
    expect(page.get_by_role("region", name="ドライランの結果")).to_contain_text(WAITING)


def sign_in(stack: Stack, open_page: OpenPage, *, width: int) -> Page:
    """By the password that `up` printed; the first visit is the login page, since a 401 is an error to Chromium."""
    page = open_page(stack.url, width=width)
    page.goto("/login")
    page.get_by_label("アカウント").fill("admin")
    page.get_by_label("パスワード").fill(stack.password)
    page.get_by_role("button", name="ログイン").click()
    page.wait_for_url("**/console")
    return page


def check_page(page: Page, path: str) -> None:
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1")).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "ja", path
    assert overflow(page) == 0, path
    assert watch(page).unexpected() == [], path


def walk_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by Tab")
