"""Every action of operations, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.cli import backfills as _backfills  # noqa: F401 (its commands stand beside those of jobs)
from batch_platform.cli import jobs as cli
from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.operations import backfills as backfill_service
from batch_platform.operations import service
from batch_platform.operations.actions import ACTIONS, BACKFILL, CANCEL, CANCEL_BACKFILL, DISCARD, EXECUTE, RETRY
from batch_platform.operations.model import Launch
from batch_platform.operations.web import api, backfills, pages
from batch_platform_tests.operations_web.conftest import GATE, MENDED, Client
from batch_platform_tests.operations_web.rig import Rig
from batch_platform_tests.surfaces import Walk, of_commands, of_routers

WEB, COMMANDS = of_routers(api.router, pages.router, backfills.pages), of_commands("jobs")
SURFACES = WEB | COMMANDS
INTENTS = {EXECUTE, CANCEL, RETRY}
REASON = "the month was delivered anew"


@dataclass(frozen=True)
class Patient:
    """The rig's runner as a command has one: a run is over when it answers."""

    rig: Rig

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        GATE.clear()
        submitted = self.rig.runner.submit(launch, requested_by=requested_by, run_id=run_id)
        self.rig.runner.settle()
        return submitted


@pytest.fixture
def command(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Any:
    patient = replace(rig.operations, runner=Patient(rig))  # type: ignore[arg-type]
    monkeypatch.setattr(cli, "operations_opened", lambda **_: nullcontext(patient))

    def call(_: str, *words: str, failing: bool = False) -> None:
        ended = CliRunner().invoke(cli.jobs_app, list(words))
        assert (ended.exception is not None) == failing, ended.output

    return call


def test_every_action_of_the_web(rig: Rig, client: Client) -> None:
    walk = Walk(rig.operations.pool, WEB, intents=INTENTS)
    operator = client("operator")
    post = partial(walk.send, operator, "POST", by="token:operator", stranger=client("viewer"))
    nothing = partial(walk.leaves_none, operator, "POST")
    for way, place in (("api", "/api/admin/batch"), ("form", "/console")):
        given: dict[str, Any] = {"json": {"parameters": {"rows": 3}}}
        verb = "execute"
        if way == "form":
            verb = "run"
            given = {"data": {"step": "run", "request_id": os.urandom(8).hex(), "parameters.rows": "3"}}
            nothing(f"{place}/jobs/web-count/run", 200, data={**given["data"], "step": "ask"})
        [row] = post(f"{place}/jobs/web-count/{verb}", EXECUTE, target="web-count", **given)
        assert row.after["parameters"]["rows"] == 3
        rig.runner.settle()
        letter = rig.letter()
        body = "json" if way == "api" else "data"
        there = f"{place}/dead-letters/{letter}"
        nothing(f"{there}/discard", 422, **{body: {"version": 1, "reason": ""}})
        nothing(f"{there}/retry", 409, **{body: {"version": 9}})
        [row] = post(f"{there}/discard", DISCARD, target=letter, **{body: {"version": 1, "reason": REASON}})
        assert (row.before["state"], row.after["state"], row.after["reason"]) == ("open", "discarded", REASON)
        letter = rig.letter()
        MENDED.set()
        [row] = post(f"{place}/dead-letters/{letter}/retry", RETRY, target=letter, **{body: {"version": 1}})
        assert (row.before["state"], row.after["retryRunId"] is not None) == ("open", True)
        rig.runner.settle()
        MENDED.clear()
        GATE.clear()
        run = rig.run("wait").run_id
        post(f"{place}/runs/{run}/cancel", CANCEL, target=run)
        rig.runner.settle()
        nothing(f"{place}/runs/{run}/cancel", 409 if way == "api" else 303)  # it has ended
        GATE.set()
        days = {"from": "2026-10-01", "to": "2026-10-03"}
        given = {"json": {**days, "parameters": {"rows": 1}}} if way == "api" else {"data": days | {"step": "run"}}
        verb = "backfills" if way == "api" else "backfill"
        nothing(f"{place}/jobs/web-day/{verb}", 422, **{body: given[body] | {"to": "2026-09-01"}})
        [row] = post(f"{place}/jobs/web-day/{verb}", BACKFILL, target="web-day", **given)
        assert (row.after["firstDay"], row.after["runs"]) == ("2026-10-01", 3)
        backfill = row.after["backfillId"]
        [row] = post(f"{place}/backfills/{backfill}/cancel", CANCEL_BACKFILL, target=backfill)
        assert row.before["planned"] == 3
        nothing(f"{place}/backfills/{backfill}/cancel", 409 if way == "api" else 303)
    service.sync(rig.operations)  # no run is left behind that seems to run
    assert walk.walked == WEB


def test_every_action_of_a_command(rig: Rig, command: Any) -> None:
    walk = Walk(rig.operations.pool, COMMANDS, intents=INTENTS)
    by = f"cli:{system_user()}"
    run = ("jobs", "run", "web-count", "--param", "rows=3")
    for words in (run, (*run, "--dry-run")):  # a dry run of a job stands in its history
        [row] = walk.command(command, *words, does=(EXECUTE,), by=by, target="web-count", dry_run=False)
        assert row.after["dryRun"] is ("--dry-run" in words)
    letter = rig.letter()
    discard = ("jobs", "dead-letters", "discard", letter, "--reason", REASON)
    walk.command(command, *discard, does=(DISCARD,), by=by, target=letter)
    with walk.nothing():
        command(*discard, failing=True)
        command("jobs", "run", "web-count", "--param", "rows=x", failing=True)
    letter = rig.letter()
    MENDED.set()
    walk.command(command, "jobs", "dead-letters", "retry", letter, does=(RETRY,), by=by, target=letter)
    days = ("jobs", "backfill", "web-day", "--from", "2026-10-01", "--to", "2026-10-02")
    GATE.set()
    [row] = walk.command(command, *days, does=(BACKFILL,), by=by, target="web-day")
    assert row.after["runs"] == 2
    with walk.nothing():
        command("jobs", "backfills", "cancel", row.after["backfillId"], failing=True)  # it has ended
    made = backfill_of(rig, "2026-10-05", "2026-10-06")
    walk.command(command, "jobs", "backfills", "cancel", made, does=(CANCEL_BACKFILL,), by=by, target=made)
    assert walk.walked == COMMANDS


def backfill_of(rig: Rig, first: str, last: str) -> str:
    """The id of a new backfill that nobody has taken in hand."""
    plan = backfill_service.planned(
        rig.operations, "web-day", date.fromisoformat(first), date.fromisoformat(last), {}
    )
    log = Log(rig.operations.pool, rig.operations.clock, "local:rig")
    return backfill_service.start(rig.operations, log, plan).id


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == set(ACTIONS)
