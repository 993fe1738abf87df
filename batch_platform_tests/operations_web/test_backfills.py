"""Backfills over HTTP and on their pages: what runs, who may, how they stand and end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from batch_platform.core.audit import Log
from batch_platform.core.failures import Conflict
from batch_platform.operations import backfills, service
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import GATE, STOP, Rig

JOBS = "/api/admin/batch/jobs"
BACKFILLS = "/api/admin/batch/backfills"


@pytest.fixture(autouse=True)
def ended(rig: Rig) -> Iterator[None]:
    yield
    rig.runner.settle()
    service.sync(rig.operations)


def ask(client: Any, first: str, last: str, status: int = 202, **parameters: Any) -> dict[str, Any]:
    body = {"from": first, "to": last, "parameters": parameters}
    answer = client.post(f"{JOBS}/web-day/backfills", json=body)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told["data"] if status == 202 else told


def finish(rig: Rig, backfill_id: str) -> backfills.Backfill:
    """What the monitor does, until every run has ended."""
    for _ in range(20):
        backfills.advance_all(rig.operations)
        rig.runner.settle()
        service.sync(rig.operations)
        current, _runs = backfills.backfill(rig.operations, backfill_id)
        if current.status.ended:
            return current
    raise AssertionError("it does not end")


def test_each_day_is_one_run_of_whoever_asked_a_few_at_a_time(rig: Rig, client: Client) -> None:
    operator = client("operator")
    made = ask(operator, "2026-09-01", "2026-09-07", rows=4)
    assert (made["status"], made["total"], made["planned"]) == ("running", 7, 7)
    assert backfills.advance(rig.operations, made["id"]).going <= backfills.AT_ONCE
    assert finish(rig, made["id"]).succeeded == 7
    told = operator.get(f"{BACKFILLS}/{made['id']}").json()["data"]
    assert (told["status"], [run["partition"] for run in told["runs"]]) == (
        "success",
        [f"2026-09-0{day}" for day in range(1, 8)],
    )
    run = operator.get(f"/api/admin/batch/runs/{told['runs'][0]['runId']}").json()["data"]
    assert (run["trigger"], run["requestedBy"], run["parameters"]) == (
        "backfill",
        "token:operator",
        {"rows": 4, "targetDate": "2026-09-01"},
    )
    assert made["id"] in [row["id"] for row in operator.get(BACKFILLS).json()["data"]["items"]]


def test_what_fails_stands_there_and_the_rest_goes_on(rig: Rig, client: Client) -> None:
    made = ask(client("operator"), "2026-08-01", "2026-08-02", mode="fail")
    assert (finish(rig, made["id"]).status, finish(rig, made["id"]).failed) == ("failure", 2)
    page = client("viewer").get(f"/console/backfills/{made['id']}", headers={"accept": "text/html"}).text
    assert "cannot be read" in page


def test_a_canceled_one_asks_for_nothing_more(rig: Rig, client: Client) -> None:
    STOP.clear()
    GATE.clear()
    operator = client("operator")
    made = ask(operator, "2026-07-01", "2026-07-03", mode="wait")
    backfills.advance(rig.operations, made["id"], at_most=1)
    canceled = operator.post(f"{BACKFILLS}/{made['id']}/cancel").json()["data"]
    assert (canceled["planned"], canceled["canceledBy"]) == (0, "token:operator")
    assert finish(rig, made["id"]).status == "canceled"
    assert operator.post(f"{BACKFILLS}/{made['id']}/cancel").status_code == 409


def test_days_that_the_job_does_not_take_are_left_out_or_refused(client: Client) -> None:
    operator = client("operator")
    assert ask(operator, "2999-01-01", "2999-01-02", 422)["field"] == "targetDate"
    assert "last day is before" in ask(operator, "2026-10-02", "2026-10-01", 422)["detail"]
    assert ask(operator, "2020-01-01", "2026-10-01", 422)["field"] == "to"
    assert ask(operator, "2026-10-01", "2026-10-01", 422, rows=0)["field"] == "parameters.rows"
    assert ask(operator, "2026-10-01", "2026-10-01", 422, targetDate="2026-10-01")
    sweep = operator.post(f"{JOBS}/web-count/backfills", json={"from": "2026-10-01", "to": "2026-10-01"})
    assert (sweep.status_code, "no partition" in sweep.text) == (422, True)


def test_it_takes_the_permission_of_the_job(rig: Rig, client: Client) -> None:
    days = {"from": "2026-10-01", "to": "2026-10-01"}
    assert client("viewer").post(f"{JOBS}/web-day/backfills", json=days).status_code == 403
    assert client("approver").post(f"{JOBS}/web-day/backfills", json=days).status_code == 403
    answer = client("operator").post(f"{JOBS}/web-sweep/backfills", json=days)
    assert (answer.status_code, "batch:execute" in answer.text) == (403, True)


def test_one_key_is_one_backfill(client: Client) -> None:
    operator = client("operator")
    key = {"Idempotency-Key": "backfill-1"}
    body = {"from": "2026-06-01", "to": "2026-06-01"}
    first, second = (operator.post(f"{JOBS}/web-day/backfills", json=body, headers=key) for _ in range(2))
    assert first.json()["data"]["id"] == second.json()["data"]["id"]


def test_one_that_was_taken_by_a_process_that_died_is_taken_again(rig: Rig, client: Client) -> None:
    made = ask(client("operator"), "2026-05-01", "2026-05-01")
    with rig.operations.store.transaction() as session:
        session.connection.execute(
            "UPDATE operations.backfill_runs SET asked_at = now() - interval '2 minutes' WHERE backfill_id = %s",
            (made["id"],),
        )
    assert finish(rig, made["id"]).status == "success"


def test_the_calendar_says_how_each_day_stands(rig: Rig, client: Client) -> None:
    operator = client("operator")
    finish(rig, ask(operator, "2026-03-01", "2026-03-02")["id"])
    finish(rig, ask(operator, "2026-03-03", "2026-03-03", mode="fail")["id"])
    page = operator.get("/console/jobs/web-day/backfill?until=2026-04", headers={"accept": "text/html"}).text
    for day, state in (("01", "成功"), ("02", "成功"), ("03", "失敗"), ("04", "未実行")):
        assert f'title="2026-03-{day}: {state}"' in page
    none = client("administrator").get("/console/jobs/web-sweep/backfill", headers={"accept": "text/html"}).text
    assert "パーティションがありません。下で他の値を選ぶか" in none
    asked = {"from": "2026-03-01", "to": "2026-03-02", "step": "ask"}
    question = operator.post("/console/jobs/web-day/backfill", data=asked)
    assert "2 件を実行しますか?" in question.text


def test_a_second_one_of_the_same_days_is_refused_while_the_first_is_at_work(rig: Rig, client: Client) -> None:
    operator = client("operator")
    first = ask(operator, "2026-05-01", "2026-05-03")
    refused = ask(operator, "2026-05-03", "2026-05-05", 409, rows=3)
    assert (refused["field"], first["id"] in refused["detail"]) == ("from", True)
    plan = backfills.planned(rig.operations, "web-day", date(2026, 5, 1), date(2026, 5, 1), {})
    with pytest.raises(Conflict, match=first["id"]):
        backfills.start(rig.operations, Log(rig.operations.pool, rig.operations.clock, "cli:taro"), plan)
    ask(operator, "2026-05-04", "2026-05-05")
    assert finish(rig, first["id"]).status == "success"
    assert finish(rig, ask(operator, "2026-05-01", "2026-05-01")["id"]).status == "success"
