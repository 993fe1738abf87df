"""The two schedules of the spec run by the clock, and what goes wrong is told by mail once, and once more when it is
over: a job that fails, a schedule, a daemon.

Everything is real: the stack of `up`, a mail server, S3 behind a proxy that breaks it, Chromium. Both schedules are
due every minute and may be late by 20 s (`impatient`); the sensor, which would be sooner, is stopped.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from batch_platform.core.clock import utc_now
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.finops import service
from batch_platform_tests.chromium import OpenPage
from batch_platform_tests.end_to_end.machine import Machine, ended_months, month_files, running
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.fault_proxy import Answer, FaultProxy
from batch_platform_tests.mail_sink import Sink
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.end_to_end

IMPATIENT = "batch_platform_tests.end_to_end.impatient"
BATCH = "/api/admin/batch"
SWITCHED_OFF = "cur_aggregate_schedule"
TOLD_WITHIN = timedelta(minutes=2)
ATTEMPTS = STANDARD_RETRY.max_attempts
OPS, DUTY = "ops@example.com", "duty@example.com"


@pytest.fixture(scope="module")
def machine(clean_environment: None) -> Iterator[Machine]:
    """Its own: what fails in another test would be told here."""
    with running() as machine:
        yield machine


@pytest.fixture(scope="module")
def proxy(machine: Machine) -> Iterator[FaultProxy]:
    with FaultProxy(machine.variables["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def stack(machine: Machine, proxy: FaultProxy, sink: Sink) -> Iterator[Stack]:
    more = {
        "CUR_BATCH_SCHEDULER_ENABLED": "true",
        "CUR_FETCH_CRON": "* * * * *",
        "CUR_AGGREGATE_CRON": "* * * * *",
        "BATCH_PLATFORM_NOTICE_LANGUAGE": "en",
        "SMTP_URL": sink.url(OPS),
        "ALERT_URLS": f"{sink.url(DUTY).replace('smtp', 'mailto', 1).replace('/?', '?')}&mode=insecure&format=text",
    }
    given = {**machine.addresses(proxy.url), **more}
    with Stack(machine, given, definitions=IMPATIENT, server=IMPATIENT) as stack:
        stack.stop_sensor()
        yield stack


@pytest.fixture(scope="module")
def switched_off(stack: Stack) -> datetime:
    """When one of the schedules was switched off: before the job fails, so that its minute passes meanwhile."""
    stack.stop_schedule(SWITCHED_OFF)
    return utc_now()


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client("administrator") as client:
        yield client


def test_fetch_and_aggregate_run_by_the_clock(machine: Machine, stack: Stack) -> None:
    """At the same minute one project's delivery is registered and another's, registered before, is published."""
    first, second = ended_months(2)
    delivered, registered = machine.bucket(), machine.bucket()
    files, total = month_files(first, account="200000000050", files=2)
    registered.deliver(first, files)
    machine.add_project("registered", registered.name)
    with machine.open_context() as context:
        service.fetch_month(context, context.connection("registered"), first)
    machine.let_time_pass("registered")
    for month in (first, second):
        delivered.deliver(month, month_files(month, account="200000000051", files=2)[0])
    machine.add_project("delivered", delivered.name)

    fetched = eventually(lambda: ended_runs(stack, "delivered", "cur_fetch"))
    assert fetched[0]["status"] == "SUCCESS"
    query = (
        "SELECT billing_month, status, count(*) FROM finops.finops_billing_files WHERE project_id = 'delivered' "
        "GROUP BY 1, 2 ORDER BY 1"
    )
    assert machine.rows(query) == [(first, "PENDING", 2), (second, "PENDING", 2)]

    (aggregated,) = eventually(lambda: ended_runs(stack, "registered", "cur_aggregate"))
    assert aggregated["status"] == "SUCCESS"
    assert aggregated["tags"]["finops/month"] == f"{first:%Y-%m}"
    assert machine.total("registered", first) == total
    machine.disable_projects()


@pytest.mark.faults
@pytest.mark.usefixtures("switched_off")
def test_a_job_out_of_attempts_is_told_once_and_mended_from_the_console(
    machine: Machine, proxy: FaultProxy, sink: Sink, stack: Stack, client: httpx.Client, open_page: OpenPage
) -> None:
    # disabled, so that no schedule asks for the project too
    [month] = ended_months(1)
    bucket = machine.bucket()
    bucket.deliver(month, month_files(month, account="200000000090")[0])
    machine.add_project("torn", bucket.name, enabled=False)
    proxy.add(Answer(bucket.name, method="", status=503, code="ServiceUnavailable", times=1_000_000))

    body = {"parameters": {"targetDate": f"{month}"}}
    asked = client.post("/api/projects/torn/batch/cur-fetch", json=body)
    assert asked.status_code == 202, asked.text
    run = eventually(lambda: ended(client, asked.headers["location"]))
    assert (run["status"], run["attempts"]) == ("failure", ATTEMPTS)

    [letter] = eventually(lambda: items(client, "dead-letters?state=open"))
    assert (letter["id"], letter["jobName"], letter["attempts"]) == (run["runId"], "cur-fetch", ATTEMPTS)
    [incident] = eventually(lambda: incidents(client, "job-failure"))
    eventually(lambda: mails(sink, incident["summary"]))

    proxy.clear()
    page = open_page(stack.url, locale="ja-JP")
    page.goto("/login?next=/console/dead-letters")
    page.get_by_label("アカウント").fill("admin")
    page.get_by_label("パスワード").fill(stack.password)
    page.get_by_role("button", name="ログイン").click()
    page.locator(f"a[href='/console/dead-letters/{letter['id']}']").click()
    page.get_by_role("button", name="再実行").click()
    page.get_by_role("dialog").get_by_role("button", name="再実行").click()
    page.wait_for_url("**/console/runs/*")
    expect(page.locator("#run-live .badge").first).to_have_text("成功")

    assert eventually(lambda: not items(client, "dead-letters?state=retrying"))
    [resolved] = items(client, "dead-letters?state=resolved")
    assert (resolved["id"], resolved["retries"]) == (letter["id"], 1)
    page.goto(f"/console/dead-letters/{letter['id']}")
    expect(page.get_by_role("link", name="成功した実行")).to_be_visible()
    eventually(lambda: not incidents(client, "job-failure"))
    eventually(lambda: len(mails(sink, incident["summary"])) >= 4)

    another_pass(client)
    assert len(items(client, "dead-letters")) == 1
    assert len(incidents(client, "job-failure", "?openOnly=false")) == 1
    for receiver in (OPS, DUTY):
        opened, mended = mails(sink, incident["summary"], receiver)
        assert f"[critical] {incident['summary']}" in opened
        assert f"[resolved] {incident['summary']}" in mended
        assert f"run {resolved['resolvedByRun']} succeeded" in mended


@pytest.mark.faults
def test_a_schedule_that_is_switched_off_is_missed(sink: Sink, switched_off: datetime, client: httpx.Client) -> None:
    reason = f"the schedule {SWITCHED_OFF} is stopped"
    check_told_in_time(sink, client, "cur-aggregate", since=switched_off, reason=reason)


@pytest.mark.faults
def test_a_daemon_that_is_silent_is_missed(stack: Stack, sink: Sink, client: httpx.Client) -> None:
    """Paused, not killed: its keeper would start another one at once. Without a heartbeat both look the same."""
    stack.start_schedule(SWITCHED_OFF)
    eventually(lambda: all(one["jobName"] != "cur-fetch" for one in incidents(client, "missed-run")))
    daemon = stack.running("daemon")
    daemon.send(signal.SIGSTOP)
    silent = utc_now()
    try:
        check_told_in_time(sink, client, "cur-fetch", since=silent, reason="no tick of cur_fetch_schedule was seen")
    finally:
        daemon.send(signal.SIGCONT)
    eventually(lambda: not incidents(client, "missed-run"))
    told = "[resolved] cur-fetch should have run at "
    for receiver in (OPS, DUTY):
        recovered = eventually(lambda to=receiver: arrivals(sink, told, to, since=silent))
        assert len(recovered) == 1


def ended_runs(stack: Stack, project_id: str, job: str) -> list[dict[str, Any]]:
    return [run for run in stack.ended(project_id) if run["jobName"] == job]


def check_told_in_time(sink: Sink, client: httpx.Client, job: str, *, since: datetime, reason: str) -> None:
    """Of a moment that the job has missed since there is an incident, and soon after its deadline everybody's mail.

    On a slow machine the job may have missed earlier ones too: theirs are other mails. The incident's summary names
    the newest missed moment, the mail the one it was written for.
    """

    def found() -> dict[str, Any] | None:
        known = [one for one in incidents(client, "missed-run") if one["jobName"] == job]
        return next((one for one in known if moment(one["openedAt"]) > since), None)

    incident = eventually(found)
    assert reason in incident["summary"]
    gaps = client.get(f"{BATCH}/jobs/{job}/status").json()["data"]["missing"]
    deadline = min(moment(gap["deadlineAt"]) for gap in gaps if moment(gap["deadlineAt"]) > since)
    assert timedelta(0) <= moment(incident["openedAt"]) - deadline < TOLD_WITHIN
    told = f"[critical] {job} should have run at "
    for receiver in (OPS, DUTY):
        arrived = eventually(lambda to=receiver: arrivals(sink, told, to, since=since))
        assert len(arrived) == 1
        assert arrived[0] - deadline < TOLD_WITHIN


def mails(sink: Sink, text: str, receiver: str | None = None) -> list[str]:
    """Subject and text of the mails that hold it; several incidents may share one."""
    return [
        f"{subject}\n{body}"
        for to, subject, body in list(sink.mails)
        if receiver in (None, *to) and text in f"{subject}\n{body}"
    ]


def arrivals(sink: Sink, text: str, receiver: str, *, since: datetime) -> list[datetime]:
    return [
        at
        for at, (to, subject, body) in zip(list(sink.arrived), list(sink.mails), strict=False)
        if receiver in to and text in f"{subject}\n{body}" and at > since
    ]


def items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"{BATCH}/{path}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["items"]
    return found


def incidents(client: httpx.Client, rule: str, query: str = "") -> list[dict[str, Any]]:
    return [incident for incident in items(client, f"incidents{query}") if incident["rule"] == rule]


def ended(client: httpx.Client, location: str) -> dict[str, Any] | None:
    run: dict[str, Any] = client.get(location).json()["data"]
    return run if run["endedAt"] else None


def another_pass(client: httpx.Client) -> None:
    """Wait until the monitor has done all its duties once more."""
    before = last_pass(client)
    eventually(lambda: last_pass(client) > before)
    before = last_pass(client)
    eventually(lambda: last_pass(client) > before)


def last_pass(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("batch_monitor_last_pass")))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
