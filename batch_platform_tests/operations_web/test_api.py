"""The operations API over HTTP: what it answers, refuses and leaves in the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from psycopg.sql import SQL

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.operations import service
from batch_platform.operations.alerts import Rule, judge
from batch_platform.operations.model import Severity
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import GATE, MENDED, Rig
from batch_platform_tests.waiting import eventually

JOBS = "/api/admin/batch/jobs"
PAUSES = "/api/admin/batch/pauses"
RUNS = "/api/admin/batch/runs"
QUEUE = "/api/admin/batch/queue"
BACKFILLS = "/api/admin/batch/backfills"
PARTITIONS = "/api/admin/batch/partitions"
LETTERS = "/api/admin/batch/dead-letters"
INCIDENTS = "/api/admin/batch/incidents"
READS = (
    JOBS,
    f"{JOBS}/web-count/status",
    f"{JOBS}/web-count/history",
    f"{RUNS}/x",
    QUEUE,
    LETTERS,
    f"{LETTERS}/x",
    INCIDENTS,
    f"{INCIDENTS}/999999",
)
WRITES = (
    (f"{JOBS}/web-count/execute", {"parameters": {}}),
    (f"{RUNS}/x/cancel", None),
    (f"{RUNS}/x/prioritize", {"priority": 1, "reason": "because"}),
    (f"{LETTERS}/x/retry", {"version": 1}),
    (f"{LETTERS}/x/discard", {"version": 1, "reason": "because"}),
    (f"{LETTERS}/discard", {"ids": ["x"], "reason": "because"}),
    (f"{INCIDENTS}/acknowledge", {"ids": [1]}),
)


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is True
    return body["data"]


def problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def followed(client: Any, run_id: str, *, to: str = "endedAt") -> Any:
    """The run once it has ended, or started, as its callers wait for it."""

    def found() -> Any:
        run = data(client.get(f"{RUNS}/{run_id}"))
        return run if run[to] is not None else None

    return eventually(found)


def test_nobody_is_told_anything(client: Client) -> None:
    nobody = client("nobody")
    for path in (*READS, "/metrics"):
        assert problem(nobody.get(path), 401)["type"] == "/problems/unauthenticated"
    for path, body in WRITES:
        problem(nobody.post(path, json=body), 401)


@pytest.mark.parametrize("role", ["viewer", "approver"])
def test_who_only_reads_writes_nothing(client: Client, role: str) -> None:
    reader = client(role)
    assert [reader.get(path).status_code for path in READS] == [200, 200, 200, 404, 200, 200, 404, 200, 404]
    for path, body in WRITES:
        problem(reader.post(path, json=body), 403)


def test_a_job_asks_for_its_own_permission(client: Client, rig: Rig) -> None:
    operator, administrator = client("operator"), client("administrator")
    run = data(operator.post(f"{JOBS}/web-count/execute", json={}), 202)
    refused = problem(operator.post(f"{JOBS}/web-sweep/execute", json={}), 403)
    assert "batch:execute" in refused["detail"]
    swept = data(administrator.post(f"{JOBS}/web-sweep/execute", json={}), 202)
    problem(operator.post(f"{RUNS}/{swept['runId']}/cancel"), 403)
    assert followed(operator, run["runId"])["status"] == "success"
    rig.runner.settle()


def test_execute_is_answered_with_a_run_to_follow(client: Client, rig: Rig) -> None:
    operator = client("operator")
    parameters = {"dryRun": False, "targetDate": "2026-01-01", "mode": "work", "rows": 3}
    answer = operator.post(f"{JOBS}/web-count/execute", json={"parameters": parameters})
    run = data(answer, 202)
    assert answer.headers["location"] == f"{RUNS}/{run['runId']}"
    assert answer.json()["message"] == f"web-count is asked for as run {run['runId']}"
    ended = followed(operator, run["runId"])
    assert (ended["status"], ended["jobName"], ended["requestedBy"]) == ("success", "web-count", "token:operator")
    assert ended["parameters"]["targetDate"] == "2026-01-01"
    assert ended["parameters"]["rows"] == 3
    assert (ended["stepsDone"], ended["stepsTotal"]) == (1, 1)
    assert [step["status"] for step in ended["steps"]] == ["success"]
    assert any("counting 3 rows" in line["text"] for line in ended["messages"])
    [row] = [row for row in rig.audit("web-count") if row["after"]["runId"] == run["runId"]]
    assert (row["who"], row["what"], row["before"]) == ("token:operator", "job.execute", None)
    assert row["after"]["parameters"]["rows"] == 3
    status = data(operator.get(f"{JOBS}/WEB_001/status"))
    assert status["name"] == "web-count"
    assert status["lastRun"]["runId"] == run["runId"]
    assert set(status["parametersSchema"]["properties"]) >= {"dryRun", "targetDate", "mode", "rows", "month"}
    [listed] = [job for job in data(operator.get(JOBS)) if job["name"] == "web-count"]
    assert listed["state"] == "success"
    assert listed["trigger"]["cron"] == "0 2 * * *"


def test_a_schedule_that_was_stopped_in_dagster_is_shown_as_stopped(client: Client, rig: Rig) -> None:
    viewer, instance = client("viewer"), rig.runner.instance
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
    state = InstigatorState(
        RemoteInstigatorOrigin(repository, "web_count_schedule"),
        InstigatorType.SCHEDULE,
        InstigatorStatus.STOPPED,
        ScheduleInstigatorData("0 2 * * *", None),
    )
    instance.add_instigator_state(state)
    Monitor(rig.operations, MonitorOptions()).once()
    try:
        status = data(viewer.get(f"{JOBS}/web-count/status"))
        assert (status["state"], status["nextDueAt"], status["trigger"]["running"]) == ("stopped", None, False)
        assert status["deadlineAt"] is not None  # it is missed then
        [told] = [one for one in data(viewer.get(INCIDENTS))["items"] if one["rule"] == "schedule-stopped"]
        assert (told["jobName"], told["severity"]) == ("web-count", "warning")
        for page in ("/console", "/console/jobs", "/console/jobs/web-count"):
            assert "停止中" in viewer.get(page, headers={"accept": "text/html"}).text
        page = viewer.get("/console/jobs/web-count", headers={"accept": "text/html"}).text
        assert '"/console/audit?target=web_count_schedule"' in page
    finally:
        instance.update_instigator_state(state.with_status(InstigatorStatus.RUNNING))
        Monitor(rig.operations, MonitorOptions()).once()
        instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)
    again = data(viewer.get(f"{JOBS}/web-count/status"))
    assert again["state"] != "stopped"
    assert (again["nextDueAt"] is not None, again["trigger"]["running"]) == (True, True)
    assert [one for one in data(viewer.get(INCIDENTS))["items"] if one["rule"] == "schedule-stopped"] == []


def test_a_dry_run_shows_its_rows(client: Client) -> None:
    operator = client("operator")
    run = data(operator.post(f"{JOBS}/web-count/execute", json={"parameters": {"dryRun": True, "rows": 2}}), 202)
    assert run["dryRun"] is True
    ended = followed(operator, run["runId"])
    assert ended["dagsterJob"] == "web_count_dry_run"
    assert ended["dryRunSummary"] == "2 rows"
    assert ended["dryRunRows"][1] == {"row": 1, "name": "name <1>", "amount": "1.10"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"parameters": {"targetDate": 0}}, "parameters.targetDate"),
        ({"parameters": {"targetDate": "01/02/2026"}}, "parameters.targetDate"),
        ({"parameters": {"targetDate": "2026-02-30"}}, "parameters.targetDate"),
        ({"parameters": {"targetDate": "2030-01-01"}}, "parameters.targetDate"),
        ({"parameters": {"dryRun": "off"}}, "parameters.dryRun"),
        ({"parameters": {"dryRun": 0}}, "parameters.dryRun"),
        ({"parameters": {"rows": "2"}}, "parameters.rows"),
        ({"parameters": {"rows": 2.0}}, "parameters.rows"),
        ({"parameters": {"rows": 0}}, "parameters.rows"),
        ({"parameters": {"mode": "idle"}}, "parameters.mode"),
        ({"parameters": {"month": "2026-13"}}, "parameters.month"),
        ({"parameters": {"dry_run": True}}, "parameters.dry_run"),
        ({"parameters": {"projectId": "nobody"}}, "parameters.projectId"),
        ({"parameters": {"typo": None}}, "parameters.typo"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {}, "force": True}, "force"),
    ],
)
def test_input_is_taken_as_it_is_written(client: Client, body: Any, field: str) -> None:
    refused = problem(client("administrator").post(f"{JOBS}/web-count/execute", json=body), 422)
    assert refused["field"] == field
    assert refused["type"] == "/problems/invalid-input"


def test_every_wrong_parameter_is_named(client: Client) -> None:
    body = {"parameters": {"targetDate": 0, "dryRun": "off"}}
    refused = problem(client("operator").post(f"{JOBS}/web-count/execute", json=body), 422)
    assert {error["field"] for error in refused["errors"]} == {"parameters.targetDate", "parameters.dryRun"}


def test_one_key_is_one_run(client: Client, rig: Rig) -> None:
    operator, path, key = client("operator"), f"{JOBS}/web-count/execute", {"Idempotency-Key": "night-1"}
    first = operator.post(path, json={"parameters": {"rows": 5}}, headers=key)
    again = operator.post(path, json={"parameters": {"rows": 5}}, headers=key)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    problem(operator.post(path, json={"parameters": {"rows": 6}}, headers=key), 422)
    rig.runner.settle()
    history = data(operator.get(f"{JOBS}/web-count/history"))["items"]
    assert sum(run["parameters"].get("rows") == 5 for run in history) == 1


def test_history_pages_and_filters(client: Client, rig: Rig) -> None:
    for _ in range(3):
        rig.run()
    failed = rig.run("fail")
    viewer, path = client("viewer"), f"{JOBS}/web-count/history"
    whole = data(viewer.get(path, params={"limit": 100}))
    assert whole["nextCursor"] is None
    created = [run["createdAt"] for run in whole["items"]]
    assert created == sorted(created, reverse=True)
    assert whole["items"][0]["runId"] == failed.run_id
    assert "cannot be read" in whole["items"][0]["cause"]
    walked, cursor = [], None
    while True:
        page = data(viewer.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})))
        walked += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert walked == whole["items"]
    assert data(viewer.get(path, params={"limit": 2, "offset": 1}))["items"] == whole["items"][1:3]
    failures = data(viewer.get(path, params={"status": "failure"}))["items"]
    assert {run["status"] for run in failures} == {"failure"}
    for wrong in ({"limit": 0}, {"limit": 501}, {"limit": "1e2"}, {"status": "bad"}, {"cursor": "x"}, {"page": 1}):
        problem(viewer.get(path, params=wrong), 422)
    letters = data(viewer.get(LETTERS))["nextCursor"]
    assert letters is None
    problem(viewer.get(f"{JOBS}/nothing/history"), 404)


def test_cancel_stops_a_run_once(client: Client, rig: Rig) -> None:
    GATE.clear()
    operator = client("operator")
    run_id = rig.run("wait").run_id
    assert followed(operator, run_id, to="startedAt")["status"] == "running"
    data(operator.post(f"{RUNS}/{run_id}/cancel"), 202)
    assert followed(operator, run_id)["status"] == "canceled"
    problem(operator.post(f"{RUNS}/{run_id}/cancel"), 409)
    problem(operator.post(f"{RUNS}/nothing/cancel"), 404)
    [row] = rig.audit(run_id)
    assert (row["what"], row["before"]["status"]) == ("run.cancel", "running")
    rig.runner.settle()


def test_a_dead_letter_is_retried_until_it_succeeds(client: Client, rig: Rig) -> None:
    operator, letter_id = client("operator"), rig.letter()
    path = f"{LETTERS}/{letter_id}"
    letter = data(operator.get(path))
    assert (letter["state"], letter["jobName"], letter["attempts"]) == ("open", "web-count", 1)
    assert "cannot be read" in letter["cause"]
    assert letter.pop("comments") == []
    # what a run of it says
    assert letter.pop("remedies") == data(operator.get(f"{RUNS}/{letter['runId']}"))["remedies"]
    assert letter in data(operator.get(LETTERS, params={"state": "open", "jobName": "web-count"}))["items"]
    problem(operator.post(f"{path}/retry", json={"version": letter["version"] + 1}), 409)
    problem(operator.post(f"{path}/retry", json={}), 422)
    MENDED.set()
    asked = data(operator.post(f"{path}/retry", json={"version": letter["version"]}), 202)
    assert asked["retryRunId"]
    assert followed(operator, asked["retryRunId"])["status"] == "success"
    service.sync(rig.operations)
    assert data(operator.get(path))["state"] == "resolved"
    [row] = rig.audit(letter_id)
    assert (row["what"], row["before"]["state"]) == ("dead-letter.retry", "open")


def test_a_dead_letter_is_discarded_for_a_reason(client: Client, rig: Rig) -> None:
    operator, letter_id = client("operator"), rig.letter()
    path = f"{LETTERS}/{letter_id}"
    version = data(operator.get(path))["version"]
    for reason in ("", "   "):
        refused = problem(operator.post(f"{path}/discard", json={"version": version, "reason": reason}), 422)
        assert refused["field"] == "reason"
    reason = {"reason": "the month was delivered anew"}
    problem(operator.post(f"{path}/discard", json={"version": version + 7, **reason}), 409)
    closed = data(operator.post(f"{path}/discard", json={"version": version, **reason}))
    assert (closed["state"], closed["reason"]) == ("discarded", "the month was delivered anew")
    assert closed["changedBy"] == "token:operator"
    problem(operator.post(f"{path}/discard", json={"version": version, **reason}), 409)
    problem(operator.post(f"{path}/retry", json={"version": closed["version"]}), 409)
    problem(operator.post(f"{LETTERS}/nothing/retry", json={"version": 1}), 404)
    [row] = rig.audit(letter_id)
    assert (row["what"], row["after"]["reason"]) == ("dead-letter.discard", "the month was delivered anew")


def test_incidents_open_and_close(client: Client, rig: Rig) -> None:
    letter_id = rig.letter()
    later = replace(rig.operations, clock=lambda: utc_now() + timedelta(days=1))
    assert Monitor(later, MonitorOptions()).once().failed == ()
    viewer = client("viewer")
    found = data(viewer.get(INCIDENTS))["items"]
    [failure] = [one for one in found if one["rule"] == "job-failure" and letter_id in one["subject"]]
    assert (failure["severity"], failure["jobName"], failure["resolvedAt"]) == ("critical", "web-count", None)
    [job] = [job for job in data(viewer.get(JOBS)) if job["name"] == "web-count"]
    assert job["openIncidents"] >= 1
    first = data(viewer.get(INCIDENTS, params={"limit": 1, "openOnly": "false"}))
    assert first["items"] == [found[0]]
    problem(viewer.get(INCIDENTS, params={"openOnly": "1"}), 422)


def test_several_dead_letters_are_handled_each_by_itself(client: Client, rig: Rig) -> None:
    operator, letters = client("operator"), [rig.letter(), rig.letter()]
    [first, second] = sorted(letters)
    body: dict[str, Any] = {"ids": [first, second, "nothing"], "reason": "obsolete"}
    there = f"{LETTERS}/discard"
    rehearsed = data(operator.post(there, json=body | {"dryRun": True}))
    assert (rehearsed["done"], rehearsed["dryRun"], data(operator.get(f"{LETTERS}/{first}"))["state"]) == (
        2,
        True,
        "open",
    )
    done = data(operator.post(there, json=body))
    assert [(item["id"], item["outcome"], item["reason"]) for item in done["items"]] == [
        (first, "done", None),
        (second, "done", None),
        ("nothing", "skipped", "no dead letter nothing"),
    ]
    again = data(operator.post(there, json=body))
    assert (again["done"], again["items"][0]["reason"]) == (0, "it is discarded already")
    third = rig.letter()
    asked = data(operator.post(f"{LETTERS}/retry", json={"filter": {"jobName": "web-count"}}), 202)
    [item] = [item for item in asked["items"] if item["id"] == third]
    assert followed(operator, item["retryRunId"])["status"] == "failure"
    for refused, field in (
        ({"ids": []}, "ids"),
        ({}, "ids"),
        ({"ids": ["x"], "filter": {}}, "ids"),
        ({"ids": ["x"] * 501}, "ids"),
        ({"filter": {"state": "closed"}}, "filter.state"),
        ({"ids": ["x"], "reason": ""}, "reason"),
    ):
        assert problem(operator.post(there, json={"reason": "obsolete"} | refused), 422)["field"] == field
    problem(operator.post(there, json={"reason": "obsolete", "filter": {"jobName": "nobody"}}), 404)
    problem(client("approver").post(there, json=body), 403)


def test_a_letter_of_a_job_of_others_is_theirs(client: Client, rig: Rig) -> None:
    letter_id = rig.letter()
    with postgres.transaction(rig.operations.pool) as connection:
        connection.execute(
            "UPDATE operations.dead_letters SET job = 'web-sweep', dagster_job = 'web_sweep' WHERE id = %s",
            [letter_id],
        )
    operator, path = client("operator"), f"{LETTERS}/{letter_id}"
    for verb, more in (("retry", {}), ("discard", {"reason": "obsolete"})):
        problem(operator.post(f"{path}/{verb}", json={"version": 1, **more}), 403)
        [item] = data(
            operator.post(f"{LETTERS}/{verb}", json={"ids": [letter_id], **more}), 202 if verb == "retry" else 200
        )["items"]
        assert item["reason"] == "it takes the permission batch:execute"
    closed = data(client("administrator").post(f"{path}/discard", json={"version": 1, "reason": "obsolete"}))
    assert closed["state"] == "discarded"


def test_who_takes_care_and_what_was_said_stands_with_it(client: Client, rig: Rig) -> None:
    rig.add_user("jiro", "operator")
    operator, letter_id = client("operator"), rig.letter()
    later = replace(rig.operations, clock=lambda: utc_now() + timedelta(days=1))
    Monitor(later, MonitorOptions()).once()
    number = next(row["id"] for row in data(operator.get(INCIDENTS))["items"] if letter_id in row["subject"])
    for there, target in ((LETTERS, letter_id), (INCIDENTS, number)):
        for verb, more in (
            ("acknowledge", {}),
            ("assign", {"assignee": "jiro"}),
            ("comment", {"comment": "mending"}),
        ):
            assert data(operator.post(f"{there}/{verb}", json={"ids": [target], **more}))["done"] == 1
        for one in (
            data(operator.get(f"{there}/{target}")),
            next(row for row in data(operator.get(there))["items"] if row["id"] == target),
        ):
            assert (one["acknowledgedBy"], one["assignedTo"]) == ("token:operator", "local:jiro")
        [comment] = data(operator.get(f"{there}/{target}"))["comments"]
        assert (comment["author"], comment["text"]) == ("token:operator", "mending")
        for assignee, status in (("me", 422), ("nobody", 422), (None, 200)):
            answer = operator.post(f"{there}/assign", json={"ids": [target], "assignee": assignee})
            assert answer.status_code == status, answer.text
        assert data(operator.get(f"{there}/{target}"))["assignedTo"] is None
    problem(operator.get(f"{INCIDENTS}/999999"), 404)
    listed = data(operator.get(INCIDENTS, params={"jobName": "web-count"}))["items"]
    assert number in [row["id"] for row in listed]
    assert data(operator.get(INCIDENTS, params={"jobName": "web-sweep"}))["items"] == []


def test_a_notice_is_listed_and_never_open(client: Client, rig: Rig) -> None:
    statement = SQL("SELECT 'a batch' AS subject, 'web-count' AS job, 'a batch has ended' AS summary")
    rule = Rule("ended", Severity.INFO, statement, "it is told once", notice=True)
    judge(rig.operations.pool, rule, now=utc_now())
    viewer = client("viewer")
    assert all(one["rule"] != "ended" for one in data(viewer.get(INCIDENTS))["items"])
    [told] = [one for one in data(viewer.get(INCIDENTS, params={"openOnly": "false"}))["items"] if one["notice"]]
    assert (told["rule"], told["severity"], told["resolvedAt"]) == ("ended", "info", told["openedAt"])
    page = viewer.get("/console/incidents?resolved=true", headers={"Accept-Language": "ja"}).text
    [row] = [row for row in page.split("<tr>") if "a batch has ended" in row]
    assert "情報" in row
    assert "通知" in row


def test_metrics_are_text_from_the_ledger(client: Client, rig: Rig) -> None:
    rig.run()
    answer = client("viewer").get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    [total] = [line for line in lines if line.startswith('batch_job_total{job_name="web-count",status="success"}')]
    assert float(total.split()[-1]) >= 1
    assert any(line.startswith(("batch_queue_size", "# HELP batch_queue_size")) for line in lines)


def test_the_document_tells_it_all(rig: Rig) -> None:
    paths = rig.app.openapi()["paths"]
    execute = paths[f"{JOBS}/{{jobName}}/execute"]["post"]
    assert {"202", "401", "403", "404", "409", "422", "503"} <= set(execute["responses"])
    assert "Location" in execute["responses"]["202"]["headers"]
    assert execute["requestBody"]["content"]["application/json"]["examples"]["one day"]
    assert {path for path in paths if "/batch/" in path} == {
        JOBS,
        f"{JOBS}/{{jobName}}/status",
        f"{JOBS}/{{jobName}}/history",
        f"{JOBS}/{{jobName}}/execute",
        f"{JOBS}/{{jobName}}/backfills",
        BACKFILLS,
        f"{BACKFILLS}/{{backfillId}}",
        f"{BACKFILLS}/{{backfillId}}/cancel",
        f"{JOBS}/{{jobName}}/triggers/{{triggerName}}/start",
        f"{JOBS}/{{jobName}}/triggers/{{triggerName}}/stop",
        "/api/admin/batch/health",
        "/api/admin/batch/waiting",
        PAUSES,
        f"{PAUSES}/{{pauseId}}/end",
        f"{RUNS}/{{runId}}",
        f"{RUNS}/{{runId}}/cancel",
        PARTITIONS,
        f"{PARTITIONS}/wipe",
        f"{RUNS}/{{runId}}/prioritize",
        QUEUE,
        LETTERS,
        f"{LETTERS}/{{deadLetterId}}",
        f"{LETTERS}/{{deadLetterId}}/retry",
        f"{LETTERS}/{{deadLetterId}}/discard",
        *(f"{LETTERS}/{verb}" for verb in ("retry", "discard", "acknowledge", "assign", "comment")),
        INCIDENTS,
        f"{INCIDENTS}/{{incidentId}}",
        *(f"{INCIDENTS}/{verb}" for verb in ("acknowledge", "assign", "comment")),
    }
    schemas = rig.app.openapi()["components"]["schemas"]
    assert "nextCursor" in schemas["RunAnswerPage"]["properties"]
    assert "durationSeconds" in schemas["RunAnswer"]["properties"]
