"""The whole web of a running `up`, with the bundled costs published: who may, what its document promises, a run
from the API, metrics after a kill, and every page of the console in Chromium.

One stack serves all tests; none leaves anything behind that another one would notice. The sensor is stopped once the
bundled months are published, so that runs are only those which a test asks for.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from batch_platform.finops import service
from batch_platform.local import demo
from batch_platform.web.access.authentication import is_public
from batch_platform_tests.chromium import NARROW, WIDE, OpenPage, overflow, watch
from batch_platform_tests.end_to_end.machine import Machine, month_files
from batch_platform_tests.end_to_end.stack import Stack, eventually

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

BATCH = "/api/admin/batch"
OCTOBER = date(2026, 10, 1)
WAITING, NOWHERE, SPARE = "waiting", "nowhere", "spare"
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
DRY_RUN = {"parameters": {"dryRun": True, "targetDate": "2026-10-01"}}
LAUNCH = (
    'mutation { launchRun(executionParams: {selector: {jobName: "x", repositoryName: "__repository__", '
    'repositoryLocationName: "batch_platform"}}) { __typename } }'
)
ROUTES = """
import json
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from batch_platform.server import create_app
from batch_platform.settings import load_settings

found = []
for route in iter_route_contexts(create_app(load_settings()).routes):
    mounted = isinstance(route.original_route, Mount)
    found += [(method, route.path, mounted) for method in (["GET", "POST"] if mounted else sorted(route.methods))]
print("ROUTES", json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def machine(clean_environment: None) -> Iterator[Machine]:
    """Its own: a first administrator's password is only told while nobody has signed in."""
    machine = Machine()
    try:
        yield machine.start()
    finally:
        machine.stop()


@pytest.fixture(scope="module")
def stack(machine: Machine) -> Iterator[Stack]:
    """With the bundled project, a month that waits to be aggregated, and a dead letter."""
    machine.deliver_demo()
    machine.add_project(demo.PROJECT, demo.BUCKET)
    with Stack(machine) as stack:
        stack.finished(demo.PROJECT, 2)
        stack.stop_sensor()
        bucket = machine.bucket()
        bucket.deliver(OCTOBER, month_files(OCTOBER, account="200000000095", files=2)[0])
        machine.add_project(WAITING, bucket.name)
        with machine.work() as work:
            service.fetch_month(work, work.connection(WAITING), OCTOBER)
        machine.add_project(NOWHERE, "a-bucket-that-is-not-there", enabled=False)
        machine.add_project(SPARE, demo.BUCKET, enabled=False)
        with stack.client("administrator") as client:
            body = {"parameters": {"targetDate": "2026-10-01"}}
            asked = client.post(f"/api/projects/{NOWHERE}/batch/cur-fetch", json=body)
            assert asked.status_code == 202, asked.text
            eventually(lambda: items(client, f"{BATCH}/dead-letters"), seconds=120)
        yield stack


@pytest.fixture(scope="module")
def routes(machine: Machine, stack: Stack) -> list[tuple[str, str, bool]]:
    """Method, path and whether an app is mounted there, of the app that this machine's settings make."""
    process = machine.spawn("-W", "ignore", "-c", ROUTES, more=machine.variables)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    [line] = [line for line in printed.splitlines() if line.startswith("ROUTES ")]
    return [tuple(route) for route in json.loads(line.removeprefix("ROUTES "))]


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client("administrator") as client:
        yield client


# who may


def test_nobody_passes_without_a_token(stack: Stack, routes: list[tuple[str, str, bool]]) -> None:
    open_ones = set()
    with stack.client(None) as nobody:
        for method, path, mounted in routes:
            asked = f"{path}/anything" if mounted else filled(path)
            answer = nobody.request(method, asked)
            if is_public(asked):
                assert answer.status_code not in (401, 403, 500), (method, asked)
                open_ones.add(path)
            else:
                assert answer.status_code == 401, (method, asked)
                assert answer.json()["type"].startswith("/problems/")
        assert nobody.post("/dagster/graphql", json={"query": "{ version }"}).status_code == 401
    assert open_ones == {
        *("/login", "/login/oidc", "/login/oidc/callback", "/login/language"),
        *("/health/live", "/health/ready", "/static"),
    }
    with pytest.raises(InvalidStatus):
        connect(f"{stack.url.replace('http', 'ws')}/dagster/graphql", proxy=None)


def test_a_viewer_writes_nothing(stack: Stack, routes: list[tuple[str, str, bool]]) -> None:
    asked = 0
    with stack.client("viewer") as viewer:
        for method, path, mounted in routes:
            if method in WRITES and not mounted and not is_public(path):
                answer = viewer.request(method, filled(path))
                assert answer.status_code == 403, (method, path, answer.text)
                asked += 1
        refused = viewer.post("/dagster/graphql", json={"query": LAUNCH}).json()
    assert asked > 20
    assert refused["data"]["launchRun"]["__typename"] == "UnauthorizedError"


# the document


def test_the_document_is_true(stack: Stack, client: httpx.Client, tmp_path: Path) -> None:
    """schemathesis asks every operation of the document; no answer is a 5xx or other than promised.

    `cursor` is opaque and `Idempotency-Key` must be new for another body: neither can be made up from its schema, so
    both are left out of the document that is asked, and tested elsewhere. Job parameters are the jobs' own, so what
    the document allows may still be refused (422): that one check is off. Writes go to a spare project in place of the
    bundled one. The daemon is paused meanwhile, so that the runs that are asked for stay in the queue; they are
    cancelled afterwards. `/health/ready` tells truthfully of such a daemon by a 503 and is left out.
    """
    [run, *_] = items(client, f"{BATCH}/jobs/cur-aggregate/history")
    [letter] = items(client, f"{BATCH}/dead-letters")
    document = client.get("/openapi.json").json()
    del document["paths"]["/health/ready"]
    examples = {"runId": run["runId"], "deadLetterId": letter["id"]}
    for item in document["paths"].values():
        for operation in item.values():
            given = [
                one for one in operation.get("parameters", ()) if one["name"] not in ("cursor", "Idempotency-Key")
            ]
            operation["parameters"] = [
                {**one, "example": examples[one["name"]]} if one["name"] in examples else one for one in given
            ]
    text = json.dumps(document).replace(f'"{demo.PROJECT}"', f'"{SPARE}"')
    (tmp_path / "openapi.json").write_text(text)
    command = [
        *("-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "openapi.json"),
        *("--url", stack.url, "--header", f"Authorization:Bearer {stack.token}"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "--continue-on-failure"),
        *(
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "4",
            "--seed",
            "1",
            "--generation-database",
            "none",
        ),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--no-shrink", "--no-color"),
    ]
    daemon = stack.running("daemon")
    daemon.send(signal.SIGSTOP)
    try:
        outcome = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        cancel_all(client)
    finally:
        daemon.send(signal.SIGCONT)
    assert outcome.returncode == 0, outcome.stdout[-12_000:] + outcome.stderr[-2_000:]


# a run


def test_a_dry_run_is_asked_for_and_followed(client: httpx.Client) -> None:
    asked = client.post(f"{BATCH}/jobs/cur-aggregate/execute", json=DRY_RUN)
    assert asked.status_code == 202, asked.text
    seen = []

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(asked.headers["location"]).json()["data"]
        seen.append(run["status"])
        return run if run["endedAt"] else None

    run = eventually(ended, seconds=120, told=lambda: seen[-1])
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
    eventually(lambda: not unfinished(client), seconds=120)
    history, before = counted(client), exposed(client.get("/metrics").text)
    assert before == history
    assert history["cur-aggregate", "success"] >= 2
    assert history["cur-fetch", "failure"] == 1

    killed = stack.running("web")
    killed.send(signal.SIGKILL)
    with stack.client("administrator") as fresh:
        first = eventually(lambda: scraped(fresh), seconds=90)
        assert stack.running("web") != killed
        assert exposed(first) == history
        assert counted(fresh) == history
    assert 'batch_job_last_success_timestamp_seconds{job_name="cur-aggregate"}' in first


# the console


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_is_clean(
    stack: Stack, client: httpx.Client, routes: list[tuple[str, str, bool]], open_page: OpenPage, width: int
) -> None:
    page = sign_in(stack, open_page, width=width)
    entries = page.locator("nav.side a")
    targets = [entries.nth(index).get_attribute("href") or "" for index in range(entries.count())]
    assert {"/console", "/console/jobs", "/console/costs", "/console/audit"} < set(targets)
    for target in targets:
        if width == NARROW:
            page.get_by_role("button", name="メニュー").click()
        link = page.locator(f"nav.side a[href='{target}']")
        if target.startswith("/dagster"):
            expect(link).to_be_visible()  # its pages complain of themselves; test_dagster.py looks at them
            page.reload()
            continue
        link.click()
        page.wait_for_url(f"**{target}")
        check_page(page, target)

    [run, *_] = items(client, f"{BATCH}/jobs/cur-aggregate/history")
    [failed, *_] = items(client, f"{BATCH}/jobs/cur-fetch/history?status=failure")
    [letter] = items(client, f"{BATCH}/dead-letters")
    values = {
        "name": ("cur-fetch", "cur-aggregate"),
        "run_id": (run["runId"], failed["runId"]),
        "letter_id": (letter["id"],),
        "project_id": (demo.PROJECT, NOWHERE),
    }
    walked = 0
    for method, path, mounted in routes:
        if method != "GET" or mounted or not path.startswith("/console"):
            continue
        [name] = re.findall(r"{(\w+)", path) or [""]
        for value in values[name] if name else ("",):
            place = re.sub(r"{[^}]*}", value, path)
            answer = page.goto(place)
            assert answer is not None
            assert answer.status == 200, place
            if not path.endswith("/live"):  # a part of a page
                check_page(page, place)
            walked += 1
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
    page.keyboard.type("20261001" if page.evaluate("navigator.language").startswith("ja") else "10012026")
    expect(page.get_by_label("対象日")).to_have_value("2026-10-01")
    walk_to(page, page.get_by_role("button", name="ドライラン"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("成功", timeout=120_000)
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


# helpers


def filled(path: str) -> str:
    return re.sub(r"{[^}]*}", "acme", path)


def items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["items"]
    return found


def history_of(client: httpx.Client) -> Iterator[dict[str, Any]]:
    """Every run of every job, by the pages of the API."""
    for job in client.get(f"{BATCH}/jobs").json()["data"]:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            page = client.get(f"{BATCH}/jobs/{job['name']}/history", params=query).json()["data"]
            yield from page["items"]
            cursor = page["nextCursor"]


def unfinished(client: httpx.Client) -> list[dict[str, Any]]:
    return [run for run in history_of(client) if not run["endedAt"]]


def counted(client: httpx.Client) -> dict[tuple[str, str], int]:
    """Runs that succeeded or failed, by job and outcome, as the history has them; dry runs are none."""
    found = {
        (job["name"], outcome): 0
        for job in client.get(f"{BATCH}/jobs").json()["data"]
        for outcome in ("success", "failure")
    }
    for run in history_of(client):
        if run["status"] in ("success", "failure") and not run["dryRun"]:
            found[run["jobName"], run["status"]] += 1
    return found


def exposed(text: str) -> dict[tuple[str, str], int]:
    """The same from the exposition."""
    return {
        (sample.labels["job_name"], sample.labels["status"]): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "batch_job_total"
    }


def scraped(client: httpx.Client) -> str | None:
    try:
        answer = client.get("/metrics")
    except httpx.TransportError:
        return None
    return answer.text if answer.status_code == 200 else None


def cancel_all(client: httpx.Client) -> None:
    for run in unfinished(client):
        answer = client.post(f"{BATCH}/runs/{run['runId']}/cancel")
        assert answer.status_code in (202, 409), answer.text
