"""From a delivery in a bucket to published costs by the sensor alone, and what may go wrong on the way."""

from __future__ import annotations

import gzip
import json
import time
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from batch_platform.finops import demo
from batch_platform.finops.dagster.partitions import partition_key
from batch_platform.finops.months import shift
from batch_platform_tests.end_to_end.machine import Machine, ended_months, month_files
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.fault_proxy import Answer, FaultProxy
from batch_platform_tests.finops.bucket import File
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.end_to_end

OCTOBER = date(2026, 10, 1)
PUBLISHED = "SELECT state, version FROM finops.finops_months WHERE project_id = 'acme' AND billing_month = %s"
FOLDER = "cur/acme/cur/20261001-20261101"
CHEAP = ",Usage,,,RunInstances,AmazonEC2,i-10000000,,"  # the columns before lineItem/UnblendedCost
ASSETS = ["cur_manifest", "cur_line_items", "cost_summary", "cost_service_monthly", "cost_anomalies", "cost_forecast"]


class RefusedRole(Answer):
    """STS refuses every role. Its envelope differs from that of S3, for which the proxy writes errors."""

    def __init__(self) -> None:
        denied = "<Errors><Error><Code>AccessDenied</Code><Message>refused</Message></Error></Errors>"
        super().__init__(status=403, code=f"-</Code>{denied}<Code>-", method="POST", times=1_000_000)

    def strikes(self, method: str, path: str) -> bool:
        return path == "/" and super().strikes(method, path)


class Backfill(NamedTuple):
    """What was asked for, and the project's tables before."""

    id: str
    partitions: int
    before: dict[str, list[str]]


@pytest.fixture(scope="module")
def backfill(machine: Machine, stack: Stack) -> Backfill:
    """Of a year of a project, as the asset page launches it; most of its months have no delivery.

    It is asked for before all else: the daemon goes on with backfills only twice a minute.
    """
    months = ended_months(2)
    bucket = machine.bucket()
    totals = {}
    for number, month in enumerate(months):
        files, totals[month] = month_files(month, account="200000000030", rows=120, tenths=1 + number * number)
        bucket.deliver(month, files)
    machine.add_project("many", bucket.name)
    runs = stack.finished("many", len(months))
    assert {run["status"] for run in runs} == {"SUCCESS"}
    assert {month: machine.total("many", month) for month in months} == totals
    before = machine.dump("many")
    keys = [partition_key("many", month) for month in [*ended_months(11), shift(months[-1], 1)]]
    return Backfill(stack.launch_backfill(ASSETS, keys), len(keys), before)


@pytest.mark.usefixtures("backfill")
def test_the_bundled_bucket_is_published_once_a_delivery(machine: Machine, stack: Stack) -> None:
    machine.deliver_demo()
    machine.add_project("acme", demo.BUCKET)

    runs = stack.finished("acme", 2)
    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    assert {(run["jobName"], run["tags"]["finops/month"]) for run in runs} == {
        ("cur_month", "2026-10"),
        ("cur_month", "2026-11"),
    }
    assert machine.total("acme", OCTOBER) == Decimal("1894.177396866720")
    [(state, before)] = machine.rows(PUBLISHED, OCTOBER)
    assert state == "final"

    since = time.time()
    quiet = stack.await_ticks(2, since=since)
    assert [tick["runIds"] for tick in quiet] == [[]] * len(quiet)
    assert {tick["status"] for tick in quiet} == {"SKIPPED"}
    assert len(stack.runs("acme")) == 2

    raised = redeliver_with_one_cent_more(machine)
    runs = stack.finished("acme", 3)
    assert (runs[2]["status"], runs[2]["tags"]["finops/month"]) == ("SUCCESS", "2026-10")
    assert machine.total("acme", OCTOBER) == Decimal("1894.177396866720") + raised
    [(state, version)] = machine.rows(PUBLISHED, OCTOBER)
    assert state == "restated"
    restated = machine.rows(
        "SELECT from_version, to_version, sum(unblended_after - unblended_before) FROM finops.finops_restatements "
        "WHERE project_id = 'acme' GROUP BY 1, 2"
    )
    assert restated == [(before, version, raised)]
    versions = "SELECT DISTINCT manifest_version FROM finops.finops_cost_summary WHERE project_id = 'acme'"
    assert machine.rows(versions) == [(version,)]

    stack.await_ticks(2, since=time.time())
    assert len(stack.runs("acme")) == 3


def redeliver_with_one_cent_more(machine: Machine) -> Decimal:
    """A third assembly of October in which every row of one amount is a cent dearer; what that is together."""
    manifest = json.loads(machine.s3.get_object(Bucket=demo.BUCKET, Key=f"{FOLDER}/cur-Manifest.json")["Body"].read())
    old, assembly = manifest["assemblyId"], "5d2f0c3e-0000-4000-8000-000000000003"
    raised = Decimal(0)
    for key in manifest["reportKeys"]:
        text = gzip.decompress(machine.s3.get_object(Bucket=demo.BUCKET, Key=key)["Body"].read()).decode()
        header, *rows = text.splitlines()
        dearer = [row.replace(f"{CHEAP}0.199,", f"{CHEAP}0.209,") for row in rows]
        raised += Decimal("0.01") * sum(new != row for new, row in zip(dearer, rows, strict=True))
        body = gzip.compress("\n".join([header, *dearer, ""]).encode(), mtime=0)
        machine.s3.put_object(Bucket=demo.BUCKET, Key=key.replace(old, assembly), Body=body)
    manifest |= {"assemblyId": assembly, "reportKeys": [key.replace(old, assembly) for key in manifest["reportKeys"]]}
    body = json.dumps(manifest).encode()
    machine.s3.put_object(Bucket=demo.BUCKET, Key=f"{FOLDER}/cur-Manifest.json", Body=body)
    assert raised > 0
    return raised


def test_broken_projects_end_with_one_sentence_each_and_stop_nobody(
    machine: Machine, stack: Stack, proxy: FaultProxy
) -> None:
    """Five projects appear at once; four are broken, each in another way."""
    [month] = ended_months(1)
    proxy.add(RefusedRole())
    good, total = deliver(machine, "good", month, account="200000000010")
    manifest, _ = deliver(machine, "broken-manifest", month, account="200000000011")
    manifest.put(manifest.legacy_manifest(month), b"{ this is no manifest")
    bucket = machine.bucket()
    [whole], _ = month_files(month, account="200000000012", rows=600)
    (key,) = bucket.deliver(month, [File(whole.body[:-40])])
    role = "arn:aws:iam::123456789012:role/billing"
    since = time.time()
    machine.add_project("broken-file", bucket.name)
    machine.add_project("broken-manifest", manifest.name)
    machine.add_project("broken-role", good.name, role_arn=role, external_id="geheim")
    machine.add_project("no-bucket", "there-is-no-such-bucket")
    machine.add_project("good", good.name)

    (run,) = stack.finished("good", 1)
    assert run["status"] == "SUCCESS"
    assert machine.total("good", month) == total

    (run,) = stack.finished("broken-file", 1)
    assert run["status"] == "FAILURE"
    sentences, retries = stack.failures(run["runId"])
    assert retries == 0
    assert len(sentences) == 1
    assert f"s3://{bucket.name}/{key}: broken or truncated file" in sentences[0]
    assert machine.total("broken-file", month) is None

    tick = stack.await_ticks(1, since=since)[-1]
    warnings = [event["message"] for event in tick["logEvents"]["events"] if event["level"] == "WARNING"]
    assert sorted(text.partition(":")[0] for text in warnings) == ["broken-manifest", "broken-role", "no-bucket"]
    told = dict(text.split(": ", 1) for text in warnings)
    assert told["broken-manifest"].startswith(f"s3://{manifest.name}/{manifest.legacy_manifest(month)}: not JSON")
    assert told["broken-role"].startswith(f"role {role} cannot be assumed: access denied")
    assert "s3://there-is-no-such-bucket" in told["no-bucket"]
    assert "does not exist" in told["no-bucket"]
    assert "geheim" not in str(tick)
    assert {name: len(stack.runs(name)) for name in ("broken-manifest", "broken-role", "no-bucket")} == dict.fromkeys(
        ("broken-manifest", "broken-role", "no-bucket"), 0
    )
    proxy.clear()
    for project, place in (("broken-manifest", manifest.name), ("broken-role", good.name), ("no-bucket", good.name)):
        machine.add_project(project, place, enabled=False)


def test_a_requeued_file_is_taken_up(machine: Machine, stack: Stack, proxy: FaultProxy) -> None:
    """Its role was not allowed to read it; now it is, and an operator says so."""
    [month] = ended_months(1)
    bucket = machine.bucket()
    files, total = month_files(month, account="200000000020", files=2)
    keys = bucket.file_keys(month, files, "first")
    proxy.add(Answer(keys[1], status=403, code="AccessDenied"))
    bucket.deliver(month, files)
    machine.add_project("requeued", bucket.name)

    (run,) = stack.finished("requeued", 1)
    assert run["status"] == "FAILURE"
    assert f"{bucket.uri(keys[1])}: access denied" in stack.failures(run["runId"])[0][0]
    assert statuses(machine, "requeued") == ["DONE", "ERROR"]

    printed = json.loads(machine.cli("cur", "requeue", "requeued", "--json"))
    assert printed == [{"month": f"{month:%Y-%m}", "objectKey": keys[1], "projectId": "requeued"}]
    assert statuses(machine, "requeued") == ["DONE", "PENDING"]
    machine.let_time_pass("requeued")
    runs = stack.finished("requeued", 2)
    assert runs[1]["status"] == "SUCCESS"
    assert machine.total("requeued", month) == total


def test_a_backfill_of_every_month_leaves_the_tables_as_they_are(
    machine: Machine, stack: Stack, backfill: Backfill
) -> None:
    done = eventually(lambda: ended_backfill(stack, backfill.id))
    assert (done["status"], done["numPartitions"]) == ("COMPLETED_SUCCESS", backfill.partitions)
    assert [run["status"] for run in stack.tagged("dagster/backfill", backfill.id)] == ["SUCCESS"]
    assert machine.dump("many") == backfill.before


def deliver(machine: Machine, project_id: str, month: date, *, account: str) -> tuple[Any, Decimal]:
    bucket = machine.bucket()
    files, total = month_files(month, account=account)
    bucket.deliver(month, files)
    return bucket, total


def statuses(machine: Machine, project_id: str) -> list[str]:
    query = "SELECT status FROM finops.finops_billing_files WHERE project_id = %s ORDER BY file_no"
    return [status for (status,) in machine.rows(query, project_id)]


def ended_backfill(stack: Stack, backfill_id: str) -> dict[str, Any] | None:
    found = stack.backfill(backfill_id)
    return None if found["status"] in ("REQUESTED", "COMPLETING") else found
