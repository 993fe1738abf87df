"""Every action of operations, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from batch_platform.core.audit import AuditEntry
from batch_platform.operations import cli, service
from batch_platform.operations.actions import ACTIONS, CANCEL, DISCARD, EXECUTE, RETRY
from batch_platform.operations.model import Launch
from batch_platform.operations.web import api, pages
from batch_platform_tests.operations_web.conftest import GATE, MENDED, Client
from batch_platform_tests.operations_web.rig import Rig
from batch_platform_tests.surfaces import Surfaces, of_commands, of_routers, one_row

HTML = {"Accept": "text/html"}
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
def walk(rig: Rig, client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`walk(way, action, target, **given)`: do it, and answer with its one row."""
    patient = replace(rig.operations, runner=Patient(rig))  # type: ignore[arg-type]
    monkeypatch.setattr(cli, "_operations", lambda **_: nullcontext(patient))
    place = {EXECUTE: ("jobs", "execute"), CANCEL: ("runs", "cancel"), RETRY: ("dead-letters", "retry")}
    place[DISCARD] = ("dead-letters", "discard")

    def by(way: str, action: str, target: str, **given: Any) -> AuditEntry:
        things, verb = place[action]
        with one_row(rig.operations.pool, action) as rows:
            if way == "api":
                answer = client("operator").post(f"/api/admin/batch/{things}/{target}/{verb}", json=given or None)
                assert answer.status_code in (200, 202), answer.text
            elif way == "form":
                verb = "run" if action == EXECUTE else verb
                values = {"step": "run", "request_id": os.urandom(8).hex(), "parameters.rows": "3", **given}
                values = {name: value for name, value in values.items() if name != "parameters"}
                answer = client("operator").post(f"/console/{things}/{target}/{verb}", data=values, headers=HTML)
                assert answer.status_code == 303, answer.text
            else:
                words = [] if things == "jobs" else [things]
                options = ["--param", "rows=3"] if action == EXECUTE else []
                options += ["--reason", REASON] if action == DISCARD else []
                ended = CliRunner().invoke(
                    cli.jobs_app, [*words, "run" if action == EXECUTE else verb, target, *options]
                )
                assert ended.exception is None or action == RETRY, ended.output  # the monitor resolves it
        [row] = rows
        assert row.target == target
        assert row.who.startswith("cli:" if way == "command" else "token:operator")
        return row

    return by


def test_every_action_leaves_one_row_on_every_surface(rig: Rig, walk: Any) -> None:
    walked: Surfaces = set()
    for way in ("api", "form", "command"):
        row = walk(way, EXECUTE, "web-count", parameters={"rows": 3})
        assert row.after["parameters"] == {"rows": 3}
        rig.runner.settle()
        letter = rig.letter()
        row = walk(way, DISCARD, letter, version=1, reason=REASON)
        assert (row.before["state"], row.after["state"], row.after["reason"]) == ("open", "discarded", REASON)
        letter = rig.letter()
        MENDED.set()
        row = walk(way, RETRY, letter, version=1)
        assert (row.before["state"], row.after["retryRunId"] is not None) == ("open", True)
        rig.runner.settle()
        MENDED.clear()
        walked |= {(action, way) for action in (EXECUTE, DISCARD, RETRY)}
    for way in ("api", "form"):
        GATE.clear()
        run = rig.run("wait")
        assert walk(way, CANCEL, run.run_id).target == run.run_id
        rig.runner.settle()
        walked.add((CANCEL, way))
    service.sync(rig.operations)
    commands = typer.Typer()
    commands.add_typer(cli.jobs_app, name="jobs")
    assert walked == of_routers(api.router, pages.router) | of_commands(commands)
    assert {action for action, _ in walked} == set(ACTIONS)
