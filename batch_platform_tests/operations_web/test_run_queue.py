"""The run queue on its page, by the API and as a command: one order for all, a priority with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext

import dagster as dg
import pytest
from typer.testing import CliRunner

from batch_platform.cli import jobs as cli
from batch_platform.cli.run_queue import jobs_app
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig

API = "/api/admin/batch"
REASON = "the bank waits for this file"
FORM = {"priority": "10", "reason": REASON}


@pytest.fixture
def queue(rig: Rig) -> Iterator[list[str]]:
    """The ids of three queued runs, oldest first; the last one's job only administrators may run.

    Other runs wait in the same storage: those of other modules.
    """
    made = [rig.queued(), rig.queued(), rig.queued("web_sweep")]
    yield made
    rig.dequeue(*made)


def html(language: str) -> dict[str, str]:
    return {"accept": "text/html", "cookie": f"language={language}"}


def test_one_order_on_the_page_by_the_api_and_as_a_command(
    client: Client, rig: Rig, queue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "operations_opened", lambda **_: nullcontext(rig.operations))
    operator = client("operator")
    body = {"priority": 10, "reason": REASON}
    answer = operator.post(f"{API}/runs/{queue[1]}/prioritize", json=body).json()
    assert (answer["data"]["runId"], answer["data"]["priority"]) == (queue[1], 10)
    assert answer["data"]["requestedBy"] == "local:rig"
    order = [queue[1], queue[0], queue[2]]
    listed = operator.get(f"{API}/queue").json()["data"]
    assert [row["runId"] for row in listed if row["runId"] in queue] == order
    page = client("viewer").get("/console/queue", headers=html("ja")).text
    assert [run for run in re.findall(r"/console/runs/([0-9a-f-]+)", page) if run in queue] == order
    printed = CliRunner().invoke(jobs_app, ["queue", "--json"])
    assert json.loads(printed.output) == listed
    changed = CliRunner().invoke(
        jobs_app, ["prioritize", queue[2], "--priority", "100", "--reason", REASON, "--json"]
    )
    assert json.loads(changed.output)["priority"] == 100
    listed = [row["runId"] for row in operator.get(f"{API}/queue").json()["data"] if row["runId"] in queue]
    assert listed == [queue[2], queue[1], queue[0]]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"priority": "101"}, "優先度は -100 から 100 までの整数で入力してください。"),
        ({"priority": "高い"}, "優先度は -100 から 100 までの整数で入力してください。"),
        ({"priority": ""}, "優先度は -100 から 100 までの整数で入力してください。"),
        ({"reason": " "}, "優先度を変更する理由を入力してください。"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    client: Client, queue: list[str], wrong: dict[str, str], sentence: str
) -> None:
    there = f"/console/runs/{queue[0]}/prioritize"
    refused = client("operator").post(there, data=FORM | wrong, headers=html("ja"))
    assert refused.status_code == 422
    [field] = wrong
    given = re.search(rf'id="prioritize-{field}-error"[^>]*>([^<]*)', refused.text)
    assert given is not None
    assert given[1].strip() == sentence
    [other] = FORM.keys() - wrong.keys()
    assert f'value="{FORM[other]}"' in refused.text
    assert "data-open" in refused.text


def test_who_may_not_sees_no_form_and_is_refused(client: Client, queue: list[str]) -> None:
    for role, run_id, shown in (
        ("operator", queue[0], True),
        ("viewer", queue[0], False),
        ("operator", queue[2], False),
        ("administrator", queue[2], True),
    ):
        page = client(role).get(f"/console/runs/{run_id}", headers=html("en")).text
        assert (f"/console/runs/{run_id}/prioritize" in page) is shown
    refused = client("operator").post(f"/console/runs/{queue[2]}/prioritize", data=FORM, headers=html("ja"))
    assert refused.status_code == 403


def test_a_run_that_has_started_is_said_in_the_readers_language(client: Client, rig: Rig, queue: list[str]) -> None:
    operator, ended = client("operator"), rig.run().run_id
    said = f"実行 {ended} はもう実行待ちではありません。開始したか、終了しています。"
    there, japanese = f"/console/runs/{ended}/prioritize", {"accept": "text/html", "accept-language": "ja"}
    answer = operator.post(there, data=FORM, headers=japanese, follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, f"/console/runs/{ended}")
    assert said in answer.text
    page = operator.get(f"/console/runs/{ended}", headers=html("ja")).text
    assert "優先度を変更" not in page
    page = operator.get(f"/console/runs/{queue[0]}", headers=html("ja")).text
    assert "優先度を変更" in page
    assert 'href="/console/queue"' in page


def test_a_run_of_no_job_waits_too_and_leads_nowhere(client: Client, rig: Rig) -> None:
    run = rig.queued("web_day", dagster_job="ad_hoc")
    try:
        page = client("viewer").get("/console/queue", headers=html("en")).text
        assert "ad_hoc" in page
        assert run not in page
        listed = client("viewer").get(f"{API}/queue").json()["data"]
        assert [row["jobName"] for row in listed if row["runId"] == run] == ["ad_hoc"]
    finally:
        rig.dequeue(run)


def test_an_empty_queue_says_what_to_do_next(client: Client, rig: Rig) -> None:
    queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
    rig.dequeue(*(run.run_id for run in rig.runner.instance.get_runs(queued)))
    page = client("viewer").get("/console/queue", headers=html("ja")).text
    assert "実行待ちはありません。" in page
    assert re.search(r'<a href="/console/jobs">実行中・実行済み', page)
