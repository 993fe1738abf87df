"""The web of a running `up` with something to show, what it is made of, and what its API tells."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import date
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Mount

from batch_platform.btc import service as btc
from batch_platform.core.clock import utc_now
from batch_platform.core.postgres import open_pool
from batch_platform.finops import demo, service
from batch_platform.local import clients
from batch_platform.local.processes import Process
from batch_platform.server import create_app
from batch_platform.settings import load_settings
from batch_platform.staffing import opening as staffing
from batch_platform.staffing.service import loading, statuses, usage
from batch_platform.staffing.service.invoices import drafting
from batch_platform.trading.demo import bundled
from batch_platform.trading.service import TradingContext, contests
from batch_platform.zengin import service as zengin
from batch_platform_tests.end_to_end.machine import LAKE, Machine, month_files
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.staffing.billing import ISSUER, RATE, contract
from batch_platform_tests.waiting import eventually
from batch_platform_tests.zengin.workflow import ANN, BEN, DATA, GENEROUS

BATCH = "/api/admin/batch"
ADJUSTMENTS = "/api/admin/batch-operations"
NO_BATCH = "01999999-0000-7000-8000-000000000000"
OCTOBER = date(2026, 10, 1)
WAITING, NOWHERE = "waiting", "nowhere"
COMPANY, NIGHT = "c-1", date(2026, 10, 1)


class Route(NamedTuple):
    """A route of the app, or an app that is mounted at the path."""

    method: str
    path: str
    mounted: bool

    @property
    def example(self) -> str:
        """An address of it, its places filled in."""
        if self.mounted:
            return f"{self.path}/anything"
        return re.sub(r"{[^}]*}", demo.PROJECT, re.sub(r"{\w+:uuid7}", NO_BATCH, self.path))


@contextmanager
def demo_stack(machine: Machine) -> Iterator[Stack]:
    """With the bundled project published, a month that waits to be aggregated, a dead letter, a bank master, batches.

    The sensor is stopped then: runs are only those which a test asks for.
    """
    machine.deliver_demo()
    machine.add_project(demo.PROJECT, demo.BUCKET)
    review_banks(machine)
    adjust_balances(machine)
    load_contest(machine)
    load_staffing(machine)
    with Stack(machine) as stack:
        stack.finished(demo.PROJECT, 2)
        stack.stop_sensor()
        bucket = machine.bucket()
        bucket.deliver(OCTOBER, month_files(OCTOBER, account="200000000095", files=2)[0])
        machine.add_project(WAITING, bucket.name)
        with machine.open_context() as context:
            service.fetch_month(context, context.connection(WAITING), OCTOBER)
        machine.add_project(NOWHERE, "a-bucket-that-is-not-there", enabled=False)
        with stack.client("administrator") as client:
            body = {"parameters": {"targetDate": "2026-10-01"}}
            answer = client.post(f"/api/projects/{NOWHERE}/batch/cur-fetch", json=body)
            assert answer.status_code == 202, answer.text
            eventually(lambda: items(client, f"{BATCH}/dead-letters"))
        yield stack


def review_banks(machine: Machine) -> None:
    """A master of the older release; what the newer one changes waits for review."""
    with machine.bank_master(limits=GENEROUS) as context:
        today = context.business_date()
        zengin.take_snapshot(context, str(DATA / "2024-03-13"), today, bootstrap=True)
        changeset = zengin.propose(context, today).changeset
        assert changeset is not None
        seen = {"payload_hash": changeset.payload_hash, "count": changeset.counts["rows"]}
        for account in (ANN, BEN)[: changeset.needs_approvals]:
            zengin.approve_changeset(context, changeset.id, by=account, **seen)
        zengin.apply(context, today)
        zengin.take_snapshot(context, str(DATA / "2024-04-15"), today)
        assert zengin.propose(context, today).changeset is not None


def adjust_balances(machine: Machine) -> None:
    """Batches that were applied, reversed and cancelled, and one that waits for approval: no other can begin."""
    context = btc.build_context(
        dynamodb=clients.dynamodb(machine.variables), s3=machine.s3, lake_bucket=LAKE, env="local"
    )
    btc.seed_users(context, 120, by=ANN)
    done = btc.run(context, btc.create(context, "5", by=ANN, memo="10月の運用益", approve=True).batch_id)
    btc.run(context, btc.reverse(context, done.batch_id, by=ANN, approve=True).batch_id)
    btc.cancel(context, btc.create(context, "150", by=ANN, confirm="150").batch_id, by=BEN)
    btc.create(context, "-3", by=ANN)


def load_contest(machine: Machine) -> None:
    """The bundled competition of two days."""
    with open_pool(machine.variables["DATABASE_URL"], application_name="tests") as pool:
        contests.load(TradingContext(pool, utc_now), bundled.FILE.read_bytes().splitlines(), name=bundled.CAMPAIGN)


def load_staffing(machine: Machine) -> None:
    """A company with an engineer, the draft of its invoice, and a night of which only the row is there."""
    facts = (
        {"kind": "company", "company_id": COMPANY, "name": "株式会社髙橋", "created_at": "2026-01-01T00:00:00Z"},
        {"kind": "engineer", "engineer_id": "e-1", "company_id": COMPANY, "name": "山田 太郎"},
        {**ISSUER, "address": "東京都"},
        RATE,
        contract("k-1", COMPANY, start=NIGHT.isoformat(), end=NIGHT.isoformat()),
    )
    with open_pool(machine.variables["DATABASE_URL"], application_name="tests") as pool:
        context = staffing.build_context(pool, machine.settings())
        loading.load(context, [json.dumps(fact).encode() for fact in facts])
        statuses.write_day(context, NIGHT)
        usage.aggregate(context, NIGHT)
        drafting.draft(context, NIGHT, by="system")
        with context.store.transaction() as session:
            session.connection.execute(
                "INSERT INTO backups (night, state, attempt, started_at, error) VALUES (%s, 'failed', 1, now(), 'x')",
                [NIGHT],
            )


def routes_of(machine: Machine) -> list[Route]:
    """All routes of the app that this machine's settings make."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**machine.variables, "BATCH_PLATFORM_SECRET": "s" * 32}.items():
            patch.setenv(name, value)
        # in a context of its own: Dagster would take this machine's instance for the process's, when it is long gone
        app = copy_context().run(create_app, load_settings())
    return [
        Route(method, route.path, mounted)
        for route in iter_route_contexts(app.routes)
        for mounted in [isinstance(route.original_route, Mount)]
        for method in (["GET", "POST"] if mounted else sorted(route.methods))
    ]


@contextmanager
def kept(client: httpx.Client) -> Iterator[None]:
    """The projects are as they were at the end of the block; new ones are removed."""
    before = {project["projectId"]: project for project in items(client, "/api/projects?limit=500")}
    names = client.get("/openapi.json").json()["components"]["schemas"]["ConnectionRequest"]["properties"]
    yield
    for project in items(client, "/api/projects?limit=500"):
        place = f"/api/projects/{project['projectId']}"
        if known := before.get(project["projectId"]):
            body = {name: known[name] for name in names if name in known}
            client.put(place, json=body, headers={"If-Match": "*"}).raise_for_status()
        else:
            client.delete(place).raise_for_status()


@contextmanager
def paused(process: Process) -> Iterator[None]:
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


def items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["data"]["items"]
    return items


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
    counts = {
        (job["name"], outcome): 0
        for job in client.get(f"{BATCH}/jobs").json()["data"]
        for outcome in ("success", "failure")
    }
    for run in history_of(client):
        if run["status"] in ("success", "failure") and not run["dryRun"]:
            counts[run["jobName"], run["status"]] += 1
    return counts


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
