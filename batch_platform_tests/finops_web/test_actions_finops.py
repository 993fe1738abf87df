"""Every action of finops, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import dagster as dg
import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.finops.domain import DOMAIN
from batch_platform.finops.service.audit import (
    CHANGE,
    CREATE,
    DELETE_BUDGET,
    DISABLE,
    REMOVE,
    REQUEUE,
    SET_BUDGET,
)
from batch_platform.finops.web.actions import ACTIONS
from batch_platform.operations.actions import EXECUTE
from batch_platform.operations.dagster.launch import open_instance
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Registry
from batch_platform.operations.service import OperationsContext
from batch_platform.settings import Settings
from batch_platform_tests.btc_web.runner import HeldRunner
from batch_platform_tests.finops.bucket import csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.test_cli import Run, recent, run
from batch_platform_tests.finops_web.conftest import WHATEVER
from batch_platform_tests.surfaces import Walk, of_commands, of_web

__all__ = ["recent", "run"]

WEB, COMMANDS = of_web(DOMAIN), of_commands(*DOMAIN.commands)
SURFACES = WEB | COMMANDS

BY = "token:administrator"
PLACE = {"bucket": "acme-billing", "prefix": "cur", "reportName": "cur", "region": "ap-northeast-1"}
BUDGET = {"measure": "unblended", "currency": "USD"}


@pytest.fixture
def waiting_runs(app: FastAPI, pool: postgres.Pool, settings: Settings) -> Any:
    """Runs that are asked for by the web wait."""
    registry = Registry(DOMAIN.jobs(settings))
    with open_instance() as instance:
        runner = HeldRunner(instance)
        storage = DagsterInstanceStorage(instance, registry)
        app.state.operations = OperationsContext(pool, utc_now, registry, storage, runner)
        yield instance
        runner.forget()


@pytest.fixture
def wrong(project: Project, recent: date) -> Project:
    """A project with a file that cannot be read."""
    project.bucket.deliver(recent, [csv_gz([project.line("Usage", "None", month=recent)])])
    project.fetch(recent)
    project.read(recent)
    return project


def test_every_action_of_the_web(
    client: httpx.Client,
    viewer: httpx.Client,
    waiting_runs: dg.DagsterInstance,
    pool: postgres.Pool,
    wrong: Project,
    recent: date,
) -> None:
    walk = Walk(pool, WEB, intents={EXECUTE})
    for way in ("api", "form"):
        _walk_connection(walk, client, viewer, way)
        _walk_project(walk, client, viewer, way, wrong, recent)
    assert walk.walked == WEB
    assert {name for _, name in WEB} == {EXECUTE, *ACTIONS}


def _walk_connection(walk: Walk, client: httpx.Client, viewer: httpx.Client, way: str) -> None:
    new = f"p-{uuid4().hex[:12]}"
    known = {"by": BY, "target": new, "stranger": viewer}
    if way == "api":
        here = f"/api/projects/{new}"
        body = {"projectId": new, "name": "Acme", "enabled": True, **PLACE}
        walk.send(client, "POST", "/api/projects", CREATE, json=body, **known)
        changed = {"name": "Acme 2", "enabled": True, **PLACE}
        walk.send(client, "PUT", here, CHANGE, headers=WHATEVER, json=changed, **known)
        walk.leaves_none(client, "POST", "/api/projects", 409, json=body)
        walk.leaves_none(client, "PUT", here, 200, headers=WHATEVER, json=changed)  # as it is
        walk.leaves_none(client, "PUT", here, 422, headers=WHATEVER, json={**changed, "bucket": "?"})
        walk.send(client, "POST", f"{here}:disable", DISABLE, **known)
        walk.leaves_none(client, "DELETE", here, 200, params={"dryRun": True})
        walk.send(client, "DELETE", here, REMOVE, **known)
        walk.leaves_none(client, "DELETE", "/api/projects/never-was", 404)
        return
    here = f"/console/projects/{new}"
    form = {"name": "Acme", "projectId": new, "enabled": "true", **PLACE}
    walk.leaves_none(client, "POST", "/console/projects/~new", 200, data=form)  # the question
    walk.send(client, "POST", "/console/projects/~new", CREATE, data={**form, "step": "save"}, **known)
    changed = {**form, "name": "Acme 2", "step": "save"}
    walk.send(client, "POST", f"{here}/edit", CHANGE, data=changed, **known)
    walk.leaves_none(client, "POST", f"{here}/edit", 200, data={**changed, "step": "ask"})
    walk.leaves_none(client, "POST", f"{here}/edit", 422, data={**changed, "region": "?"})
    walk.send(client, "POST", f"{here}/disable", DISABLE, **known)
    walk.send(client, "POST", f"{here}/remove", REMOVE, **known)


def _walk_project(
    walk: Walk, client: httpx.Client, viewer: httpx.Client, way: str, project: Project, month: date
) -> None:
    budget = {"by": BY, "target": f"{project.id}/unblended/USD", "stranger": viewer}
    known = {"by": BY, "target": project.id, "stranger": viewer}
    if way == "api":
        here = f"/api/projects/{project.id}"
        walk.send(
            client,
            "PUT",
            f"{here}/budgets",
            SET_BUDGET,
            headers=WHATEVER,
            json={**BUDGET, "monthlyAmount": "9.50"},
            **budget,
        )
        walk.leaves_none(
            client, "PUT", f"{here}/budgets", 422, headers=WHATEVER, json={**BUDGET, "monthlyAmount": "0"}
        )
        walk.send(client, "DELETE", f"{here}/budgets", DELETE_BUDGET, params=BUDGET, **budget)
        walk.send(client, "POST", f"{here}/files/requeue", REQUEUE, json={}, **known)
        given: dict[str, Any] = {"json": {"parameters": {"targetDate": f"{month}"}}}
    else:
        here = f"/console/projects/{project.id}"
        values = {**BUDGET, "monthly_amount": "9.50"}
        walk.send(client, "POST", f"{here}/budgets", SET_BUDGET, data=values, **budget)
        walk.send(client, "POST", f"{here}/budgets/delete", DELETE_BUDGET, data=BUDGET, **budget)
        walk.send(client, "POST", f"{here}/files/requeue", REQUEUE, **known)
        given = {}
    nowhere = {"objectKey": "none"}
    walk.leaves_none(client, "POST", f"/api/projects/{project.id}/files/requeue", 404, json=nowhere)
    # no file is in ERROR any more
    walk.leaves_none(client, "POST", f"/console/projects/{project.id}/files/requeue", 303)
    project.read(month)
    for job in ("cur-fetch", "cur-aggregate"):
        [row] = walk.send(client, "POST", f"{here}/batch/{job}", EXECUTE, by=BY, target=job, stranger=viewer, **given)
        assert row.after["parameters"]["projectId"] == project.id


def test_every_action_of_a_command(run: Run, pool: postgres.Pool, project: Project, recent: date) -> None:
    """Runs too: they stand in the history of their jobs as those of `jobs run` do."""
    walk = Walk(pool, COMMANDS, intents={EXECUTE})
    by = f"cli:{system_user()}"
    new = f"{project.id}-new"

    def call(_: str, *words: str, code: int = 0) -> None:
        assert run(*words).code == code

    place = ("--bucket", "bucket-of-new", "--prefix", "p", "--report-name", "cur", "--disabled")
    add = ("cur", "projects", "add", new, *place)
    walk.command(call, *add, does=(CREATE,), by=by, target=new)
    walk.command(call, *add, "--name", "Acme", does=(CHANGE,), by=by, target=new)
    with walk.nothing():
        call(*add, "--name", "Acme")  # as it is
        call(*add, "--role-arn", "no role", code=2)
    walk.command(call, "cur", "projects", "remove", new, does=(REMOVE,), by=by, target=new)
    with walk.nothing():
        call("cur", "projects", "remove", "never-was", code=2)

    project.bucket.deliver(recent, [csv_gz([project.line("Usage", "None", month=recent)])])
    for command in ("fetch", "aggregate"):

        def execute(*words: str, failing: bool = command == "aggregate") -> None:
            call(*words, code=int(failing and "--dry-run" not in words))

        job = f"cur-{command}"
        walk.command(execute, "cur", command, project.id, does=(EXECUTE,), by=by, target=job)
        newest = run("history", job, "--limit", "1", "--json", group="jobs").json[0]
        assert (newest["requestedBy"], newest["parameters"]["projectId"]) == (by, project.id)
    walk.command(call, "cur", "requeue", project.id, does=(REQUEUE,), by=by, target=project.id)
    assert walk.walked == COMMANDS
